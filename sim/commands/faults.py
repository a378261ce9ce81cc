"""`eie faults`: bits of the RTL upset in simulation, and what comes of it."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from model.errors import EieError
from sim.faults.random_networks import random_network
from sim.rtl.simulators import SimulatorName, available_simulators
from sim.simulation.prepare import load_with_inputs
from sim.terminal.options import Changes, ConfigFile, Json, Preset, array_config
from sim.terminal.output import Output
from sim.text import count, percent
from sw.image.fitting import fitting_array
from sw.network.chain import for_array

if TYPE_CHECKING:
    from sim.faults.campaign import Campaign


def faults_command(
    network: Annotated[Path | None, typer.Argument(metavar="NET.eie", help="A compressed network; small.")] = None,
    random: Annotated[bool, typer.Option("--random", help="A small random network instead.")] = False,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1_000_000, help="Runs, each with one upset.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the upsets, the input and --random.")] = 0,
    only: Annotated[
        list[str] | None,
        typer.Option("--hit", metavar="NAME", help="Only this memory, see the first column; may be repeated."),
    ] = None,
    simulator: Annotated[SimulatorName, typer.Option("--sim", help="The Verilog simulator.")] = "verilator",
    preset: Preset = None,
    config: ConfigFile = None,
    pes: Annotated[int | None, typer.Option("--pes", help="Processing elements, instead of the array's own.")] = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Upset bits of the RTL, and tell what came of it.

    The array (default: tiny4) gets memories just large enough for the network, so that most of their bits mean
    something. Exits 1 if a run hung.
    """
    output = Output(as_json=as_json)
    if (network is None) != random:
        raise EieError("wanted either a network file or --random")
    array = array_config("tiny4" if preset is None and config is None else preset, config, pes, changes)
    missing = available_simulators()[simulator]
    if missing:
        raise EieError(missing)
    from sim.faults.campaign import FaultyArray, Outcome, inject  # cocotb may be absent

    if network is None:
        compressed, x = random_network(seed, array)
    else:

        def random_input(shape: tuple[int, ...]) -> NDArray[np.float32]:
            return np.random.default_rng(seed).normal(size=(1, *shape)).astype(np.float32)

        calibrated, x, _ = load_with_inputs(network, random_input, output, array.activation_bits)
        compressed = for_array(calibrated, array)
    array = fitting_array(compressed, array)
    with output.steps(f"laying out for {array.pes} PEs") as say:
        faulty = FaultyArray(compressed, x, array, simulator, say)
    try:
        with output.bar("upsetting bits", runs) as advance:
            campaign = inject(faulty, runs, seed, only or (), advance)
    finally:
        faulty.close()

    _show(output, campaign, f"{array.name}, {array.pes} PEs on {simulator}, seed {seed}")
    bits, total = _bits(campaign), Counter(run.outcome for run in campaign.runs)
    output.result(
        {
            "network": None if network is None else str(network),
            "config": array.to_dict(),
            "simulator": simulator,
            "seed": seed,
            "runs": runs,
            "only": only or [],
            "trial_cycles": campaign.trial_cycles,
            "outcomes": {name: total[name] for name in Outcome},
            "causes": dict(campaign.causes()),
            "hit": {
                unit: {"bits": bits[unit], **{name: found[name] for name in Outcome}}
                for unit, found in campaign.by_unit().items()
            },
            "unreached_bits": sum(site.bits for site in campaign.sites.unnamed),
            "unmasked": [_record(run) for run in campaign.runs if run.outcome is not Outcome.MASKED],
        }
    )
    if total[Outcome.HANG]:
        raise typer.Exit(1)


def _show(output: Output, campaign: "Campaign", title: str) -> None:
    """What was hit, what came of it, how it was detected, and what could not be reached."""
    from sim.faults.campaign import Outcome

    runs, bits = len(campaign.runs), _bits(campaign)
    total = Counter(run.outcome for run in campaign.runs)
    output.table(
        f"{title}: {count(runs)} runs with one upset each",
        ["hit", "bits", *(str(outcome) for outcome in Outcome)],
        [
            [unit, count(bits[unit]), *(count(found[name]) for name in Outcome)]
            for unit, found in campaign.by_unit().items()
        ],
        ["all", count(sum(bits.values())), *(count(total[name]) for name in Outcome)],
    )
    causes = campaign.causes().most_common()
    output.table("detected by", ["sign", "runs"], [[name, count(number)] for name, number in causes])
    for name in Outcome:
        output.line(f"{name}: {count(total[name])} ({percent(total[name] / runs)})")
    for run in campaign.runs:
        if run.outcome is Outcome.HANG:
            output.line(f"hang: {'.'.join(run.upset.path)}, {run.upset}: {run.how}")
    output.line(
        f"not reached: {count(sum(site.bits for site in campaign.sites.unnamed))} bits of registers without a name in "
        "the Verilog, clock and reset nets"
    )


def _bits(campaign: "Campaign") -> "Counter[str]":
    """Of each group of registers that an upset can reach."""
    bits: Counter[str] = Counter()
    for site in campaign.sites.reached:
        bits[site.group] += site.bits
    return bits


def _record(run: Any) -> dict[str, Any]:
    return {**asdict(run.upset), "outcome": run.outcome, "how": run.how, "running": run.while_running}
