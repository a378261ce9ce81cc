"""What a descriptor gains with `functions`: blocks of write-back, and loops (contract/architecture.md, section 13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model.map_descriptor import BitField

FUNCTION_DESCRIPTOR_WORDS = 23
BLOCKS = 4
ITERATION_BITS = 16
FunctionKind = Literal["none", "sigmoid", "tanh"]

FUNCTION_FIELDS: dict[str, BitField] = {
    "loop_count": BitField(14, 0, ITERATION_BITS),
    "loop_back": BitField(14, 16, 6),
    "moves": BitField(14, 22, 1),
    "blocked": BitField(14, 23, 1),
    "source_step": BitField(15, 0, 16),
    "result_step": BitField(15, 16, 16),
    "block_rows": BitField(16, 0, 16),
}
BLOCK_FIELDS: tuple[dict[str, BitField], ...] = tuple(
    {
        "function": BitField(17 + number // 2, 16 * (number % 2), 1),
        "is_tanh": BitField(17 + number // 2, 16 * (number % 2) + 1, 1),
        "product": BitField(17 + number // 2, 16 * (number % 2) + 2, 1),
        "product_shift": BitField(17 + number // 2, 16 * (number % 2) + 3, 5),
        "destination_moves": BitField(17 + number // 2, 16 * (number % 2) + 8, 2),
        "second_moves": BitField(17 + number // 2, 16 * (number % 2) + 10, 2),
        "block_destination": BitField(19 + number, 0, 16),
        "second": BitField(19 + number, 16, 16),
    }
    for number in range(BLOCKS)
)


def _check(fields: object, table: dict[str, BitField]) -> None:
    for name, field in table.items():
        value = int(getattr(fields, name))
        if not 0 <= value < 1 << field.width:
            raise ValueError(f"{name} of {field.width} bits wanted, got {value}")


@dataclass(frozen=True, kw_only=True)
class Block:
    """The fields of `BLOCK_FIELDS`: what becomes of the outputs of block_rows accumulators.

    Parameters
    ----------
    function, is_tanh : sigmoid, with `is_tanh` tanh, of the output.
    product : then times the second operand, `product_shift` bits less.
    block_destination, second : local rows of the first output and of its second operand.
    destination_moves, second_moves : 0 fixed, 1 moves with `source_offset`, 2 and 3 with `result_offset`.
    """

    function: bool = False
    is_tanh: bool = False
    product: bool = False
    product_shift: int = 0
    destination_moves: int = 0
    second_moves: int = 0
    block_destination: int = 0
    second: int = 0

    def __post_init__(self) -> None:
        _check(self, BLOCK_FIELDS[0])

    @property
    def kind(self) -> FunctionKind:
        """The function."""
        return "none" if not self.function else "tanh" if self.is_tanh else "sigmoid"


@dataclass(frozen=True, kw_only=True)
class FunctionDescriptor:
    """The fields of `FUNCTION_FIELDS` and the blocks, as they stand in the descriptor.

    Parameters
    ----------
    loop_count : with 2 or more the layer is the last of a loop that runs so often.
    loop_back : layers from the first of the loop to this one.
    moves : `source_offset` is added to the layer's first_row.
    blocked : outputs go by blocks; otherwise as without `functions`.
    source_step, result_step : what is added to the offsets after each iteration; those of the loop's last layer count.
    block_rows : operations of a block, 0 being 2**16; the last block takes the rest.
    """

    loop_count: int = 0
    loop_back: int = 0
    moves: bool = False
    blocked: bool = False
    source_step: int = 0
    result_step: int = 0
    block_rows: int = 0
    blocks: tuple[Block, ...] = (Block(),) * BLOCKS

    def __post_init__(self) -> None:
        _check(self, FUNCTION_FIELDS)
        if len(self.blocks) != BLOCKS:
            raise ValueError(f"{BLOCKS} blocks wanted, got {len(self.blocks)}")

    @property
    def loops(self) -> bool:
        """Whether the layer ends a loop."""
        return self.loop_count >= 2

    def merge(self, words: Sequence[int]) -> list[int]:
        """The FUNCTION_DESCRIPTOR_WORDS words: those of `MapDescriptor.merge`, and these fields."""
        merged = [*words, *[0] * (FUNCTION_DESCRIPTOR_WORDS - len(words))]
        for name, field in FUNCTION_FIELDS.items():
            merged[field.word] |= int(getattr(self, name)) << field.low
        for block, block_fields in zip(self.blocks, BLOCK_FIELDS, strict=True):
            for name, field in block_fields.items():
                merged[field.word] |= int(getattr(block, name)) << field.low
        return merged

    @classmethod
    def unpack(cls, words: Sequence[int]) -> "FunctionDescriptor":
        """The inverse of `merge`; of fewer words the missing ones are 0."""
        padded = [*words, *[0] * (FUNCTION_DESCRIPTOR_WORDS - len(words))]

        def values(table: dict[str, BitField]) -> tuple[dict[str, int], dict[str, bool]]:
            numbers = {name: padded[field.word] >> field.low & (1 << field.width) - 1 for name, field in table.items()}
            flags = {name: bool(value) for name, value in numbers.items() if table[name].width == 1}
            return {name: value for name, value in numbers.items() if name not in flags}, flags

        def block(table: dict[str, BitField]) -> Block:
            numbers, flags = values(table)
            return Block(**numbers, **flags)

        numbers, flags = values(FUNCTION_FIELDS)
        return cls(**numbers, **flags, blocks=tuple(map(block, BLOCK_FIELDS)))


def function_fields() -> dict[str, BitField]:
    """Every field by a name of its own: those of block k end in ``_k``."""
    named = {f"{name}_{number}": field for number, table in enumerate(BLOCK_FIELDS) for name, field in table.items()}
    return FUNCTION_FIELDS | named
