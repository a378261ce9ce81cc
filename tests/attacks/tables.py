"""Attacks on tables and lists: TOML, journals, results, measured times, arrays and MNIST."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import sim.energy.technology
from sim.sweep.journal import CHECK, HEAD
from sim.sweep.results import COLUMNS, ORIGIN
from sw.training.recipe import built_in
from tests.attacks.commands import gzipped
from tests.attacks.corpus import add, attack
from tests.attacks.weights import ARRAYS, archive, described

for _name, (_purpose, _data) in ARRAYS.items():
    add("npz", _name, _purpose, lambda data=_data: archive(data))
    add("inputs", _name, _purpose, lambda data=_data: data)
    add("labels", _name, _purpose, lambda data=_data: data)

# Each is refused as TOML, whatever the table should hold.
TOML: dict[str, tuple[str, bytes]] = {
    "deep_lists": ("Half a million open brackets.", b"a = " + b"[" * (1 << 19)),
    "deep_tables": ("Inline tables in inline tables.", b"a = " + b"{a = " * 20_000),
    "long_key": ("A key of a hundred thousand parts.", b"a." * 100_000 + b"a = 1"),
    "many_keys": ("Nested tables of a thousand parts, four hundred times.", (b"[" + b"a." * 1000 + b"b]\n") * 400),
    "many_lists": ("Four megabytes of empty lists.", b"a = [" + b"[]," * 1_400_000 + b"]"),
    "long_number": ("A number of a hundred thousand digits.", b"pes = " + b"9" * 100_000),
    "long_hexadecimal": ("A hexadecimal number of ten thousand digits.", b"pes = 0x" + b"f" * 10_000),
    "duplicate_keys": ("A key that is there twice.", b"pes = 1\npes = 2\n"),
    "duplicate_tables": ("A table that is there twice.", b"[a]\n[a]\n"),
    "open_text": ("A text that never ends.", b'name = """' + b"x" * 100_000),
    "null_bytes": ("Null bytes.", b"\x00" * 1000),
    "date": ("A date that no calendar has.", b"a = 2026-13-99T25:61:61Z"),
}
for _kind in ("config", "technology", "recipe"):
    for _name, (_purpose, _data) in TOML.items():
        add(_kind, _name, _purpose, lambda data=_data: data)

CONFIGS: dict[str, tuple[str, str]] = {
    "hexadecimal_field": ("A number of 40,000 bits in a field.", 'preset = "tiny4"\npes = 0x' + "f" * 10_000),
    "huge_clock": ("A clock of a number that no float holds.", 'preset = "tiny4"\nclock_mhz = 1' + "0" * 400),
    "clock_nan": ("A clock of NaN.", 'preset = "tiny4"\nclock_mhz = nan'),
    "clock_inf": ("A clock of infinity.", 'preset = "tiny4"\nclock_mhz = inf'),
    "negative_depth": ("A queue of -1 slots.", 'preset = "tiny4"\nqueue_depth = -1'),
    "boolean_for_number": ("A truth value as a number.", 'preset = "tiny4"\npes = true'),
    "list_for_number": ("A list of a megabyte as a number.", 'preset = "tiny4"\npes = [' + "1," * 250_000 + "]"),
    "unhashable_dealing": ("A list as a word.", 'preset = "tiny4"\nrow_dealing = [["modulo"]]'),
    "unhashable_preset": ("A table as the preset.", "preset = {a = 1}"),
    "unknown_field": ("A field with a name that writes to the terminal.", 'preset = "tiny4"\n"\\u001b[2J\\n" = 1'),
    "name_with_escape": ("A name that would write to the terminal, and a bad field.", 'name = "\\u001b[2J"\npes = 0'),
    "huge_array": ("An array of a million PEs.", 'preset = "tiny4"\npes = 1000000'),
}
for _name, (_purpose, _text) in CONFIGS.items():
    add("config", _name, _purpose, lambda text=_text: text.encode())


def technology(old: str, new: str) -> bytes:
    """The technology of the project with one text replaced; AssertionError unless it is there."""
    text = sim.energy.technology.DEFAULT_TECHNOLOGY.read_text()
    if old not in text:
        raise AssertionError(f"the technology must hold {old!r}")
    return text.replace(old, new, 1).encode()


def first_value() -> str:
    """The first figure of an event, as it stands in the file."""
    lines = Path(sim.energy.technology.DEFAULT_TECHNOLOGY).read_text().split("[event", 1)[1].splitlines()
    return next(line.split("value = ")[1].split(",")[0] for line in lines if "value = " in line)


for _name, _purpose, _value in (
    ("value_of_400_digits", "A figure that no float holds.", "1" + "0" * 400),
    ("value_hexadecimal", "A figure of 40,000 bits.", "0x" + "f" * 10_000),
    ("value_nan", "A figure of NaN.", "nan"),
    ("value_negative", "A figure below 0.", "-1.0"),
    ("value_denormal", "A figure so small that its inverse is infinite.", "1e-320"),
    ("value_boolean", "A truth value as a figure.", "true"),
    ("value_list", "A list as a figure.", "[[[1]]]"),
):
    add("technology", _name, _purpose, lambda value=_value: technology(f"value = {first_value()}", f"value = {value}"))


def memories(rows: list[str]) -> bytes:
    """The technology of the project with other memories."""
    text = sim.energy.technology.DEFAULT_TECHNOLOGY.read_text()
    head = text[: text.index("memories = [")]
    return (head + "memories = [\n" + ",\n".join(rows) + "\n]\n").encode()


def memory(size: Any, bits: Any) -> str:
    """One memory."""
    return f"{{ bytes = {size}, bits = {bits}, read_pj = 1.0, write_pj = 1.0, leakage_mw = 1.0, area_um2 = 1.0 }}"


@attack("technology")
def memories_on_a_line() -> bytes:
    """Memories between which no triangle can be drawn."""
    return memories([memory(2**n, 2**n) for n in range(5, 9)])


@attack("technology")
def memories_twice() -> bytes:
    """A memory that is there twice."""
    return memories([memory(64, 8), memory(64, 8), memory(128, 8), memory(64, 16)])


@attack("technology")
def memories_almost_on_a_line() -> bytes:
    """Memories whose triangles are thinner than rounding."""
    return memories([memory(64, 8), memory(128, 8), memory(256, "8.0000000000000018")])


@attack("technology")
def no_memories() -> bytes:
    """No memory."""
    return memories([])


@attack("recipe")
def stages_of_thousands() -> bytes:
    """Forty thousand stages of a kind that does not exist."""
    return b'network = "lenet-5"\n' + b'[[stage]]\nkind = "x"\n' * 40_000


@attack("recipe")
def option_of_400_digits() -> bytes:
    """A rate that no float holds."""
    return built_in("lenet-5").encode() + b"\n[[stage]]\nkind = 'train'\ntraining.rate = 1" + b"0" * 400


@attack("recipe")
def unhashable_kind() -> bytes:
    """A list as a word."""
    return b'network = ["lenet-5"]\n[[stage]]\nkind = ["train"]\n'


def journal(*lines: bytes) -> bytes:
    """A journal of these lines, each with its checksum."""
    checked = (hashlib.sha256(line).hexdigest()[:CHECK].encode() + b" " + line + b"\n" for line in lines)
    return HEAD + b"".join(checked)


@attack("journal")
def other_version() -> bytes:
    """A journal of a version that does not exist."""
    return HEAD.replace(b"3", b"9" * 20)


@attack("journal")
def deep_line() -> bytes:
    """A line of a hundred thousand brackets."""
    return journal(b"[" * 100_000)


@attack("journal")
def many_lists() -> bytes:
    """A line of eight megabytes of empty lists, which take twenty times their text."""
    return journal(b"[" + b"[]," * 2_800_000 + b"0]")


@attack("journal")
def long_number() -> bytes:
    """A number of a million digits."""
    return journal(b'{"key": ' + b"9" * 1_000_000 + b"}")


@attack("journal")
def record_of_a_text() -> bytes:
    """A record that is no table."""
    return journal(b'{"key": "a", "record": "b"}')


@attack("journal")
def record_without_figures() -> bytes:
    """A record whose figures are numbers instead of tables."""
    return journal(b'{"key": "a", "record": {"enlarged": 0, "events": 0}}')


@attack("journal")
def no_journal() -> bytes:
    """A file of somebody else's, which must not be cut off or written to."""
    return b"precious\n" * 100


def results(**cells: str) -> bytes:
    """A row of results."""
    row = {"layer": "a", **dict.fromkeys((*COLUMNS, *ORIGIN), ""), "status": "ran", "pareto": "true", **cells}
    return ",".join(row).encode() + b"\n" + ",".join(row.values()).encode() + b"\n"


@attack("results")
def empty_table() -> bytes:
    """No byte at all."""
    return b""


@attack("results")
def other_columns() -> bytes:
    """Columns of something else."""
    return b"a,b\n1,2\n"


@attack("results")
def ragged() -> bytes:
    """A row that is longer than the head."""
    return results() + b"," * 100_000 + b"\n"


@attack("results")
def huge_cell() -> bytes:
    """A cell of a megabyte."""
    return results(cycles="9" * (1 << 20))


@attack("results")
def open_quote() -> bytes:
    """A quoted text that never ends."""
    return results() + b'"' + b"x" * 100_000


@attack("results")
def not_numbers() -> bytes:
    """Figures of NaN and infinity."""
    return results(cycles="nan", energy_nj="inf", area_mm2="-inf")


@attack("results")
def negative_power() -> bytes:
    """A figure of the front that is below zero, the costs being sound."""
    return results(microseconds="1.0", energy_nj="1.0", area_mm2="1.0", milliwatts="-1.0")


@attack("results")
def figures_missing() -> bytes:
    """A row that ran and has no figures."""
    return results()


@attack("results")
def many_rows() -> bytes:
    """Four million rows of a byte each."""
    return results() + b"\n" * (1 << 22)


@attack("parquet")
def bare_magic() -> bytes:
    """The magic at both ends and a footer of 4 GB."""
    return b"PAR1" + b"\xff\xff\xff\xff" + b"PAR1"


@attack("parquet")
def zeros() -> bytes:
    """Zeros."""
    return bytes(1 << 20)


@attack("parquet")
def packed_rows() -> bytes:
    """Ten million equal rows that take a few kilobytes."""
    import pyarrow
    import pyarrow.parquet

    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(memoryview(bytes(10_000_000)), pyarrow.int8()), pyarrow.array(["a"])
    )
    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"layer": column, **dict.fromkeys((*COLUMNS, *ORIGIN), column)}), data)
    return data.getvalue()


def times(**fields: Any) -> bytes:
    """What `eie baseline` measured, with other fields."""
    timing = {"form": "dense", "batch": 1, "median_us": 1.0, **fields}
    machine = {"cpu": "x", "date": "2026"}
    return json.dumps({"machine": machine, "layers": [{"name": "Alex-6", "timings": [timing]}]}).encode()


for _name, _purpose, _data in (
    ("deep", "A hundred thousand brackets.", b"[" * 100_000),
    ("many_lists", "Eight megabytes of empty lists.", b"[" + b"[]," * 2_800_000 + b"0]"),
    ("negative", "A time below 0.", times(median_us=-1)),
    ("infinite", "A time of infinity.", times(median_us=float("inf"))),
    ("batch_infinite", "A batch of infinity.", times(batch=float("inf"))),
    ("batch_of_digits", "A batch of five thousand digits.", times(batch="9" * 5000)),
    ("unhashable", "A list as a word.", times(form=["dense"])),
    ("a_number", "A number instead of a table.", b"7"),
):
    add("baseline", _name, _purpose, lambda data=_data: data)


@attack("mnist")
def gzip_bomb() -> bytes:
    """Two hundred megabytes of zeros in two hundred kilobytes."""
    return gzipped(b"\x00\x00\x08\x03" + bytes(200_000_000))


@attack("mnist")
def no_gzip() -> bytes:
    """No gzip file."""
    return b"\x00\x00\x08\x03" + bytes(100)


@attack("mnist")
def cut_off() -> bytes:
    """A gzip file that ends in the middle."""
    return gzipped(bytes(range(256)) * 100)[:-20]


@attack("mnist")
def bad_checksum() -> bytes:
    """A gzip file whose checksum is wrong."""
    return gzipped(bytes(1000))[:-8] + bytes(8)


@attack("labels")
def labels_outside() -> bytes:
    """Labels that no output has."""
    import numpy as np

    return described("(3,)", "'<i8'", np.array([-1, 1 << 62, 5], "<i8").tobytes())
