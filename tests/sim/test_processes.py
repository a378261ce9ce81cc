"""sim/processes.py: workers do not outlive what they work for."""

import subprocess
import sys
import time
from pathlib import Path

SECONDS = 30

PARENT = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from sim.processes import begin_worker
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin_worker)
    print(pool.submit(__import__("os").getpid).result(), flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_parent_that_was_killed(project_root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _alive(worker)
        parent.kill()
        deadline = time.monotonic() + SECONDS
        while _alive(worker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
