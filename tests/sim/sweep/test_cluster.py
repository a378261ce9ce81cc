"""sim/sweep/cluster.py: a sweep on the workers of a Dask cluster, and clusters that are none."""

import os
import signal
import socket
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sim.sweep.cluster
import sim.sweep.executors
from model.config import PRESETS
from model.errors import EieError
from sim.cli import main
from sim.sweep.cluster import run_on_cluster
from sim.sweep.work import PaperWork, Record, Task, code_digest

dask = pytest.importorskip("dask", reason="a cluster needs Dask, the extra `cluster`")
distributed = pytest.importorskip("distributed", reason="a cluster needs Dask, the extra `cluster`")

TASK = Task(array=PRESETS["eie64"], work=PaperWork("NT-We", 1), code=code_digest())


@pytest.fixture(scope="module")
def cluster() -> Generator[Any]:
    """Two worker processes on this machine, and their scheduler."""
    with local_cluster(2) as cluster:
        yield cluster


def local_cluster(workers: int) -> Any:
    """Workers are processes; nothing listens but on this machine."""
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )


def test_the_file_is_the_same_as_without_a_cluster(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["sweep", "--layer", "NT-We", "--vary", "queue_depth=2,8", "--vary", "index_bits=4,8"]
    on_cluster, here = tmp_path / "cluster.csv", tmp_path / "here.csv"
    assert main([*space, "--scheduler", cluster.scheduler_address, "-o", str(on_cluster)]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "simulating 2 points on a cluster"
    assert main([*space, "--jobs", "1", "-o", str(here)]) == 0
    assert on_cluster.read_bytes() == here.read_bytes()


def test_both_workers_work(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.executors, "run_task", _where)
    found = [record["process"] for _, record in run_on_cluster([TASK] * 8, cluster.scheduler_address)]
    assert len(found) == 8
    assert len(set(found) - {os.getpid()}) == 2


def _where(task: Task) -> Record:
    time.sleep(0.2)
    return {"process": os.getpid()}


def test_an_error_on_a_worker_is_the_commands(cluster: Any) -> None:
    with pytest.raises(EieError, match="a worker has other sources"):
        list(run_on_cluster([replace(TASK, code="another")], cluster.scheduler_address))


def test_workers_that_are_killed_are_one_sentence(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.executors, "run_task", _kill_this_process)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local_cluster(1) as short_lived,
        pytest.raises(EieError, match="lost its workers; what is done is in the journal"),
    ):
        list(run_on_cluster([TASK], short_lived.scheduler_address))


def _kill_this_process(task: Task) -> Record:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


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


def test_a_cluster_without_workers_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.cluster, "CLUSTER_SECONDS", 1)
    with local_cluster(0) as empty, pytest.raises(EieError, match="has no workers; wanted one at least"):
        list(run_on_cluster([TASK], empty.scheduler_address))


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.cluster, "imported", lambda name: None)
    with pytest.raises(EieError, match=r"--scheduler wants the extra `cluster` \(pip install 'eie\[cluster\]'\)"):
        list(run_on_cluster([TASK], "tcp://127.0.0.1:1"))
