"""sw/training/options.py: ranges, names, and what a table may say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from model.errors import EieError
from sw.training.options import Options, by_name, check_names, choice, flag, from_table, real, value_of, whole


@dataclass(frozen=True, kw_only=True)
class Bakery(Options):
    """Options of every kind."""

    loaves: int = whole(3, 1, 10)
    heat: float = real(0.5, 0, 1)
    crust: str = choice("thin", "thin", "thick")
    salt: bool = flag(True)
    slices: int | Mapping[str, int] | None = by_name(None, 1, 8, integers=True)


def test_defaults_are_valid() -> None:
    assert Bakery() == Bakery(loaves=3, heat=0.5, crust="thin", salt=True, slices=None)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("loaves", 0, "loaves must be a whole number from 1 to 10, got 0"),
        ("loaves", True, "loaves must be a whole number from 1 to 10, got True"),
        ("loaves", 2.0, "loaves must be a whole number from 1 to 10, got 2.0"),
        ("heat", 1.5, "heat must be a number from 0 to 1, got 1.5"),
        ("heat", float("nan"), "heat must be a number from 0 to 1, got nan"),
        ("heat", "hot", "heat must be a number from 0 to 1, got 'hot'"),
        ("crust", "none", "crust must be one of thin, thick, got 'none'"),
        ("salt", 1, "salt must be true or false, got 1"),
        ("slices", 9, "slices must be a number from 1 to 8, got 9"),
        ("slices", 2.5, "slices must be a whole number, got 2.5"),
        ("slices", {"rye": 0}, "slices['rye'] must be a number from 1 to 8, got 0"),
    ],
)
def test_what_is_out_of_range_is_named(field: str, value: Any, sentence: str) -> None:
    with pytest.raises(EieError) as raised:
        Bakery(**{field: value})
    assert str(raised.value) == f"bakery.{sentence}"


def test_a_table_with_an_unknown_key_is_refused() -> None:
    assert from_table(Bakery, {"loaves": 4}, "here").loaves == 4
    with pytest.raises(EieError, match=r"^here: no option 'sugar'; options: loaves, heat, crust, salt, slices$"):
        from_table(Bakery, {"sugar": 1}, "here")
    with pytest.raises(EieError, match=r"^here: bakery\.loaves must be"):
        from_table(Bakery, {"loaves": "four"}, "here")


def test_by_name() -> None:
    assert value_of({"rye": 2}, "rye") == 2
    assert value_of({"rye": 2}, "spelt") is None
    assert value_of(3, "spelt") == 3
    check_names({"rye": 2}, ["rye"], "slices")
    with pytest.raises(EieError, match=r"^slices must name parameters of rye, got 'spelt'$"):
        check_names({"spelt": 2}, ["rye"], "slices")
