"""The tables of a simulation: cycles of its layers, its passes, and what one vector takes."""

from sim.metrics.metrics import Metrics
from sim.metrics.tables import columns, headings, rows
from sim.simulation.run import Run
from sim.terminal.operation_text import host_works
from sim.terminal.output import Output
from sim.text import count, mean
from sw.network.compressed import CompressedNetwork


def show_run(output: Output, run: Run, network: CompressedNetwork) -> None:
    """Cycles per layer of the network and in total, and the time they take; passes, if there are several."""
    config, total = run.config, run.total
    figures = columns("run", *([Metrics.vectors] if run.by_host else []))
    output.table(
        f"{config.name}, {config.pes} PEs: cycles, mean of {run.inputs} inputs",
        ["layer", *headings(figures)],
        *rows(run.layers, figures, total),
    )
    if run.by_host:
        output.line(
            "The weights of a layer stay in the array while the host hands it one vector after another: what a "
            "position of a convolution sees, a step's input and h of an LSTM, or an input of a linear layer. "
            + _host_text(network)
        )
    loaded = "an input" if not run.by_host else "an input's vectors"
    output.line(
        f"{mean(total.cycles)} cycles from start to done: {Metrics.microseconds.text(total.microseconds)} us at "
        f"{config.clock_mhz:g} MHz. "
        f"Loading {loaded}, which takes at least {count(round(run.load_cycles))} cycles "
        f"before, is not counted, nor is unloading the output.\n"
    )
    for cut in run.cuts:
        output.line(f"{cut}.")
    if len(run.passes) > 1:
        _show_passes(output, run)


def _host_text(network: CompressedNetwork) -> str:
    """What the host does itself of a network that it runs layer by layer."""
    works = host_works(network.connections)
    return f"The host does {', '.join(works)}; it stores activations." if works else "The host stores activations."


def show_each_vector(output: Output, run: Run) -> None:
    """What a vector of each layer takes, in the mean: a position of a convolution, a step of an LSTM, or an input."""
    figures = [Metrics.cycles, Metrics.microseconds, Metrics.energy_nj]
    each = {name: layer.each_vector for name, layer in run.layers.items()}
    title = f"{run.config.name}, {run.config.pes} PEs: each vector, mean"
    output.table(title, ["layer", *headings(figures)], rows(each, figures)[0])


def _show_passes(output: Output, run: Run) -> None:
    config = run.config
    output.table(
        f"{config.name}, {config.pes} PEs: passes, because the memories do not hold the network at once",
        ["pass", "layers", "image KB", "load cycles", "cycles"],
        [
            [
                str(number),
                ", ".join(each.layers),
                f"{each.image_bits / 8e3:,.0f}",
                count(each.load_cycles),
                mean(each.cycles),
            ]
            for number, each in enumerate(run.passes, 1)
        ],
        [
            "total",
            "",
            f"{sum(each.image_bits for each in run.passes) / 8e3:,.0f}",
            count(sum(each.load_cycles for each in run.passes)),
            mean(run.total.cycles),
        ],
    )
    cycles = run.total.cycles + run.reload_cycles
    output.line(
        f"With loading the second and later passes between the runs of an input: {mean(cycles)} cycles, "
        f"{Metrics.microseconds.text(cycles / config.clock_mhz)} us. The first is loaded before, like the input. All "
        f"are read from DRAM for every input.\n"
    )
