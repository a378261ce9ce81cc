"""How often every weight and zero run of a model file occurs, and how long its Huffman code is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sw.file.header import LayerHeader
from sw.file.layer import Tables
from sw.file.layout import gap_counts, transpose
from sw.file.model_file import load_tables
from sw.file.runs import run_symbols
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.layer import matrix_shape


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Symbols that occur, ascending.

    Parameters
    ----------
    labels : (n,) what each stands for: a weight, or a zero run or several that share their leading bits.
    counts : (n,) int64, how often it occurs.
    lengths : (n,) uint8, bits of its Huffman code.
    """

    labels: Sequence[str]
    counts: NDArray[np.int64]
    lengths: NDArray[np.uint8]

    @property
    def mean_bits(self) -> float:
        """Of the Huffman code, over all that occur."""
        return float(self.counts @ self.lengths / self.counts.sum())

    @property
    def entropy(self) -> float:
        """Bits that no code of single symbols betters."""
        shares = self.counts / self.counts.sum()
        return float(abs(-(shares @ np.log2(shares))))


@dataclass(frozen=True, kw_only=True)
class LayerHistograms:
    """The weights of a layer and the zero runs in front of them; `runs` is None where the file has none."""

    name: str
    weights: Histogram
    runs: Histogram | None


def file_histograms(path: Path, network: CompressedNetwork) -> list[LayerHistograms]:
    """Of every layer of the network in a file that keeps a weight."""
    tables = load_tables(path)
    return [
        LayerHistograms(
            name=layer.name,
            weights=_weights(layer, header, made),
            runs=_runs(layer, header, made) if header.lead_bits else None,
        )
        for layer, (header, made) in zip(network.layers, tables, strict=True)
        if header.entries
    ]


def _weights(layer: CompressedLayer, header: LayerHeader, tables: Tables) -> Histogram:
    counts = np.bincount(layer.codes, minlength=tables.code_lengths.size)
    counts[0] += header.entries - layer.codes.size  # zeros have a code where there are no runs
    used = np.flatnonzero(counts)
    used = used[np.argsort(tables.codebook[used], kind="stable")]
    return Histogram(
        labels=[f"{tables.codebook[code]:.4g}" for code in used],
        counts=counts[used],
        lengths=tables.code_lengths[used],
    )


def _runs(layer: CompressedLayer, header: LayerHeader, tables: Tables) -> Histogram:
    ordered = layer.positions
    if header.column_major:
        ordered, _ = transpose(ordered, *matrix_shape(layer.shape))
    gaps, gap_counted = gap_counts(ordered)
    symbols, _ = run_symbols(gaps, header.lead_bits)
    counts = np.bincount(symbols, gap_counted, tables.run_lengths.size).astype(np.int64)
    used = np.flatnonzero(counts)
    return Histogram(
        labels=[_run_label(int(symbol), header.lead_bits) for symbol in used],
        counts=counts[used],
        lengths=tables.run_lengths[used],
    )


def _run_label(symbol: int, lead_bits: int) -> str:
    """The runs that a symbol stands for; inverts `run_symbols`."""
    if symbol < 1 << lead_bits:
        return str(symbol)
    half = 1 << lead_bits - 1
    tail = symbol // half - 1
    first = (symbol - tail * half) << tail
    return f"{first} to {first + (1 << tail) - 1}"
