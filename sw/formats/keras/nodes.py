"""Where the layers of a functional Keras model get their values from: the nodes of both versions of configurations."""

from dataclasses import dataclass, field
from typing import Any

from model.errors import EieError
from sw.formats.keras.config import fields_of, listed, shown

Reference = tuple[str, int]  # a layer's name and which of its applications


@dataclass
class Node:
    """One application of a layer.

    Parameters
    ----------
    sources : the values that it takes.
    numbers : constants among its arguments, in their order, None where a source stands.
    """

    sources: list[Reference] = field(default_factory=list[Reference])
    numbers: list[float | None] = field(default_factory=list[float | None])


CONSTANT = "_CONSTANT_VALUE"  # in the place of a layer's name, in Keras 2
HARMLESS = ("mask", "training", "name", "attention_mask")  # if they are None, or training False


def nodes(what: str, given: Any) -> list[Node]:
    """The applications of a layer; EieError for arguments that are not known."""
    if not isinstance(given, list):
        raise EieError(f"{what}: inbound_nodes must be a list, got {str(given)[:80]}")
    return [_node(what, each) for each in listed(given)]


def _node(what: str, given: Any) -> Node:
    made = Node()
    if isinstance(given, dict):  # Keras 3
        fields = fields_of(given)
        _collect(what, fields.get("args"), made)
        _named(what, fields.get("kwargs"), made)
        return made
    found = listed(given)
    for each in [found] if found and isinstance(found[0], str) else found:
        parts = listed(each)
        if len(parts) > 2 and parts[0] == CONSTANT:
            _collect(what, parts[2], made)
        else:
            made.sources.append(reference(what, each))
            made.numbers.append(None)
        _named(what, parts[3] if len(parts) > 3 else {}, made)
    return made


def _named(what: str, given: Any, made: Node) -> None:
    for name, value in fields_of(given).items():
        if value is None or (name == "training" and value is False):
            continue
        if name in HARMLESS or name not in ("y", "x2"):
            raise EieError(f"{what}: its argument {name[:80]} is not supported, got {str(value)[:80]}")
        _collect(what, value, made)


def _collect(what: str, given: Any, made: Node) -> None:
    """Values and numbers, however deep they are in lists."""
    if isinstance(given, dict):
        fields = fields_of(given)
        config: Any = fields.get("config")
        if fields.get("class_name") != "__keras_tensor__" or not isinstance(config, dict):
            raise EieError(f"{what}: its arguments must be values and numbers, got {str(fields)[:80]}")
        made.sources.append(reference(what, fields_of(config).get("keras_history")))
        made.numbers.append(None)
    elif isinstance(given, list):
        found = listed(given)
        if len(found) in (3, 4) and isinstance(found[0], str):
            made.sources.append(reference(what, found))
            made.numbers.append(None)
            return
        for each in found:
            _collect(what, each, made)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        made.numbers.append(float(given))
    else:
        raise EieError(f"{what}: its arguments must be values and numbers, got {str(given)[:80]}")


def reference(what: str, given: Any) -> Reference:
    """[name, application, result], of which a layer must have one."""
    found = listed(given)
    fits = len(found) >= 3 and isinstance(found[0], str) and type(found[1]) is int and type(found[2]) is int
    if not fits or found[2] != 0:
        raise EieError(f"{what}: it must take the one result of a layer, got {shown(given)}")
    return found[0], found[1]


def references(what: str, given: Any) -> list[Reference]:
    """The inputs or outputs of a model: one reference, or several in a list."""
    found = listed(given)
    if found and isinstance(found[0], str):
        return [reference(what, found)]
    if not found:
        raise EieError(f"{what}: it must have inputs and outputs in a list, got {shown(given)}")
    return [reference(what, each) for each in found]
