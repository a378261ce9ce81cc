"""Figures of a layer image that both kinds of engine begin with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.image import LayerImage


def slice_figures(layer: LayerImage, nonzeros: NDArray[np.int64], entries_per_row: int) -> NDArray[Any]:
    """(4, columns, pes) of every slice, as `model.engine_kernel.tally` takes them; `nonzeros` is (pes, columns)."""
    begins, ends = layer.pointers[:, :-1], layer.pointers[:, 1:]
    counts = ends - begins
    first = begins // entries_per_row
    rows = np.where(counts > 0, (ends - 1) // entries_per_row - first + 1, 0)
    figures = [counts, nonzeros, rows, first]
    narrow = max(int(values.max()) for values in figures) < 0xFFFF
    return np.ascontiguousarray(np.stack([values.T for values in figures]), dtype=np.uint16 if narrow else np.uint32)


def local_rows(layer: LayerImage) -> NDArray[np.int64]:
    """(entries,) local row of every entry, all PEs' entries one after the other."""
    ends = np.cumsum(layer.runs.astype(np.int64) + 1)
    before = np.concatenate([[0], ends])
    slice_starts = (layer.pointers[:, :-1] + layer.offsets[:-1, None]).reshape(-1)
    sizes = np.diff(layer.pointers, axis=1).reshape(-1)
    return ends - 1 - np.repeat(before[slice_starts], sizes)
