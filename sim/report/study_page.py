"""The page of a study: bytes and cycles against error with their fronts, and the plots of the analysis paper.

Canziani, Paszke and Culurciello (2017, arXiv 1605.07678) draw accuracy against operations, parameters and energy.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sim.report.page import Page
from sim.report.style import BLUE, ORANGE, frame, hover, legend_above, models
from sim.study.published import COLUMNS, published_cells
from sim.study.summary import Summary, beats, simulated_images
from sim.text import count

HEIGHT = 380


def study_page(found: Sequence[Summary], made_by: dict[str, str], date: str) -> str:
    """The page as HTML."""
    page = Page("Methods of the reading list on MNIST", f"{made_by['version']}, {date}", made_by["version"])
    front = [each for each in found if each.on_front]
    page.facts(
        [
            ("methods and networks", count(len(found))),
            ("on the front of bytes and errors", count(len(front))),
            ("smallest file", f"{count(round(min(each.mean('bytes') for each in found)))} bytes"),
            ("least error on integers", f"{100 * min(each.mean('integer_error') for each in found):.2f} %"),
        ]
    )
    page.section(
        "Size and speed against error",
        "Errors are those of the decoded file on the integer datapath, all 10,000 test images. Cycles are on the "
        f"paper's 64 PEs, mean of the first {simulated_images(found)} test images. The line joins what nothing beats.",
    )
    page.plots(
        _plot(found, "Bytes and error", "bytes of the file", lambda each: each.mean("bytes")),
        _plot(found, "Cycles and error", "cycles per image", lambda each: each.on_array("paper", "cycles")),
    )
    page.section(
        "As the analysis paper draws it",
        "Accuracy against what a network costs (Canziani, Paszke and Culurciello, 2017): operations of the dense "
        "network, parameters, energy on the array of the right size.",
    )
    page.plots(
        _plot(found, "Operations", "multiply-accumulates per image, dense", lambda each: each.mean("macs"), True),
        _plot(found, "Parameters that are left", "weights kept", lambda each: each.mean("kept"), True),
    )
    page.plots(
        _plot(found, "Energy", "nJ per image", lambda each: each.on_array("fitted", "nanojoules"), True),
        _plot(found, "Bytes", "bytes of the file", lambda each: each.mean("bytes"), True),
    )
    page.table(
        "Every method",
        [
            "method.network",
            "paper",
            "float32 error",
            "integer error",
            "kept",
            "bytes",
            "ratio",
            "cycles",
            "nJ",
            "minutes",
        ],
        [_cells(each) for each in found],
    )
    for each in found:
        if each.method is not None and each.method["note"]:
            page.note(f"{each.name}: {each.method['note']}")
    page.table(
        "Published by Deep Compression, Table 1",
        COLUMNS,
        published_cells(),
    )
    page.section("Made by", "")
    page.code(made_by["command"])
    return page.html()


def _plot(
    found: Sequence[Summary],
    title: str,
    x_label: str,
    x_of: Callable[[Summary], float | None],
    accuracy: bool = False,
) -> Any:
    """A point for each; a front where errors are drawn, none where accuracy is."""
    y_label = "accuracy, %" if accuracy else "error, %"
    made = frame(title, x_label, y_label, HEIGHT, x_axis_type="log")
    errors = {each.name: 100 * each.mean("integer_error") for each in found}
    points = [
        (x, 100 - errors[each.name] if accuracy else errors[each.name], each.name)
        for each in found
        if (x := x_of(each)) is not None
    ]
    if not points:
        return made
    best = (
        points if accuracy else [point for point in points if not any(beats(other[:2], point[:2]) for other in points)]
    )
    items: list[tuple[str, list[Any]]] = []
    for name, chosen, colour in (
        ("others", [] if accuracy else [point for point in points if point not in best], BLUE),
        ("methods" if accuracy else "front", best, BLUE if accuracy else ORANGE),
    ):
        xs, ys, names = ([point[place] for point in sorted(chosen)] for place in range(3))
        source = models.ColumnDataSource({"x": xs, "y": ys, "name": names})
        renderers: list[Any] = []
        if name == "front":
            renderers.append(made.step("x", "y", source=source, mode="after", line_color=colour, line_width=1.2))
        marks = made.scatter("x", "y", source=source, size=9, fill_color=colour, fill_alpha=0.8, line_color="white")
        hover(made, [marks], [("", "@name"), (x_label, "@x{0,0}"), (y_label, "@y{0.00}")])
        if chosen:
            items.append((name, [*renderers, marks]))
    legend_above(made, items)
    return made


def _cells(each: Summary) -> list[str]:
    cycles, energy, minutes = each.on_array("paper", "cycles"), each.on_array("paper", "nanojoules"), each.minutes()
    return [
        each.name,
        "" if each.method is None else each.method["paper"],
        f"{100 * each.mean('float32_error'):.2f} %",
        f"{100 * each.mean('integer_error'):.2f} %",
        f"{100 * each.mean('kept') / each.mean('parameters'):.2f} %",
        count(round(each.mean("bytes"))),
        f"{each.mean('ratio'):.4g}x",
        "-" if cycles is None else f"{cycles:,.0f}",
        "-" if energy is None else f"{energy:,.0f}",
        "" if minutes is None else f"{minutes:.1f}",
    ]
