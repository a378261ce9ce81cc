"""sim/energy/technology.py: the 45 nm file, interpolation between measured memories, and files that are refused."""

import tomllib
from fnmatch import fnmatch
from math import sqrt
from pathlib import Path

import pytest

from model.errors import EieError
from sim.energy.technology import DEFAULT_TECHNOLOGY, TABLES, load_technology

KB = 1024


def test_every_figure_has_a_value_a_unit_and_a_source() -> None:
    technology = load_technology()
    assert technology.name == "cmos45"
    for part, units in TABLES.items():
        assert list(technology.figures[part]) == list(units)
        for name, unit in units.items():
            figure = technology.figures[part][name]
            assert figure.value > 0
            assert figure.unit == unit
            assert figure.source.endswith(".")
    assert technology.event("multiply") == 0.6
    assert technology.per_cycle("clock") == pytest.approx(1.874 / 0.8)


def test_the_default_file_is_installed_with_the_package(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["sim.energy"]
    inside = DEFAULT_TECHNOLOGY.relative_to(project_root / "sim/energy").as_posix()
    assert any(fnmatch(inside, pattern) for pattern in patterns)


def test_a_measured_memory_costs_what_was_measured() -> None:
    technology = load_technology()
    assert len(technology.srams) == 11
    for measured in technology.srams:
        sram, inside = technology.sram(measured.bytes, measured.bits)
        assert inside
        assert vars(sram) == pytest.approx(vars(measured))


def test_between_two_measured_memories_lies_their_geometric_mean() -> None:
    technology = load_technology()
    wider, inside = technology.sram(128 * KB, 64 * sqrt(2))
    assert inside
    assert wider.read_pj == pytest.approx(sqrt(32.2859 * 50.2566))
    assert wider.write_pj == pytest.approx(sqrt(26.065 * 46.968))
    larger, inside = technology.sram(4 * KB, 64)
    assert inside
    assert larger.read_pj == pytest.approx(sqrt(2.75566 * 6.13702))
    assert larger.leakage_mw == pytest.approx(sqrt(0.00018898 * 0.00068949))


@pytest.mark.parametrize(
    ("capacity", "bits", "stands_for"),
    [
        (16, 16, (128, 16)),
        (4096 * KB, 64, (1024 * KB, 64)),
        (128 * KB, 1024, (128 * KB, 512)),
        (2 * KB, 8, (2 * KB, 16)),
    ],
)
def test_outside_the_nearest_place_between_measured_ones_stands_in(
    capacity: float, bits: float, stands_for: tuple[float, float]
) -> None:
    technology = load_technology()
    sram, inside = technology.sram(capacity, bits)
    assert not inside
    assert (sram.bytes, sram.bits) == pytest.approx(stands_for)
    assert vars(sram) == pytest.approx(vars(technology.sram(*stands_for)[0]))


def test_three_memories_are_enough(tmp_path: Path) -> None:
    text = DEFAULT_TECHNOLOGY.read_text()
    rows = [line for line in text.splitlines() if line.startswith("    { bytes")]
    path = tmp_path / "three.toml"
    path.write_text(text.replace("\n".join(rows), "\n".join(rows[:3])))
    assert load_technology(path).sram(128, 16)[0].read_pj == pytest.approx(0.359279)


MULTIPLY = '[event.multiply]\nvalue = 0.6\nunit = "pJ"'
KEYS = "name, process, event, power, area, sram"
SRAM_KEYS = "bytes, bits, read_pj, write_pj, leakage_mw, area_um2"
NUMBER = "must be a number from 1e-12 to 1e+12"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "cmos45"\n', "", f"the file wants {KEYS}, got no 'name'"),
        ('name = "cmos45"', "name = 45", "name must be a sentence, got 45"),
        ('name = "cmos45"', 'name = "a"\nnode = 1', f"the file wants {KEYS}, got 'node'"),
        (MULTIPLY, "[event.multiply]\nvalue = 0.6", "event.multiply wants value, unit, source, got no 'unit'"),
        (MULTIPLY, MULTIPLY.replace("pJ", "nJ"), "event.multiply.unit must be 'pJ', got 'nJ'"),
        (MULTIPLY, MULTIPLY.replace("0.6", "-1"), f"event.multiply.value {NUMBER}, or 0, got -1"),
        (MULTIPLY, MULTIPLY.replace("0.6", "nan"), f"event.multiply.value {NUMBER}, or 0, got nan"),
        (MULTIPLY, MULTIPLY.replace("0.6", "true"), f"event.multiply.value {NUMBER}, or 0, got True"),
        ("value = 800", "value = 0", f"process.clock.value {NUMBER}, got 0"),
        ("bytes = 128,", "bytes = 0,", f"sram.memories[0].bytes {NUMBER}, got 0"),
        ("bytes = 128,", "byte = 128,", f"sram.memories[0] wants {SRAM_KEYS}, got no 'bytes'"),
        ("bytes = 128, bits = 16", "bytes = 16384, bits = 16", "sram.memories must differ in bytes or bits, got one"),
        ("memories = [", "memories = 3\nmore = [", "[sram] wants source, memories, got 'more'"),
        ("[power.clock]", "[power.clok]", "[power] wants clock, registers, leading_nonzero_node, got no 'clock'"),
        ("[sram]", "[sram", "is not valid TOML"),
    ],
    ids=lambda value: value.splitlines()[0][:30] if isinstance(value, str) and value else "",
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    text = DEFAULT_TECHNOLOGY.read_text()
    assert text.count(old) == 1
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(EieError) as refused:
        load_technology(path)
    assert str(refused.value).startswith(str(path))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_memories_on_one_line_are_refused(tmp_path: Path) -> None:
    text = DEFAULT_TECHNOLOGY.read_text()
    rows = [line for line in text.splitlines() if "bytes = 131072" in line]
    every = [line for line in text.splitlines() if line.startswith("    { bytes")]
    path = tmp_path / "line.toml"
    for kept in (rows, rows[:2], []):
        path.write_text(text.replace("\n".join(every), "\n".join(kept)))
        with pytest.raises(EieError, match=rf"do not lie on one line in logarithms, got {len(kept)}$"):
            load_technology(path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EieError, match=r"--technology wants a \.toml file, got 'cmos45'"):
        load_technology(Path("cmos45"))
    with pytest.raises(EieError, match=r"cannot read .*missing\.toml: No such file or directory"):
        load_technology(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(EieError, match="is not valid TOML"):
        load_technology(tmp_path / "binary.toml")


def test_a_memory_that_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(DEFAULT_TECHNOLOGY.read_text().replace("memories = [", "memories = [7,", 1))
    with pytest.raises(EieError, match=r"sram\.memories\[0\] must be a table of bytes, .*, got 7"):
        load_technology(path)


def test_memories_that_are_no_list(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    text = DEFAULT_TECHNOLOGY.read_text()
    path.write_text(text[: text.index("memories = [")] + "memories = 7\n")
    with pytest.raises(EieError, match=r"sram\.memories must be an array of tables, got 7"):
        load_technology(path)
