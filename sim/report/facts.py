"""What a report shows: the figures, the energy and the timeline of every layer of a network or of the paper's."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.schedule import LayerWork
from sim.energy.events import Events, total_events
from sim.energy.model import Energy, EnergyModel
from sim.energy.technology import Technology
from sim.paper import PaperLayer
from sim.progress import Advance
from sim.simulation.network_run import run_network
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.workload import chain_works, network_works
from sim.terminal.output import Output
from sim.timeline.pe_load import Timeline, timeline
from sw.network.compressed import CompressedNetwork

SHOWN = 12  # layers with a timeline, those of the most cycles: bounds the page


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """One layer on an array.

    Parameters
    ----------
    name : of the layer.
    config : of the array that ran it.
    enlarged : fields of `config` that are larger than in the array asked for, because the layer needs it.
    figures : of `sim.simulation.chain.figures`, mean per input.
    events, energy : mean per input.
    paper : the layer of the paper that it stands for, if any.
    ideal_cycles : mean entries per PE in active columns; fillers included.
    timeline : of the first input; None for layers that are not shown over time.
    """

    name: str
    config: ArrayConfig
    enlarged: Mapping[str, int]
    figures: Mapping[str, float]
    events: Events
    energy: Energy
    ideal_cycles: float
    paper: PaperLayer | None = None
    timeline: Timeline | None = None

    @property
    def microseconds(self) -> float:
        """From start to done at the clock."""
        return self.figures["cycles"] / self.config.clock_mhz

    @property
    def phases(self) -> dict[str, float]:
        """Cycles from start to done by what the array does."""
        figures = self.figures
        return {
            "broadcasting": figures["compute_cycles"] - figures["stalls"],
            "held up by a full queue": figures["stalls"],
            "draining the queues": figures["drain_cycles"],
            "writing back": figures["write_back_cycles"],
        }

    @property
    def pe_cycles(self) -> dict[str, float]:
        """Shares of the cycles of all PEs by what a PE does."""
        figures = self.figures
        everything = self.config.pes * figures["cycles"]
        fillers = figures["fillers"] / everything
        write_back = figures["write_back_cycles"] / figures["cycles"]
        empty = figures["balance"] - figures["useful_efficiency"] - fillers
        return {
            "nonzero weights": figures["useful_efficiency"],
            "fillers": fillers,
            "empty slices": max(empty, 0.0),
            "waiting for work": max(1 - figures["balance"] - write_back, 0.0),
            "writing back": write_back,
        }


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A network, or layers of the paper, on an array.

    Parameters
    ----------
    array : asked for.
    inputs : figures are means over so many.
    layers : in execution order; those of the paper each by itself.
    total : energy of a network; None for layers of the paper.
    technology : its name.
    remarks : sentences that a reader must know.
    """

    array: ArrayConfig
    inputs: int
    layers: Sequence[LayerFacts]
    total: Energy | None
    technology: str
    remarks: Sequence[str]


def bench_facts(
    layers: Sequence[PaperLayer], array: ArrayConfig, technology: Technology, seed: int, output: Output
) -> RunFacts:
    """The layers of the paper, seeded, each by itself."""
    facts: list[LayerFacts] = []
    remarks: list[str] = []
    with output.bar(f"running {len(layers)} layers on {array.pes} PEs", len(layers)) as advance:
        for layer in layers:
            advance(0, f"running {layer.name}")
            made = BenchmarkLayer(layer, array.code_bits, seed)
            run = made.run(array)
            model = EnergyModel.of_array(run.config, technology)
            remarks += [f"{layer.name}, {remark}." for remark in model.remarks]
            record = LayerFacts(
                name=layer.name,
                config=run.config,
                enlarged=run.enlarged,
                figures=run.figures,
                events=run.events,
                energy=model.energy(run.events),
                ideal_cycles=run.ideal_cycles,
                paper=layer,
            )
            works = chain_works(made.fit(array)[0], made.inputs)
            facts.append(_with_timeline(record, works(0)))
            advance(1)
    remarks.insert(0, f"Weights and inputs are random at the paper's densities, seed {seed}.")
    for record in facts:
        if record.enlarged:
            grown = ", ".join(f"{field} = {value:,}" for field, value in record.enlarged.items())
            remarks.append(f"{record.name} needs larger memories than {array.name} has: it ran with {grown}.")
    return RunFacts(array=array, inputs=1, layers=facts, total=None, technology=technology.name, remarks=tuple(remarks))


def network_facts(
    network: CompressedNetwork,
    inputs: NDArray[np.float32],
    array: ArrayConfig,
    technology: Technology,
    output: Output,
) -> RunFacts:
    """A calibrated network over all inputs; its timelines are those of the first."""
    run = run_network(output, network, inputs, array)
    model = EnergyModel.of_array(array, technology)
    facts = [
        LayerFacts(
            name=name,
            config=array,
            enlarged={},
            figures=figures,
            events=run.events[name],
            energy=model.energy(run.events[name]),
            ideal_cycles=figures["entries"] / array.pes,
        )
        for name, figures in run.layers.items()
    ]
    remarks = [f"{remark[0].upper()}{remark[1:]}." for remark in model.remarks]
    if run.by_host:
        remarks.append(
            "The weights of a layer stay in the array while the host hands it one vector after another; pooling and "
            "storing are the host's and are not counted."
        )
    if run.saturated:
        remarks.append(f"{run.saturated} of {len(inputs)} inputs were saturated to 16 bits.")
    if run.overflows:
        remarks.append(f"An accumulator overflowed for {run.overflows} of {len(inputs)} inputs.")
    with output.bar("the timeline of the first input", min(SHOWN, len(facts))) as advance:
        facts = _with_timelines(facts, network_works(network, inputs, array), advance)
    return RunFacts(
        array=array,
        inputs=len(inputs),
        layers=facts,
        total=model.energy(total_events(list(run.events.values()))),
        technology=technology.name,
        remarks=tuple(remarks),
    )


def _with_timelines(
    facts: Sequence[LayerFacts], works: Callable[[int], list[LayerWork]], advance: Advance
) -> list[LayerFacts]:
    by_layer: dict[str, list[LayerWork]] = defaultdict(list)
    for work in works(0):
        by_layer[work.name].append(work)
    shown = {layer.name for layer in sorted(facts, key=lambda layer: -layer.figures["cycles"])[:SHOWN]}
    results: list[LayerFacts] = []
    for layer in facts:
        if layer.name in shown:
            results.append(_with_timeline(layer, by_layer[layer.name]))
            advance(1, layer.name)
        else:
            results.append(layer)
    return results


def _with_timeline(layer: LayerFacts, works: Sequence[LayerWork]) -> LayerFacts:
    return replace(layer, timeline=timeline(works, layer.config.queue_depth))
