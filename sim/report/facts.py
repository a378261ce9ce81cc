"""What a report shows: the figures, the energy and the timeline of every layer of a network or of the paper's."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.schedule import LayerWork
from sim.energy.technology import Technology
from sim.metrics.metrics import Metrics
from sim.paper import PaperLayer
from sim.progress import Advance, Progress
from sim.report.names import shown_name, shown_names
from sim.simulation.image_run import image_works
from sim.simulation.paper_layers import BenchmarkLayer
from sim.simulation.ranges import Ranges
from sim.simulation.simulate import simulate, works
from sim.timeline.pe_load import Timeline, timeline
from sw.network.accuracy import Errors, check_labels, count_errors, measure_float
from sw.network.compressed import CompressedNetwork

SHOWN = 12  # layers with a timeline, those of the most cycles: bounds the page


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """One layer on an array.

    Parameters
    ----------
    name : of the layer.
    enlarged : fields of the array's configuration that are larger than asked for, because the layer needs it.
    metrics : every figure, mean per input, with the array that ran it.
    paper : the layer of the paper that it stands for, if any.
    timeline : of the first input; None for layers that are not shown over time.
    """

    name: str
    enlarged: Mapping[str, int]
    metrics: Metrics
    paper: PaperLayer | None = None
    timeline: Timeline | None = None

    @property
    def phases(self) -> dict[str, float]:
        """Cycles from start to done by what the array does."""
        metrics = self.metrics
        return {
            "broadcasting": metrics.compute_cycles - metrics.stalls,
            "held up by a full queue": metrics.stalls,
            "draining the queues": metrics.drain_cycles,
            "writing back": metrics.write_back_cycles,
        }

    @property
    def pe_cycles(self) -> dict[str, float]:
        """Shares of the cycles of all PEs by what a PE does."""
        metrics = self.metrics
        fillers = metrics.fillers / (metrics.config.pes * metrics.cycles)
        write_back = metrics.write_back_cycles / metrics.cycles
        empty = metrics.balance - metrics.useful_efficiency - fillers
        return {
            "nonzero weights": metrics.useful_efficiency,
            "fillers": fillers,
            "empty slices": max(empty, 0.0),
            "waiting for work": max(1 - metrics.balance - write_back, 0.0),
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
    total : every figure of a network; None for layers of the paper.
    technology : its name.
    remarks : sentences that a reader must know.
    ranges : how many inputs left a range; None for layers of the paper, which are calibrated on their own.
    errors : where labels were given, of each arithmetic.
    """

    array: ArrayConfig
    inputs: int
    layers: Sequence[LayerFacts]
    total: Metrics | None
    technology: str
    remarks: Sequence[str]
    ranges: Ranges | None = None
    errors: Sequence[tuple[str, Errors]] = ()


def bench_facts(
    layers: Sequence[PaperLayer], array: ArrayConfig, technology: Technology, seed: int, progress: Progress
) -> RunFacts:
    """The layers of the paper, seeded, each by itself."""
    facts: list[LayerFacts] = []
    remarks: list[str] = []
    with progress.bar(f"running {len(layers)} layers on {array.pes} PEs", len(layers)) as advance:
        for layer in layers:
            advance(0, f"running {layer.name}")
            made = BenchmarkLayer(layer, array.code_bits, seed)
            run = made.run(array, technology)
            remarks += [f"{layer.name}, {remark}." for remark in run.metrics.energy_remarks]
            record = LayerFacts(name=layer.name, enlarged=run.enlarged, metrics=run.metrics, paper=layer)
            asked = image_works(made.fit(array)[0], made.inputs)
            facts.append(_with_timeline(record, asked(0)))
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
    progress: Progress,
    labels: NDArray[np.int64] | None = None,
) -> RunFacts:
    """A calibrated network over all inputs, with labels for its errors; its timelines are those of the first."""
    if labels is not None:
        check_labels(labels, len(inputs), network.out_features)
    with progress.bar(f"simulating {len(inputs)} inputs on {array.pes} PEs", len(inputs)) as advance:
        run = simulate(network, inputs, array, technology=technology, advance=advance)
    facts = [LayerFacts(name=name, enlarged={}, metrics=metrics) for name, metrics in run.layers.items()]
    remarks = [f"{remark[0].upper()}{remark[1:]}." for remark in run.total.energy_remarks]
    if run.by_host:
        remarks.append(
            "The weights of a layer stay in the array while the host hands it one vector after another; pooling and "
            "storing, and what runs in onnxruntime, are the host's and are not counted."
        )
    remarks += [f"Warning: {remark}." for remark in run.ranges.remarks]
    with progress.bar("the timeline of the first input", min(SHOWN, len(facts))) as advance:
        facts = _with_timelines(facts, works(network, inputs, array), advance)
    names = shown_names(network.layers)
    return RunFacts(
        array=array,
        inputs=len(inputs),
        layers=[replace(layer, name=shown_name(layer.name, names)) for layer in facts],
        total=run.total,
        technology=technology.name,
        remarks=tuple(remarks),
        ranges=run.ranges,
        errors=() if labels is None else _errors(network, inputs, run.outputs, labels),
    )


def _errors(
    network: CompressedNetwork, inputs: NDArray[np.float32], outputs: NDArray[np.float32], labels: NDArray[np.int64]
) -> list[tuple[str, Errors]]:
    in_float = measure_float(network.to_network(), inputs, labels)
    return [("in float32", in_float), ("on the array", count_errors(outputs.reshape(len(labels), -1), labels))]


def _with_timelines(
    facts: Sequence[LayerFacts], asked: Callable[[int], list[LayerWork]], advance: Advance
) -> list[LayerFacts]:
    by_layer: dict[str, list[LayerWork]] = defaultdict(list)
    for work in asked(0):
        by_layer[work.name].append(work)
    shown = {layer.name for layer in sorted(facts, key=lambda layer: -layer.metrics.cycles)[:SHOWN]}
    results: list[LayerFacts] = []
    for layer in facts:
        if layer.name in shown:
            results.append(_with_timeline(layer, by_layer[layer.name]))
            advance(1, layer.name)
        else:
            results.append(layer)
    return results


def _with_timeline(layer: LayerFacts, asked: Sequence[LayerWork]) -> LayerFacts:
    return replace(layer, timeline=timeline(asked, layer.metrics.config.queue_depth))
