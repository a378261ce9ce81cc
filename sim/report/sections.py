"""What a report says, in its order."""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.baseline.files import Measured
from sim.metrics.figure import number
from sim.metrics.metrics import Metrics
from sim.metrics.tables import columns, headings, mean_row, rows
from sim.report.comparison import array_rows, comparison_plot, comparison_rows, ideal_rows, series
from sim.report.facts import LayerFacts, RunFacts
from sim.report.file import LayerHistograms
from sim.report.histograms import histogram_plot
from sim.report.origin import Provenance, add_origin
from sim.report.page import Page
from sim.report.plots import (
    cycles_plot,
    energy_plot,
    energy_share_plot,
    load_plot,
    pe_cycles_plot,
    queue_plot,
    roofline,
)
from sim.report.style import BLUE, PURPLE
from sim.text import count, percent, ratio, than
from sw.file.sizes import FileSizes


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A model file: its sizes and, layer by layer, how its symbols are coded."""

    sizes: FileSizes
    histograms: Sequence[LayerHistograms]


def report_page(
    name: str, run: RunFacts, file: FileFacts | None, measured: Sequence[Measured], provenance: Provenance
) -> str:
    """The whole report as HTML; `name` is that of the network or of the benchmark."""
    array, layers = run.array, run.layers
    whose = "one input" if run.inputs == 1 else f"mean of {count(run.inputs)} inputs"
    page = Page(
        f"{name} on {array.name}",
        f"{array.pes} processing elements at {array.clock_mhz:g} MHz, {whose}. Cycles are exact; they go from start to "
        f"done, without loading the input and unloading the output. Energy is that of {run.technology}. "
        f"Point at a plot for its numbers.",
        provenance.generator,
    )
    page.facts(_headline(run, file))
    _cycles(page, run)
    _energy(page, run)
    _timelines(page, layers)
    _roofline(page, run)
    _comparison(page, layers, measured)
    if file is not None:
        _file(page, file)
    add_origin(page, provenance, [(field, str(value)) for field, value in array.to_dict().items()])
    return page.html()


def _headline(run: RunFacts, file: FileFacts | None) -> list[tuple[str, str]]:
    if run.total is None:
        metrics = [layer.metrics for layer in run.layers]
        shown = (Metrics.microseconds, Metrics.useful_efficiency, Metrics.milliwatts)
        time, useful, power = mean_row(metrics, shown)
        facts = [
            ("layers, each by itself", str(len(metrics))),
            ("time, geometric mean", f"{time} us"),
            ("useful efficiency, geo. mean", useful),
            ("power, geometric mean", f"{power} mW"),
        ]
    else:
        total = run.total
        facts = [
            ("cycles per input", f"{total.cycles:,.0f}"),
            ("time per input", f"{number(total.microseconds, 2)} us"),
            ("energy per input", f"{total.energy_nj / 1000:,.3g} uJ"),
            ("mean power", f"{number(total.milliwatts, 0)} mW"),
            ("useful efficiency", Metrics.useful_efficiency.text(total.useful_efficiency)),
        ]
    facts.append(("area, estimated", f"{Metrics.area_mm2.text(max(each.metrics.area_mm2 for each in run.layers))} mm2"))
    facts += [
        (f"error {where}", f"{100 * errors.error:.2f} %, {count(errors.wrong)} of {count(errors.inputs)}")
        for where, errors in run.errors
    ]
    if run.ranges is not None:
        facts.append(
            ("inputs saturated, overflowed", f"{run.ranges.saturated}, {run.ranges.overflows} of {run.inputs}")
        )
    if file is not None:
        facts.append(("file", f"{count(file.sizes.bytes)} B, {ratio(file.sizes.ratio)}"))
    return facts


def _cycles(page: Page, run: RunFacts) -> None:
    page.section(
        "Where the cycles go",
        "On the left what the array does: it broadcasts nonzero activations, or cannot because the queue of "
        "some PE is full and the PEs work; it drains the queues; it writes the outputs back. On the right what its PEs "
        "do meanwhile.",
    )
    page.plots(cycles_plot(run.layers), pe_cycles_plot(run.layers))

    figures = columns("page")
    body, _ = rows({layer.name: layer.metrics for layer in run.layers}, figures)
    page.table("", ["layer", *headings(figures)], body)
    meanings = (f"{figure.heading}: {figure.meaning[0].lower()}{figure.meaning[1:]}" for figure in figures)
    page.note(f"Per input. {' '.join(meanings)}")
    for remark in run.remarks:
        page.note(remark)


def _energy(page: Page, run: RunFacts) -> None:
    page.section(
        "Where the energy goes",
        "Event counts times the energy of each event, from start to done. Reading the weights from DRAM is counted "
        "apart: once for any number of inputs, or for every input if the memories do not hold them at once.",
    )
    page.plots(energy_plot(run.layers), energy_share_plot(run.layers))
    figures = columns("energy")
    body, total = rows({layer.name: layer.metrics for layer in run.layers}, figures, run.total)
    page.table("nJ per input", ["layer", *headings(figures)], body, total)


def _timelines(page: Page, layers: Sequence[LayerFacts]) -> None:
    shown = [(layer, layer.timeline) for layer in layers if layer.timeline is not None]
    page.section(
        "Load of the PEs and their queues over time",
        "A row per PE, time from left to right: dark where it works on a slice, even an empty one, pale where it "
        "waits. Beside it what the queues hold while the array broadcasts and drains; the dotted line is their depth. "
        "Of the first input.",
    )
    if len(shown) < len(layers):
        total = sum(layer.metrics.cycles for layer in layers)
        share = sum(layer.metrics.cycles for layer, _ in shown) / total
        page.note(f"The {len(shown)} layers of the most cycles, {percent(share)} of all, out of {len(layers)}.")
    page.load_key()
    for layer, timeline in shown:
        page.plots(load_plot(layer.name, timeline), queue_plot(layer.name, timeline), columns="wide-left")


def _roofline(page: Page, run: RunFacts) -> None:
    working = [layer for layer in run.layers if layer.metrics.events.useful_macs]
    if not working:
        return
    page.section(
        "Roofline",
        "Only products of a nonzero weight and a nonzero activation count as operations. Resident weights are read "
        "from the PEs' own memories, which never limit the array. Loading them with every input, through the input "
        "stream at a word per cycle, would.",
    )
    page.plots(roofline(working, run.array), columns="whole")


def _comparison(page: Page, layers: Sequence[LayerFacts], measured: Sequence[Measured]) -> None:
    page.section(
        "Beside the paper",
        "The EIE paper (Han et al., ISCA 2016): Table II, power of a PE; Table IV, times; both as published.",
    )
    paired = [(layer, layer.paper) for layer in layers if layer.paper is not None]
    if paired:
        compared = series(paired, measured)
        page.plots(comparison_plot([layer.name for layer, _ in paired], compared), columns="whole")
        page.table(
            "Geometric means; array: how many times faster this array is, below 1 slower",
            ["at batch 1", "layers", "us", "array", "least", "most"],
            comparison_rows(compared),
        )
        for device in measured:
            page.note(
                f"Measured {device.kind.upper()}: {device.device}, {device.date}; per layer the fastest of its "
                "libraries and numbers of threads, median."
            )
        page.note(
            "Paper's CPU: Core i7-5930K; GPU: Titan X; mobile GPU: Tegra K1; float32, published. Hollow marks: dense "
            "library; filled ones: sparse (CSR)."
        )
        page.table(
            "Each layer",
            ["layer", "us", "paper's us", "ideal us", "paper's", "cycles / ideal", "paper's", "mW"],
            ideal_rows(paired),
        )
    page.table("The array over this run", ["", "here", "paper"], array_rows(layers))
    page.note(
        "Units include their share of clock, registers and leakage, as in Table II. The paper's power is that of a "
        "multiply-accumulate in every cycle; eie energy prices that activity."
    )


def _file(page: Page, file: FileFacts) -> None:
    sizes = file.sizes
    page.section(
        "What the file holds",
        f"{count(sizes.bytes)} bytes on disk, everything included: {than(sizes.ratio)} "
        f"{count(sizes.float32_bytes)} bytes of float32 weights and biases. As in figure 5 of Deep Compression (Han et "
        "al., ICLR 2016): how often each shared weight and each zero run occurs, and the bits of its Huffman code.",
    )
    page.table(
        "",
        ["layer", "weights", "kept", "kept %", "entries", "code bits", "Huffman", "run bits", "bytes", "ratio"],
        [
            [
                layer.name,
                count(layer.weights),
                count(layer.kept),
                percent(layer.kept / layer.weights),
                count(layer.entries),
                str(layer.code_bits),
                f"{layer.code_bits_huffman:.2f}",
                f"{layer.run_bits_huffman:.2f}",
                count(layer.bytes),
                ratio(layer.ratio),
            ]
            for layer in sizes.layers
        ],
    )
    for layer in file.histograms:
        weights = histogram_plot(layer.weights, f"{layer.name}: weights", "shared weights, ascending", BLUE)
        if layer.runs is None:
            page.plots(weights)
        else:
            page.plots(weights, histogram_plot(layer.runs, f"{layer.name}: zero runs", "zeros before a weight", PURPLE))
    page.note(
        'A run of zeros that shares its leading bits with others, "a to b", has a code for these bits and the rest as '
        "it is; the bits here are those of the code."
    )
