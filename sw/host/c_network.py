"""A network as C, for the C driver: `eie_network.h` with the packets of every pass as constant arrays."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.image import NetworkImage
from sw.image.stream import encode_passes

C_DRIVER = Path(__file__).parent / "c_driver"  # the sources that every network shares
PER_LINE = 8


def network_header(image: NetworkImage, remains: str | None = None) -> str:
    """Text that defines `static const eie_network eie_the_network`, for one source file to include.

    `remains` : what the host does to the outputs, in words (`sw.network.host_end`); None for nothing.
    """
    config = image.config
    passes = [words.ravel() for words in encode_passes(image)]
    features = _numbers_at(image.layers[-1].out_rows * config.pes, image.output_order)
    fields = {
        "fingerprint": f"{config.fingerprint:#010x}u",
        "pes": f"{config.pes}u",
        "stream_bits": f"{config.stream_bits}u",
        "lanes": f"{config.lanes}u",
        "activation_bits": f"{config.activation_bits}u",
        "in_features": f"{image.in_features}u",
        "in_rows": f"{image.in_rows}u",
        "out_features": f"{image.out_features}u",
        "out_rows": f"{image.layers[-1].out_rows}u",
        "input_fraction_bits": str(image.input_fraction_bits),
        "output_fraction_bits": str(image.output_fraction_bits),
        "feature_at": "eie_feature_at",
        "input_at": "0" if image.input_order is None else "eie_input_at",
        "passes": "eie_passes",
        "passes_count": f"{len(passes)}u",
    }
    lines = [
        f"/* A network laid out for the array {config.name}, written by eie. Include it once. */",
        *([] if remains is None else [f"/* Left to the host: {remains}. */"]),
        "#ifndef EIE_NETWORK_H",
        "#define EIE_NETWORK_H",
        "",
        '#include "eie_driver.h"',
        "",
    ]
    for number, pieces in enumerate(passes):
        lines += _array(f"uint32_t eie_pass_{number}", (f"{piece:#x}u" for piece in pieces.tolist()))
    lines += _array("int32_t eie_feature_at", map(str, features))
    if image.input_order is not None:
        lines += _array("int32_t eie_input_at", map(str, _numbers_at(image.columns, image.input_order)))
    rows = (f"{{eie_pass_{number}, {pieces.size}u}}" for number, pieces in enumerate(passes))
    lines += _array("eie_pass eie_passes", rows)
    lines += ["static const eie_network eie_the_network = {"]
    lines += [f"    {value}, /* {name} */" for name, value in fields.items()]
    return "\n".join([*lines, "};", "", "#endif", ""])


def _numbers_at(places: int, order: NDArray[np.int64]) -> list[int]:
    """Which number lies at each place, -1 where none does."""
    numbers = np.full(places, -1, np.int64)
    numbers[order] = np.arange(order.size)
    return numbers.tolist()


def _array(declaration: str, values: Iterable[str]) -> list[str]:
    items = list(values)
    rows = [items[first : first + PER_LINE] for first in range(0, len(items), PER_LINE)]
    return [f"static const {declaration}[] = {{", *(f"    {', '.join(row)}," for row in rows), "};", ""]
