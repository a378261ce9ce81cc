"""Options of the commands that take a network with inputs or layers of the paper, `sim.simulation.workload`."""

from pathlib import Path
from typing import Annotated

import typer

from sim.paper import PAPER_LAYERS

NetworkOrBench = Annotated[
    Path | None, typer.Argument(metavar="NET.eie", help="A compressed network; or --bench.", show_default=False)
]


NetworkInputs = Annotated[
    Path | None,
    typer.Option("--input", metavar="X.npy", help="Inputs of the network, (inputs, features), real numbers."),
]


Bench = Annotated[bool, typer.Option("--bench", help="Layers of the EIE paper instead of a network; see `eie bench`.")]


BenchLayers = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="NAME", help=f"With --bench: one of {', '.join(PAPER_LAYERS)}; repeatable."),
]


BenchSeed = Annotated[int, typer.Option("--seed", help="With --bench: of the random weights and inputs, 0 or more.")]
