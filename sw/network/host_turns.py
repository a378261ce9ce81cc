"""How often a host's part repeats a graph: a loop must say so itself, and be no longer than a model written out."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from model.errors import EieError

MOST_TURNS = 1 << 12  # of a loop, times those of the loops that it is in
WHOLE = 7  # ONNX's type of a trip count


def check_turns(graph: Any, outer: Mapping[str, int], turns: int) -> None:
    """EieError for a loop whose number of turns is no constant, or too large.

    Parameters
    ----------
    graph : ONNX's, not deeper than `sw.network.host_model` allows.
    outer : whole numbers that are constants outside of it, by name.
    turns : how often it is run.
    """
    known = _whole_numbers(graph, outer)
    for node in graph.node:
        inside = turns
        if node.op_type == "Loop":
            what = f"operator Loop of node {''.join(each if each.isprintable() else '?' for each in node.name[:80])}"
            count = known.get(node.input[0]) if len(node.input) else None
            if count is None:
                raise EieError(f"{what} is not run: how often it repeats its graph must be a constant")
            inside = turns * max(count, 1)
            if inside > MOST_TURNS:
                raise EieError(f"{what} is not run: it repeats its graph {inside} times, wanted {MOST_TURNS} at most")
        for attribute in node.attribute:
            for each in inner_graphs(attribute):
                check_turns(each, known, inside)


def inner_graphs(attribute: Any) -> Iterator[Any]:
    """The graphs that an attribute holds."""
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _whole_numbers(graph: Any, outer: Mapping[str, int]) -> dict[str, int]:
    """The constants of a graph that are single whole numbers, by name; none that is written more than once."""
    constants = [(tensor.name, tensor) for tensor in graph.initializer]
    constants += [
        (node.output[0], node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and len(node.attribute) == 1 and len(node.output) == 1
    ]
    written = Counter(tensor.name for tensor in graph.initializer)
    written.update(tensor.values.name for tensor in graph.sparse_initializer)
    written.update(name for node in graph.node for name in node.output)
    hidden = {*written, *(value.name for value in graph.input)}
    known = {name: number for name, number in outer.items() if name not in hidden}
    for name, tensor in constants:
        number = _number(tensor)
        if number is not None and written[name] == 1:
            known[name] = number
    return known


def _number(tensor: Any) -> int | None:
    """The whole number that a constant of one element holds."""
    data, listed = bytes(tensor.raw_data), list(tensor.int64_data)
    if tensor.data_type != WHOLE or list(tensor.dims) not in ([], [1]) or len(data) + 8 * len(listed) != 8:
        return None
    return int(listed[0]) if listed else int.from_bytes(data, "little", signed=True)
