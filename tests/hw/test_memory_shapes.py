"""hw/memory_shapes.py: the memories that the Verilog has."""

import re

from hw.memory_shapes import pe_memory_shapes, shared_memory_shapes
from hw.verilog import verilog_text
from model.config import PRESETS

_DECLARED = re.compile(r"^  reg \[(\d+):0\] \S+ \[(\d+):0\];$", re.MULTILINE)


def test_with_maps_there_are_so_many_accumulators_and_one_space_of_activations() -> None:
    config = PRESETS["tiny4"].with_(maps=True, accumulator_depth=24, accumulator_bits=40)
    shapes = pe_memory_shapes(config)
    assert (24, 40) in shapes
    assert (config.activation_depth, 17) in shapes


def test_an_activation_has_its_bits_and_one_that_says_that_it_is_not_0() -> None:
    config = PRESETS["tiny4"].with_(activation_bits=8)
    shapes = pe_memory_shapes(config)
    assert (2 * config.activation_depth, 9) in shapes
    assert (config.constant_depth, 16) in shapes


def test_they_are_those_that_the_verilog_declares() -> None:
    config = PRESETS["tiny4"].with_(pes=2)
    texts = verilog_text(config)
    for file, shapes in (("eie_pe.v", pe_memory_shapes(config)), ("eie_array.v", shared_memory_shapes(config))):
        declared = [(int(words) + 1, int(bits) + 1) for bits, words in _DECLARED.findall(texts[file])]
        assert sorted(shapes) == sorted(declared)
        assert shapes
