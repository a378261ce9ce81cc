"""Sizes as Deep Compression counts them (Han et al., ICLR 2016, Tables 2 to 5), to be held against the true bytes.

A layer of N weights stored as E entries, fillers included, with w bits of code and i bits of index takes
``E (w + i) + 32 * 2**w`` bits: codebooks are counted in float32; biases, Huffman tables and headers are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sw.compressed import CompressedLayer, CompressedNetwork
from sw.errors import EieError
from sw.file_bits import LONGEST_CODE
from sw.file_layout import count_runs, gap_counts, transpose
from sw.huffman import code_lengths
from sw.layer import matrix_shape


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
    """The row of every layer: with the entries of the file, or of a row-major chain with indices of this many bits."""
    if index_bits is not None and not 0 <= index_bits <= 8:
        raise EieError(f"index bits must be between 0 and 8, got {index_bits}")
    return [_layer_size(layer, index_bits) for layer in network.layers]


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


def _layer_size(layer: CompressedLayer, index_bits: int | None) -> PaperSize:
    chain = layer.positions
    if index_bits is None:
        index_bits = layer.index_bits
        if layer.column_major:
            chain, _ = transpose(chain, *matrix_shape(layer.shape))
    runs, fillers = count_runs(*gap_counts(chain), index_bits)
    codes = np.bincount(layer.codes, minlength=1 << layer.code_bits)
    codes[0] += fillers
    entries = chain.size + fillers
    code_total, run_total = (int((counts * code_lengths(counts, LONGEST_CODE)).sum()) for counts in (codes, runs))
    return PaperSize(
        name=layer.name,
        weights=layer.weights,
        kept=chain.size,
        entries=entries,
        code_bits=layer.code_bits,
        index_bits=index_bits,
        code_bits_huffman=code_total / max(entries, 1),
        # A run of no bits is not stored.
        index_bits_huffman=run_total / max(entries, 1) * (index_bits > 0),
        codebook_bits=32 << layer.code_bits,
    )
