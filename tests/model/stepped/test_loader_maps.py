"""What CHECK says of map layers, and what their packets hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.layouts import CHECK_CYCLES, Descriptor, LoaderState, Opcode, header
from model.map_descriptor import MAP_FIELDS, MapDescriptor
from model.registers import Error
from model.stepped.array import SteppedArray
from tests.support.hw.stepped import Host
from tests.support.images.maps import Shape, Window, map_config, map_layer
from tests.support.images.random_images import encode_layer

CONFIG = map_config(pes=2, activation_depth=16, accumulator_depth=12, pointer_depth=64, constant_depth=70, layers=4)
GOOD = Descriptor(in_rows=2, out_rows=6, first_row=0, stream_words=1, shift=0, relu=False, keep=False, bias_scale=1)
GOOD_MAP = MapDescriptor.unpack([0] * 14)


def ready_host() -> Host:
    host = Host(SteppedArray(CONFIG))
    host.reset()
    while host.array.controller.state:
        host.tick()
    return host


def error_of(host: Host, **changes: Any) -> Error:
    """What CHECK says of such a descriptor."""
    plain = replace(GOOD, **{name: value for name, value in changes.items() if name not in MAP_FIELDS})
    fields = {name: value for name, value in changes.items() if name in MAP_FIELDS}
    geometry = replace(GOOD_MAP, **({"columns": 4, "out_channels": 3} | fields))
    host.send([header(Opcode.LAYER), *geometry.merge(plain.pack())])
    for _ in range(CHECK_CYCLES):
        assert host.array.loader.state == LoaderState.CHECK
        host.tick()
    return host.error()


@pytest.mark.parametrize(
    "change",
    [
        {"in_rows": 0},
        {"in_rows": 17},
        {"out_rows": 0},
        {"out_rows": 13},
        {"out_channels": 0},
        {"out_channels": 7},
        {"columns": 0},
        {"columns": 64},
        {"columns": 1 << 23},
        {"shift": 32},
        {"stream_words": 0},
    ],
)
def test_layer_that_does_not_fit(change):
    assert error_of(ready_host(), **change) == Error.DESCRIPTOR


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"in_rows": 16, "out_rows": 12, "out_channels": 6, "columns": 63},
        {"keep": True, "out_channels": 6},
        {name: (1 << field.width) - 1 for name, field in MAP_FIELDS.items() if name not in ("columns", "out_channels")}
        | {"first_row": 0xFFFF},
    ],
)
def test_layer_that_fits_whatever_its_geometry_says(change):
    assert error_of(ready_host(), **change) == Error.NONE


def test_biases_are_one_row_a_local_channel():
    """Six bias words fit: two layers of three local channels, and no third."""
    kernel = np.ones((6, 2, 1, 1), dtype=int)
    book = np.arange(16, dtype=np.int16)
    layer, _ = map_layer(CONFIG, Shape(height=2, width=2, channels=1), kernel, book, Window())
    host = ready_host()
    for kept in (False, True, False):
        host.load(encode_layer(CONFIG, replace(layer, keep=kept)))
        assert host.error() == Error.NONE
    assert host.array.loader.bias_base == CONFIG.bias_base + 6
    assert host.array.loader.pointer_base == 3 * (2 + 1)
    assert error_of(host) == Error.DESCRIPTOR
