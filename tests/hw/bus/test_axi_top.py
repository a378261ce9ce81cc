"""The AXI top under the bus models of cocotbext-axi: random traffic, pauses on every channel, resets in any state."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw.array import PE_MODULE
from hw.bus.axi_lite import AXI_LITE_PORTS
from hw.verilog import BUS_MODULES, verilog_text
from model.config import ArrayConfig
from model.engine import run_image
from sim.rtl.simulators import SimulatorName, build
from tests.support.hw.axi_bench import ACTIVITIES
from tests.support.hw.axi_machine import Job
from tests.support.hw.rtl import simulators
from tests.support.images.random_images import (
    encode_input,
    encode_layer,
    pack_lanes,
    random_activations,
    random_network_image,
    small_config,
)

CONFIG = small_config(pes=3, stream_bits=32, activation_depth=6, pe_counters=False)
STREAM = ("tdata", "tvalid", "tready", "tlast")
PORTS = (
    "aclk",
    "aresetn",
    "interrupt",
    *(f"s_axi_{name}" for name in AXI_LITE_PORTS),
    *(f"{side}_axis_{name}" for side in "sm" for name in STREAM),
)


def job(config: ArrayConfig, transactions: int, seed: int) -> Job:
    rng = np.random.default_rng(seed)
    image = random_network_image(rng, config, [12, 9, 14], 0.4)
    image = replace(image, layers=tuple(replace(layer, bias_scale=8, shift=6) for layer in image.layers))
    inputs = [random_activations(rng, image, 0.7) for _ in range(3)]
    return Job(
        config=config,
        packets=[[1], *(encode_layer(config, layer, rng) for layer in image.layers)],
        inputs=[encode_input(config, activations) for activations in inputs],
        outputs=[pack_lanes(run.outputs, config.lanes) for run in run_image(image, np.array(inputs))],
        transactions=transactions,
        seed=seed,
    )


def check(simulator: SimulatorName, transactions: int, folder: Path, seed: int = 1) -> None:
    texts = {name: text for name, text in verilog_text(CONFIG, bus="axi").items() if name.endswith(".v")}
    built = build(texts, BUS_MODULES["axi"], PORTS, PE_MODULE, simulator)
    path = folder / "job.pickle"
    path.write_bytes(pickle.dumps(job(CONFIG, transactions, seed)))
    built.run("tests.support.hw.axi_bench", {"EIE_JOB": str(path)}, folder)
    done, activities = pickle.loads(path.with_suffix(".answer").read_bytes())
    assert done >= transactions
    assert activities == sorted(activity.__name__ for activity, _ in ACTIVITIES)


@pytest.mark.parametrize("simulator", simulators(slow=["verilator"]))
def test_random_traffic(simulator: SimulatorName, tmp_path: Path):
    check(simulator, 500, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators())
def test_ten_thousand_transactions(simulator: SimulatorName, tmp_path: Path):
    check(simulator, 10_000, tmp_path, seed=2)
