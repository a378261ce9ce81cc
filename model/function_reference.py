"""What blocks of write-back make of a layer's outputs, operation by operation on plain integers (section 13)."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import write_back
from model.function_descriptor import BLOCKS, Block, FunctionDescriptor
from model.function_table import function_table
from model.loops import Offsets

SEEN_AFTER = 5  # operations until what one has stored is read as a second operand
TABLE = function_table()
TALLEST = 1 << 15  # argument in the table


def block_of(functions: FunctionDescriptor, number: int) -> tuple[Block, int]:
    """The block of operation `number`, and which one of the block it is."""
    rows = functions.block_rows or 1 << 16
    block = min(number // rows, BLOCKS - 1)
    return functions.blocks[block], number - block * rows


def finish(
    functions: FunctionDescriptor, outputs: NDArray[np.int16], memory: NDArray[np.int16], offsets: Offsets
) -> NDArray[np.int16]:
    """(out_rows, pes) what is stored of (out_rows, pes) output values, in `memory`, (activation_depth, pes)."""
    depth, pes = memory.shape
    stored = np.empty_like(outputs)
    coming: deque[tuple[int, NDArray[np.int16]]] = deque()
    for number, values in enumerate(outputs):
        block, place = block_of(functions, number)
        if len(coming) == SEEN_AFTER:
            row, before = coming.popleft()
            memory[row] = before
        second = memory[(block.second + offsets.of(block.second_moves) + place) % depth]
        stored[number] = [finished(block, int(values[pe]), int(second[pe])) for pe in range(pes)]
        row = (block.block_destination + offsets.of(block.destination_moves) + place) % depth
        coming.append((row, stored[number]))
    for row, values in coming:
        memory[row] = values
    return stored


def finished(block: Block, value: int, second: int) -> int:
    """One output value through the stages behind O."""
    if block.function:
        value = of_function(value, block.is_tanh)
    return write_back(value * second, block.product_shift, relu=False) if block.product else value


def of_function(value: int, is_tanh: bool) -> int:
    """Stages O to H: sigmoid or tanh."""
    magnitude = min(2 * abs(value), TALLEST) if is_tanh else abs(value)
    node = min(magnitude >> 6, len(TABLE) - 1)
    base, slope = TABLE[node]
    line = 64 * base + slope * (magnitude - 64 * node)
    if is_tanh:
        return write_back((1 << 22) - line if value < 0 else line - (1 << 22), 7, relu=False)
    return write_back((1 << 23) - line if value < 0 else line, 8, relu=False)
