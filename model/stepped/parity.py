"""The parity bit on top of sparse-matrix rows and pointers: the number of ones is even, the bit included."""


def with_parity(word: int, width: int, parity: bool) -> int:
    """A word of `width` bits as its memory holds it; as it is without `parity`."""
    return word | (word.bit_count() & 1) << width if parity else word


def is_wrong(word: int, parity: bool) -> bool:
    """Whether a word as its memory holds it has changed by an odd number of bits."""
    return parity and bool(word.bit_count() & 1)
