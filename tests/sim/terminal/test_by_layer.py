import pytest

from model.errors import EieError
from sim.terminal.by_layer import parse_by_layer


def test_a_number_or_numbers_by_name():
    assert parse_by_layer("--density", None, float) is None
    assert parse_by_layer("--density", "0.5", float) == 0.5
    assert parse_by_layer("--density", "fc1=0.1, a=b=2e-1", float) == {"fc1": 0.1, "a=b": 0.2}
    assert parse_by_layer("--code-bits", "conv.0=8,fc=5", int) == {"conv.0": 8, "fc": 5}


@pytest.mark.parametrize("text", ["", "four", "4.5", "a=4,a=5", "a=4,b", "a=", "a=4,"])
def test_anything_else_is_refused_with_the_options_name(text: str):
    with pytest.raises(EieError, match="--code-bits wants a whole number or NAME=NUMBER,"):
        parse_by_layer("--code-bits", text, int)
