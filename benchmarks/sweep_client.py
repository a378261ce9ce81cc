"""What a sweep costs beside its simulations: `python -m benchmarks.sweep_client [POINTS]`.

The whole command `eie sweep` with simulations that take no time: planning, keys, journal, rows, front and file. It runs
twice; the second run reads the journal. Time is that of this process, memory its peak.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import sim.sweep.executors
from sim.cli import main
from sim.energy.events import Events
from sim.sweep.work import Record, Task

DEPTHS = 100  # values of the one of two fields that are varied


def measured(points: int, folder: Path) -> dict[str, float]:
    """Seconds and milliseconds a point of a first and a second run, peak memory in MB."""
    space = [
        "--vary=queue_depth=" + ",".join(str(1 + depth) for depth in range(DEPTHS)),
        "--vary=activation_depth=" + ",".join(str(4096 + depth) for depth in range(points // DEPTHS)),
    ]
    command = ["sweep", "--layer", "NT-We", *space, "--jobs", "1", "-o", str(folder / "points.csv"), "--json"]
    found: dict[str, float] = {"points": points}
    for run in ("first", "second"):
        start = time.process_time()
        if main(command):
            raise SystemExit("the sweep failed")
        seconds = time.process_time() - start
        found |= {f"{run}_seconds": round(seconds, 1), f"{run}_ms_a_point": round(1000 * seconds / points, 3)}
    return found | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)}


def instant(task: Task) -> Record:
    """A record as a simulation gives it, which depends on the task."""
    events = {name: float(task.array.queue_depth) + 1 for name in Events.__dataclass_fields__}
    return {"enlarged": {}, "events": events | {"cycles": 1e6 / task.array.queue_depth}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="?", type=int, default=100_000)
    wanted = parser.parse_args().points
    sim.sweep.executors.run_task = instant
    with tempfile.TemporaryDirectory() as name:
        result = measured(wanted, Path(name))
    print(json.dumps(result), file=sys.stderr)
