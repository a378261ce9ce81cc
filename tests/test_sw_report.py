import pytest
from support_networks import make_layer

from sw.compressed import CompressedNetwork
from sw.file_layer import encode_layer
from sw.model_file import report, to_bytes


def test_report_counts_what_the_file_holds():
    layers = (make_layer(1, (40, 50), 0.1, 4, 2, "a"), make_layer(2, (7, 40), 0.0, 4, 2, "b"))
    network = CompressedNetwork(layers=layers)
    sizes = report(network)
    data = to_bytes(network)
    first, second = sizes.layers
    header, section = encode_layer(layers[0])
    assert sizes.bytes == len(data)
    assert (first.name, first.weights, first.kept) == ("a", 2000, layers[0].positions.size)
    assert first.entries == header.entries == first.kept + first.fillers
    assert first.fillers > 0
    assert (first.code_bits, first.index_bits) == (4, 2)
    assert first.code_bits_huffman * first.entries == pytest.approx(header.code_stream_bits)
    assert first.index_bits_huffman * first.entries == pytest.approx(header.run_stream_bits)
    assert first.bytes == len(section) + 4 + len(header.pack())
    # What belongs to no layer: prefix, layer count, flags, checksum of the header.
    assert sizes.bytes == first.bytes + second.bytes + 9 + 2 + 4
    assert first.ratio == 4 * (2000 + 40) / first.bytes
    assert sizes.ratio == 4 * (2000 + 40 + 280 + 7) / len(data)
    assert (second.entries, second.code_bits_huffman, second.index_bits_huffman) == (0, 0, 0)
