"""Ladder step 3: real layers and networks on 64 PEs in RTL, values, cycles and every counter as the engine says."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim.rtl.cosim
import sim.rtl.simulators
from hw.array import PE_MODULE
from hw.verilog import ARRAY_MODULE, module_names, verilog_text
from model.config import PRESETS, ArrayConfig
from model.engine import RunResult, run_image
from model.errors import SimulatorError
from model.image import NetworkImage
from model.registers import PeCounter
from sim.mnist import load_mnist
from sim.rtl.cosim import PORTS, RtlResult, run_job, run_rtl
from sim.rtl.simulators import build
from sw.compress.pipeline import compress
from sw.formats.network_file import load_network
from sw.image.build import build_image
from sw.image.stream import quantise_inputs
from sw.network.layer import Layer
from sw.network.network import Network
from tests.support.hw.rtl import simulators


def run_engine(image: NetworkImage, activations: NDArray[np.int16]) -> list[RunResult]:
    """The engine on logical inputs (n, in_features)."""
    physical = np.zeros((len(activations), image.columns), dtype=np.int16)
    physical[:, : image.in_features] = activations
    return run_image(image, physical)


def logical(image: NetworkImage, runs: list[RunResult]) -> NDArray[np.int16]:
    """(n, out_features) outputs in the network's own order."""
    return np.array([run.outputs[image.output_order] for run in runs])


def check_equal(image: NetworkImage, runs: list[RunResult], rtl: RtlResult) -> None:
    """Values, cycles and every counter."""
    assert rtl.outputs.tolist() == logical(image, runs).tolist()
    assert rtl.cycles == [run.cycles for run in runs]
    assert rtl.broadcasts == [run.broadcasts for run in runs]
    assert rtl.stalls == [run.stalls for run in runs]
    assert rtl.overflow == [run.overflow for run in runs]
    for run, counters in zip(runs, rtl.counters, strict=True):
        for counter in PeCounter:
            assert (counter.name, counters[counter].tolist()) == (counter.name, run.counters[counter].tolist())


def random_network(rng: np.random.Generator, sizes: list[int], density: float) -> Network:
    layers: list[Layer] = []
    for number, (columns, rows) in enumerate(itertools.pairwise(sizes)):
        weight = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < density)
        bias = rng.standard_normal(rows).astype(np.float32)
        layers.append(Layer(f"l{number}", weight.astype(np.float32), bias, number < len(sizes) - 2))
    return Network(tuple(layers))


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("dealing", ["modulo", "balanced"])
def test_a_network_in_its_own_order(simulator, dealing):
    """Row dealing permutes rows, the next layer's columns and the outputs; users never see it."""
    config = PRESETS["tiny4"].with_(row_dealing=dealing, pes=3, stream_bits=32)
    rng = np.random.default_rng(7)
    network = random_network(rng, [11, 14, 10, 5], 0.4)
    x = rng.random((3, 11)).astype(np.float32)
    image = build_image(compress(network, density=None, calibration=x), config)
    activations = quantise_inputs(image, x)
    runs = run_engine(image, activations)
    check_equal(image, runs, run_rtl(image, activations, simulator, stall=0.2))
    shared = compress(network, density=None).to_network().forward(x)
    got = logical(image, runs) / 2.0**image.output_fraction_bits
    assert np.abs(got - shared).max() < 0.01 * np.abs(shared).max()


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(
    "changes", [{}, {"broadcasts_per_cycle": 2, "skip_empty_slices": True, "parity": True}], ids=str
)
def test_a_network_in_passes(simulator, changes):
    """Layers and column tiles that the memories do not hold at once, loaded one after the other for every input."""
    config = PRESETS["tiny4"].with_(pointer_depth=18, layers=2, constant_depth=48, **changes)
    rng = np.random.default_rng(8)
    network = random_network(rng, [30, 22, 9], 0.5)
    x = rng.random((2, 30)).astype(np.float32)
    image = build_image(compress(network, density=None, calibration=x), config)
    assert len(image.passes) > 2
    activations = quantise_inputs(image, x)
    check_equal(image, run_engine(image, activations), run_rtl(image, activations, simulator, stall=0.1))


@pytest.mark.slow
def test_one_shot_lenet_keeps_its_accuracy_and_runs_identically_on_64_pes(data_folder: Path):
    network = load_network(data_folder / "lenet" / "lenet_300_100.safetensors")
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    training, _ = load_mnist(data_folder / "mnist", "train")
    compressed = compress(network, density=0.5, code_bits=4, calibration=training[:500])
    image = build_image(compressed, PRESETS["eie64"])
    activations = quantise_inputs(image, images)
    runs = run_engine(image, activations)
    error_float = float((network.forward(images).argmax(axis=1) != labels).mean())
    error_integer = float((logical(image, runs).argmax(axis=1) != labels).mean())
    assert error_integer - error_float <= 0.005, (error_float, error_integer)
    assert not any(run.overflow for run in runs)
    check_equal(image, runs[:3], run_rtl(image, activations[:3], "verilator"))


@pytest.fixture(scope="module")
def verilog64() -> dict[str, str]:
    return {name: text for name, text in verilog_text(PRESETS["eie64"]).items() if name.endswith(".v")}


@pytest.mark.parametrize("simulator", simulators(slow=["verilator"]))
def test_64_pes_are_one_module_and_compile(verilog64, simulator):
    modules = [name for text in verilog64.values() for name in module_names(text)]
    assert modules.count(PE_MODULE) == 1
    assert verilog64["eie_array.v"].count(f"\n  {PE_MODULE} ") == 64
    assert build(verilog64, ARRAY_MODULE, PORTS, PE_MODULE, simulator).folder.is_dir()


def big_layer(config: ArrayConfig) -> tuple[NetworkImage, NDArray[np.int16]]:
    """A seeded 4096 x 4096 layer at 9 % and an input at 35 %, the sizes of Alex-7."""
    rng = np.random.default_rng(1)
    network = random_network(rng, [4096, 4096], 0.09)
    x = (rng.random((1, 4096)) * (rng.random((1, 4096)) < 0.35)).astype(np.float32)
    image = build_image(compress(network, density=None, calibration=x), config)
    return image, quantise_inputs(image, x)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["eie64", "balanced64"])
@pytest.mark.parametrize("simulator", simulators("verilator"))
def test_a_layer_of_alexnet_size(preset, simulator):
    image, activations = big_layer(PRESETS[preset])
    check_equal(image, run_engine(image, activations), run_rtl(image, activations, simulator))


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("verilator"))
def test_the_largest_array(simulator):
    config = PRESETS["eie64"].with_(pes=256, activation_depth=64)
    rng = np.random.default_rng(5)
    x = rng.random((2, 300)).astype(np.float32)
    image = build_image(compress(random_network(rng, [300, 520, 40], 0.1), density=None, calibration=x), config)
    activations = quantise_inputs(image, x)
    check_equal(image, run_engine(image, activations), run_rtl(image, activations, simulator))


def test_a_simulator_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.rtl.cosim, "build", lambda *_: SimpleNamespace(run=lambda *_: None))
    with pytest.raises(SimulatorError, match="verilator left no answer"):
        run_job(PRESETS["tiny4"], [], "verilator")
    monkeypatch.setattr(sim.rtl.cosim, "run_job", lambda *_, **__: SimpleNamespace(failure="it waits", results=[]))
    monkeypatch.setattr(sim.rtl.cosim, "encode_passes", lambda _: [np.zeros((0, 8), np.uint8)])
    monkeypatch.setattr(sim.rtl.cosim, "words_as_integers", lambda _: [])
    image: Any = SimpleNamespace(config=PRESETS["tiny4"])
    with pytest.raises(SimulatorError, match="verilator: it waits"):
        run_rtl(image, np.zeros((0, 3), np.int16), "verilator")
