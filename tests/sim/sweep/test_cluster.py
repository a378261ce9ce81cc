"""sim/sweep/cluster.py, dispatch.py, worker.py: a sweep on a Dask cluster whose workers fit or do not."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sim.sweep.cluster
import sim.sweep.dispatch
import sim.sweep.work
from model.config import PRESETS
from model.errors import EieError
from sim.cli import main
from sim.sweep.cluster import run_on_cluster
from sim.sweep.work import FileWork, PaperWork, Task, code_digest
from tests.support.tools.cluster import SECONDS, address_of, certificate, scheduler, worker
from tests.support.tools.sweep import ROOMY, chain

pytest.importorskip("dask", reason="a cluster needs Dask, the extra `cluster`")
pytest.importorskip("distributed", reason="a cluster needs Dask, the extra `cluster`")

TASK = Task(array=PRESETS["eie64"], work=PaperWork("NT-We", 1), code=code_digest())
OTHER_NUMPY = "import sim.sweep.worker as w\nw.library_versions = lambda: {'numpy': '1.0', 'scipy': '1.0'}\n"
OTHER_SOURCES = "import sim.sweep.worker as w\nw.code_digest = lambda: 'other'\n"
NO_EIE = "import sys\nsys.modules['sim'] = None\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The file of a scheduler with two workers."""
    with scheduler(tmp_path_factory.mktemp("cluster")) as (file, _), worker(file, "one"), worker(file, "two"):
        yield file


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The file of a scheduler without workers, to which tests bring theirs."""
    with scheduler(tmp_path_factory.mktemp("empty")) as (file, _):
        yield file


def some(number: int) -> list[Task]:
    return [replace(TASK, array=TASK.array.with_(queue_depth=1 + depth)) for depth in range(number)]


def test_the_file_is_the_same_as_without_a_cluster(
    cluster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["sweep", "--layer", "NT-We", "--vary", "queue_depth=2,8", "--vary", "index_bits=4,8"]
    on_cluster, here = tmp_path / "cluster.csv", tmp_path / "here.csv"
    assert main([*space, "--scheduler", str(cluster), "-o", str(on_cluster)]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "simulating 2 points on a cluster"
    assert main([*space, "--jobs", "1", "-o", str(here)]) == 0
    assert on_cluster.read_bytes() == here.read_bytes()


def test_both_workers_work_and_small_networks_travel(cluster: Path, tmp_path: Path) -> None:
    """Workers cannot read the files, which are gone once their bytes are on the way."""
    (tmp_path / "here").mkdir()
    work = FileWork.of(*chain(tmp_path / "here"))
    array = PRESETS["tiny4"].with_(**ROOMY)
    tasks = [Task(array=array.with_(queue_depth=1 + depth), work=work, code=code_digest()) for depth in range(200)]
    results = run_on_cluster(tasks, str(cluster))
    found = dict(next(results) for _ in range(1))
    shutil.rmtree(tmp_path / "here")
    found |= dict(results)
    assert found.keys() == set(tasks)
    assert all(record["events"]["cycles"] > 0 for record in found.values())


@pytest.mark.slow
def test_a_worker_that_does_not_fit_is_named_and_left_out(empty: Path) -> None:
    said: list[str] = []
    bad = {"numpy": OTHER_NUMPY, "sources": OTHER_SOURCES, "none": NO_EIE}
    with ExitStack() as workers:
        for name, preload in bad.items():
            workers.enter_context(worker(empty, name, preload))
        results = run_on_cluster(some(4), str(empty), 600, said.append)
        box: list[Any] = []
        client = threading.Thread(target=lambda: box.extend(results))
        client.start()
        wait_for(lambda: any("waiting 600 s for a worker" in text for text in said))
        workers.enter_context(worker(empty, "good"))
        client.join(SECONDS)
    assert {task.array.queue_depth for task, _ in box} == {1, 2, 3, 4}
    left_out = "\n".join(re.sub(r"tcp://127\.0\.0\.1:\d+", "W", text) for text in said if text.startswith("left out"))
    assert left_out.count("left out worker W: ") == 3
    assert "W: it has no eie like this command's: " in left_out
    assert re.search(r"W: it has numpy 1\.0, wanted [\d.]+$", left_out, re.MULTILINE)
    assert "W: it has other sources of eie than this command; wanted the same" in left_out


def test_without_a_worker_it_says_so_and_ends(empty: Path) -> None:
    said: list[tuple[float, str]] = []
    start = time.monotonic()
    with pytest.raises(EieError, match=r"could be used for 7 s: it has no workers; what is done is in the journal"):
        list(run_on_cluster([TASK], str(empty), 7, lambda text: said.append((time.monotonic() - start, text))))
    assert [text for _, text in said] == [f"waiting 7 s for a worker at {address_of(empty)}: it has no workers"]
    assert said[0][0] < 10


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(empty: Path) -> None:
    with worker(empty, "killed") as killed:
        results = run_on_cluster(some(200), str(empty), 60)
        found = dict([next(results)])
        killed.kill()
        with worker(empty, "next"):
            found |= dict(results)
    assert len(found) == 200


@pytest.mark.slow
def test_a_point_that_kills_its_workers_ends_the_sweep(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.dispatch, "MOST_LOSSES", 1)
    with (
        worker(empty, "doomed", "import os\nimport sim.sweep.work as w\nw.run_task = lambda task: os._exit(1)\n"),
        pytest.raises(EieError, match=r"lost its workers, 1 of them under the same point, tcp://.* the last"),
    ):
        list(run_on_cluster([TASK], str(empty), 60))


@pytest.mark.slow
def test_a_dead_scheduler_is_one_sentence(tmp_path: Path) -> None:
    """The whole command, for everything on its error stream."""
    with scheduler(tmp_path) as (file, running), worker(file, "slow", "import sim.sweep.work as w\n" + SLOW):
        command = ["sweep", "--layer", "NT-We", "--vary", "queue_depth=1,2,3,4", "--scheduler", str(file)]
        with subprocess.Popen(
            [sys.executable, "-m", "sim.cli", *command, "-o", str(tmp_path / "r.csv")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client:
            journal = tmp_path / "r.csv.journal"
            wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1)
            running.kill()
            _, err = client.communicate(timeout=SECONDS)
    assert client.returncode == 2
    lines = [line for line in err.splitlines() if not line.startswith("simulating ")]
    address = r"tcp://127\.0\.0\.1:\d+"
    assert len(lines) == 1, err
    assert re.fullmatch(
        rf"error: the Dask scheduler at {address} has gone; what is done is in the journal, .*", lines[0]
    )


SLOW = """
import time
if not hasattr(w, "real"):  # Dask runs a script that it is given twice
    w.real = w.run_task
def run_task(task):
    time.sleep(1)
    return w.real(task)
w.run_task = run_task
"""


@pytest.mark.slow
def test_a_cluster_with_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = certificate(tmp_path)
    with scheduler(tmp_path, "--protocol", "tls", **environment) as (file, _), worker(file, "one", **environment):
        address = address_of(file)
        assert address.startswith("tls://")
        command = [sys.executable, "-m", "sim.cli", "sweep", "--layer", "NT-We", "--scheduler", address]
        output = ["-o", str(tmp_path / "r.csv")]
        done = subprocess.run([*command, *output], env={**os.environ, **environment}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        refused = subprocess.run([*command, *output], capture_output=True, text=True)
        assert refused.returncode == 0, "all is in the journal, so that no cluster is wanted"
        refused = subprocess.run([*command, "-o", str(tmp_path / "s.csv")], capture_output=True, text=True)
        assert refused.returncode == 2
        assert refused.stderr.count("error: ") == 1
        assert "tls:// wants the certificates in Dask's configuration, distributed.comm.tls" in refused.stderr


def test_a_cluster_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.cluster, "CLUSTER_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host, port = silent.getsockname()
        for address in (f"tcp://{host}:{port}", "tcp://127.0.0.1:1", "nowhere", "foo://here:1", ""):
            with pytest.raises(EieError, match="no Dask scheduler can be reached at") as refused:
                list(run_on_cluster([TASK], address))
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"address": 1}', "[" * 10_000])
def test_a_file_of_no_scheduler(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(EieError, match=r"s\.json must be the file of a Dask scheduler"):
        list(run_on_cluster([TASK], str(tmp_path / "s.json")))


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.cluster, "imported", lambda name: None)
    with pytest.raises(EieError, match=r"--scheduler needs distributed: pip install 'dask>="):
        list(run_on_cluster([TASK], "tcp://127.0.0.1:1"))


def wait_for(what: Any) -> None:
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)
