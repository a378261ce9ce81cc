"""sim/sweep/shards.py: parts of a sweep make the file that the whole makes, and what is missing is counted."""

from pathlib import Path
from typing import Any

import pytest

from model.errors import EieError
from sim.cli import main
from sim.sweep.shards import Shard

SPACE = ["sweep", "--layer", "NT-We", "--pes", "4", "--vary", "queue_depth=2,4,8", "--vary", "index_bits=4,8"]


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/1000000", "1 /2", "٣/4٤"])
def test_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(EieError, match="--shard wants I/N with I from 1 to N, N at most 100,000, got "):
        Shard.parse(text)


def test_parts_are_all_of_it_once() -> None:
    tasks: Any = list(range(11))
    parts: Any = [Shard(number, 4).tasks(tasks) for number in range(1, 5)]
    assert sorted(task for part in parts for task in part) == tasks
    assert {len(part) for part in parts} == {2, 3}


def test_shards_and_merge_make_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SPACE, "--jobs", "1", "-o", "whole.csv"]) == 0
    assert main([*SPACE, "--shard", "2/2", "--jobs", "1", "-o", "parts.csv"]) == 0
    assert not Path("parts.csv").exists()
    capsys.readouterr()
    assert main([*SPACE, "--merge", "-o", "parts.csv"]) == 2
    assert capsys.readouterr().err == (
        "error: 2 of 3 simulations are in none of the 1 journals parts.csv.I-of-N.journal; wanted all shards of the "
        "same command, run to their ends\n"
    )
    assert main([*SPACE, "--shard", "1/2", "--jobs", "1", "-o", "parts.csv"]) == 0
    assert "shard 1 of 2, 2 simulations now, 0 from the journal" in capsys.readouterr().out
    assert main([*SPACE, "--merge", "-o", "parts.csv"]) == 0
    assert Path("parts.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert main([*SPACE, "--merge", "--shard", "1/2", "-o", "parts.csv"]) == 2
    assert "wanted one of them" in capsys.readouterr().err
