"""What `eie study` shows: one line for each method and network, published figures beside ours."""

from collections.abc import Sequence
from typing import Any

from sim.study.published import COLUMNS as PUBLISHED
from sim.study.published import published_cells
from sim.study.summary import Summary, simulated_images
from sim.terminal.output import Output
from sim.text import count

COLUMNS = [
    *("method.network", "published", "ratio", "target", "ratio", "float32", "integers", "kept", "bytes", "ratio"),
    *("cycles", "nJ", "PEs", "cycles", "nJ", "minutes", "RTL"),
]


def show_study(output: Output, found: Sequence[Summary]) -> None:
    """The table, and what its columns are."""
    output.table("methods on MNIST, all 10,000 test images", COLUMNS, [_cells(each) for each in found])
    for each in found:
        for which, why in each.rows[0]["refusals"].items():
            output.line(f"{each.name}: not on {'eie64' if which == 'paper' else 'an array of its own'}: {why}")
    if any((method := each.method) and method["published"]["counted"] == "parameters" for each in found):
        output.line("p: a published ratio that counts parameters that are left, not bytes.")
    output.line(
        "Errors are those of the file, decoded. *: on the front of bytes and errors on integers. cycles, nJ: an image, "
        f"mean of the first {simulated_images(found)} test images, on the paper's 64 PEs (eie64), then on an array of "
        "the right size: of 1 to 64 PEs with just enough memory the one with the least energy times time."
    )


def show_published(output: Output) -> None:
    """The paper's own sizes."""
    output.table("published: Deep Compression, Table 1", PUBLISHED, published_cells())


def _cells(each: Summary) -> list[str]:
    method: dict[str, Any] = each.method or {"published": {}, "target": {}}
    published, target = method["published"], method["target"]
    spread = each.spread
    mark = "p" if published.get("ratio") and published.get("counted") == "parameters" else ""
    kept = each.mean("kept") / each.mean("parameters")
    return [
        each.name + (" *" if each.on_front else ""),
        _percent(published.get("error")),
        _ratio(published.get("ratio")) + mark,
        _percent(target.get("error")),
        _ratio(target.get("ratio")),
        _percent(each.mean("float32_error")),
        _percent(each.mean("integer_error")) + ("" if spread is None else f" ± {100 * spread:.2f}"),
        f"{100 * kept:.2f} %",
        count(round(each.mean("bytes"))),
        _ratio(each.mean("ratio")),
        *(_number(each.on_array("paper", key)) for key in ("cycles", "nanojoules")),
        *(_number(each.on_array("fitted", key)) for key in ("pes", "cycles", "nanojoules")),
        "" if (minutes := each.minutes()) is None else f"{minutes:.1f}",
        each.verified,
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}x"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
