"""The nine layers of the EIE paper on an array, beside what the paper publishes of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.config import ArrayConfig
from sim.energy.technology import Technology
from sim.fields import check_seed
from sim.metrics.tables import columns, headings, rows
from sim.paper import PAPER_LAYERS, chosen
from sim.progress import SILENT, Progress
from sim.simulation.paper_layers import BenchmarkRun, run_layer
from sw.html import html_table

TOLERANCE = 0.05  # of cycles / ideal; a larger difference from the paper is marked


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Layers of the paper that an array ran.

    Parameters
    ----------
    array : asked for; a layer that needs larger memories says so.
    seed : of weights and inputs.
    runs : in the paper's order.
    """

    array: ArrayConfig
    seed: int
    runs: tuple[BenchmarkRun, ...]

    def _repr_html_(self) -> str:
        figures = columns("bench")
        body, _ = rows({run.layer.name: run.metrics for run in self.runs}, figures)
        return html_table(
            f"{self.array.name}, {self.array.pes} PEs at {self.array.clock_mhz:g} MHz, seed {self.seed}",
            ["layer", *headings(figures), "paper's us"],
            [[*row, f"{run.layer.actual_us:.1f}"] for run, row in zip(self.runs, body, strict=True)],
        )


def bench(
    array: ArrayConfig,
    layers: Sequence[str] | None = None,
    seed: int = 1,
    *,
    technology: Technology | None = None,
    progress: Progress = SILENT,
) -> Bench:
    """Run layers of the paper on an array: seeded random ones of the same sizes and densities.

    Parameters
    ----------
    array : that runs them; a memory too small for a layer is enlarged, and the run says so.
    layers : names, see `sim.paper.PAPER_LAYERS`; None for all nine.
    seed : of weights and inputs, 0 or more.
    technology : prices the events; the 45 nm file that comes with eie if not given.

    Raises EieError for a name or a seed that is none, and for an array that no memory makes large enough.
    """
    wanted = chosen(layers)
    check_seed(seed)
    runs: list[BenchmarkRun] = []
    with progress.steps(f"running {len(wanted)} of {len(PAPER_LAYERS)} layers on {array.pes} PEs") as say:
        for layer in wanted:
            say(f"compressing and running {layer.name}")
            runs.append(run_layer(layer, array, seed, technology))
    return Bench(array=array, seed=seed, runs=tuple(runs))
