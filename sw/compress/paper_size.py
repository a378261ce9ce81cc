"""Sizes as Deep Compression counts them (Han et al., ICLR 2016, Tables 2 to 5), to be held against the true bytes.

A layer of N weights takes ``E (w + i) + 32 * 2**w`` bits: E entries of w bits of code and i bits of relative index, one
for each kept weight and one more, a filler, for every 2**i zeros in a row. Codebooks are counted in float32; biases,
Huffman tables and headers are not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE
from sw.file.layout import gap_counts
from sw.network.compressed import CompressedLayer, CompressedNetwork

INDEX_BITS = range(1, 9)


@dataclass(frozen=True, kw_only=True)
class PaperSize:
    """One row: a layer, or layers together.

    Parameters
    ----------
    weights, kept, entries : N, those that survived pruning, E.
    code_bits, index_bits : w and i after pruning and quantisation; means over entries where layers differ.
    code_bits_huffman, index_bits_huffman : the same after Huffman coding; 0 without entries.
    codebook_bits : 32 * 2**w.
    """

    name: str
    weights: int
    kept: int
    entries: int
    code_bits: float
    index_bits: float
    code_bits_huffman: float
    index_bits_huffman: float
    codebook_bits: int

    @property
    def kept_share(self) -> float:
        """Weights that survived pruning, of all."""
        return self.kept / self.weights

    @property
    def rate(self) -> float:
        """Size after pruning and quantisation (P+Q), of 32 bits per weight."""
        return self._rate(self.code_bits + self.index_bits)

    @property
    def rate_huffman(self) -> float:
        """Size after Huffman coding as well (P+Q+H), of 32 bits per weight."""
        return self._rate(self.code_bits_huffman + self.index_bits_huffman)

    def _rate(self, entry_bits: float) -> float:
        return (self.entries * entry_bits + self.codebook_bits) / (32 * self.weights)


def paper_sizes(network: CompressedNetwork, index_bits: int | None = None) -> list[PaperSize]:
    """The row of every layer with indices of so many bits, 1 to 8; without, of those with the smallest rate P+Q."""
    if index_bits is not None and index_bits not in INDEX_BITS:
        raise EieError(f"index bits must be between {INDEX_BITS[0]} and {INDEX_BITS[-1]}, got {index_bits}")
    widths = INDEX_BITS if index_bits is None else (index_bits,)
    return [min(_layer_sizes(layer, widths), key=lambda row: row.rate) for layer in network.layers]


def total_size(rows: Sequence[PaperSize]) -> PaperSize:
    """Layers together; EieError without any."""
    if not rows:
        raise EieError("a total must have at least one layer, got none")
    entries = sum(row.entries for row in rows)

    def mean(bits: Sequence[float]) -> float:
        return sum(row.entries * value for row, value in zip(rows, bits, strict=True)) / max(entries, 1)

    return PaperSize(
        name="total",
        weights=sum(row.weights for row in rows),
        kept=sum(row.kept for row in rows),
        entries=entries,
        code_bits=mean([row.code_bits for row in rows]),
        index_bits=mean([row.index_bits for row in rows]),
        code_bits_huffman=mean([row.code_bits_huffman for row in rows]),
        index_bits_huffman=mean([row.index_bits_huffman for row in rows]),
        codebook_bits=sum(row.codebook_bits for row in rows),
    )


def _layer_sizes(layer: CompressedLayer, widths: Iterable[int]) -> Iterator[PaperSize]:
    """The rows of a layer with indices of these widths, the rows of its matrix one after the other."""
    gaps, counts = gap_counts(layer.positions)
    kept = layer.positions.size
    codes = np.bincount(layer.codes, minlength=1 << layer.code_bits)
    for index_bits in widths:
        fillers = int(((gaps >> index_bits) * counts).sum())
        entries = max(kept + fillers, 1)
        codes[0] = fillers
        indices = np.bincount(gaps & ((1 << index_bits) - 1), counts, 1 << index_bits).astype(np.int64)
        indices[-1] += fillers
        yield PaperSize(
            name=layer.name,
            weights=layer.weights,
            kept=kept,
            entries=kept + fillers,
            code_bits=layer.code_bits,
            index_bits=index_bits,
            code_bits_huffman=_huffman_bits(codes) / entries,
            index_bits_huffman=_huffman_bits(indices) / entries,
            codebook_bits=32 << layer.code_bits,
        )


def _huffman_bits(counts: NDArray[np.int64]) -> int:
    return int((counts * code_lengths(counts, LONGEST_CODE)).sum())
