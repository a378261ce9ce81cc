"""sim/commands/sweep.py: `eie sweep` as a user runs it: results, front, going on after a kill, refusals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sim.commands.sweep
import sim.sweep.executors
from sim.cli import main
from sim.sweep.results import read_results
from sim.sweep.work import Record, Task, run_task
from tests.support.tools.sweep import ROOMY, chain

Run = Callable[..., tuple[int, str, str]]

LAYER = ("--layer", "NT-We")
SPACE = ("--vary", "queue_depth=2,8", "--vary", "index_bits=4,8", "--jobs", "1")
SECONDS = 60.0


@pytest.fixture
def sweep(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie sweep` and returns (exit code, standard output, error stream)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["sweep", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_every_combination_is_a_row_and_the_front_is_shown(sweep: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    code, out, err = sweep(*LAYER, *SPACE, "-o", path)
    assert code == 0
    assert err.splitlines()[0] == "simulating 2 points on 1 processes"
    lines = out.splitlines()
    assert lines[0] == f"{path}: 4 rows, 2 of them skipped; 2 simulations now, 0 from the journal"
    assert lines[1] == "skipped 2: max_code_length must be between 9 and 16, got 8"
    assert lines[3] == "Pareto front of time, energy and area: 2 of 4 points"
    rows = read_results(path).rows
    assert [(row["queue_depth"], row["index_bits"], row["status"]) for row in rows] == [
        ("2", "4", "ran"),
        ("2", "8", "skipped"),
        ("8", "4", "ran"),
        ("8", "8", "skipped"),
    ]
    assert [row["pareto"] for row in rows] == [True, False, True, False]
    assert sweep("--show", path)[1].splitlines() == lines[3:]


def test_figures_are_those_of_bench_and_area(sweep: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.csv"
    layers = ("--layer", "NT-LSTM,NT-We")
    options = ("--preset", "balanced64", "--set", "pes=16", "--seed", "3")
    assert sweep(*layers, *options, "--vary", "queue_depth=4", "--jobs", 1, "-o", path)[0] == 0
    rows = read_results(path).rows
    assert [row["layer"] for row in rows] == ["NT-We", "NT-LSTM"]
    assert main(["bench", "--layer", "NT-We", "--layer", "NT-LSTM", *options, "--set", "queue_depth=4", "--json"]) == 0
    bench = json.loads(capsys.readouterr().out)
    for row, layer in zip(rows, bench["layers"], strict=True):
        for figure in ("cycles", "microseconds", "useful_efficiency", "balance", "entries", "fillers", "stalls"):
            assert row[figure] == layer[figure], figure
        assert row["energy_nj"] == layer["energy"]["energy_nj"]
        assert row["pointer_read_nj"] == layer["energy"]["nanojoules"]["pointer read"]
        assert row["image_nj"] == layer["energy"]["image_nj"]
    assert main(["area", *options[:4], "--set", "queue_depth=4", "--json"]) == 0
    assert rows[0]["area_mm2"] == json.loads(capsys.readouterr().out)["mm2"]
    # The largest layer needs larger memories than the array has.
    assert rows[1]["enlarged"] == ""


def test_a_network_is_swept_like_it_is_simulated(
    sweep: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, inputs = chain(tmp_path)
    path = tmp_path / "results.csv"
    options = [word for field, value in ROOMY.items() for word in ("--set", f"{field}={value}")]
    options += ["--preset", "tiny4"]
    options += ["--vary", "activation_depth=64,2"]
    code, out, _ = sweep(network, "--input", inputs, *options, "--jobs", 1, "-o", path)
    assert code == 0
    assert "skipped 1: activation memory: the network needs 3 local activations on 4 PEs, the array has 2" in out
    row = read_results(path).rows[0]
    assert main(["simulate", str(network), "--input", str(inputs), *options[:-2], "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert row["layer"] == "small.eie"
    assert (row["cycles"], row["useful_efficiency"]) == (total["cycles"], total["useful_efficiency"])
    assert row["energy_nj"] == total["energy"]["energy_nj"]


def test_json_says_the_same(sweep: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    code, out, _ = sweep(*LAYER, *SPACE, "-o", path, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["vary"] == {"queue_depth": [2, 8], "index_bits": [4, 8]}
    assert (report["layers"], report["seed"], report["technology"]) == (["NT-We"], 1, "cmos45")
    assert (report["points"], report["simulated"], report["from_journal"]) == (4, 2, 0)
    assert report["skipped"] == {"max_code_length must be between 9 and 16, got 8": 2}
    assert [machine["config"]["queue_depth"] for machine in report["front"]] == [8, 2]
    shown = json.loads(sweep("--show", path, "--json")[1])
    for machine, again in zip(report["front"], shown["front"], strict=True):
        assert again["config"]["queue_depth"] == str(machine["config"]["queue_depth"])
        for name in ("microseconds", "energy_nj", "area_mm2", "energy_delay_nj_us", "useful_efficiency"):
            assert again[name] == machine[name]


def test_one_point_is_recommended(sweep: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    code, out, _ = sweep(*LAYER, *SPACE, "-o", path, "--best", "area")
    assert code == 0
    assert out.splitlines()[-2].startswith(
        "Recommended: queue_depth=2, index_bits=4. Of 2 points it has the least mm2, "
    )
    assert out.splitlines()[-1] == "Build it: eie verilog --preset eie64 --set queue_depth=2 -o build/verilog"
    again = json.loads(sweep("--show", path, "--max-mm2", 1000, "--json")[1])["recommendation"]
    assert (again["goal"], again["config"]["queue_depth"]) == ("time", "8")
    assert (again["within_limits"], again["of"], again["kept_by"]) == (2, 2, {"--max-mm2 1000": 2})
    assert sweep("--show", path, "--min-fps", 1e9)[1].splitlines()[-1] == (
        "None of 2 points that ran keeps every limit. Alone they are kept by so many: --min-fps 1e+09: 0."
    )


def test_a_sweep_that_stopped_goes_on(sweep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = tmp_path / "results.csv", tmp_path / "whole.csv"
    done: list[Task] = []

    def stop_at_the_second(task: Task) -> Record:
        done.append(task)
        if len(done) == 2:
            raise KeyboardInterrupt
        return run_task(task)

    assert sweep(*LAYER, *SPACE, "-o", whole)[0] == 0
    monkeypatch.setattr(sim.sweep.executors, "run_task", stop_at_the_second)
    assert sweep(*LAYER, *SPACE, "-o", path)[0] == 130
    assert not path.exists()
    code, out, _ = sweep(*LAYER, *SPACE, "-o", path)
    assert code == 0
    assert "1 simulations now, 1 from the journal" in out
    assert len(done) == 3
    assert path.read_bytes() == whole.read_bytes()
    code, out, err = sweep(*LAYER, *SPACE, "--vary", "clock_mhz=800,400", "-o", path)
    assert code == 0
    assert "8 rows, 4 of them skipped; 0 simulations now, 2 from the journal" in out
    assert err == ""


def test_a_sweep_that_was_killed_goes_on_and_ends_the_same(sweep: Run, tmp_path: Path, project_root: Path) -> None:
    path, whole = tmp_path / "results.csv", tmp_path / "whole.csv"
    space = (*LAYER, "--vary", "queue_depth=1,2,3,4,5,6,7,8", "--vary", "index_bits=3,4")
    command = "import sys; from sim.cli import main\nif __name__ == '__main__': sys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", command, "sweep", *space, "--jobs", "2", "-o", str(path)]
    journal = tmp_path / "results.csv.journal"
    # A session of its own: whatever goes wrong here, no worker outlives the test.
    with subprocess.Popen(
        arguments, cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as killed:
        deadline = time.monotonic() + SECONDS
        try:
            while not (journal.exists() and journal.read_bytes().count(b"\n") > 2) and time.monotonic() < deadline:
                assert killed.poll() is None
                time.sleep(0.01)
            killed.kill()
            killed.wait(SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(killed.pid, signal.SIGKILL)
    assert not path.exists()
    known = journal.read_bytes().count(b"\n") - 1
    assert 2 <= known < 16
    with journal.open("ab") as file:
        file.write(b'{"key": "a record that was being wri')
    code, out, _ = sweep(*space, "--jobs", 1, "-o", path)
    assert code == 0
    assert f"{16 - known} simulations now, {known} from the journal" in out
    assert sweep(*space, "--jobs", 1, "-o", whole)[0] == 0
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--layer", "NT-We"],
            "wanted -o with a .csv or .parquet file for the results, or --show with one",
        ),
        (["-o", "r.txt"], "results of a sweep are a .csv or a .parquet file, got 'r.txt'"),
        (["-o", "r.csv"], "wanted one of --layer, --all-layers and NET.eie with --input"),
        (["-o", "r.csv", "--layer", "NT-We", "--all-layers"], "wanted one of --layer, --all-layers and NET.eie with"),
        (["-o", "r.csv", "net.eie"], "a network wants its inputs and inputs want their network: NET.eie --input X.npy"),
        (["-o", "r.csv", "--input", "x.npy"], "a network wants its inputs and inputs want their network"),
        (["-o", "r.csv", "net.eie", "--input", "x.npy"], "cannot read net.eie: No such file or directory"),
        (["-o", "r.csv", "--layer", "NT-We,Alex-9"], "no layer 'Alex-9'; layers: Alex-6"),
        (["-o", "r.csv", "--all-layers", "--vary", "pes"], "--vary wants FIELD=VALUE,..., got 'pes'"),
        (
            ["-o", "r.csv", "--all-layers", "--vary", "pes=0,300"],
            "no combination of --vary is an array; the first",
        ),
        (["-o", "r.csv", "--all-layers", "--jobs", "0"], "--jobs must be between 1 and 1024, got 0"),
        (["-o", "r.csv", "--all-layers", "--jobs", "2", "--scheduler", "a"], "--jobs counts local processes and"),
        (["-o", "r.csv", "--all-layers", "--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["-o", "r.csv", "--all-layers", "--technology", "no.toml"], "cannot read no.toml: No such file"),
        (["-o", "no/r.csv", "--all-layers"], "cannot write no/r.csv: No such file or directory"),
        (["--show", "no.csv"], "cannot read no.csv: No such file or directory"),
        (["--show", "no.csv", "--max-mw", "0"], "--max-mw must be a number above 0, got 0"),
        (["-o", "r.csv", "--all-layers", "--best", "time", "--shard", "1/2"], "a shard has no results to recommend"),
        (["--show", "no.txt"], "results of a sweep are a .csv or a .parquet file, got 'no.txt'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    sweep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = sweep(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {sentence}")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_files_that_would_be_lost_are_kept(sweep: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    journal = tmp_path / "results.csv.journal"
    journal.write_text("my own notes, which are longer than the head of a journal\n")
    code, _, err = sweep(*LAYER, *SPACE, "-o", path)
    assert (code, "is not a journal of this version of eie sweep" in err) == (2, True)
    assert journal.read_text().startswith("my own notes")
    assert not path.exists()


def test_results_without_rows_are_refused(sweep: Run, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    assert sweep(*LAYER, *SPACE, "-o", path)[0] == 0
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert sweep("--show", path) == (2, "", f"error: {path} has no rows\n")
