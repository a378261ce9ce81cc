"""sim/terminal/options.py: the array that the shared options describe."""

from pathlib import Path

import pytest

from model.config import PRESETS, ArrayConfig
from model.errors import ConfigError
from sim.terminal.options import array_config


def test_default_preset_and_changes() -> None:
    assert array_config(None, None, None, None) == PRESETS["eie64"]
    assert array_config("tiny4", None, 3, ["queue_depth=1", "row_dealing=balanced", "pe_counters = false"]) == PRESETS[
        "tiny4"
    ].with_(pes=3, queue_depth=1, row_dealing="balanced", pe_counters=False)


def test_toml_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('preset = "tiny4"\nqueue_depth = 2\n')
    assert array_config(None, path, None, ["name='x'"]) == PRESETS["tiny4"].with_(name="x", queue_depth=2)


@pytest.mark.parametrize(
    ("preset", "file", "pes", "changes", "sentence"),
    [
        ("nope", None, None, None, "no preset 'nope'"),
        ("tiny4", "mine.toml", None, None, "wanted one of them"),
        (None, "missing.toml", None, None, "cannot read configuration"),
        (None, "mine.json", None, None, "--config wants a .toml file, got 'mine.json'"),
        (None, None, 0, None, "pes must be between 1 and 256, got 0"),
        (None, None, 4, ["pes=5"], "--pes 4 and --set pes=5 differ"),
        (None, None, 4, ["pes=0x" + "f" * 5000], "pes must be between 1 and 256, got a value too long to print"),
        (None, None, None, ["queue_depth"], "--set wants FIELD=VALUE, got 'queue_depth'"),
        (None, None, None, ["depth=3"], "no field 'depth'"),
        (None, None, None, ["self=3"], "no field 'self'"),
        (None, None, None, ["queue_depth=deep"], "queue_depth must be an integer, got 'deep'"),
        (None, None, None, ["queue_depth=1.5"], "queue_depth must be an integer, got 1.5"),
        (None, None, None, ["queue_depth="], "queue_depth must be an integer"),
        (None, None, None, ["pes=3\nlayers=2"], r"pes must be an integer, got '3\\nlayers=2'"),
        (None, None, None, ["pes=" + "9" * 5000], "pes must be an integer"),
        (None, None, None, ["pes=" + "[" * 5000], "pes must be an integer"),
        (None, None, None, ["clock_mhz=inf"], "clock_mhz must be a number between 0.001 and 1000000"),
    ],
)
def test_refused_with_one_sentence(
    preset: str | None, file: str | None, pes: int | None, changes: list[str] | None, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as error:
        array_config(preset, Path(file) if file else None, pes, changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000, "\N{SNOWMAN}", ""])
def test_values_that_the_toml_parser_gives_up_on(tmp_path: Path, value: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'preset = "tiny4"\npes = {value}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml is not valid TOML"):
        array_config(None, path, None, None)


def test_every_preset_by_name() -> None:
    for name, config in PRESETS.items():
        assert array_config(name, None, None, None) == config
        assert isinstance(config, ArrayConfig)
