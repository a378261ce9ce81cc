"""Sizes: what every part of a model file costs, to the last byte."""

from collections.abc import Sequence
from dataclasses import dataclass

from sw.file.graph import pack_graph
from sw.file.header import CRC, Header
from sw.file.layer import SectionSizes
from sw.network.compressed import CompressedNetwork


@dataclass(frozen=True, kw_only=True)
class LayerSizes:
    """Size of one layer in a model file.

    Parameters
    ----------
    name : of the layer.
    weights, kept : dense weights, and those that survived pruning.
    entries : weights that have a code: those that are kept, or with 0 lead bits all up to the last of them.
    code_bits, code_bits_huffman : bits per entry before and after Huffman coding; the latter a mean, 0 without entries.
    lead_bits : leading bits of a zero run that its Huffman code tells; 0 if there are no runs.
    run_bits_huffman : mean bits per entry of the zero runs; 0 without entries.
    column_major : whether the entries go column by column.
    record_bytes : of its record in the header.
    run_table_bytes, code_table_bytes, codebook_bytes, bias_bytes, run_bytes, code_bytes, checksum_bytes : of its
        section.
    float32_bytes : of its dense weights and biases.
    """

    name: str
    weights: int
    kept: int
    entries: int
    code_bits: int
    code_bits_huffman: float
    lead_bits: int
    run_bits_huffman: float
    column_major: bool
    record_bytes: int
    run_table_bytes: int
    code_table_bytes: int
    codebook_bytes: int
    bias_bytes: int
    run_bytes: int
    code_bytes: int
    checksum_bytes: int
    float32_bytes: int

    @property
    def parts(self) -> dict[str, int]:
        """Bytes by part, all of them."""
        return {
            "record": self.record_bytes,
            "run table": self.run_table_bytes,
            "code table": self.code_table_bytes,
            "codebook": self.codebook_bytes,
            "biases": self.bias_bytes,
            "runs": self.run_bytes,
            "codes": self.code_bytes,
            "checksum": self.checksum_bytes,
        }

    @property
    def bytes(self) -> int:
        """All that the layer takes of the file: its record and its section with checksum."""
        return sum(self.parts.values())

    @property
    def ratio(self) -> float:
        """How many times smaller than float32."""
        return self.float32_bytes / self.bytes


@dataclass(frozen=True, kw_only=True)
class FileSizes:
    """Size of a model file.

    Parameters
    ----------
    prefix_bytes : magic, version, length of the header, number of layers, flags, and the header's checksum.
    graph_bytes : how the layers are connected.
    calibration_bytes : with checksum.
    """

    layers: tuple[LayerSizes, ...]
    prefix_bytes: int
    graph_bytes: int
    calibration_bytes: int

    @property
    def bytes(self) -> int:
        """Of the whole file, as on disk."""
        rest = self.prefix_bytes + self.graph_bytes + self.calibration_bytes
        return rest + sum(layer.bytes for layer in self.layers)

    @property
    def float32_bytes(self) -> int:
        """Bytes of all dense weights and biases in float32."""
        return sum(layer.float32_bytes for layer in self.layers)

    @property
    def ratio(self) -> float:
        """How many times smaller than float32, everything counted."""
        return self.float32_bytes / self.bytes


def make_sizes(network: CompressedNetwork, header: Header, sections: Sequence[SectionSizes]) -> FileSizes:
    """The report on a network whose file has this header and sections of these sizes."""
    layers: list[LayerSizes] = []
    for layer, record, sizes in zip(network.layers, header.layers, sections, strict=True):
        layers.append(
            LayerSizes(
                name=layer.name,
                weights=layer.weights,
                kept=layer.positions.size,
                entries=record.entries,
                code_bits=record.code_bits,
                code_bits_huffman=sizes.code_bits / max(record.entries, 1),
                lead_bits=record.lead_bits,
                run_bits_huffman=sizes.run_bits / max(record.entries, 1),
                column_major=record.column_major,
                record_bytes=len(record.pack()),
                run_table_bytes=sizes.run_table,
                code_table_bytes=sizes.code_table,
                codebook_bytes=sizes.codebook,
                bias_bytes=sizes.biases,
                run_bytes=sizes.runs,
                code_bytes=sizes.codes,
                checksum_bytes=CRC.size,
                float32_bytes=4 * (layer.weights + layer.shape[0]),
            )
        )
    graph_bytes = len(pack_graph(header.graph)) if header.graph is not None and header.graph.nodes else 0
    records = sum(layer.record_bytes for layer in layers)
    return FileSizes(
        layers=tuple(layers),
        prefix_bytes=len(header.pack()) - graph_bytes - records,
        graph_bytes=graph_bytes,
        calibration_bytes=header.calibration_bytes + CRC.size if header.calibrated else 0,
    )
