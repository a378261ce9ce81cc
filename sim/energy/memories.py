"""The memories of a PE: what they hold, and how wide they are."""

from dataclasses import dataclass

from model.config import ArrayConfig

POINTER_BANKS = 2  # even and odd columns


@dataclass(frozen=True)
class Memory:
    """Capacity and width of one of a PE's memories."""

    bytes: float
    bits: int


@dataclass(frozen=True, kw_only=True)
class PeMemories:
    """The memories of a PE; it has two pointer banks, and codebook and biases share the constant memory."""

    sparse_matrix: Memory
    pointer_bank: Memory
    activation: Memory
    accumulator: Memory
    constant: Memory

    @property
    def bits(self) -> int:
        """Of all of them together."""
        single = (self.sparse_matrix, self.activation, self.accumulator, self.constant)
        return round(8 * (POINTER_BANKS * self.pointer_bank.bytes + sum(each.bytes for each in single)))


def array_memories(config: ArrayConfig) -> PeMemories:
    """The memories of one PE of an array."""

    def memory(depth: int, bits: int) -> Memory:
        return Memory(depth * bits / 8, bits)

    return PeMemories(
        sparse_matrix=memory(config.sparse_matrix_depth, config.row_bits + config.parity),
        pointer_bank=memory(config.pointer_depth // 2, config.pointer_bits + config.parity),
        activation=memory(config.activation_depth * (1 if config.maps else 2), config.activation_bits),  # banks
        accumulator=memory(config.accumulators, config.accumulator_bits),
        constant=memory(config.constant_depth, 16),
    )
