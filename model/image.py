"""A network laid out for one array: what the Huffman streams of an array image say once they are decoded.

`sw/image/build.py` makes these from a model file and encodes them as stream words; the engine runs them directly.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.function_descriptor import FunctionDescriptor
from model.map_descriptor import MapDescriptor


@dataclass(frozen=True, kw_only=True)
class LayerImage:
    """One layer, dealt to the PEs. Physical row r of PE k is output activation ``r * pes + k``.

    Parameters
    ----------
    name : the layer's name in the model file.
    in_rows, out_rows : local activations per PE, source and destination.
    codebook : (2**code_bits,) int16, entry 0 is 0.
    biases : (out_rows, pes) int16, of a map layer (out_channels, pes); padding rows are 0.
    bias_scale : power of two, 1 to 2**14; the accumulator receives ``bias * bias_scale``.
    shift, relu : see `model.fixed_point.write_back`.
    pointers : (pes, columns + 1) int64, entry offsets of the column slices in each PE's own entries, from 0.
    codes, runs : (entries,) uint8, all PEs' entries one after the other.
    offsets : (pes + 1,) int64, where each PE's entries begin in `codes` and `runs`.
    first_row : first local row of the source that the layer reads.
    keep : the sums stay in the accumulators for the layer after it, which has the same ``out_rows``: a column tile that
        is not the last of its layer. Biases, bias_scale, shift and relu then mean nothing.
    map : geometry of the layer on an array with `maps`, where every layer has one; else None.
    functions : what an array with `functions` does at write-back and after the layer; None means nothing.
    """

    name: str
    in_rows: int
    out_rows: int
    codebook: NDArray[np.int16]
    biases: NDArray[np.int16]
    bias_scale: int
    shift: int
    relu: bool
    pointers: NDArray[np.int64]
    codes: NDArray[np.uint8]
    runs: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    first_row: int = 0
    keep: bool = False
    map: MapDescriptor | None = None
    functions: FunctionDescriptor | None = None

    @property
    def pes(self) -> int:
        return self.pointers.shape[0]

    @property
    def columns(self) -> int:
        """Physical columns, ``in_rows * pes`` without `maps`."""
        return self.pointers.shape[1] - 1

    @property
    def entries(self) -> int:
        """Stored entries of all PEs, fillers included."""
        return int(self.offsets[-1])

    @property
    def fillers(self) -> int:
        """Entries of code 0."""
        return int(np.count_nonzero(self.codes == 0))

    def decoded_symbols(self) -> NDArray[np.int64]:
        """(pes,) Huffman symbols per PE: two per entry, one end of column per column."""
        return 2 * np.diff(self.offsets) + self.columns

    def dense_weights(self) -> NDArray[np.int16]:
        """(out_rows * pes, columns) int16 weights in physical order; of layers without `map`."""
        dense = np.zeros((self.out_rows * self.pes, self.columns), dtype=np.int16)
        for pe in range(self.pes):
            low, high = self.offsets[pe], self.offsets[pe + 1]
            counts = np.diff(self.pointers[pe])
            column = np.repeat(np.arange(self.columns), counts)
            steps = self.runs[low:high].astype(np.int64) + 1
            ends = np.cumsum(steps)
            before = np.concatenate([[0], ends])[self.pointers[pe][:-1]]
            row = ends - np.repeat(before, counts) - 1
            real = self.codes[low:high] != 0
            dense[row[real] * self.pes + pe, column[real]] = self.codebook[self.codes[low:high][real]]
        return dense


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What a memory does not hold at once, made in parts one after the other: bands of rows, passes over channels.

    Parameters
    ----------
    what : the layer or operation, or the first and the last of several.
    memory : the field of the configuration that is too small for the whole.
    needed : what the whole would take of it.
    bands, passes : bands of rows, and in each passes over a PE's channels.
    cycles : more than the whole would take, by an estimate.
    entries, pointers : more than the whole has, of all PEs and in each PE.
    """

    what: str
    memory: str
    needed: int
    bands: int
    passes: int
    cycles: float
    entries: int
    pointers: int

    def __str__(self) -> str:
        several = [f"{self.bands} bands of rows"] * (self.bands > 1) + [f"{self.passes} passes"] * (self.passes > 1)
        return (
            f"{self.what} is made in {' of '.join(several)}, as a whole it needs {self.memory} {self.needed}; that "
            f"takes about {self.cycles:,.0f} cycles, {self.entries:,} entries and {self.pointers:,} pointers more"
        )


@dataclass(frozen=True, kw_only=True)
class NetworkImage:
    """All layers for one array, and how to talk to it in the network's own order and units.

    Parameters
    ----------
    config : the array this image is for.
    layers : in execution order; a layer's ``in_rows``, those of its column tiles together, are the ``out_rows`` of the
        layer before.
    in_features, out_features : logical sizes.
    input_fraction_bits, output_fraction_bits : binary points of the network's input and output.
    output_order : (out_features,) physical position of each logical output.
    pass_starts : which layer each pass begins with, the first being 0. The layers of a pass are in the array's memories
        together; a network that does not fit them at once has several, loaded one after the other for every input.
    input_rows : with `maps`, local rows of the input, which lies from row 0 on; else 0.
    input_order : with `maps`, (in_features,) physical position of each logical input; else None, they keep their order.
    cuts : with `maps`, what is made in parts because a memory does not hold it at once.
    """

    config: ArrayConfig
    layers: tuple[LayerImage, ...]
    in_features: int
    out_features: int
    input_fraction_bits: int
    output_fraction_bits: int
    output_order: NDArray[np.int64]
    pass_starts: tuple[int, ...] = (0,)
    input_rows: int = 0
    input_order: NDArray[np.int64] | None = None
    cuts: tuple[Cut, ...] = ()

    @property
    def in_rows(self) -> int:
        """Local rows of the input: those of the first layer, its column tiles together."""
        if self.config.maps:
            return self.input_rows
        last_tile = next(layer for layer in self.layers if not layer.keep)
        return last_tile.first_row + last_tile.in_rows

    @property
    def columns(self) -> int:
        """Physical input activations, ``in_rows * pes``."""
        return self.in_rows * self.config.pes

    def physical_inputs(self, activations: NDArray[np.int16]) -> NDArray[np.int16]:
        """(.., in_features) inputs in logical order as they lie in the array: (.., columns), 0 where there are none."""
        physical = np.zeros((*activations.shape[:-1], self.columns), dtype=np.int16)
        if self.input_order is None:
            physical[..., : self.in_features] = activations
        else:
            physical[..., self.input_order] = activations
        return physical

    @property
    def passes(self) -> tuple[tuple[LayerImage, ...], ...]:
        """The layers of every pass."""
        return tuple(self.layers[begin:end] for begin, end in pairwise([*self.pass_starts, len(self.layers)]))
