"""The same layer through other simulators and ours in one run: seconds, simulated cycles, PE-cycles per second.

Run: ``python -m benchmarks.bench_peers``; SCALE-Sim takes minutes. What each simulates is another machine:

* SCALE-Sim a dense product on a systolic array of as many PEs, output-stationary, with addresses instead of values and
  a memory that never stalls (`benchmarks/scale_sim.py` has its configuration);
* ours the compressed layer on `eie64`, values and all counters included: the engine, the stepped model of every
  register, and with ``--rtl`` the generated Verilog on Verilator, whose build is not in its seconds.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench_engine import best
from benchmarks.scale_sim import VERSION, Gemm, environment, simulate
from model.config import PRESETS
from model.engine import Engine
from model.errors import EieError, SimulatorError
from model.image import NetworkImage
from model.stepped.array import SteppedArray
from sim.computer import this_computer
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.progress import Say
from sim.rtl.cosim import run_rtl
from sim.rtl.host_program import Reset, Send, run_actions
from sim.simulation.image_run import physical_inputs
from sim.simulation.paper_layers import BenchmarkLayer
from sim.terminal.output import Output
from sim.text import count
from sw.image.stream import encode_image, quantise_inputs
from sw.image.words import words_as_integers

ARRAY = PRESETS["eie64"]
SYSTOLIC = (8, 8)  # rows, columns: as many PEs as the array's
STEPPED_CYCLES = 2000


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one simulator did.

    Parameters
    ----------
    simulator, what : its name, and what it simulated.
    cycles : that it simulated.
    pes : of the machine it simulated.
    seconds : that this took.
    """

    simulator: str
    what: str
    cycles: int
    pes: int
    seconds: float

    @property
    def pe_cycles_per_second(self) -> float:
        """Simulated cycles times PEs over seconds."""
        return self.cycles * self.pes / self.seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_peers", description="A layer through SCALE-Sim and through our simulators."
    )
    parser.add_argument("--layer", default="Alex-7", choices=PAPER_LAYERS, help="of Table III")
    parser.add_argument("--seed", type=int, default=1, help="of the layer's weights and input")
    parser.add_argument("--rtl", action="store_true", help="on Verilator too: about two minutes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.seed < 0:
        parser.error(f"--seed must be 0 or more, got {options.seed}")
    try:
        report(PAPER_LAYERS[options.layer], options.seed, options.rtl, Output(as_json=options.json))
    except (EieError, SimulatorError) as error:
        sys.exit(_refused(error))


def report(layer: PaperLayer, seed: int, rtl: bool, output: Output) -> None:
    """Run every simulator on the layer and print what it did."""
    machine = this_computer()
    with output.steps(f"{layer.name} through {3 + rtl} simulators") as say:
        say(f"SCALE-Sim {VERSION}: an environment of its own under build/, made once")
        python = environment()
        rows = ours(layer, seed, rtl, say)
        say(f"SCALE-Sim {VERSION}: minutes")
        gemm = Gemm(m=1, n=layer.outputs, k=layer.inputs, rows=SYSTOLIC[0], columns=SYSTOLIC[1])
        peer = simulate(gemm, python)
    what = f"dense {layer.outputs} x {layer.inputs}, batch 1, {SYSTOLIC[0]}x{SYSTOLIC[1]}, output-stationary"
    pes = SYSTOLIC[0] * SYSTOLIC[1]
    rows.append(Row(simulator=f"SCALE-Sim {VERSION}", what=what, cycles=peer.cycles, pes=pes, seconds=peer.seconds))
    output.table(
        f"{layer.name}, seed {seed}, on {machine.cpu}, load average {machine.load:.1f}",
        ["simulator", "what", "cycles", "seconds", "M PE-cycles/s"],
        [_cells(row) for row in rows],
    )
    output.line(
        f"SCALE-Sim counts every product, zeros included, and uses {100 * peer.utilisation:.1f} % of its PEs: one "
        "input row fills one row of the array. It has no sparsity of this kind, so its cycles are not to be compared "
        f"with ours, only its speed. It took {peer.processor_seconds:,.0f} s of processor time."
    )
    output.result(
        {
            "layer": layer.name,
            "seed": seed,
            "machine": vars(machine),
            "scale_sim_utilisation": peer.utilisation,
            "scale_sim_processor_seconds": peer.processor_seconds,
            "rows": [{**vars(row), "pe_cycles_per_second": row.pe_cycles_per_second} for row in rows],
        }
    )


def ours(layer: PaperLayer, seed: int, rtl: bool, say: Say) -> list[Row]:
    """The engine cold and warm, the stepped model, and the RTL if wanted."""
    say("engine")
    warm_up, inputs = _laid_out(replace(layer, inputs=256, outputs=256), seed)
    Engine(warm_up).run(physical_inputs(warm_up, inputs))  # compiles what is not yet in numba's cache
    began = time.perf_counter()
    image, activations = _laid_out(layer, seed)
    physical = physical_inputs(image, activations)
    engine = Engine(image)
    cycles = engine.run(physical)[0].cycles
    cold = time.perf_counter() - began
    what = f"{100 * layer.weight_density:g} % of {layer.outputs} x {layer.inputs}, {image.config.name}"
    pes = image.config.pes
    warm = best(lambda: engine.run(physical))
    rows = [
        Row(simulator="engine", what=f"{what}, laid out", cycles=cycles, pes=pes, seconds=warm),
        Row(simulator="engine", what=f"{what}, made and compressed too", cycles=cycles, pes=pes, seconds=cold),
    ]
    say("stepped model")
    seconds = stepped_seconds(image, STEPPED_CYCLES)
    loading = f"{what}, loading it, first {count(STEPPED_CYCLES)} cycles"
    rows.append(Row(simulator="stepped model", what=loading, cycles=STEPPED_CYCLES, pes=pes, seconds=seconds))
    if rtl:
        say("RTL on Verilator")
        run = run_rtl(image, activations, "verilator", progress=say)
        if run.cycles != [cycles]:
            raise SimulatorError(f"the RTL took {run.cycles} cycles where the engine says {cycles}")
        whole = f"{what}, loading included"
        rows.append(
            Row(simulator="RTL, Verilator", what=whole, cycles=run.simulated_cycles, pes=pes, seconds=run.seconds)
        )
    return rows


def stepped_seconds(image: NetworkImage, cycles: int) -> float:
    """What so many cycles of loading the image take the stepped model."""
    array = SteppedArray(image.config)
    program = run_actions(image.config, [Reset(2), Send(words_as_integers(encode_image(image)))], seed=0)
    inputs = next(program)
    began = time.perf_counter()
    for _ in range(cycles):
        outputs = array.outputs(inputs)
        array.step(inputs)
        inputs = program.send(outputs)
    return time.perf_counter() - began


def _laid_out(layer: PaperLayer, seed: int) -> tuple[NetworkImage, NDArray[np.int16]]:
    made = BenchmarkLayer(layer, ARRAY.code_bits, seed)
    image, _ = made.fit(ARRAY)
    return image, quantise_inputs(image, made.inputs)


def _cells(row: Row) -> list[str]:
    speed = row.pe_cycles_per_second / 1e6
    return [row.simulator, row.what, count(row.cycles), f"{row.seconds:.4g}", f"{speed:,.2f}"]


def _refused(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
