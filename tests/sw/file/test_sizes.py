import pytest
from hypothesis import given

from sw.file.layer import encode_layer
from sw.file.model_file import file_sizes, to_bytes
from sw.network.compressed import CompressedNetwork
from tests.support.networks.random_networks import conv_networks, make_layer, networks


def test_report_counts_what_the_file_holds():
    layers = (make_layer(1, (40, 50), 0.1, 4, "a"), make_layer(2, (7, 40), 0.0, 4, "b"))
    network = CompressedNetwork(layers=layers)
    sizes = file_sizes(network)
    data = to_bytes(network)
    first, second = sizes.layers
    header, section, parts = encode_layer(layers[0])
    assert sizes.bytes == len(data)
    assert (first.name, first.weights, first.kept) == ("a", 2000, layers[0].positions.size)
    assert first.entries == header.entries == first.kept
    assert (first.code_bits, first.lead_bits, first.column_major) == (4, header.lead_bits, header.column_major)
    assert first.code_bits_huffman * first.entries == pytest.approx(parts.code_bits)
    assert first.run_bits_huffman * first.entries == pytest.approx(parts.run_bits)
    assert first.bytes == len(section) + 4 + len(header.pack())
    assert (first.run_bytes, first.code_bytes) == (-(-parts.run_bits // 8), -(-parts.code_bits // 8))
    # What belongs to no layer: magic, version, header length, layer count, flags, checksum of the header.
    assert sizes.prefix_bytes == 4 + 1 + 1 + 1 + 1 + 4
    assert sizes.bytes == first.bytes + second.bytes + 12
    assert first.ratio == 4 * (2000 + 40) / first.bytes
    assert sizes.ratio == 4 * (2000 + 40 + 280 + 7) / len(data)
    assert (second.entries, second.code_bits_huffman, second.run_bits_huffman) == (0, 0, 0)


@given(networks())
def test_the_parts_of_a_chain_are_the_file(network: CompressedNetwork):
    assert file_sizes(network).bytes == len(to_bytes(network))
    assert file_sizes(network).graph_bytes == 0


@given(conv_networks(calibrated=True))
def test_the_parts_of_a_graph_are_the_file(network: CompressedNetwork):
    sizes = file_sizes(network)
    assert sizes.bytes == len(to_bytes(network))
    assert sizes.graph_bytes > 0
    assert network.calibration is not None
    results = network.calibration.results.size
    assert sizes.calibration_bytes == 4 * (2 * len(network.layers) + 1 + results) + 4
    assert sum(sum(layer.parts.values()) for layer in sizes.layers) == sum(layer.bytes for layer in sizes.layers)
