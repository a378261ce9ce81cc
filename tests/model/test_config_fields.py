"""What is declared of a configuration's fields is so: influences against what is built, and the page in docs."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw.verilog import verilog_text
from model.config import PRESETS, ArrayConfig
from model.config_fields import declaration, influenced
from model.config_page import page
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_layer

TINY = PRESETS["tiny4"].with_(
    pes=2, activation_depth=64, sparse_matrix_depth=512, constant_depth=512, max_code_length=9
)
# Another value of every field that changes neither the memories' room nor, alone, what other fields must be.
OTHERS: dict[str, Any] = {
    "name": "other",
    "pes": 3,
    "queue_depth": 6,
    "code_bits": 5,
    "index_bits": 2,
    "row_bits": 64,
    "sparse_matrix_depth": 1024,
    "pointer_depth": 512,
    "activation_depth": 128,
    "constant_depth": 1024,
    "accumulator_bits": 40,
    "stream_bits": 64,
    "layers": 6,
    "max_code_length": 12,
    "broadcasts_per_cycle": 2,
    "skip_empty_slices": True,
    "row_dealing": "balanced",
    "parity": True,
    "pe_counters": False,
    "maps": True,
    "accumulator_depth": 128,
    "functions": True,
    "activation_bits": 8,
    "clock_mhz": 100.0,
}


def arrays(name: str) -> tuple[ArrayConfig, ArrayConfig]:
    """Two that differ in the field alone; `maps` needs accumulators, and they and `functions` need `maps`."""
    with_maps = TINY.with_(maps=True, accumulator_depth=64)
    if name == "maps":
        return TINY, with_maps
    before = with_maps if name in ("accumulator_depth", "functions") else TINY
    return before, before.with_(**{name: OTHERS[name]})


def test_every_field_has_another_value():
    assert set(OTHERS) == {item.name for item in fields(ArrayConfig)}


@pytest.mark.parametrize("name", sorted(set(OTHERS) - influenced(ArrayConfig, "verilog")))
def test_what_does_not_change_the_verilog(name: str):
    """All files but the manifest, which repeats the configuration."""
    before, after = map(verilog_text, arrays(name))
    assert [file for file in before if before[file] != after[file]] == ["manifest.json"]


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_changes_the_image(name: str):
    """A layer's entries and binary points differ for exactly the fields that say so."""
    network = image_network()
    before, after = (build_image(network, config).layers for config in arrays(name))
    same = all(
        np.array_equal(value, getattr(other, item))
        for layer, other in zip(before, after, strict=True)
        for item, value in vars(layer).items()
    )
    assert same == ("image" not in declaration(field(name)).influences)


def field(name: str):
    return next(item for item in fields(ArrayConfig) if item.name == name)


def image_network() -> CompressedNetwork:
    """A layer whose sums, and not the weights' 16 bits, decide the binary point in 32 bits, and one with long gaps."""
    layers = (make_layer(1, (40, 60), 0.8, name="dense"), make_layer(2, (50, 40), 0.1, name="sparse"))
    return calibrate(CompressedNetwork(layers=layers), np.ones((1, 60)))


def test_influences_of_area_are_of_the_machine():
    assert influenced(ArrayConfig, "area") == influenced(ArrayConfig, "verilog")


def test_the_page_lists_what_is_declared():
    path = Path(__file__).parents[2] / "docs" / "contract" / "configuration.md"
    assert path.read_text(encoding="utf-8") == page()
