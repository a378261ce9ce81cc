"""What `eie baseline` says: times beside the array's simulated one and the paper's, and who is faster by how much."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from statistics import geometric_mean
from typing import Any, Literal

from sim.baseline.measurement import Form, Timing
from sim.paper import PaperLayer, Platform

Kind = Literal["cpu", "gpu"]

PAPER_NAMES: Mapping[Kind, str] = {"cpu": "paper's i7-5930K", "gpu": "paper's Titan X"}
PLATFORMS: Mapping[tuple[Kind, int], Platform] = {
    ("cpu", 1): "cpu_batch_1",
    ("cpu", 64): "cpu_batch_64",
    ("gpu", 1): "gpu_batch_1",
    ("gpu", 64): "gpu_batch_64",
}


@dataclass(frozen=True, kw_only=True)
class LayerBaseline:
    """One layer: the array's simulated microseconds of one frame, and the timings on a device.

    `weights` are the nonzero ones; `enlarged` the array's fields that had to grow, as in `sim.simulation.paper_layers`.
    """

    layer: PaperLayer
    weights: int
    enlarged: Mapping[str, int]
    array_us: float
    timings: Sequence[Timing]


@dataclass(frozen=True, kw_only=True)
class SpeedUp:
    """How much faster the array is than something else, over the layers; below 1 it is slower.

    `us` and `mean` are geometric means. `least` and `most` are the extremes, each with its layer; `slower` names the
    layers in which the array is slower.
    """

    against: str
    us: float
    mean: float
    least: float
    least_layer: str
    most: float
    most_layer: str
    slower: list[str]


def speed_ups(baselines: Sequence[LayerBaseline]) -> list[SpeedUp]:
    """Against every library, batch and number of threads, then against the paper's CPU and GPU at the same batches."""
    here: dict[str, list[float]] = {}
    published: dict[str, list[float]] = {}
    forms: tuple[Form, Form] = ("dense", "CSR")
    for baseline in baselines:
        for timing in baseline.timings:
            here.setdefault(f"{timing.library} {timing.form}, {case_name(timing)}", []).append(timing.median_us)
        batches = dict.fromkeys(timing.batch for timing in baseline.timings)
        for (kind, name), batch, form in product(PAPER_NAMES.items(), batches, forms):
            us = paper_us(baseline.layer, kind, batch, form)
            if us is not None:
                published.setdefault(f"{name} {form}, batch {batch}", []).append(us)
    return [_speed_up(against, times, baselines) for against, times in {**here, **published}.items()]


def paper_us(layer: PaperLayer, kind: Kind, batch: int, form: Form) -> float | None:
    """The paper's microseconds per frame on its CPU or GPU; None for a batch it does not have."""
    if (kind, batch) not in PLATFORMS:
        return None
    times = layer.platform_us[PLATFORMS[kind, batch]]
    return times.dense if form == "dense" else times.sparse


def payload(baselines: Sequence[LayerBaseline], kind: Kind) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "layers": [
            {
                "name": baseline.layer.name,
                "shape": [baseline.layer.outputs, baseline.layer.inputs],
                "weights": baseline.weights,
                "enlarged": dict(baseline.enlarged),
                "array_us": baseline.array_us,
                "timings": [
                    {
                        **asdict(timing),
                        "paper_us": paper_us(baseline.layer, kind, timing.batch, timing.form),
                        "speed_up": timing.median_us / baseline.array_us,
                    }
                    for timing in baseline.timings
                ],
            }
            for baseline in baselines
        ],
        "speed_ups": [asdict(row) for row in speed_ups(baselines)],
    }


def _speed_up(against: str, times: Sequence[float], baselines: Sequence[LayerBaseline]) -> SpeedUp:
    ratios = {baseline.layer.name: time / baseline.array_us for time, baseline in zip(times, baselines, strict=True)}
    least, most = min(ratios, key=lambda name: ratios[name]), max(ratios, key=lambda name: ratios[name])
    return SpeedUp(
        against=against,
        us=geometric_mean(times),
        mean=geometric_mean(ratios.values()),
        least=ratios[least],
        least_layer=least,
        most=ratios[most],
        most_layer=most,
        slower=[name for name, value in ratios.items() if value < 1],
    )


def case_name(timing: Timing) -> str:
    """Batch and threads, as one word of a heading."""
    return case_text(timing.batch, timing.threads)


def case_text(batch: int, threads: int | None) -> str:
    """The same of their numbers."""
    if threads is None:
        return f"batch {batch}"
    return f"batch {batch}, {threads} {'thread' if threads == 1 else 'threads'}"
