"""Sizes: what each layer of a model file costs and against what."""

from dataclasses import dataclass

from sw.compressed import CompressedNetwork
from sw.file_header import CRC, LayerHeader


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """Size of one layer in a model file.

    Parameters
    ----------
    name : of the layer.
    weights, kept : dense weights, and those that survived pruning.
    entries, fillers : stored entries, and how many of them are fillers.
    code_bits, index_bits : bits per entry before Huffman coding.
    code_bits_huffman, index_bits_huffman : mean bits per entry after it; 0 without entries.
    bytes : of the layer's section and header record, checksum, tables, codebook and biases included.
    float32_bytes : of its dense weights and biases.
    """

    name: str
    weights: int
    kept: int
    entries: int
    fillers: int
    code_bits: int
    index_bits: int
    code_bits_huffman: float
    index_bits_huffman: float
    bytes: int
    float32_bytes: int

    @property
    def ratio(self) -> float:
        """How many times smaller than float32."""
        return self.float32_bytes / self.bytes


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """Size of a model file: `bytes` is all of it, as on disk."""

    layers: tuple[LayerReport, ...]
    bytes: int

    @property
    def float32_bytes(self) -> int:
        """Bytes of all dense weights and biases in float32."""
        return sum(layer.float32_bytes for layer in self.layers)

    @property
    def ratio(self) -> float:
        """How many times smaller than float32, everything counted."""
        return self.float32_bytes / self.bytes


def make_report(network: CompressedNetwork, headers: list[LayerHeader], size: int) -> FileReport:
    """The report on a network whose file has these records and `size` bytes."""
    layers: list[LayerReport] = []
    for layer, header in zip(network.layers, headers, strict=True):
        layers.append(
            LayerReport(
                name=layer.name,
                weights=layer.weights,
                kept=layer.positions.size,
                entries=header.entries,
                fillers=header.entries - layer.positions.size,
                code_bits=layer.code_bits,
                index_bits=layer.index_bits,
                code_bits_huffman=header.code_stream_bits / max(header.entries, 1),
                index_bits_huffman=header.run_stream_bits / max(header.entries, 1),
                bytes=header.section_bytes + CRC.size + len(header.pack()),
                float32_bytes=4 * (layer.weights + layer.shape[0]),
            )
        )
    return FileReport(layers=tuple(layers), bytes=size)
