"""sw/formats/layer_order.py: which order of layers is taken, and when none is."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.layer_order import chain_order


def chains(shapes: dict[str, tuple[int, ...]]) -> list[list[str]]:
    """All orders in which every layer takes what the one before makes, by trying."""
    return [
        list(order)
        for order in permutations(shapes)
        if all(shapes[before][0] == shapes[after][1] for before, after in pairwise(order))
    ]


def test_an_order_that_the_shapes_decide_is_taken_and_no_other():
    rng = np.random.default_rng(0)
    decided = 0
    for _ in range(600):
        sizes = rng.integers(1, 5, rng.integers(2, 7))
        layers = [(int(after), int(before)) for before, after in pairwise(sizes)]
        shapes = {f"layer{place}": layers[place] for place in rng.permutation(len(layers))}
        possible = chains(shapes)
        if len(possible) == 1:
            assert chain_order(shapes, list(shapes), None) == (possible[0], "the only order that their shapes allow")
            decided += 1
        elif list(shapes) != sorted(shapes):
            with pytest.raises(EieError, match="allow more than one order or none: say --order file"):
                chain_order(shapes, list(shapes), None)
    assert 100 < decided < 500


def test_squares_between_others_are_decided():
    shapes = {"out": (10, 300), "middle": (300, 300), "in": (300, 784)}
    assert chain_order(shapes, None, None)[0] == ["in", "middle", "out"]


SQUARE = {"encoder": (6, 6), "decoder": (6, 6)}


def test_an_order_that_is_open_must_be_agreed_on():
    with pytest.raises(EieError, match="encoder, decoder in the file and decoder, encoder by name"):
        chain_order(SQUARE, ["encoder", "decoder"], None)
    with pytest.raises(EieError, match="shapes of decoder, encoder allow more than one order, and the file has none"):
        chain_order(SQUARE, None, None)
    assert chain_order(SQUARE, ["encoder", "decoder"], "file")[0] == ["encoder", "decoder"]
    assert chain_order(SQUARE, ["encoder", "decoder"], "name")[0] == ["decoder", "encoder"]
    with pytest.raises(EieError, match="--order file needs a file that keeps the order"):
        chain_order(SQUARE, None, "file")
    in_order = {"a": (6, 6), "b": (6, 6)}
    assert chain_order(in_order, ["a", "b"], None) == (["a", "b"], "that of the file and of their names")


def test_numbers_in_names_are_an_order():
    shapes = {f"fc{number}": (6, 6) for number in (10, 2, 1)}
    assert chain_order(shapes, None, None) == (["fc1", "fc2", "fc10"], "that of their names")
    with pytest.raises(EieError, match="fc10, fc2, fc1 in the file"):
        chain_order(shapes, list(shapes), None)


def test_a_thousand_layers():
    shapes = {f"a{number}": (number + 2, number + 1) for number in range(1024)}
    assert chain_order(dict(reversed(shapes.items())), None, None)[0] == list(shapes)
