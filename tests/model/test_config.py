"""The configuration of an array: derived sizes, every refusal, presets and TOML files."""

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from model.config import PRESETS, ArrayConfig, load_config
from model.errors import ConfigError

MINIMAL: dict[str, Any] = {
    "pes": 4,
    "sparse_matrix_depth": 16,
    "pointer_depth": 16,
    "activation_depth": 8,
    "constant_depth": 256,
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pes": 0}, "pes must be between 1 and 256, got 0"),
        ({"pes": 257}, "pes must be between 1 and 256, got 257"),
        ({"pes": "4"}, "pes must be an integer, got '4'"),
        ({"pes": True}, "pes must be an integer, got True"),
        ({"pes": 4.0}, "pes must be an integer, got 4.0"),
        ({"queue_depth": 0}, "queue_depth must be between 1 and 256, got 0"),
        ({"queue_depth": 257}, "queue_depth must be between 1 and 256, got 257"),
        ({"code_bits": 0}, "code_bits must be between 1 and 8, got 0"),
        ({"code_bits": 9}, "code_bits must be between 1 and 8, got 9"),
        ({"index_bits": 0}, "index_bits must be between 1 and 8, got 0"),
        ({"index_bits": 9}, "index_bits must be between 1 and 8, got 9"),
        ({"row_bits": 15}, "row_bits must be between 16 and 1024, got 15"),
        ({"row_bits": 1025}, "row_bits must be between 16 and 1024, got 1025"),
        ({"sparse_matrix_depth": 1}, "sparse_matrix_depth must be between 2 and 1048576, got 1"),
        ({"sparse_matrix_depth": 1 << 21}, "sparse_matrix_depth must be between 2 and 1048576, got 2097152"),
        ({"pointer_depth": 2}, "pointer_depth must be between 4 and 1048576, got 2"),
        ({"pointer_depth": 17}, "pointer_depth must be even (two banks), got 17"),
        ({"activation_depth": 1}, "activation_depth must be between 2 and 32768, got 1"),
        ({"activation_depth": 32769}, "activation_depth must be between 2 and 32768, got 32769"),
        ({"layers": 0}, "layers must be between 1 and 64, got 0"),
        ({"layers": 65}, "layers must be between 1 and 64, got 65"),
        ({"constant_depth": 128}, "constant_depth must be between 129 and 1048576, got 128"),
        ({"accumulator_bits": 31}, "accumulator_bits must be between 32 and 48, got 31"),
        ({"accumulator_bits": 49}, "accumulator_bits must be between 32 and 48, got 49"),
        ({"stream_bits": 16}, "stream_bits must be 32, 64 or 128, got 16"),
        ({"max_code_length": 4}, "max_code_length must be between 5 and 16, got 4"),
        ({"max_code_length": 17}, "max_code_length must be between 5 and 16, got 17"),
        ({"code_bits": 8, "max_code_length": 7, "constant_depth": 4096}, "max_code_length must be between 8 and 16"),
        ({"row_dealing": "random"}, "row_dealing must be one of modulo, balanced, searched, got 'random'"),
        ({"name": 3}, "name must be a string, got 3"),
        ({"pe_counters": 1}, "pe_counters must be true or false, got 1"),
        ({"parity": 0}, "parity must be true or false, got 0"),
        ({"broadcasts_per_cycle": 0}, "broadcasts_per_cycle must be between 1 and 2, got 0"),
        ({"broadcasts_per_cycle": 3}, "broadcasts_per_cycle must be between 1 and 2, got 3"),
        (
            {"broadcasts_per_cycle": 2, "queue_depth": 2},
            "queue_depth must be even and >= 4 for two broadcasts per cycle, got 2",
        ),
        (
            {"broadcasts_per_cycle": 2, "queue_depth": 7},
            "queue_depth must be even and >= 4 for two broadcasts per cycle, got 7",
        ),
        ({"maps": 1}, "maps must be true or false, got 1"),
        ({"accumulator_depth": 8}, "accumulator_depth must be 0 without maps, got 8"),
        ({"maps": True}, "accumulator_depth must be between 2 and 32768, got 0"),
        (
            {"maps": True, "accumulator_depth": 8, "activation_depth": 12},
            "activation_depth must be a power of two with maps, got 12",
        ),
        (
            {"maps": True, "accumulator_depth": 8, "pointer_depth": 24},
            "pointer_depth must be a power of two with maps, got 24",
        ),
        ({"activation_bits": 12}, "activation_bits must be 8 or 16, got 12"),
        (
            {"maps": True, "functions": True, "accumulator_depth": 8, "activation_bits": 8},
            "functions takes activation_bits of 16, since its table of sigmoid and tanh has 16-bit arguments, got 8",
        ),
        ({"clock_mhz": 0.0}, "clock_mhz must be a number between 0.001 and 1000000, got 0.0"),
        ({"clock_mhz": math.inf}, "clock_mhz must be a number between 0.001 and 1000000, got inf"),
        ({"clock_mhz": math.nan}, "clock_mhz must be a number between 0.001 and 1000000, got nan"),
        ({"clock_mhz": "fast"}, "clock_mhz must be a number between 0.001 and 1000000, got 'fast'"),
    ],
)
def test_refusals(change, sentence):
    with pytest.raises(ConfigError) as refusal:
        ArrayConfig(**(MINIMAL | change))
    assert sentence in str(refusal.value)


def test_the_limits_themselves_are_allowed():
    smallest = ArrayConfig(
        pes=1,
        queue_depth=1,
        code_bits=1,
        index_bits=1,
        row_bits=4,
        sparse_matrix_depth=2,
        pointer_depth=4,
        activation_depth=2,
        constant_depth=3,
        layers=1,
        max_code_length=2,
    )
    assert smallest.entries_per_row == 2
    assert smallest.slot_bits == 1
    assert smallest.lanes == smallest.groups == 1
    largest = ArrayConfig(
        pes=256,
        queue_depth=256,
        code_bits=8,
        index_bits=8,
        row_bits=1024,
        sparse_matrix_depth=1 << 20,
        pointer_depth=1 << 20,
        activation_depth=1 << 15,
        constant_depth=1 << 20,
        accumulator_bits=48,
        stream_bits=128,
        layers=64,
        max_code_length=16,
    )
    assert largest.lanes == 8
    assert largest.groups == 32


def test_derived_sizes_of_the_paper():
    config = PRESETS["eie64"]
    assert config.entry_bits == 8
    assert config.entries_per_row == 8
    assert config.slot_bits == 3
    assert config.sparse_matrix_depth * config.row_bits == 128 * 1024 * 8
    assert config.pointer_bits == config.row_address_bits + 3 == 18
    assert config.max_run == 15
    assert config.run_symbols == 17
    assert config.end_symbol == 16
    assert config.code_symbols == 16
    assert (config.lanes, config.groups) == (4, 16)
    assert config.bias_base == 256


@pytest.mark.parametrize(("code_bits", "index_bits", "wanted"), [(4, 4, 4), (3, 5, 5), (8, 1, 8)])
def test_trees_hold_every_symbol(code_bits, index_bits, wanted):
    config = PRESETS["eie64"].with_(code_bits=code_bits, index_bits=index_bits, max_code_length=12, constant_depth=8192)
    assert config.node_bits == wanted
    assert config.tree_words == 2 * 2 * (1 << wanted)


@pytest.mark.parametrize(
    ("name", "fingerprint"), [("eie64", 0xE106426B), ("tiny4", 0xC10F72E2)], ids=["eie64", "tiny4"]
)
def test_the_switch_leaves_fingerprints_of_arrays_without_it(name, fingerprint):
    assert PRESETS[name].fingerprint == fingerprint


def test_accumulators_are_as_many_as_activations_or_as_maps_say():
    config = PRESETS["tiny4"]
    assert config.accumulators == config.activation_depth
    assert config.with_(maps=True, accumulator_depth=20).accumulators == 20


def test_fingerprint_is_of_what_images_and_drivers_depend_on():
    config = PRESETS["tiny4"]
    for name, value in config.to_dict().items():
        other = {"name": "other", "row_dealing": "balanced", "max_code_length": 9, "clock_mhz": 1.0}.get(name)
        if other is not None:
            assert config.with_(**{name: other}).fingerprint == config.fingerprint
        elif isinstance(value, bool):
            of_maps = {"maps": True, "accumulator_depth": 32}
            before = config.with_(**of_maps) if name == "functions" else config
            depth = {"accumulator_depth": 32} if name == "maps" else {}
            assert before.with_(**{name: not value}, **depth).fingerprint != before.fingerprint
    with_maps = config.with_(maps=True, accumulator_depth=32)
    assert with_maps.with_(accumulator_depth=33).fingerprint != with_maps.fingerprint
    for change in (
        {"pes": 5},
        {"queue_depth": 12},
        {"stream_bits": 128},
        {"broadcasts_per_cycle": 2},
        {"activation_bits": 8},
    ):
        assert config.with_(**change).fingerprint != config.fingerprint
    assert 0 <= config.fingerprint < 1 << 32


@pytest.mark.parametrize(
    ("preset", "fingerprint"), [("eie64", 3775283819), ("balanced64", 2395103734), ("ecp5_16", 934240184)]
)
def test_fingerprints_of_arrays_that_have_been_built_stay(preset, fingerprint):
    """Fields that come later do not change them; a change of these numbers makes every bitstream out there useless."""
    assert PRESETS[preset].fingerprint == fingerprint


@pytest.mark.parametrize(
    ("pes", "stream_bits", "lanes"), [(3, 64, 1), (5, 32, 1), (6, 64, 2), (6, 32, 2), (64, 128, 8), (12, 128, 4)]
)
def test_lanes(pes, stream_bits, lanes):
    config = ArrayConfig(**(MINIMAL | {"pes": pes, "stream_bits": stream_bits}))
    assert config.lanes == lanes
    assert config.lanes * config.groups == pes


def test_one_past_the_last_row_is_representable():
    for depth in (2, 3, 4, 255, 256):
        config = PRESETS["tiny4"].with_(sparse_matrix_depth=depth)
        assert depth < 1 << config.row_address_bits <= 2 * depth


def test_presets_have_their_names_and_survive_a_copy():
    for name, config in PRESETS.items():
        assert config.name == name
        assert load_config(name) is config
        assert ArrayConfig(**config.to_dict()) == config


def test_with_validates_and_names_unknown_fields():
    config = PRESETS["tiny4"]
    assert config.with_(pes=2).pes == 2
    assert config.pes == 4
    with pytest.raises(ConfigError, match="unknown configuration field 'pe'; known: name, pes, "):
        config.with_(pe=2)
    with pytest.raises(ConfigError, match="pes must be between"):
        config.with_(pes=0)


def test_configurations_are_frozen_and_hashable():
    config = PRESETS["tiny4"]
    with pytest.raises(FrozenInstanceError):
        config.__setattr__("pes", 5)
    assert len({config, config.with_(), config.with_(pes=5)}) == 2


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_with_all_fields(tmp_path):
    text = "\n".join(f"{name} = {value}" for name, value in MINIMAL.items())
    config = load_config(write(tmp_path, text + '\nrow_dealing = "balanced"\nclock_mhz = 500'))
    assert config == ArrayConfig(name="mine", row_dealing="balanced", clock_mhz=500, **MINIMAL)
    assert load_config(write(tmp_path, text + '\nname = "other"')).name == "other"


def test_file_from_a_preset(tmp_path):
    config = load_config(write(tmp_path, 'preset = "eie64"\nqueue_depth = 16\n'))
    assert config == PRESETS["eie64"].with_(name="mine", queue_depth=16)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('preset = "eie65"', "no preset 'eie65'; presets: eie64, "),
        ('preset = "eie64"\nqueue = 3', "unknown configuration field 'queue'; known: name, pes, "),
        ("queue = 3", "unknown configuration field 'queue'; known: name, pes, "),
        ("pes = 4", "missing configuration field 'sparse_matrix_depth' (or name a preset)"),
        ('preset = ["eie64"]', "no preset ['eie64']; presets: eie64, "),
        ('preset = "eie64"\nself = 1', "unknown configuration field 'self'; known: name, "),
        ("pes = ", "is not valid TOML"),
        ('preset = "eie64"\npes = 1.5', "pes must be an integer, got 1.5"),
    ],
)
def test_file_refusals(tmp_path, text, sentence):
    with pytest.raises(ConfigError) as refusal:
        load_config(write(tmp_path, text))
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("pes", "pes must be between 1 and 256"),
        ("pointer_depth", "pointer_depth must be between 4 and 1048576"),
        ("stream_bits", "stream_bits must be 32, 64 or 128"),
        ("clock_mhz", "clock_mhz must be a number between 0.001 and 1000000"),
        ("name", "name must be a string"),
        ("parity", "parity must be true or false"),
        ("row_dealing", "row_dealing must be one of modulo, balanced, searched"),
    ],
)
def test_integers_too_long_to_print(tmp_path, field, wanted):
    path = write(tmp_path, f'preset = "tiny4"\n{field} = 0x{"f" * 5000}')
    with pytest.raises(ConfigError) as refusal:
        load_config(path)
    assert str(refusal.value) == f"{path}: {wanted}, got a value too long to print"


def test_values_that_hold_integers_too_long_to_print(tmp_path):
    long = "0x" + "f" * 5000
    with pytest.raises(ConfigError, match="pes must be an integer, got a value too long to print"):
        load_config(write(tmp_path, f'preset = "tiny4"\npes = [{long}]'))
    with pytest.raises(ConfigError, match="no preset a value too long to print; presets: eie64, "):
        load_config(write(tmp_path, f"preset = {long}"))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="cannot read configuration"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"no preset 'eie'; presets: eie64, .*, mcu32, or a \.toml file"):
        load_config("eie")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_config(tmp_path / "binary.toml")
