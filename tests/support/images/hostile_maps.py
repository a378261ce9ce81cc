"""Hostile descriptors of map layers: what each tries, and the error that must come of it."""

from dataclasses import replace
from typing import Any

import numpy as np

from model.image import LayerImage
from model.layouts import Descriptor, Opcode, header
from model.map_descriptor import MAP_DESCRIPTOR_WORDS, MAP_FIELDS, MapDescriptor
from model.registers import Error
from tests.support.images.hostile import Hostile
from tests.support.images.maps import Shape, Window, map_config, map_layer
from tests.support.images.random_images import encode_layer

CONFIG = map_config(
    name="maps",
    pes=2,
    queue_depth=2,
    activation_depth=16,
    accumulator_depth=13,
    pointer_depth=16,
    sparse_matrix_depth=30,
    constant_depth=70,
    layers=3,
)
SOURCE = Shape(height=2, width=3, channels=1)


def victim() -> LayerImage:
    """A 3 x 3 convolution with padding: six positions of two local channels."""
    rng = np.random.default_rng(5)
    book = rng.integers(1, 200, CONFIG.code_symbols).astype(np.int16)
    book[0] = 0
    kernel = rng.integers(1, CONFIG.code_symbols, (4, 2, 3, 3))
    layer, _ = map_layer(
        CONFIG, SOURCE, kernel, book, Window(padding=(1, 1, 1, 1)), biases=np.arange(4, dtype=np.int16), shift=2
    )
    return layer


def corpus() -> list[Hostile]:
    """One of everything that a descriptor can say wrongly; NONE where the machine has a meaning for it."""
    layer = victim()
    packet = encode_layer(CONFIG, layer)
    plain, geometry = Descriptor.unpack(packet[1:]), MapDescriptor.unpack(packet[1 : 1 + MAP_DESCRIPTOR_WORDS])

    def with_(**changes: Any) -> list[int]:
        of_map = {name: value for name, value in changes.items() if name in MAP_FIELDS}
        others = {name: value for name, value in changes.items() if name not in MAP_FIELDS}
        words = replace(geometry, **of_map).merge(replace(plain, **others).pack())
        return [header(Opcode.LOAD), packet[0], *words, *packet[1 + MAP_DESCRIPTOR_WORDS :]]

    most = {name: (1 << field.width) - 1 for name, field in MAP_FIELDS.items() if field.width > 1}
    short = replace(layer, out_rows=11)
    wrong: list[tuple[str, list[int], Error | None]] = [
        ("no source rows", with_(in_rows=0), Error.DESCRIPTOR),
        ("a source row too many", with_(in_rows=17), Error.DESCRIPTOR),
        ("an output row too many", with_(out_rows=14), Error.DESCRIPTOR),
        ("no output channels", with_(out_channels=0), Error.DESCRIPTOR),
        ("more output channels than rows", with_(out_channels=13), Error.DESCRIPTOR),
        ("no columns", with_(columns=0), Error.DESCRIPTOR),
        ("a column too many", with_(columns=16), Error.DESCRIPTOR),
        ("all columns there can be", with_(columns=(1 << 24) - 1), Error.DESCRIPTOR),
        ("more columns than coded", with_(columns=15), None),
        ("fewer columns than coded", with_(columns=1), None),
        ("rows of the source anywhere", with_(first_row=0xFFFF, column_step=0xFFFF, row_step=0x7777), Error.NONE),
        ("outputs anywhere", with_(destination=0xFFFF, destination_step=0xFFFF), Error.NONE),
        ("no local channels", with_(in_channels=0), None),
        ("no width", with_(in_width=0), None),
        ("no classes", with_(classes_y=0, classes_x=0), None),
        ("columns of other layers", with_(class_columns=0xABCDEF, classes_y=31), None),
        ("a coordinate off the map", with_(start_y=1023, start_x=1023), Error.NONE),
        ("a map without positions", with_(out_height=0, out_width=0), Error.NONE),
        ("a map of all positions", with_(out_height=1023, out_width=1023), Error.ROW),
        ("a pitch past the accumulators", with_(row_pitch=0xFFFF), Error.ROW),
        ("no pitch", with_(row_pitch=0), Error.NONE),
        ("all of the row is the channel", with_(flat=True), Error.ROW),
        ("digits of no bits", with_(channel_bits=0, column_bits=0), None),
        ("digits of all bits", with_(channel_bits=7, column_bits=7), None),
        ("entries past the last row", [header(Opcode.LOAD), *encode_layer(CONFIG, short)], Error.ROW),
        ("columns that are local", with_(local=True), None),
        ("a maximum of sums", with_(maximum=True, positive=True), Error.NONE),
        ("a limit of 1", with_(limit=1), Error.NONE),
        ("everything", with_(**(most | {"columns": 15, "out_channels": 2})), None),
        (
            "a last layer that keeps its sums",
            [header(Opcode.LOAD), *encode_layer(CONFIG, replace(layer, keep=True))],
            None,
        ),
    ]
    cut = [
        Hostile(f"a transfer that ends in descriptor word {at}", packet[: 1 + at], Error.TRUNCATED, True)
        for at in (1, 4, 13, 14)
    ]
    return [*(Hostile(*case) for case in wrong), *cut]
