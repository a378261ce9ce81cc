import numpy as np
import pytest

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.coding.relative_index import encode_slices
from sw.compress.paper_size import PaperSize, paper_sizes, total_size
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import make_layer


def row(**changes: float | str) -> PaperSize:
    fields: dict = {
        "name": "ip1",
        "weights": 235_200,
        "kept": 18_816,
        "entries": 19_600,
        "code_bits": 6,
        "index_bits": 5,
        "code_bits_huffman": 4.4,
        "index_bits_huffman": 3.7,
        "codebook_bits": 32 * 64,
    }
    fields.update(changes)
    return PaperSize(**fields)


def test_a_row_of_the_paper():
    # Table 2, ip1: 8 % of 235 K weights, 6 + 5 bits and 4.4 + 3.7 bits: 3.1 % and 2.32 %.
    size = row(entries=19_200)
    assert size.kept_share == 0.08
    assert size.rate == pytest.approx(0.031, rel=0.1)
    assert size.rate_huffman == pytest.approx(0.0232, rel=0.1)
    assert size.rate == (19_200 * 11 + 32 * 64) / (32 * 235_200)


def test_total():
    small = row(name="ip3", weights=1000, kept=260, entries=300, code_bits=4, codebook_bits=32 * 16)
    total = total_size([row(), small])
    assert (total.name, total.weights, total.kept, total.entries) == ("total", 236_200, 19_076, 19_900)
    assert total.code_bits == pytest.approx((19_600 * 6 + 300 * 4) / 19_900)
    bits = 19_600 * 11 + 32 * 64 + 300 * 9 + 32 * 16
    assert total.rate == pytest.approx(bits / (32 * 236_200))
    with pytest.raises(EieError, match="at least one layer, got none"):
        total_size([])


@pytest.mark.parametrize("index_bits", [1, 2, 4, 8])
def test_entries_and_huffman_bits_of_a_relative_index(index_bits: int):
    layer = make_layer(1, (40, 50), 0.1)
    (size,) = paper_sizes(CompressedNetwork(layers=(layer,)), index_bits)
    offsets = np.array([0, layer.positions.size])
    indices, is_filler, _ = encode_slices(layer.positions, offsets, index_bits)
    codes = np.zeros(indices.size, np.uint8)
    codes[~is_filler] = layer.codes
    assert (size.weights, size.kept, size.entries) == (2000, layer.positions.size, indices.size)
    for symbols, mean in ((codes, size.code_bits_huffman), (indices, size.index_bits_huffman)):
        assert mean == pytest.approx(code_lengths(np.bincount(symbols), 15)[symbols].mean())
    assert (size.code_bits, size.index_bits, size.codebook_bits) == (4, index_bits, 32 * 16)


def test_without_a_width_the_rate_is_the_smallest():
    network = CompressedNetwork(layers=(make_layer(1, (40, 50), 0.1, name="a"), make_layer(2, (50, 40), 0.9, name="b")))
    rows = [paper_sizes(network, bits) for bits in range(1, 9)]
    best = [min(column, key=lambda row: row.rate) for column in zip(*rows, strict=True)]
    assert paper_sizes(network) == best
    assert best[0].index_bits > best[1].index_bits
    with pytest.raises(EieError, match="index bits must be between 1 and 8, got 9"):
        paper_sizes(network, 9)


def test_a_layer_without_weights():
    layer = make_layer(1, (4, 5), 0)
    (size,) = paper_sizes(CompressedNetwork(layers=(layer,)), 4)
    assert (size.entries, size.code_bits_huffman, size.index_bits_huffman) == (0, 0, 0)
    assert size.rate == size.rate_huffman == 16 / 20
    assert np.isfinite(total_size([size]).code_bits)
