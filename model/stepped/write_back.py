"""What write-back operations say: accumulator, bias address and where the output goes."""

from model.config import ArrayConfig
from model.function_descriptor import BLOCKS, FunctionDescriptor
from model.loops import Offsets
from model.stepped.signals import LayerEntry, WriteBack


class WriteBackGenerator:
    """Counts local channels and output positions of a layer; without `maps` a layer is one position."""

    def __init__(self, config: ArrayConfig) -> None:
        self._depth = config.activation_depth
        self.reset()

    def reset(self) -> None:
        self._channel = 0
        self._position = 0
        self._destination = 0
        self._block = 0
        self._place = 0

    def begin(self, layer: LayerEntry) -> None:
        """DRAIN, before the first operation."""
        self._channel = self._block = self._place = 0
        self._destination = self._position = 0 if layer.map is None else layer.map.destination % self._depth

    def clearing(self, row: int) -> WriteBack:
        """The operation of a cycle of CLEAR."""
        return WriteBack(row, 0, row % self._depth)

    def operation(self, layer: LayerEntry, row: int, offsets: Offsets) -> WriteBack:
        """The operation of a cycle of WRITE_BACK; `offsets` are those of a loop."""
        address = layer.bias_base + self._channel
        if layer.functions is None or not layer.functions.blocked:
            return WriteBack(row, address, self._destination)
        block = layer.functions.blocks[self._block]
        destination = block.block_destination + offsets.of(block.destination_moves) + self._place
        second = block.second + offsets.of(block.second_moves) + self._place
        return WriteBack(row, address, destination % self._depth, block, second % self._depth)

    def step(self, layer: LayerEntry) -> None:
        """A cycle of WRITE_BACK is over."""
        geometry = layer.map
        if layer.functions is not None:
            self._next_place(layer.functions)
        if geometry is None or self._channel != geometry.out_channels - 1:
            self._channel += 1
            self._destination = (self._destination + 1) % self._depth
            return
        self._channel = 0
        self._position = (self._position + geometry.destination_step) % self._depth
        self._destination = self._position

    def _next_place(self, functions: FunctionDescriptor) -> None:
        self._place += 1
        if self._place == functions.block_rows and self._block < BLOCKS - 1:
            self._block, self._place = self._block + 1, 0
