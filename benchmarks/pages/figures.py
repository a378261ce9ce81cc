"""The figures of docs/results.md, read back from its tables: the README's table and picture show no others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
LAYERS = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM")
MEAN = "geometric mean"
LENETS = {"LeNet-300-100": 27_000, "LeNet-5": 44_000}  # bytes: Deep Compression, Table 1
RESULTS = "[results](docs/results.md)"


@dataclass(frozen=True)
class Figures:
    """What docs/results.md and the place-and-route reports say.

    Parameters
    ----------
    layers : of a layer's name the cells of its row, by the head of their column.
    others : of a figure's name its value, both as the second table has them.
    reports : of a number of PEs the report of `eie fpga` for them.
    """

    layers: Mapping[str, Mapping[str, str]]
    others: Mapping[str, str]
    reports: Mapping[int, Mapping[str, Any]]

    def column(self, head: str) -> list[float]:
        """A column of the nine layers as numbers, in the units of its head; percentages stay percentages."""
        return [number(self.layers[layer][head]) for layer in LAYERS]

    def summary(self) -> list[tuple[str, str, str, str]]:
        """The README's rows: figure, here, published, command."""
        rows = [self._lenet(name) for name in LENETS]
        means = self.layers[MEAN]
        rows += [
            (
                "nine layers, useful share of PE cycles",
                f"{means['useful, `eie64`']} (`eie64`), **{means['useful, `balanced64`']}** (`balanced64`)",
                "-",
                f"`eie bench`, {RESULTS}",
            ),
            (
                "nine layers, us a frame, 64 PEs at 800 MHz",
                f"{means['us, `eie64`']} and **{means['us, `balanced64`']}**, simulated",
                f"{means['us']} (EIE)",
                f"`eie bench`, {RESULTS}",
            ),
            (
                "power of EIE's 64 PEs, its own activity",
                self.others["power of the paper's array of 64 PEs, its own activity"],
                "590 mW (EIE)",
                "`eie energy`, [energy](docs/energy.md)",
            ),
        ]
        for pes, report in self.reports.items():
            units = f"{pes} PEs"
            rows.append(
                (
                    f"{units} on an ECP5-85F, placed and routed",
                    f"**{report['fmax_mhz']:.2f} MHz**",
                    "-",
                    f"`eie fpga --preset ecp5_{pes}`, [fpga](docs/fpga.md)",
                )
            )
        return rows

    def _lenet(self, name: str) -> tuple[str, str, str, str]:
        published = self.others[f"{name}, bytes of the file, published"]
        size = self.others[f"{name}, bytes of the file"]
        error = self.others[f"{name}, error in float32, on the array"]
        return (
            f"{name}, whole file; error in float32, on the array",
            f"**{size} bytes**; {error}",
            f"{published} (Deep Compression)",
            f"`eie inspect examples/{name.lower()}.eie`, {RESULTS}",
        )


def load(docs: Path = DOCS) -> Figures:
    """Read them; a KeyError or a ValueError names what the page lacks."""
    text = (docs / "results.md").read_text()
    first, second = tables(text)
    head = first[0]
    layers = {row[0]: dict(zip(head, row, strict=True)) for row in first[2:]}
    others: dict[str, str] = {}
    before = ""
    for what, value, *_ in second[1:]:
        others[f"{before}, published" if what == "the same" else what] = value
        before = what
    reports = {pes: json.loads((docs / "fpga" / f"ecp5-85k-{pes}.json").read_text()) for pes in (4, 16)}
    return Figures(layers, others, reports)


def tables(text: str) -> tuple[list[list[str]], list[list[str]]]:
    """The two tables of the page, rows of cells without the rule below the head."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("| "):
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif not line.startswith("|---") and found[-1]:
            found.append([])
    wanted = [table for table in found if table]
    if len(wanted) != 2:
        raise ValueError(f"docs/results.md must have two tables, found {len(wanted)}")
    return wanted[0], wanted[1]


def number(cell: str) -> float:
    """A cell as a number, whatever stands behind it."""
    return float(cell.split()[0].replace(",", ""))


def lenet_bytes(figures: Figures) -> list[tuple[str, int, int]]:
    """Name, bytes of Deep Compression's network, bytes of the file here."""
    return [(name, paper, int(number(figures.others[f"{name}, bytes of the file"]))) for name, paper in LENETS.items()]


def series(figures: Figures) -> Sequence[tuple[str, str, Sequence[tuple[str, Sequence[float]]]]]:
    """The picture's panels by layer: title, unit, and the bars of each series."""
    return (
        (
            "useful share of PE cycles",
            "%",
            tuple((f"{name}, simulated", figures.column(f"useful, `{name}`")) for name in ("eie64", "balanced64")),
        ),
        (
            "time of a frame, 64 PEs at 800 MHz",
            "us",
            (
                ("EIE paper, Table IV", figures.column("us")),
                *((f"{name}, simulated", figures.column(f"us, `{name}`")) for name in ("eie64", "balanced64")),
            ),
        ),
    )
