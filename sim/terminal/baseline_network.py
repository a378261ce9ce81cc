"""`eie baseline cpu NET` and `eie baseline gpu NET`: the network, its array, and the tables of their times."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.config import ArrayConfig
from model.errors import EieError
from sim.baseline.comparison import case_text
from sim.baseline.measurement import Device, Timing
from sim.baseline.network import NetworkBaseline, NetworkPlan, time_network
from sim.metrics.figure import number
from sim.provenance import made_by
from sim.simulation.prepare import with_inputs
from sim.simulation.simulate import simulate
from sim.terminal.fit_preset import fitted
from sim.terminal.output import Output
from sw.file.model_file import load
from sw.files import write_whole
from sw.formats.network_file import load_network
from sw.network.network import Network


@dataclass(frozen=True, kw_only=True)
class NetworkAndArray:
    """A network and, of a compressed one with inputs, the array that runs it."""

    path: Path
    network: Network
    array: ArrayConfig
    run: Callable[[], tuple[float, dict[str, float]]] | None


def network_and_array(
    output: Output,
    path: Path,
    inputs_file: Path | None,
    names: list[str] | None,
    preset: str | None,
    array: ArrayConfig,
    changes: list[str] | None,
) -> NetworkAndArray:
    """What the options of `eie baseline` name; EieError for options of the paper's layers."""
    if names:
        raise EieError("--layer names layers of the paper; a network is timed whole")
    if path.suffix.lower() != ".eie":
        if inputs_file is not None:
            raise EieError(f"--input is for the array's time of a compressed network, which {path} is not")
        return NetworkAndArray(path=path, network=load_network(path), array=array, run=None)
    stored = load(path)
    if inputs_file is None:
        return NetworkAndArray(path=path, network=stored.to_network(), array=array, run=None)
    compressed, inputs, _ = with_inputs(path, stored, inputs_file, output, array.activation_bits)
    array = fitted(preset, array, changes, compressed, output)

    def run() -> tuple[float, dict[str, float]]:
        found = simulate(compressed, inputs, array)
        return found.total.microseconds, {name: layer.microseconds for name, layer in found.layers.items()}

    return NetworkAndArray(path=path, network=stored.to_network(), array=array, run=run)


def time_and_show(
    output: Output,
    wanted: NetworkAndArray,
    how: NetworkPlan,
    device: Device,
    place: str,
    facts: dict[str, Any],
    path: Path | None,
) -> None:
    """Time the network on the device, `place` being torch's word for it, show it, and write it if there is a path."""
    onnx_file = wanted.path if wanted.path.suffix.lower() == ".onnx" else None
    with output.steps(f"simulating and timing {wanted.path}") as say:
        found = time_network(wanted.network, device, place, how, wanted.run, onnx_file, say)
    show_network_baseline(output, str(wanted.path), found)
    if wanted.run is None:
        output.line("No time of an array: give a compressed network, NET.eie, and --input X.npy.")
    result = {
        "made_by": made_by(),
        **facts,
        "network": str(wanted.path),
        "config": None if wanted.run is None else wanted.array.to_dict(),
        **asdict(how.budget),
        **found.payload(),
    }
    output.result(result)
    if path is not None:
        write_whole(path, (json.dumps(result, indent=2) + "\n").encode())
        output.line(f"written to {path}")


def show_network_baseline(output: Output, name: str, found: NetworkBaseline) -> None:
    """A table of the layers and one of their sums and of the whole network, each beside the array."""
    if found.layers:
        batches = list(dict.fromkeys(timing.batch for timings in found.layers.values() for timing in timings))
        output.table(
            f"{name}: products of its layers, us an input, the fastest library's median",
            ["layer", *(head for batch in batches for head in (f"batch {batch}", "by")), "array"],
            [
                [layer, *_fastest(timings, batches), _us(found.array_layers_us.get(layer))]
                for layer, timings in found.layers.items()
            ],
        )
    rows = [
        [f"{library} {form}", "products of its layers", case_text(batch, threads), _us(us), *_times(us, found.array_us)]
        for (library, form, batch, threads), us in found.sums.items()
    ] + [
        [
            f"{timing.library} {timing.form}",
            "whole network",
            case_text(timing.batch, timing.threads),
            _us(timing.median_us),
            *_times(timing.median_us, found.array_us),
        ]
        for timing in found.whole
    ]
    output.table(f"{name}: us an input, medians", ["library", "computes", "batch", "us", "array us", "array"], rows)
    output.line('"array" is how many times faster the array is, one input at a time: below 1 it is slower.')
    output.line("Medians of warm runs, float32, random inputs; products leave out what has no weights.")
    for remark in found.remarks:
        output.line(remark)


def _fastest(timings: Sequence[Timing], batches: Sequence[int]) -> list[str]:
    """Of each batch the least median and whose it is."""
    cells: list[str] = []
    for batch in batches:
        best = min((each for each in timings if each.batch == batch), key=lambda each: each.median_us)
        threads = "" if best.threads in (None, 1) else f", {best.threads} threads"
        cells += [_us(best.median_us), f"{best.library} {best.form}{threads}"]
    return cells


def _us(value: float | None) -> str:
    return "-" if value is None else number(value, 1)


def _times(us: float, array_us: float | None) -> list[str]:
    if array_us is None:
        return ["-", "-"]
    ratio = us / array_us
    return [_us(array_us), f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"]
