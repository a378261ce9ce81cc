"""Entries of a map layer: which weight of which column each PE holds, at which local row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.coding.relative_index import encode_slices
from sw.image.maps.axis import Meetings
from sw.image.maps.placement import Place

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """(entries,) int64 each: the PE that holds it, the column and row of its slice, and its code."""

    pe: Numbers
    column: Numbers
    row: Numbers
    code: Numbers

    def encode(self, pes: int, columns: int, rows: int, index_bits: int) -> dict[str, NDArray[Any]]:
        """The fields of a layer image that hold them; rows are below `rows`."""
        slices = self.pe * columns + self.column
        order = np.argsort(slices * rows + self.row, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(slices, minlength=pes * columns))])
        runs, is_filler, bounds = encode_slices(self.row[order], bounds, index_bits)
        codes = np.zeros(runs.size, np.uint8)
        codes[~is_filler] = self.code[order]
        offsets = bounds[::columns]
        pointers = np.concatenate([bounds[:-1].reshape(pes, columns), offsets[1:, np.newaxis]], axis=1)
        return {"pointers": pointers - offsets[:-1, np.newaxis], "codes": codes, "runs": runs, "offsets": offsets}


@dataclass(frozen=True)
class Weights:
    """(weights,) int64 each: a kernel's nonzero weights. `lane` and `local` are those of the source channel.

    Parameters
    ----------
    output, lane, local : channel of the result; lane and local channel of the source channel, counted from the first
        that is read.
    row, column : tap.
    code : of the codebook, not 0.
    """

    output: Numbers
    lane: Numbers
    local: Numbers
    row: Numbers
    column: Numbers
    code: Numbers


def window_entries(
    weights: Weights,
    rows: Meetings,
    columns: Meetings,
    source: Place,
    result: Place,
    in_channels: int,
    local: bool,
    bits: tuple[int, int],
) -> Entries:
    """Entries of a convolution, or of a local layer: then a weight is held by each group of its lane.

    Parameters
    ----------
    in_channels : local channels that are read of a position.
    bits : of the local channel and of the step along a row in an entry's row.
    """
    channel_bits, column_bits = bits
    parts: list[tuple[Numbers, Numbers, Numbers, Numbers]] = []
    by_row = [np.flatnonzero(rows.tap == tap) for tap in range(int(weights.row.max(initial=-1)) + 1)]
    by_column = [np.flatnonzero(columns.tap == tap) for tap in range(int(weights.column.max(initial=-1)) + 1)]
    for tap_row, meets_row in enumerate(by_row):
        for tap_column, meets_column in enumerate(by_column):
            chosen = np.flatnonzero((weights.row == tap_row) & (weights.column == tap_column))
            if chosen.size == 0:
                continue
            y, x = (values.reshape(-1) for values in np.meshgrid(meets_row, meets_column, indexing="ij"))
            if local:
                stays = (rows.source_group[y] == rows.group[y]) & (columns.source_group[x] == columns.group[x])
                assert stays.all()  # the placement keeps windows in one group
            weight = np.repeat(chosen, y.size)
            y, x = np.tile(y, chosen.size), np.tile(x, chosen.size)
            class_ = (rows.class_[y] * columns.classes + columns.class_[x]) * in_channels + weights.local[weight]
            source_pe = source.pe(rows.source_group[y], columns.source_group[x], weights.lane[weight])
            output = weights.output[weight]
            taps = rows.step[y] << column_bits | columns.step[x]
            parts.append(
                (
                    result.pe(rows.group[y], columns.group[x], result.lane[output]),
                    class_ if local else class_ * source.pe_count + source_pe,
                    taps << channel_bits | result.local[output],
                    weights.code[weight],
                )
            )
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Entries(nothing, nothing, nothing, nothing)
    return Entries(*(np.concatenate(values) for values in zip(*parts, strict=True)))
