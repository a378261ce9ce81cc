"""Attacks that a bound refuses: the command ends with the sentence that names it."""

import contextlib
import re
from pathlib import Path

import pytest

from tests.attacks import INDEX
from tests.attacks.commands import COMMANDS, write_good_files


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    with contextlib.chdir(folder):
        write_good_files()
    return folder


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        ("config/hexadecimal_field", "must be between .*, got a value too long to print"),
        ("config/many_lists", "must have at most 16384 bytes, it has 42000"),
        ("journal/many_lists", "is not a journal"),
        ("journal/record_without_figures", "is not a journal"),
        ("npz/many_empty_members", "an archive must have at most 8192 members, it has more"),
        ("parquet/packed_rows", "its 10000000 rows are too many for"),
        ("prototxt/many_fields", "must have at most"),
        ("prototxt/many_small_fields", "a text must have at most 32768 fields, it has more"),
        ("pytorch/colliding_keys_in_turn", "the keys of a dictionary must be text or 0 to 1048576"),
        ("pytorch/many_dictionaries", "a pickle must have at most 200000 opcodes"),
        ("pytorch/storage_of_many_types", "must hold numbers of one type"),
        ("results/figures_missing", "a point that ran must have figures"),
        ("safetensors/graph_of_many_lists", "a graph must have at most 1048576 characters"),
        ("technology/value_of_400_digits", "must be a number from .*, got a larger one"),
    ],
)
def test_bounds(
    good_files: Path,
    identity: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(good_files)
    attack = INDEX[identity]
    path, command = COMMANDS[attack.kind]
    Path(path).write_bytes(attack.make())
    assert command(path) == 2
    Path(path).unlink()
    assert re.search(sentence, capsys.readouterr().err.splitlines()[-1])
