"""Sizes and errors that Deep Compression publishes (Han et al., ICLR 2016, Table 1), to compare with."""

from typing import NamedTuple

from sim.text import count


class Published(NamedTuple):
    """A network as published.

    error, compressed_error : top-1, fractions, of the dense and the compressed network.
    bytes, compressed_bytes : as the table gives them, in steps of 1,000.
    """

    name: str
    error: float
    compressed_error: float
    bytes: int
    compressed_bytes: int


DEEP_COMPRESSION = (
    Published("LeNet-300-100", 0.0164, 0.0158, 1_070_000, 27_000),
    Published("LeNet-5", 0.0080, 0.0074, 1_720_000, 44_000),
    Published("AlexNet", 0.4278, 0.4278, 240_000_000, 6_900_000),
    Published("VGG-16", 0.3150, 0.3117, 552_000_000, 11_300_000),
)

COLUMNS = ("network", "error", "compressed", "kB", "compressed", "ratio")


def published_cells() -> list[list[str]]:
    """A table's rows of them."""
    return [
        [
            each.name,
            f"{100 * each.error:.2f} %",
            f"{100 * each.compressed_error:.2f} %",
            count(each.bytes // 1000),
            count(each.compressed_bytes // 1000),
            f"{each.bytes / each.compressed_bytes:.0f}x",
        ]
        for each in DEEP_COMPRESSION
    ]
