"""An LSTM or a GRU as a loop of map layers, for an array with `functions` (docs/contract/architecture.md, section 13).

q local rows hold the units, two at least, so that a block is stored before the one that needs it reads it. h lies in
front of x_t, and the window of both moves on with every step: h takes the place of what has been read. The matrix is
one layer whose blocks end in the gates' functions and first products, the cell one local layer, of a GRU two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.fixed_point import to_fixed
from model.function_descriptor import BLOCKS, Block, FunctionDescriptor
from model.image import LayerImage
from model.map_descriptor import MapDescriptor
from sw.image.maps.buffers import Buffer
from sw.image.maps.entries import Entries
from sw.image.maps.memory import unit_rows
from sw.image.maps.placement import Place
from sw.image.maps.step import Step
from sw.network.compressed import CompressedLayer
from sw.network.graph import GATES, Gru
from sw.network.lstm_cell import GATE_FRACTION_BITS, UNIT_FRACTION_BITS
from sw.network.quantise import LayerFormat

MOST_WEIGHT_BITS = 14  # of a power of two among 16-bit weights
MOST_PRODUCT_SHIFT = 31
SOURCE, RESULT = 1, 2  # what a block's place moves with
LSTM_ORDER = (3, 2, 0, 1)  # which block each of the gates i, f, g, o is: g, o, f, i
GRU_ORDER = (0, 1, 2, 3)  # r, z, n_x, n_h


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What the layers of one recurrent step are made of.

    Parameters
    ----------
    step, layer, number_format : the step, the weight layer that is its matrix, its binary points.
    inputs : (features, steps) physical positions of every x.
    source : the buffer of x; its first rows, `unit_rows` of them, are those of h before the first step.
    scratch : rows for what a step makes.
    place : of the units.
    result : first local row of h, and rows from one step to the next, 0 if only the last is wanted; None if it stays
        where the last step leaves it.
    """

    config: ArrayConfig
    step: Step
    layer: CompressedLayer
    number_format: LayerFormat
    inputs: NDArray[np.int64]
    source: Buffer
    scratch: Buffer
    place: Place
    result: tuple[int, int] | None

    @property
    def rows(self) -> int:
        """Local rows of the units, q."""
        return unit_rows(self.place)

    @property
    def fraction_bits(self) -> int:
        """Of x and h."""
        return self.number_format.input_fraction_bits

    def at(self, block: int) -> int:
        """First local row of the scratch rows number `block`."""
        return self.scratch.row + block * self.rows

    def window(self) -> int:
        """First local row of h in the first step."""
        return self.source.row


def recurrent_layers(loop: Loop) -> list[LayerImage]:
    """The layers of an LSTM or a GRU; EieError for binary points that the array cannot join."""
    if not loop.config.functions:
        raise EieError(
            f"layer {loop.layer.name}: it is the matrix of an LSTM or a GRU, which an array runs that has functions "
            "(--set functions=true)"
        )
    if loop.number_format.output_fraction_bits != GATE_FRACTION_BITS:
        raise EieError(
            f"layer {loop.layer.name}: gates of an array have {GATE_FRACTION_BITS} fraction bits, its accumulators "
            f"leave {loop.number_format.output_fraction_bits}"
        )
    of_cell = _gru(loop) if isinstance(loop.step.recurrent, Gru) else _lstm(loop)
    return [_clear(loop), *of_cell]


def _lstm(loop: Loop) -> list[LayerImage]:
    """Scratch rows: the cell, g, o, f * cell, i * g."""
    name, cell_bits = loop.layer.name, loop.number_format.cell_fraction_bits
    assert cell_bits is not None
    of_input = 2 * UNIT_FRACTION_BITS - cell_bits
    of_output = 2 * UNIT_FRACTION_BITS - loop.fraction_bits
    _check_shift(name, "cell", cell_bits, of_input)
    _check_shift(name, "output", loop.fraction_bits, of_output)
    blocks = (
        Block(function=True, is_tanh=True, block_destination=loop.at(1)),
        Block(function=True, block_destination=loop.at(2)),
        Block(
            function=True,
            product=True,
            product_shift=UNIT_FRACTION_BITS,
            second=loop.at(0),
            block_destination=loop.at(3),
        ),
        Block(function=True, product=True, product_shift=of_input, second=loop.at(1), block_destination=loop.at(4)),
    )
    # The cell and the argument of its tanh are the same sum with two binary points.
    shift = max(cell_bits - GATE_FRACTION_BITS, 0)
    weights = (1 << shift, 1 << max(GATE_FRACTION_BITS - cell_bits, 0))
    if weights[1] > 1 << MOST_WEIGHT_BITS:
        raise EieError(f"layer {name}: an array's cell has at least -3 fraction bits, got {cell_bits}")
    seen = {"function": True, "is_tanh": True, "product": True, "product_shift": of_output, "second": loop.at(2)}
    ends = [Block(block_destination=loop.at(0)), *_outputs(loop, **seen)]
    terms = [(weights[0], weights[1], weights[1])[: len(ends)]] * 2
    return [_gates(loop, LSTM_ORDER, blocks), _cell(loop, "cell", loop.at(3), terms, shift, ends, back=1)]


def _gru(loop: Loop) -> list[LayerImage]:
    """Scratch rows: r, z, n_x, n_h * r, n, n * z, z * h."""
    name, further = loop.layer.name, UNIT_FRACTION_BITS - loop.fraction_bits
    if not 0 <= further <= MOST_WEIGHT_BITS:
        raise EieError(f"layer {name}: h of an array's GRU has 1 to 15 fraction bits, got {loop.fraction_bits}")
    times: dict[str, Any] = {"product": True, "product_shift": UNIT_FRACTION_BITS}
    blocks = (
        Block(function=True, block_destination=loop.at(0)),
        Block(function=True, block_destination=loop.at(1)),
        Block(block_destination=loop.at(2)),
        Block(**times, second=loop.at(0), block_destination=loop.at(3)),
    )
    of_new = [
        Block(function=True, is_tanh=True, block_destination=loop.at(4)),
        Block(function=True, is_tanh=True, **times, second=loop.at(1), block_destination=loop.at(5)),
        Block(**times, second=loop.window(), second_moves=SOURCE, block_destination=loop.at(6)),
    ]
    ends = _outputs(loop)
    copies = len(ends)
    return [
        _gates(loop, GRU_ORDER, blocks),
        _cell(loop, "new", loop.at(1), [(0, 0, 1), (1, 1, 0), (1, 1, 0)], 0, of_new),
        _cell(
            loop,
            "cell",
            loop.at(4),
            [(1,) * copies, (-1,) * copies, (1 << further,) * copies],
            further,
            ends,
            back=2,
        ),
    ]


def _outputs(loop: Loop, **fields: Any) -> list[Block]:
    """h in front of the next x, and where a sequence is wanted, there."""
    following = loop.window() + loop.source.pitch
    blocks = [Block(**fields, block_destination=following % loop.config.activation_depth, destination_moves=SOURCE)]
    if loop.result is not None:
        blocks.append(Block(**fields, block_destination=loop.result[0], destination_moves=RESULT))
    return blocks


def _clear(loop: Loop) -> LayerImage:
    """Zeros for h and, of an LSTM, the cell."""
    of_lstm = [] if isinstance(loop.step.recurrent, Gru) else [Block(block_destination=loop.at(0))]
    blocks = [Block(block_destination=loop.window()), *of_lstm]
    nothing = np.zeros(0, np.int64)
    entries = Entries(nothing, nothing, nothing, nothing)
    functions = FunctionDescriptor(blocked=True, block_rows=loop.rows, blocks=_padded(blocks))
    # A row must be read; of x it is known what it holds.
    return _image(loop, "clear", entries, 1, (1, loop.source.first), len(blocks) * loop.rows, functions, local=True)


def _gates(loop: Loop, order: Sequence[int], blocks: Sequence[Block]) -> LayerImage:
    """The matrix, times h and x_t side by side."""
    layer, place, rows, pes = loop.layer, loop.place, loop.rows, loop.config.pes
    units = layer.shape[0] // GATES
    features = layer.shape[1] - units
    apart = loop.source.pitch * pes
    steps = loop.inputs - loop.inputs[:, :1]
    side_by_side: NDArray[np.int64] = apart * np.arange(steps.shape[1], dtype=np.int64)
    if np.any(np.not_equal(steps, side_by_side)):
        raise EieError(f"layer {layer.name}: the steps of its source must lie side by side")
    columns = np.concatenate([loop.inputs[:, 0] - loop.window() * pes, place.local * pes + place.lane])
    output, source = np.divmod(layer.positions, layer.shape[1])
    gate, unit = np.divmod(output, units)
    block_of_gate = np.array(order)
    entries = Entries(
        pe=place.lane[unit],
        column=columns[source],
        row=block_of_gate[gate] * rows + place.local[unit],
        code=layer.codes.astype(np.int64),
    )
    assert columns.size == features + units
    biases = np.zeros((GATES * rows, pes), np.int16)
    by_gate = loop.number_format.fixed_bias(layer.bias).reshape(GATES, units)
    for number, block in enumerate(order):
        biases[block * rows + place.local, place.lane] = by_gate[number]
    in_rows = rows + loop.source.pitch
    functions = FunctionDescriptor(moves=True, blocked=True, block_rows=rows, blocks=_padded(blocks))
    return _image(
        loop,
        "",
        entries,
        in_rows * pes,
        (in_rows, loop.window()),
        GATES * rows,
        functions,
        local=False,
        codebook=to_fixed(layer.codebook, loop.number_format.weight_fraction_bits)[1:],
        biases=biases,
        bias_scale=loop.number_format.bias_scale,
        shift=loop.number_format.shift,
    )


def _cell(
    loop: Loop,
    name: str,
    first: int,
    terms: Sequence[Sequence[int]],
    shift: int,
    blocks: Sequence[Block],
    back: int | None = None,
) -> LayerImage:
    """A local layer of sums: `terms` are the weights of every part of the source, from row `first` on, in every block.

    `back` is the loop_back of a layer that ends the loop.
    """
    rows, pes = loop.rows, loop.config.pes
    values = sorted({weight for parts in terms for weight in parts} - {0})
    if len(values) >= loop.config.code_symbols:
        raise EieError(f"layer {loop.layer.name}: its cell needs {len(values)} weights, code_bits leave fewer")
    parts = [
        (part, block, values.index(weight) + 1)
        for part, weights in enumerate(terms)
        for block, weight in enumerate(weights)
        if weight
    ]
    of_part = np.array(parts)
    place = np.tile(np.arange(rows), len(parts))
    part, block, code = (np.repeat(column, rows) for column in of_part.T)
    once = Entries(np.zeros_like(place), part * rows + place, block * rows + place, code)
    entries = Entries(
        np.repeat(np.arange(pes), place.size), *(np.tile(column, pes) for column in (once.column, once.row, once.code))
    )
    looped: dict[str, Any] = {}
    if back is not None:
        looped = {"loop_count": loop.inputs.shape[1], "loop_back": back, "source_step": loop.source.pitch}
        looped |= {"result_step": 0 if loop.result is None else loop.result[1]}
    functions = FunctionDescriptor(blocked=True, block_rows=rows, blocks=_padded(blocks), **looped)
    # A sequence is stored as it is: the last block has no padding.
    padding = rows - loop.place.local_channels if back is not None and loop.result is not None else 0
    in_rows, out_rows = len(terms) * rows, len(blocks) * rows - padding
    return _image(
        loop,
        name,
        entries,
        in_rows,
        (in_rows, first),
        out_rows,
        functions,
        local=True,
        codebook=np.array(values, np.int16),
        shift=shift,
        padding=padding,
    )


def _image(
    loop: Loop,
    name: str,
    entries: Entries,
    columns: int,
    read: tuple[int, int],
    out_rows: int,
    functions: FunctionDescriptor,
    *,
    local: bool,
    codebook: NDArray[np.int16] | None = None,
    biases: NDArray[np.int16] | None = None,
    bias_scale: int = 1,
    shift: int = 0,
    padding: int = 0,
) -> LayerImage:
    """A layer of one position; `read` are how many rows are read and the first, `padding` rows have no entries."""
    config = loop.config
    kept = entries.row < out_rows if padding else slice(None)
    entries = Entries(entries.pe[kept], entries.column[kept], entries.row[kept], entries.code[kept])
    words = np.zeros(config.code_symbols, np.int16)
    if codebook is not None:
        words[1 : 1 + codebook.size] = codebook
    in_rows, first_row = read
    return LayerImage(
        name=f"{loop.layer.name} {name}" if name else loop.layer.name,
        in_rows=in_rows,
        out_rows=out_rows,
        codebook=words,
        biases=np.zeros((out_rows, config.pes), np.int16) if biases is None else biases,
        bias_scale=bias_scale,
        shift=shift,
        relu=False,
        keep=False,
        first_row=first_row,
        map=MapDescriptor(
            destination=functions.blocks[0].block_destination,
            destination_step=out_rows,
            local=local,
            flat=True,
            columns=columns,
            class_columns=columns,
            in_channels=in_rows,
            in_width=1,
            column_step=0,
            row_step=0,
            out_channels=out_rows,
            out_height=1,
            out_width=1,
            row_pitch=out_rows,
        ),
        functions=functions,
        **entries.encode(config.pes, columns, 1 << out_rows.bit_length(), config.index_bits),
    )


def _padded(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """All blocks of a descriptor; those that are left are never reached."""
    return (*blocks, *[Block()] * (BLOCKS - len(blocks)))


def _check_shift(name: str, what: str, bits: int, shift: int) -> None:
    if not 0 <= shift <= MOST_PRODUCT_SHIFT:
        raise EieError(f"layer {name}: its {what} must have -1 to 30 fraction bits, got {bits}")
