"""sim/report/file.py: histograms of a file's symbols and the lengths of their codes, against the file's own sizes."""

from pathlib import Path

import numpy as np
import pytest

from sim.report.file import Histogram, file_histograms
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE
from sw.file.model_file import load_with_sizes, save
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_layer


@pytest.mark.parametrize("density", [0.01, 0.1, 0.9])
def test_counts_and_lengths_are_those_of_the_file(tmp_path: Path, density: float) -> None:
    path = tmp_path / "net.eie"
    layers = (make_layer(1, (60, 90), density, name="a"), make_layer(2, (20, 60), density, name="b"))
    save(CompressedNetwork(layers=layers), path)
    network, sizes = load_with_sizes(path)
    found = file_histograms(path, network)
    assert [layer.name for layer in found] == ["a", "b"]
    for layer, size in zip(found, sizes.layers, strict=True):
        assert layer.weights.counts.sum() == size.entries
        assert layer.weights.mean_bits == pytest.approx(size.code_bits_huffman)
        assert (layer.runs is None) == (size.lead_bits == 0)
        values = [float(label) for label in layer.weights.labels]
        assert values == sorted(values)
        for histogram in (layer.weights, layer.runs):
            if histogram is not None:
                assert histogram.counts.sum() == size.entries
                assert histogram.counts.min() > 0
                assert histogram.entropy <= histogram.mean_bits + 1e-9
                assert (histogram.lengths == code_lengths(histogram.counts, LONGEST_CODE)).all()
        if layer.runs is not None:
            assert layer.runs.mean_bits <= size.run_bits_huffman + 1e-9  # the rest is the bits behind the codes


def test_runs_are_named_by_their_zeros(tmp_path: Path) -> None:
    path = tmp_path / "net.eie"
    save(CompressedNetwork(layers=(make_layer(3, (200, 300), 0.01),)), path)
    network, _ = load_with_sizes(path)
    (layer,) = file_histograms(path, network)
    assert layer.runs is not None
    bounds = [[int(end) for end in label.split(" to ")] for label in layer.runs.labels]
    firsts, lasts = [bound[0] for bound in bounds], [bound[-1] for bound in bounds]
    assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False))
    positions = network.layers[0].positions
    rows = np.diff(positions, prepend=-1) - 1
    order = np.sort(positions % 300 * 200 + positions // 300)
    columns = np.diff(order, prepend=-1) - 1
    counted = [
        [int(((gaps >= first) & (gaps <= last)).sum()) for first, last in zip(firsts, lasts, strict=True)]
        for gaps in (rows, columns)
    ]
    assert layer.runs.counts.tolist() in counted


def test_a_layer_without_weights_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "net.eie"
    save(CompressedNetwork(layers=(make_layer(1, (6, 9), 0.0, name="a"), make_layer(2, (2, 6), 0.5, name="b"))), path)
    assert [layer.name for layer in file_histograms(path, load_with_sizes(path)[0])] == ["b"]


def test_bits_of_a_histogram() -> None:
    histogram = Histogram(labels=["1", "2", "3"], counts=np.array([2, 1, 1]), lengths=np.array([1, 2, 2], np.uint8))
    assert histogram.mean_bits == 1.5
    assert histogram.entropy == 1.5
