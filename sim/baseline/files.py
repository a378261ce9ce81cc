"""Times that `eie baseline cpu|gpu -o FILE.json` measured, read for a comparison."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from model.errors import EieError
from sim.baseline.comparison import Kind
from sim.baseline.measurement import Form
from sw.files import UNREADABLE, read_whole

LARGEST = 1 << 20  # bytes; it writes some ten thousand
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a device took for the layers of the paper.

    Parameters
    ----------
    kind : "cpu" or "gpu".
    device : its name.
    date : of the measurement, ISO 8601.
    times : microseconds per frame by layer, form and batch: the median of the fastest library and number of threads.
    """

    kind: Kind
    device: str
    date: str
    times: Mapping[tuple[str, Form, int], float]


def read_baselines(cpu_file: Path | None, gpu_file: Path | None) -> list[Measured]:
    """What --cpu and --gpu name; EieError as for `read_baseline`."""
    files: list[tuple[Path | None, Kind]] = [(cpu_file, "cpu"), (gpu_file, "gpu")]
    return [read_baseline(file, kind) for file, kind in files if file is not None]


def read_baseline(path: Path, kind: Kind) -> Measured:
    """EieError unless the file is what `eie baseline` writes for this kind of device."""
    wanted = f"{path} must be a file that `eie baseline {kind} -o` writes"
    data = read_whole(path, LARGEST)
    try:
        found: Any = json.loads(data)
    except UNREADABLE as error:
        raise EieError(f"{wanted}, it is not JSON") from error
    try:
        has_gpu = "gpu" in found
        device = str(found["gpu"]["name"] if has_gpu else found["machine"]["cpu"])
        times: dict[tuple[str, Form, int], float] = {}
        for layer in found["layers"]:
            for timing in layer["timings"]:
                form, batch, median = timing["form"], int(timing["batch"]), float(timing["median_us"])
                if form not in FORMS or not 0 < median < math.inf:
                    raise ValueError
                key = (str(layer["name"]), form, batch)
                times[key] = min(times.get(key, math.inf), median)
        date = str(found["machine"]["date"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise EieError(f"{wanted}, its contents are others") from error
    if has_gpu != (kind == "gpu"):
        raise EieError(f"{wanted}, it holds the times of a {'GPU' if has_gpu else 'CPU'}")
    return Measured(kind=kind, device=device, date=date, times=times)
