"""Networks as Keras saves them: `.keras` files, and the older `.h5`."""

from pathlib import Path

from model.errors import EieError
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.keras.model import KerasModel
from sw.formats.keras.store import ArchiveStore, LegacyStore
from sw.network.network import Network


def load_keras(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in a Keras model, inputs and outputs with their channels where Keras has them.

    Nothing in the file is run: a Lambda layer, or a class that is not Keras's own, is refused by name.
    """
    if connections is not None:
        raise EieError("a Keras model says itself how its layers are connected: it must come without graph, got one")
    store = ArchiveStore(path) if path.suffix.lower() == ".keras" else LegacyStore(path)
    return KerasModel(store, assumptions.input_shape, assumptions.say).network()
