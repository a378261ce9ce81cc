"""A row of characters that shows numbers over time."""

from collections.abc import Iterable

BLOCKS = " ▁▂▃▄▅▆▇█"
PLAIN = " .:-=+*#%"  # where the terminal's encoding has no blocks


def sparkline(values: Iterable[float], top: float, encoding: str | None = "utf-8") -> str:
    """A character per value, from nothing at 0 to full at `top`; nothing else than 0 is shown as nothing."""
    levels = BLOCKS if (encoding or "").lower().replace("-", "").startswith("utf") else PLAIN
    highest = len(levels) - 1
    return "".join(levels[0 if value <= 0 else min(max(round(highest * value / top), 1), highest)] for value in values)
