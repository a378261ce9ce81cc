"""Write-back operations: the bias of a local channel again at every position, outputs as far apart as asked."""

from dataclasses import replace

from model.loops import Offsets
from model.stepped.signals import LayerEntry, WriteBack
from model.stepped.write_back import WriteBackGenerator
from tests.model.stepped.test_scan import some_layer
from tests.support.images.maps import map_config
from tests.support.images.random_images import small_config


def operations(config, entry, rows):
    generator = WriteBackGenerator(config)
    for _ in range(2):  # a layer finds nothing of the one before
        generator.begin(entry)
        shown = []
        for row in range(rows):
            shown.append(generator.operation(entry, row, Offsets()))
            generator.step(entry)
    return shown


def test_positions():
    geometry = some_layer().map
    assert geometry is not None
    entry = LayerEntry(bias_base=70, map=replace(geometry, out_channels=2, destination=60, destination_step=3))
    assert operations(map_config(activation_depth=64), entry, 6) == [
        WriteBack(0, 70, 60),
        WriteBack(1, 71, 61),
        WriteBack(2, 70, 63),
        WriteBack(3, 71, 0),
        WriteBack(4, 70, 2),
        WriteBack(5, 71, 3),
    ]


def test_without_maps_a_layer_is_one_position():
    assert operations(small_config(), LayerEntry(bias_base=70), 3) == [
        WriteBack(row, 70 + row, row) for row in range(3)
    ]


def test_clearing_reads_no_bias():
    generator = WriteBackGenerator(map_config(activation_depth=16, accumulator_depth=32))
    assert [generator.clearing(row) for row in (0, 15, 31)] == [
        WriteBack(0, 0, 0),
        WriteBack(15, 0, 15),
        WriteBack(31, 0, 15),
    ]
