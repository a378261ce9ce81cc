"""The Huffman codes that a layer of an array image travels in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.image import LayerImage
from sw.coding.huffman import code_lengths


@dataclass(frozen=True)
class LayerCodes:
    """The two codes of a layer, made from the symbol counts of all PEs together.

    Parameters
    ----------
    run_lengths : (run_symbols,) uint8, code lengths of the zero runs and the end of a column, 0 for unused symbols.
    code_lengths : (code_symbols,) uint8, those of the weight codes.
    bits : (pes,) int64, length of every PE's code stream.
    """

    run_lengths: NDArray[np.uint8]
    code_lengths: NDArray[np.uint8]
    bits: NDArray[np.int64]


def layer_codes(layer: LayerImage, config: ArrayConfig) -> LayerCodes:
    """EieError if the array's runs and codes cannot hold the layer's."""
    runs = np.bincount(layer.runs, minlength=config.run_symbols)
    codes = np.bincount(layer.codes, minlength=config.code_symbols)
    if layer.runs.max(initial=0) > config.max_run or codes.size > config.code_symbols:
        raise EieError(f"layer {layer.name}: runs and codes must fit {config.index_bits} and {config.code_bits} bits")
    runs[config.end_symbol] = layer.columns * layer.pes
    of_runs, of_codes = (code_lengths(counts, config.max_code_length) for counts in (runs, codes))
    of_entries = of_runs.astype(np.int64)[layer.runs] + of_codes[layer.codes]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(of_entries)])
    bits = np.diff(ends[layer.offsets]) + layer.columns * int(of_runs[config.end_symbol])
    return LayerCodes(of_runs, of_codes, bits)
