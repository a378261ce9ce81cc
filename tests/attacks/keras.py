"""Attacks on Keras files: code in them, arrays that are elsewhere or everywhere, configurations that cannot be."""

from typing import Any

import numpy as np

from tests.attacks.corpus import attack
from tests.support.files.keras_files import archive, dense, hdf5, legacy, sequential


def _nested(depth: int) -> bytes:
    return b'{"config": ' * depth + b"1" + b"}" * depth


@attack("keras", "h5")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("keras")
def hdf5_under_another_name() -> bytes:
    """A good .h5 file called .keras."""
    return legacy()


@attack("h5")
def archive_under_another_name() -> bytes:
    """A good .keras file called .h5."""
    return archive()


@attack("keras")
def cut_in_half() -> bytes:
    """The first half of a .keras file."""
    data = archive()
    return data[: len(data) // 2]


@attack("h5")
def half() -> bytes:
    """The first half of an .h5 file."""
    data = legacy()
    return data[: len(data) // 2]


@attack("keras")
def weights_cut_off() -> bytes:
    """Weights that end in the middle of an array."""
    good = hdf5({"layers/dense/vars/0": np.ones((12, 9), np.float32), "layers/dense/vars/1": np.ones(9, np.float32)})
    return archive(weights=good[:-20])


@attack("keras")
def deep_configuration() -> bytes:
    """A configuration of 100,000 objects inside each other."""
    return archive(config_json=_nested(100_000))


@attack("keras")
def models_inside_each_other() -> bytes:
    """A hundred models, each the only layer of the one around it."""
    model = sequential()
    for number in range(100):
        model["config"]["name"] = f"model{number}"
        model = sequential([model])
    return archive(model)


@attack("keras")
def code() -> bytes:
    """A Lambda layer with marshalled code in it."""
    config = {
        "name": "code",
        "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAAAAAAAAEAAAADAAAA"}},
    }
    return archive(sequential([dense(), {"class_name": "Lambda", "config": config, "registered_name": None}]))


@attack("keras")
def class_of_another_module() -> bytes:
    """A layer whose class would be imported from os."""
    layer = {"module": "os", "class_name": "system", "config": {"name": "dense"}, "registered_name": "system"}
    return archive(sequential([layer]))


@attack("keras")
def a_name_that_writes() -> bytes:
    """A layer whose name clears the terminal and writes a line."""
    return archive(sequential([dense("\x1b[2Jno\nerror: none", units=8)]))


@attack("keras")
def four_billion_units() -> bytes:
    """A layer of 2**32 units whose arrays are not there."""
    return archive(sequential([dense(units=1 << 32)]))


@attack("keras")
def input_of_2_to_60() -> bytes:
    """Inputs of 2**60 elements."""
    return archive(sequential(shape=(None, 1 << 20, 1 << 20, 1 << 20)))


@attack("keras")
def reshape_of_another_size() -> bytes:
    """Nine values in a shape of 2**48 elements."""
    layer: dict[str, Any] = {"class_name": "Reshape", "config": {"name": "r", "target_shape": [1 << 24, 1 << 24]}}
    return archive(sequential([dense(), layer]))


@attack("keras")
def padding_of_millions() -> bytes:
    """Zeros around a map of 16 numbers until it has 2**46."""
    config = {"name": "p", "padding": [[1 << 22, 1 << 22], [1 << 22, 1 << 22]], "data_format": "channels_last"}
    return archive(sequential([{"class_name": "ZeroPadding2D", "config": config}], (None, 4, 4, 1)))


@attack("keras")
def repeated_a_million_times() -> bytes:
    """Rows and columns repeated 2**20 times."""
    config = {"name": "u", "size": [1 << 20, 1 << 20], "data_format": "channels_last"}
    return archive(sequential([{"class_name": "UpSampling2D", "config": config}], (None, 4, 4, 1)))


@attack("keras")
def arrays_of_another_layer() -> bytes:
    """Arrays that no layer takes."""
    arrays = {
        f"layers/{name}/vars/{number}": np.ones((12, 9)[number:], np.float32)
        for name in ("dense", "dense_1")
        for number in (0, 1)
    }
    return archive(weights=hdf5(arrays))


@attack("h5")
def a_terabyte() -> bytes:
    """An array of 2**40 numbers that were never written."""
    return legacy(change=lambda file: file.create_dataset("model_weights/more", shape=(1 << 40,), dtype="f4"))


@attack("h5")
def arrays_from_another_file() -> bytes:
    """An array whose numbers would be bytes of /etc/passwd."""
    place = [("/etc/passwd", 0, 16)]
    return legacy(change=lambda file: file.create_dataset("model_weights/x", shape=(4,), dtype="f4", external=place))


@attack("h5")
def link_to_itself() -> bytes:
    """A link that leads to itself."""

    def change(file: Any) -> None:
        import h5py

        file["model_weights/loop"] = h5py.SoftLink("/model_weights/loop")

    return legacy(change=change)


@attack("h5")
def group_in_itself() -> bytes:
    """A group that is inside itself."""

    def change(file: Any) -> None:
        file["model_weights/dense/again"] = file["model_weights"]

    return legacy(change=change)


@attack("h5")
def compressed_zeros() -> bytes:
    """An array of 64 megabytes of zeros, compressed to a few kilobytes."""
    zeros = np.zeros(1 << 24, np.float32)
    return legacy(change=lambda file: file.create_dataset("model_weights/z", data=zeros, chunks=True, compression=9))


@attack("h5")
def infinite_weights() -> bytes:
    """A kernel of infinities."""

    def change(file: Any) -> None:
        file["model_weights/dense/dense/kernel:0"][...] = np.inf

    return legacy(change=change)


@attack("h5")
def another_version() -> bytes:
    """A file of Keras 1, whose names mean something else."""
    return legacy(version="1.2.2")
