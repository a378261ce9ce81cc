"""A user's network on this computer: the products of its layers, and the whole of it, beside an array's time."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim.baseline.measurement import Budget, Device, Timing
from sim.baseline.network_products import grouped, layer_vectors, time_products
from sim.baseline.whole_network import time_onnx, time_torch
from sim.progress import Say
from sw.network.network import Network

Case = tuple[str, str, int, int | None]  # library, form, batch, threads


@dataclass(frozen=True, kw_only=True)
class NetworkBaseline:
    """Times per input, microseconds.

    Parameters
    ----------
    layers : of every layer by name its products; none where they were left out.
    whole : of the whole network.
    array_us : of the array, simulated; None where it has no calibrated network to run.
    array_layers_us : of its layers by name.
    remarks : sentences that a reader must know.
    """

    layers: dict[str, list[Timing]]
    whole: list[Timing]
    array_us: float | None
    array_layers_us: dict[str, float]
    remarks: tuple[str, ...]

    @property
    def sums(self) -> dict[Case, float]:
        """The medians of all layers together, by library, form, batch and threads."""
        sums: dict[Case, float] = {}
        for timings in self.layers.values():
            for timing in timings:
                case = (timing.library, timing.form, timing.batch, timing.threads)
                sums[case] = sums.get(case, 0.0) + timing.median_us
        return sums

    def payload(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "array_us": self.array_us,
            "layers": [
                {
                    "name": name,
                    "array_us": self.array_layers_us.get(name),
                    "timings": [asdict(timing) for timing in timings],
                }
                for name, timings in self.layers.items()
            ],
            "products": [
                {"library": library, "form": form, "batch": batch, "threads": threads, "us": us}
                for (library, form, batch, threads), us in self.sums.items()
            ],
            "whole": [asdict(timing) for timing in self.whole],
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """What is timed and how: batches of inputs, threads of the libraries that use several, and when to end."""

    batches: Sequence[int]
    threads: Sequence[int]
    budget: Budget


def time_network(
    network: Network,
    device: Device,
    place: str,
    plan: NetworkPlan,
    array: Callable[[], tuple[float, dict[str, float]]] | None,
    onnx_file: Path | None,
    say: Say,
) -> NetworkBaseline:
    """Times of a network that is not compressed, or of what a compressed one stands for.

    Parameters
    ----------
    device, place : what the products are timed on, and torch's word for it: "cpu" or "cuda".
    array : gives the array's microseconds for an input and those of its layers; None without one.
    onnx_file : for onnxruntime, which runs on the CPU.
    """
    array_us, array_layers_us = (None, {}) if array is None else array()
    remarks: list[str] = []
    layers: dict[str, list[Timing]] = {}
    in_groups = grouped(network)
    if in_groups:
        remarks.append(f"No products of layers: {in_groups[0]} is a convolution in groups, which is no single product.")
    else:
        for each in layer_vectors(network):
            say(f"timing {each.layer.name}")
            layers[each.layer.name] = time_products(each, device, plan.batches, plan.threads, plan.budget)
    whole: list[Timing] = []
    say("timing the whole network")
    attempts = [time_torch(network, device, place, plan.batches, plan.threads, plan.budget)]
    if onnx_file is not None and place == "cpu":
        attempts.append(time_onnx(onnx_file, device, plan.batches, plan.budget))
    for found in attempts:
        if isinstance(found, str):
            remarks.append(f"{found[0].upper()}{found[1:]}.")
        else:
            whole += found
    return NetworkBaseline(
        layers=layers,
        whole=whole,
        array_us=array_us,
        array_layers_us=array_layers_us,
        remarks=tuple(remarks),
    )
