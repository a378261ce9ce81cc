"""sim/sweep/points.py: values of fields, and their combinations."""

import pytest

from model.config import PRESETS
from model.errors import ConfigError
from sim.sweep.points import parse_variations, points

BASE = PRESETS["eie64"]


def test_values_are_of_their_fields_kind_and_there_once() -> None:
    texts = ["pes = 64, 16,64", "clock_mhz=800,400.5", "row_dealing=balanced,'modulo'", "skip_empty_slices=true,false"]
    assert parse_variations(BASE, texts) == {
        "pes": (64, 16),
        "clock_mhz": (800.0, 400.5),
        "row_dealing": ("balanced", "modulo"),
        "skip_empty_slices": (True, False),
    }
    assert parse_variations(BASE, []) == {}


def test_the_last_field_varies_fastest() -> None:
    found = points(BASE, {"pes": (8, 4), "queue_depth": (1, 2, 3)})
    assert [point.array for point in found] == [
        BASE.with_(pes=pes, queue_depth=depth) for pes in (8, 4) for depth in (1, 2, 3)
    ]
    assert all(point.fields == point.array.to_dict() for point in found if point.array)


def test_nothing_varied_is_one_point() -> None:
    assert [point.array for point in points(BASE, {})] == [BASE]


def test_a_combination_that_is_no_array_keeps_its_fields_and_says_why() -> None:
    good, bad = points(BASE, {"index_bits": (7, 8)})
    assert good.reason is None
    assert bad.array is None
    assert bad.fields == {**BASE.to_dict(), "index_bits": 8}
    assert bad.reason == "max_code_length must be between 9 and 16, got 8"


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["pes"], "--vary wants FIELD=VALUE,..., got 'pes'"),
        (["depth=1"], "--vary: no field 'depth'; fields: name, pes"),
        (["pes=1", "pes=2"], "--vary gives pes twice"),
        (["pes=1,two"], "--vary pes wants integers, got 'two'"),
        (["pes=1,"], "--vary pes wants integers, got ''"),
        (["pes=true"], "--vary pes wants integers, got True"),
        (["pes=1.5"], "--vary pes wants integers, got 1.5"),
        (["clock_mhz=fast"], "--vary clock_mhz wants numbers, got 'fast'"),
        (["skip_empty_slices=1"], "--vary skip_empty_slices wants true or false, got 1"),
        (["row_dealing=1"], "--vary row_dealing wants words, got 1"),
        (
            [f"{field}={','.join(map(str, range(1, 101)))}" for field in ("pes", "queue_depth", "layers")],
            "--vary wants at most 100,000 combinations, got more",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused_in_one_sentence(texts: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_variations(BASE, texts)
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
