"""Blocks of write-back on the fast engine: many inputs at once, a local row of all PEs at a time (section 13)."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import write_back_array
from model.function_descriptor import Block, FunctionDescriptor
from model.function_reference import SEEN_AFTER, block_of
from model.function_table import sigmoid, tanh
from model.loops import Offsets


class FunctionBlocks:
    """The operations of one layer that is `blocked`, out_rows of them."""

    def __init__(self, functions: FunctionDescriptor, out_rows: int, activation_depth: int) -> None:
        self._operations = [block_of(functions, number) for number in range(out_rows)]
        self._depth = activation_depth

    @property
    def table_reads(self) -> int:
        """Of each PE."""
        return sum(block.function for block, _ in self._operations)

    @property
    def products(self) -> int:
        """Of each PE."""
        return sum(block.product for block, _ in self._operations)

    def store(self, outputs: NDArray[np.int16], memory: NDArray[np.int16], offsets: Offsets) -> None:
        """Finish (n, out_rows, pes) output values, which change, and store them in `memory`, (n, depth, pes)."""
        coming: deque[tuple[int, NDArray[np.int16]]] = deque()
        for number, (block, place) in enumerate(self._operations):
            if len(coming) == SEEN_AFTER:
                row, before = coming.popleft()
                memory[:, row] = before
            values = _function(block, outputs[:, number])
            if block.product:
                second = memory[:, (block.second + offsets.of(block.second_moves) + place) % self._depth]
                values = write_back_array(values.astype(np.int64) * second, block.product_shift, relu=False)
            outputs[:, number] = values
            row = (block.block_destination + offsets.of(block.destination_moves) + place) % self._depth
            coming.append((row, values))
        for row, values in coming:
            memory[:, row] = values


def _function(block: Block, values: NDArray[np.int16]) -> NDArray[np.int16]:
    if not block.function:
        return values
    return tanh(values) if block.is_tanh else sigmoid(values)
