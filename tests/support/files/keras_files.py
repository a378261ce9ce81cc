"""Keras files without Keras: the configuration and arrays in both layouts, as small as can be."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

WEIGHTS = {"kernel": np.arange(108, dtype=np.float32).reshape(12, 9) / 100, "bias": np.ones(9, np.float32)}
Change = Callable[[Any], None]


def dense(name: str = "dense", **changes: Any) -> dict[str, Any]:
    """The configuration of a layer from 12 to 9 values."""
    config = {"name": name, "units": 9, "activation": "relu", "use_bias": True, "dtype": "float32", **changes}
    return {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}


def sequential(
    layers: Sequence[dict[str, Any]] | None = None, shape: Sequence[int | None] = (None, 12)
) -> dict[str, Any]:
    """A Sequential model of these layers."""
    first = {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": list(shape), "dtype": "float32"}}
    listed = [first, *([dense()] if layers is None else layers)]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": listed}}


def hdf5(
    arrays: dict[str, np.ndarray],
    texts: dict[str, dict[str, Any]] | None = None,
    change: Change | None = None,
    small: bool = False,
) -> bytes:
    """An HDF5 file of these arrays and of these attributes of groups; the newest form is smaller."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest" if small else "earliest") as file:
        for path, array in arrays.items():
            file.create_dataset(path, data=array)
        for group, attributes in (texts or {}).items():
            file.require_group(group).attrs.update(attributes)
        if change is not None:
            change(file)
    return buffer.getvalue()


def archive(config: Any = None, weights: bytes | None = None, **members: bytes) -> bytes:
    """A `.keras` file."""
    if weights is None:
        arrays = {f"layers/dense/vars/{number}": array for number, array in enumerate(WEIGHTS.values())}
        weights = hdf5(arrays)
    found = {
        "metadata.json": b'{"keras_version": "3.15.1"}',
        "config.json": json.dumps(sequential() if config is None else config).encode(),
        "model.weights.h5": weights,
        **{name.replace("_json", ".json"): data for name, data in members.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in found.items():
            file.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def legacy(config: Any = None, change: Change | None = None, version: str = "2.15.0", small: bool = False) -> bytes:
    """An `.h5` file."""
    arrays = {f"model_weights/dense/dense/{name}:0": array for name, array in WEIGHTS.items()}
    text = json.dumps(sequential() if config is None else config)
    names = np.array([f"dense/{name}:0".encode() for name in WEIGHTS])
    attributes = {"/": {"model_config": text, "keras_version": version}, "model_weights/dense": {"weight_names": names}}
    return hdf5(arrays, attributes, change, small)
