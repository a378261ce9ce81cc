"""Tables of energy."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.columns import COLUMNS
from sim.energy.model import COMPONENTS, Energy
from sim.energy.technology import Technology
from sim.terminal.output import Output
from sim.text import mean


def show_energy(
    output: Output,
    title: str,
    technology: Technology,
    energies: Mapping[str, Energy],
    *,
    total: Energy | None = None,
    remarks: Mapping[str, Sequence[str]],
) -> None:
    """The table of energy per layer and in total; `remarks` by the name of whom they concern, "" for the array."""
    output.table(
        f"{title}: energy in {technology.name}, nJ per input",
        COLUMNS,
        [[name, *_cells(energy)] for name, energy in energies.items()],
        ["total", *_cells(total)] if total else (),
    )
    output.line(
        "From start to done. Reading the image from DRAM is counted apart, as image nJ: once for any number of inputs, "
        "or for every input if the memories do not hold it at once."
    )
    for name, sentences in remarks.items():
        for sentence in sentences:
            output.line(f"{name}: {sentence}." if name else f"{sentence[0].upper()}{sentence[1:]}.")


def energy_payload(energy: Energy) -> dict[str, Any]:
    """An energy as JSON."""
    return {
        "nanojoules": dict(energy.nanojoules),
        "total_nj": energy.total_nj,
        "milliwatts": energy.milliwatts,
        "pj_per_useful_mac": energy.pj_per_useful_mac,
        "image_nj": energy.image_nj,
    }


def _cells(energy: Energy) -> list[str]:
    per_mac = energy.pj_per_useful_mac
    return [
        *(_nanojoules(energy.nanojoules[component]) for component in COMPONENTS),
        _nanojoules(energy.total_nj),
        mean(energy.milliwatts),
        "-" if per_mac is None else f"{per_mac:.1f}",
        _nanojoules(energy.image_nj),
    ]


def _nanojoules(value: float) -> str:
    return f"{value:,.3f}" if value < 10 else f"{value:,.1f}"
