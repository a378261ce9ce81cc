"""What is said of inputs beyond the calibration's range, the same by every command."""

from sim.simulation.ranges import Ranges
from sim.terminal.output import Output


def warn_of_ranges(output: Output, *checked: Ranges) -> None:
    """A warning for each range that an input left, on the error stream also with --json."""
    for ranges in checked:
        for remark in ranges.remarks:
            output.note(f"warning: {remark}")
