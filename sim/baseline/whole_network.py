"""A whole network in a library that runs networks: torch from its graph, onnxruntime from its ONNX file."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import EieError
from sim.baseline.measurement import Budget, Device, Run, Threads, Timing, one_thread, timing_of
from sim.baseline.torch_library import torch_threads
from sim.optional import imported
from sw.files import read_whole
from sw.network.host_model import check_model, package, run_session, session
from sw.network.network import Network


def time_torch(
    network: Network, device: Device, place: str, batches: Sequence[int], threads: Sequence[int], budget: Budget
) -> list[Timing] | str:
    """Times in torch on "cpu" or "cuda", dense; or in a sentence why there are none."""
    torch = imported("torch")
    if torch is None:
        return "torch is not installed: the whole network was not timed in it"
    from sw.training.graph_module import GraphModule  # needs torch, which not every installation has

    try:
        module = GraphModule(network).to(place).eval()
    except EieError as error:
        return f"torch was left out: {error}"

    def forward(inputs: Any) -> Any:
        with torch.inference_mode():
            return module(inputs)

    timings: list[Timing] = []
    on_cpu = place == "cpu"
    limit: Threads = partial(torch_threads, torch) if on_cpu else one_thread
    for batch in batches:
        inputs = torch.rand((batch, *network.input_shape), generator=torch.Generator().manual_seed(1)).to(place)
        run: Run = partial(forward, inputs)
        for wanted in threads if on_cpu else [1]:
            with limit(wanted) as used:
                timings.append(timing_of(run, ("torch", "dense"), device, batch, used if on_cpu else None, budget))
    return timings


def time_onnx(path: Path, device: Device, batches: Sequence[int], budget: Budget) -> list[Timing] | str:
    """Times of an ONNX file in onnxruntime on the CPU, one thread; or in a sentence why there are none.

    A model whose batch is fixed is timed for that batch only.
    """
    try:
        onnx = package("onnx")
        model = onnx.load_model_from_string(read_whole(path))
        check_model(onnx, model)
        opened = session(model.SerializeToString())
    except EieError as error:
        return f"onnxruntime was left out: {error}"
    (given, *others) = opened.get_inputs()
    sizes = given.shape
    if others or given.type != "tensor(float)" or not all(isinstance(size, int) for size in sizes[1:]):
        return f"onnxruntime was left out: {path} wants other inputs than one of float32 and known sizes"
    timings: list[Timing] = []
    for batch in batches:
        if isinstance(sizes[0], int) and sizes[0] != batch:
            continue
        feed = np.random.default_rng(1).uniform(0, 1, (batch, *sizes[1:])).astype(np.float32)
        run: Run = partial(run_session, opened, None, {given.name: feed})
        timings.append(timing_of(run, ("onnxruntime", "dense"), device, batch, 1, budget))
    return timings or f"onnxruntime was left out: the model's batch is {sizes[0]}, none of those asked for"
