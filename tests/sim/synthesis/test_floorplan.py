"""sim/synthesis/floorplan.py: units by cell name, the picture."""

from collections import Counter
from xml.etree import ElementTree

import pytest

from sim.synthesis.floorplan import floorplan, read_places, unit_of


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("array.pe_3.arithmetic.k_sum_TRELLIS_FF_Q", "arithmetic"),
        ("array.pe_12.decoder.symbols.words.0.1", "decoder"),
        ("array.loader.word_LUT4_Z", "loader"),
        ("array.pe_0.p_valid_TRELLIS_FF_Q", "between units"),
        ("array.broadcast_LUT4_Z", "between units"),
        ("serial.windowed.array.pe_0.queue.words", "queue"),
        ("serial.link.state_TRELLIS_FF_Q", "around it"),
        ("level_0_TRELLIS_FF_Q", "around it"),
        ("$gbuf$clk", "around it"),
    ],
)
def test_unit_of_a_cell(cell: str, unit: str) -> None:
    assert unit_of(cell) == unit


def test_places_are_read_from_the_placed_netlist() -> None:
    text = """      "cells": {
        "array.loader.word_LUT4_Z": {
          "type": "TRELLIS_COMB",
          "attributes": {
            "BEL_STRENGTH": "1",
            "NEXTPNR_BEL": "X83/Y16/SLICEB.K1",
        },
        "array.pe_0.queue.x": {
            "NEXTPNR_BEL": "X83/Y16/SLICEB.K0",
        "array.pe_1.queue.x": {
            "NEXTPNR_BEL": "X2/Y0/SLICEB.K0",
"""
    assert read_places(text.splitlines()) == {(83, 16): Counter(loader=1, queue=1), (2, 0): Counter(queue=1)}


def test_the_picture_has_a_square_per_tile_and_a_legend() -> None:
    picture = floorplan({(0, 0): Counter(queue=3, loader=1), (4, 2): Counter(loader=9)}, "a & b")
    root = ElementTree.fromstring(picture)
    paths = [element.attrib["d"] for element in root if element.tag.endswith("path")]
    assert sorted(path.count("M") for path in paths) == [1, 1]
    assert any(path.startswith("M24 12") for path in paths)
    assert [element.text for element in root if element.tag.endswith("text")] == ["loader (10)", "queue (3)"]
