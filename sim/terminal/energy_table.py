"""The table of energy, of whatever was run."""

from collections.abc import Mapping, Sequence

from sim.metrics.metrics import Metrics
from sim.metrics.tables import columns, headings, rows
from sim.terminal.output import Output


def show_energy(
    output: Output,
    title: str,
    layers: Mapping[str, Metrics],
    *,
    total: Metrics | None = None,
    remarks: Mapping[str, Sequence[str]],
) -> None:
    """Energy per layer, one at least, and in total; `remarks` by the name of whom they concern, "" for the array."""
    technology = next(iter(layers.values())).technology
    figures = columns("energy")
    output.table(
        f"{title}: energy in {technology.name}, nJ per input",
        ["layer", *headings(figures)],
        *rows(layers, figures, total),
    )
    output.line(
        "From start to done. Reading the image from DRAM is counted apart, as image nJ: once for any number of inputs, "
        "or for every input if the memories do not hold it at once."
    )
    for name, sentences in remarks.items():
        for sentence in sentences:
            output.line(f"{name}: {sentence}." if name else f"{sentence[0].upper()}{sentence[1:]}.")
