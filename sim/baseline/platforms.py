"""The layers' times on CPUs and GPUs beside the array's: measured ones from a file, else the EIE paper's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from sim.baseline.files import FORMS, Measured
from sim.baseline.measurement import Form
from sim.paper import PaperLayer, Platform
from sim.text import mean

BATCHES = (1, 64)
PUBLISHED = {"cpu": "Core i7-5930K, MKL", "gpu": "Titan X, cuBLAS and cuSPARSE"}
PLATFORMS: dict[tuple[str, int], Platform] = {
    ("cpu", 1): "cpu_batch_1",
    ("cpu", 64): "cpu_batch_64",
    ("gpu", 1): "gpu_batch_1",
    ("gpu", 64): "gpu_batch_64",
}
COLUMNS = ["layer", "array us", *(f"{form} b{batch}" for _ in PUBLISHED for batch in BATCHES for form in FORMS)]


@dataclass(frozen=True, kw_only=True)
class Device:
    """Microseconds per frame of one CPU or GPU, by layer, form and batch; some may be missing.

    source : whose figures these are, for a reader.
    """

    kind: str
    source: str
    times: Mapping[tuple[str, Form, int], float]


def devices(layers: Sequence[PaperLayer], measured: Sequence[Measured]) -> list[Device]:
    """A CPU and a GPU: as measured, or else as published."""
    of_kind = {device.kind: device for device in measured}
    found: list[Device] = []
    for kind, name in PUBLISHED.items():
        device = of_kind.get("cpu" if kind == "cpu" else "gpu")
        if device is not None:
            source = f"{device.device}, measured {device.date}"
            found.append(Device(kind=kind, source=source, times=device.times))
            continue
        times: dict[tuple[str, Form, int], float] = {
            (layer.name, form, batch): getattr(layer.platform_us[PLATFORMS[kind, batch]], _library(form))
            for layer in layers
            for batch in BATCHES
            for form in FORMS
        }
        found.append(Device(kind=kind, source=f"{name}, published in the EIE paper, Table IV", times=times))
    return found


def rows(array_us: Mapping[str, float], found: Sequence[Device]) -> list[list[str]]:
    """A row per layer in the order of `COLUMNS`; what was not measured is empty."""
    return [
        [name, mean(microseconds), *(_cell(times) for times in _times(name, found))]
        for name, microseconds in array_us.items()
    ]


def last_row(array_us: Mapping[str, float], found: Sequence[Device]) -> list[str]:
    """How many times faster the array is, geometric mean over the layers that have a time."""
    cells: list[str] = []
    for number in range(len(COLUMNS) - 2):
        pairs = [(_times(name, found)[number], own) for name, own in array_us.items()]
        ratios = [time / own for time, own in pairs if time is not None]
        cells.append(f"{geometric_mean(ratios):,.2f}x" if ratios else "")
    return ["array is faster by", "", *cells]


def remarks(found: Sequence[Device]) -> list[str]:
    """Whose figures the columns are."""
    first, second = (device.source for device in found)
    return [
        f"us per frame, dense and sparse, batch 1 and 64. First four: CPU, {first}. Last four: GPU, {second}.",
        "Below 1x the array is slower.",
    ]


def _times(name: str, found: Sequence[Device]) -> list[float | None]:
    return [device.times.get((name, form, batch)) for device in found for batch in BATCHES for form in FORMS]


def _library(form: Form) -> str:
    return "dense" if form == "dense" else "sparse"


def _cell(time: float | None) -> str:
    return "" if time is None else mean(time)
