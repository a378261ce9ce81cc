"""`eie sweep --device`: lookup tables and block RAMs of a sweep's points, by synthesis."""

from collections.abc import Sequence

from model.config import ArrayConfig
from model.errors import EieError
from sim.sweep.front import candidates
from sim.sweep.recommend import Limits
from sim.sweep.results import PointRow
from sim.synthesis.families import device_named
from sim.synthesis.tools import YOSYS, check_tools
from sim.synthesis.usage import Usage, known_usage, measure_usage, usage_key
from sim.terminal.output import Output
from sim.text import count

DEFAULT_DEVICE = "ecp5-85k"


def device_of(device: str | None, limits: Limits) -> str | None:
    """What is to be synthesised for, if anything; EieError if there is no such device, or yosys is missing."""
    wanted = device or (DEFAULT_DEVICE if limits.of_device else None)
    if wanted is not None:
        device_named(wanted)
        check_tools(YOSYS)
    return wanted


def measure_rows(output: Output, rows: Sequence[PointRow], device: str | None, limits: Limits) -> None:
    """Synthesise what ran of every point that keeps the other limits, and note it in its rows."""
    if device is None:
        return
    flow, _ = device_named(device)
    found = candidates(rows)
    kept = [each for each in found if all(limits.without_device.kept(each).values())]
    arrays: dict[str, ArrayConfig] = {}
    places: list[tuple[PointRow, str]] = []
    for row in (row for each in kept for row in each.rows if isinstance(row, PointRow)):
        if row.array is None:
            raise EieError("a point that ran every layer must have an array")
        key = usage_key(row.array, flow)
        arrays[key] = row.array
        places.append((row, key))
    usages = {key: usage for key in arrays if (usage := known_usage(key)) is not None}
    left = [key for key in arrays if key not in usages]
    if left:
        with output.bar(f"synthesis of {count(len(left))} arrays for {device} (yosys)", len(left)) as advance:
            for key in left:
                advance(0, f"synthesis of {arrays[key].pes} PEs for {device}")
                usages[key] = measure_usage(arrays[key], flow)
                advance(1)
    for row, key in places:
        _note(row, device, usages[key])
    if len(kept) < len(found):
        output.line(
            f"{count(len(found) - len(kept))} of {count(len(found))} points do not keep the other limits and were not "
            f"synthesised for {device}."
        )


def _note(row: PointRow, device: str, usage: Usage) -> None:
    row.measured(device, usage.luts, usage.block_rams)
