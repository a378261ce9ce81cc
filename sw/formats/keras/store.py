"""The weights of a Keras model by the place of their layer: both layouts of files."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import read_whole
from sw.formats.keras.hdf5 import Hdf5
from sw.formats.zip_archive import list_members, open_archive

Floats = NDArray[np.float32]
ROOTS = ("layers", "_layer_checkpoint_dependencies")  # of Keras 3 and late Keras 2, of Keras 2.12
UNUSED = ("optimizer", "seed_generator", "metrics", "top_level_model_weights", "optimizer_weights", "loss_tracker")
LARGEST_CONFIG = 1 << 26  # bytes of JSON


@dataclass(frozen=True)
class Place:
    """Where a layer is.

    Parameters
    ----------
    path : of its group in a `.keras` file.
    names : of the models that it is in, then its own, as the configuration has them.
    part : of a layer with layers in it, such as ``forward_layer``.
    """

    path: str
    names: tuple[str, ...]
    part: str = ""

    @property
    def name(self) -> str:
        """The layer's name here, of what can be printed, without the comma that separates names."""
        parts = [*self.names, *([self.part.removesuffix("_layer")] if self.part else [])]
        return "".join(each if each.isprintable() and each != "," else "_" for each in "/".join(parts)[:200])


class Store(Protocol):
    """A model's configuration and its weights."""

    config: dict[str, Any]
    version: int  # of Keras, 2 or 3

    def weights(self, place: Place, names: list[str], cell: bool = False) -> list[Floats]:
        """The weights of a layer, which Keras calls so; those of a recurrent layer are its cell's."""
        ...

    def unused(self) -> list[str]:
        """Arrays that were not taken and hold weights of layers."""
        ...


def snake_case(name: str) -> str:
    """How Keras names a layer's group after its class."""
    text = re.sub(r"\W+", "", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", text)).lower()


class ArchiveStore:
    """A `.keras` file: a zip archive of the configuration and an HDF5 file in which layers are counted by class."""

    def __init__(self, path: Path):
        with open_archive(path, ".keras file") as archive:
            members = list_members(archive, (0,), path.stat().st_size)
            lacking = [name for name in ("config.json", "metadata.json", "model.weights.h5") if name not in members]
            if lacking:
                raise EieError(f"a .keras file must hold {lacking[0]}, it does not")
            texts = [_json(archive.read(members[name])) for name in ("config.json", "metadata.json")]
            self._file = Hdf5(archive.read(members["model.weights.h5"]))
        self.config = texts[0]
        self.version = _version(texts[1].get("keras_version"))
        self._taken: set[str] = set()

    def weights(self, place: Place, names: list[str], cell: bool = False) -> list[Floats]:
        group = "/".join(filter(None, (place.path, place.part, "cell" if cell else "", "vars")))
        found = self._first(group, place)
        paths = [f"{found}/{number}" for number in range(len(names))]
        more = sum(path.startswith(f"{found}/") for path in self._file.arrays)
        if more != len(names) or any(path not in self._file.arrays for path in paths):
            raise EieError(f"layer {place.name} must have {len(names)} arrays ({', '.join(names)}), got {more}")
        if not (cell or place.part):
            said = self._file.texts(found, "name")
            if said is not None and said != [place.names[-1]]:
                raise EieError(f"the arrays of {found} must be of layer {place.names[-1][:80]}, they are of {said[:1]}")
        self._taken |= set(paths)
        return [self._file.array(path) for path in paths]

    def _first(self, group: str, place: Place) -> str:
        for root in ROOTS:
            found = group.replace("layers/", f"{root}/")
            if any(path.startswith(f"{found}/") for path in self._file.arrays):
                return found
        raise EieError(f"layer {place.name} must have its arrays in {group[:80]}, there are none")

    def unused(self) -> list[str]:
        return [path for path in self._file.arrays if path not in self._taken and not _is_unused(path)]


class LegacyStore:
    """An `.h5` file: the configuration is an attribute, each layer of the model has a group and a list of names."""

    def __init__(self, path: Path):
        self._file = Hdf5(read_whole(path))
        config = self._file.texts("", "model_config")
        if config is None:
            raise EieError(
                "an .h5 file must hold a whole Keras model with its configuration (model.save), this one has weights "
                "at most: make the model, load_weights, save it as .keras"
            )
        self.config = _json(config[0].encode())
        version = self._file.texts("", "keras_version")
        self.version = _version(version[0] if version else None)
        self._taken: set[str] = set()

    def weights(self, place: Place, names: list[str], cell: bool = False) -> list[Floats]:
        top = place.names[0]
        group = f"model_weights/{top}"
        listed = self._file.parts(group, "weight_names") or []
        every = [name for name in listed if not _is_unused(name)]
        own = self._of_layer(place, every)
        ends = [re.sub(r":\d+$", "", name).rpartition("/")[2] for name in own]
        # Of one recurrent layer names may be "lstm_cell/kernel" or "kernel"; both end so.
        if ends != names:
            raise EieError(f"layer {place.name} must have arrays {', '.join(names)}, got {', '.join(ends)[:200]}")
        paths = [f"{group}/{name}" for name in own]
        if any(path not in self._file.arrays for path in paths):
            raise EieError(f"layer {place.name} must have its arrays in {group[:80]}, they are not there")
        self._taken |= set(paths)
        return [self._file.array(path) for path in paths]

    def _of_layer(self, place: Place, every: list[str]) -> list[str]:
        """Those of a group's arrays that are a layer's: all, or by the names of the layer and of its part."""
        if place.part not in ("", "layer"):
            wanted = place.part.partition("_")[0]
            every = [name for name in every if any(each.startswith(f"{wanted}_") for each in name.split("/"))]
        if len(place.names) == 1:
            return every
        return [name for name in every if place.names[-1] in name.split("/")]

    def unused(self) -> list[str]:
        found = [path for path in self._file.arrays if path.startswith("model_weights/") and path not in self._taken]
        return [path for path in found if not _is_unused(path)]


def _is_unused(path: str) -> bool:
    return any(part.startswith(UNUSED) for part in path.split("/"))


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST_CONFIG:
        raise EieError(f"a Keras configuration must have at most {LARGEST_CONFIG} bytes, got {len(data)}")
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EieError(f"a Keras configuration must be JSON: {str(error)[:80]}") from error
    if not isinstance(value, dict):
        raise EieError("a Keras configuration must be a JSON object, it is not")
    return cast("dict[str, Any]", value)


def _version(text: Any) -> int:
    """The major version of Keras; files of 2.x before 2.13 say less, and mean the same."""
    first = str(text).partition(".")[0]
    if first not in ("2", "3"):
        raise EieError(f"the file must be of Keras 2 or 3, got version {str(text)[:40]!r}")
    return int(first)
