"""The order of fully connected layers that are known by names and shapes only."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from model.errors import EieError
from sw.formats.assumptions import Order

MOST_SHOWN = 6  # names in a sentence
HOW_TO_SAY = "say --order file or --order name, or connect them with --graph"


def chain_order(
    shapes: Mapping[str, tuple[int, ...]], in_file: Sequence[str] | None, wanted: Order | None
) -> tuple[list[str], str]:
    """The layers one after another, and why in this order.

    Parameters
    ----------
    shapes : (outputs, inputs) of every layer.
    in_file : their names in the order in which the file has them; None if it keeps none, as safetensors files do,
        whose tensors are sorted when they are written.
    wanted : what the user says.

    An order that the shapes alone decide is taken; else the one that names, with numbers as numbers, and file agree on;
    without a file's order names that differ in a number only. EieError if this leaves it open.
    """
    by_name = sorted(shapes, key=natural)
    if wanted == "file" and in_file is None:
        raise EieError("--order file needs a file that keeps the order of its tensors, this format does not")
    if wanted is not None:
        return (list(in_file) if wanted == "file" and in_file is not None else by_name), f"--order {wanted}"
    if (only := _only_chain(shapes)) is not None:
        return only, "the only order that their shapes allow"
    if in_file is None:
        if not _fits(by_name, shapes) or len({re.sub("[0-9]+", "0", name) for name in by_name}) == 1:
            return by_name, "that of their names"
        raise EieError(f"the shapes of {_list(by_name)} allow more than one order, and the file has none: {HOW_TO_SAY}")
    if list(in_file) == by_name:
        return by_name, "that of the file and of their names"
    raise EieError(
        f"the layers are {_list(in_file)} in the file and {_list(by_name)} by name, and their shapes allow more than "
        f"one order or none: {HOW_TO_SAY}"
    )


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which ip10 follows ip2."""
    parts = [part.lstrip("0") if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]
    # Digits are ordered as numbers are, without becoming one: there may be thousands of them.
    return [(len(part) if place % 2 else -1, part) for place, part in enumerate(parts)]


def _fits(order: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return all(shapes[before][0] == shapes[after][1] for before, after in pairwise(order))


def _only_chain(shapes: Mapping[str, tuple[int, ...]]) -> list[str] | None:
    """The one order in which every layer takes what the one before makes; None if there are more or none.

    Layers are edges between widths, and an order is a trail over all of them. With an edge from its end to its start,
    the number of trails is that of the spanning trees that lead to the start times the product of (degree - 1)!
    (the BEST theorem of de Bruijn, van Aardenne-Ehrenfest, Smith and Tutte).
    """
    if len(shapes) == 1:
        return list(shapes)
    leaving: dict[int, list[str]] = defaultdict(list)
    surplus: dict[int, int] = defaultdict(int)  # of layers that leave a width over those that reach it
    for name, (outputs, inputs) in shapes.items():
        leaving[inputs].append(name)
        surplus[inputs] += 1
        surplus[outputs] -= 1
    ends = {width: more for width, more in surplus.items() if more}
    if sorted(ends.values()) != [-1, 1]:  # none, or a ring, which may begin anywhere
        return None
    start, end = (next(width for width, more in ends.items() if more == sign) for sign in (1, -1))
    widths = {width: place for place, width in enumerate(surplus)}
    laplacian = np.zeros((len(widths), len(widths)))
    for before, after in [(inputs, outputs) for outputs, inputs in shapes.values()] + [(end, start)]:
        laplacian[widths[before], widths[before]] += 1
        laplacian[widths[before], widths[after]] -= 1
    degrees = [len(leaving[width]) + (width == end) for width in widths]
    others = [place for width, place in widths.items() if width != start]
    sign, logarithm = np.linalg.slogdet(laplacian[np.ix_(others, others)])
    if max(degrees) > 2 or sign <= 0 or logarithm > np.log(1.5):
        return None
    return _trail(start, leaving, shapes)


def _trail(start: int, leaving: Mapping[int, list[str]], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """All layers in a trail from `start` (Hierholzer's algorithm); there is one."""
    waiting = {width: list(names) for width, names in leaving.items()}
    way: list[tuple[int, str | None]] = [(start, None)]
    trail: list[str] = []
    while way:
        width, name = way[-1]
        if waiting.get(width):
            following = waiting[width].pop()
            way.append((shapes[following][0], following))
            continue
        way.pop()
        if name is not None:
            trail.append(name)
    return trail[::-1]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (" ..." if len(names) > MOST_SHOWN else "")
