"""A picture of a placed design: a square per tile of the FPGA in the colour of the unit that has most cells there."""

import colorsys
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from html import escape
from pathlib import Path

TILE = 6  # pixels
LEGEND = 190
BLACK_BODY = "#16181d"

_CELL = re.compile(r'^        "(.+)": \{$')
_BEL = re.compile(r'^ +"NEXTPNR_BEL": "X(\d+)/Y(\d+)/')
_ARRAY = re.compile(r"^(?:serial\.windowed\.)?array\.")
_UNIT = re.compile(r"^(?:pe_\d+\.)?([^.$]+)\.")


def unit_of(cell: str) -> str:
    """The unit of a placed cell by its name: that of its PE or of the array, "around it" for what is outside."""
    inside = _ARRAY.sub("", cell)
    if inside == cell:
        return "around it"
    found = _UNIT.match(inside)
    return "between units" if found is None or re.fullmatch(r"pe_\d+", found[1]) else found[1]


def read_places(lines: Iterable[str]) -> dict[tuple[int, int], Counter[str]]:
    """Tile (x, y) to cells of each unit in it, from the lines of nextpnr's --write, which can be hundreds of MB."""
    tiles: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    cell = ""
    for line in lines:
        found = _CELL.match(line)
        if found:
            cell = found[1]
            continue
        place = _BEL.match(line)
        if place:
            tiles[int(place[1]), int(place[2])][unit_of(cell)] += 1
    return dict(tiles)


def floorplan(tiles: dict[tuple[int, int], Counter[str]], title: str, description: str = "") -> str:
    """The picture as SVG, with a legend: units by their number of cells."""
    cells = sum(tiles.values(), Counter[str]())
    units = [unit for unit, _ in cells.most_common()]
    colours = {unit: _colour(number, len(units)) for number, unit in enumerate(units)}
    width, height = (TILE * (max(place[axis] for place in tiles) + 1) for axis in (0, 1))
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + LEGEND} {height}" font-family="sans-serif" '
            f'font-size="13"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        ),
        f'<rect width="{width}" height="{height}" fill="{BLACK_BODY}"/>',
    ]
    for unit in units:
        own = sorted(place for place, counts in tiles.items() if counts.most_common(1)[0][0] == unit)
        path = "".join(f"M{TILE * x} {TILE * y}h{TILE - 1}v{TILE - 1}h{1 - TILE}z" for x, y in own)
        if path:
            parts.append(f'<path fill="{colours[unit]}" d="{path}"/>')
    for row, unit in enumerate(units):
        y = 20 + 22 * row
        parts.append(f'<rect x="{width + 12}" y="{y - 11}" width="12" height="12" fill="{colours[unit]}"/>')
        parts.append(f'<text x="{width + 32}" y="{y}">{escape(unit)} ({cells[unit]:,})</text>')
    return "\n".join([*parts, "</svg>", ""])


def draw_floorplan(placed: Path, title: str, description: str = "") -> str:
    """The picture of the design that nextpnr wrote to `placed`."""
    with placed.open(encoding="utf-8") as lines:
        return floorplan(read_places(lines), title, description)


def _colour(number: int, of: int) -> str:
    red, green, blue = colorsys.hls_to_rgb(number / max(of, 1), 0.6 if number % 2 else 0.5, 0.75)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
