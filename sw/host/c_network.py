"""A network as C, for the C driver: `eie_network.h` with the packets of every pass as constant arrays."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from model.image import NetworkImage
from sw.image.stream import encode_passes

C_DRIVER = Path(__file__).parent / "c_driver"  # the sources that every network shares
PER_LINE = 8


def network_header(image: NetworkImage) -> str:
    """Text that defines `static const eie_network eie_the_network`, for one source file to include."""
    config = image.config
    passes = [words.ravel() for words in encode_passes(image)]
    places = np.full(image.layers[-1].out_rows * config.pes, -1, np.int64)
    places[image.output_order] = np.arange(image.out_features)
    fields = {
        "fingerprint": f"{config.fingerprint:#010x}u",
        "pes": f"{config.pes}u",
        "stream_bits": f"{config.stream_bits}u",
        "lanes": f"{config.lanes}u",
        "in_features": f"{image.in_features}u",
        "in_rows": f"{image.in_rows}u",
        "out_features": f"{image.out_features}u",
        "out_rows": f"{image.layers[-1].out_rows}u",
        "input_fraction_bits": str(image.input_fraction_bits),
        "output_fraction_bits": str(image.output_fraction_bits),
        "feature_at": "eie_feature_at",
        "passes": "eie_passes",
        "passes_count": f"{len(passes)}u",
    }
    lines = [
        f"/* A network laid out for the array {config.name}, written by eie. Include it once. */",
        "#ifndef EIE_NETWORK_H",
        "#define EIE_NETWORK_H",
        "",
        '#include "eie_driver.h"',
        "",
    ]
    for number, pieces in enumerate(passes):
        lines += _array(f"uint32_t eie_pass_{number}", (f"{piece:#x}u" for piece in pieces.tolist()))
    lines += _array("int32_t eie_feature_at", map(str, places.tolist()))
    rows = (f"{{eie_pass_{number}, {pieces.size}u}}" for number, pieces in enumerate(passes))
    lines += _array("eie_pass eie_passes", rows)
    lines += ["static const eie_network eie_the_network = {"]
    lines += [f"    {value}, /* {name} */" for name, value in fields.items()]
    return "\n".join([*lines, "};", "", "#endif", ""])


def _array(declaration: str, values: Iterable[str]) -> list[str]:
    items = list(values)
    rows = [items[first : first + PER_LINE] for first in range(0, len(items), PER_LINE)]
    return [f"static const {declaration}[] = {{", *(f"    {', '.join(row)}," for row in rows), "};", ""]
