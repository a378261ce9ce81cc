"""Tables and plain values of the sizes of a model file."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sim.terminal.output import Output
from sim.text import count, ratio, than
from sw.compress.paper_size import PaperSize, total_size
from sw.file.sizes import FileSizes, LayerSizes
from sw.network.network import Network

SIZE_COLUMNS = [
    "layer",
    "weights",
    "kept",
    "entries",
    "code bits",
    "Huffman",
    "lead bits",
    "Huffman",
    "bytes",
    "ratio",
]

PAPER_COLUMNS = [
    "layer",
    "weights",
    "weights %",
    "weight bits P+Q",
    "P+Q+H",
    "index bits P+Q",
    "P+Q+H",
    "rate P+Q",
    "P+Q+H",
    "true bytes",
    "true rate",
]


def show_sizes(output: Output, title: str, sizes: FileSizes) -> None:
    """The table of sizes per layer, and the file's bytes on disk."""
    sums = [sum(column) for column in zip(*(_counts(layer) for layer in sizes.layers), strict=True)]
    output.table(
        title,
        SIZE_COLUMNS,
        [_size_cells(layer) for layer in sizes.layers],
        ["file", *(count(value) for value in sums), "", "", "", "", count(sizes.bytes), ratio(sizes.ratio)],
    )
    output.line(
        f"{count(sizes.bytes)} bytes on disk, everything included; {than(sizes.ratio)} "
        f"{count(sizes.float32_bytes)} bytes of float32 weights and biases\n"
    )


def show_size_remarks(output: Output, sizes: FileSizes, given: Network) -> dict[str, Any]:
    """What the table shows and nobody may have meant; the bytes of the network that was given, as plain values."""
    float32_bytes = 4 * sum(layer.weight.size + layer.bias.size for layer in given.layers)
    if float32_bytes != sizes.float32_bytes:
        output.line(
            f"Without layers of scales the network that was given has {count(float32_bytes)} bytes of float32 weights "
            f"and biases: the file is {than(float32_bytes / sizes.bytes)} these\n"
        )
    empty = [layer.name for layer in sizes.layers if layer.weights and not layer.kept]
    if empty:
        output.note(f"warning: no weight is kept, so that nothing but biases comes out of: {', '.join(empty)}")
    if all(layer.kept == layer.weights for layer in sizes.layers):
        output.line("every weight is kept: --density, --threshold or --sensitivity prune")
    return {"given_float32_bytes": float32_bytes}


def show_parts(output: Output, sizes: FileSizes) -> None:
    """The table of every byte of the file: parts of layers, then what belongs to no layer, then the sums."""
    parts = list(sizes.layers[0].parts)
    rows = [[layer.name, *map(count, layer.parts.values()), count(layer.bytes)] for layer in sizes.layers]
    others = {"(prefix)": sizes.prefix_bytes, "(graph)": sizes.graph_bytes, "(calibration)": sizes.calibration_bytes}
    rows += [[name, *[""] * len(parts), count(size)] for name, size in others.items() if size]
    sums = (sum(layer.parts[part] for layer in sizes.layers) for part in parts)
    output.table("bytes", ["layer", *parts, "bytes"], rows, ["file", *map(count, sums), count(sizes.bytes)])


def show_paper_sizes(output: Output, title: str, rows: Sequence[PaperSize], sizes: FileSizes) -> None:
    """The table in the form of Deep Compression's Tables 2 to 5, with the true bytes beside."""
    files = [(layer.bytes, layer.float32_bytes) for layer in sizes.layers]
    cells = [_paper_cells(row, *file) for row, file in zip(rows, files, strict=True)]
    total = _paper_cells(total_size(rows), sizes.bytes, sizes.float32_bytes)
    output.table(title, PAPER_COLUMNS, cells, total)
    output.line(
        "rate as in Tables 2 to 5 of Deep Compression (Han et al., 2016): (E (w + i) + 32 * 2^w) / 32 N with N\n"
        "weights and E entries, fillers included, of w bits of weight and i bits of index\n"
        "true: every byte of the file, of float32 weights and biases\n"
    )


def size_payload(sizes: FileSizes) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "layers": [{**asdict(layer), "bytes": layer.bytes, "ratio": layer.ratio} for layer in sizes.layers],
        "prefix_bytes": sizes.prefix_bytes,
        "graph_bytes": sizes.graph_bytes,
        "calibration_bytes": sizes.calibration_bytes,
        "bytes": sizes.bytes,
        "float32_bytes": sizes.float32_bytes,
        "ratio": sizes.ratio,
    }


def paper_payload(rows: Sequence[PaperSize]) -> list[dict[str, Any]]:
    """The rows and their total as plain values."""
    return [
        {**asdict(row), "kept_share": row.kept_share, "rate": row.rate, "rate_huffman": row.rate_huffman}
        for row in (*rows, total_size(rows))
    ]


def _size_cells(layer: LayerSizes) -> list[str]:
    return [
        layer.name,
        *(count(value) for value in _counts(layer)),
        str(layer.code_bits),
        f"{layer.code_bits_huffman:.2f}",
        str(layer.lead_bits),
        f"{layer.run_bits_huffman:.2f}",
        count(layer.bytes),
        ratio(layer.ratio),
    ]


def _counts(layer: LayerSizes) -> tuple[int, int, int]:
    return layer.weights, layer.kept, layer.entries


def _paper_cells(row: PaperSize, file_bytes: int, float32_bytes: int) -> list[str]:
    return [
        row.name,
        count(row.weights),
        f"{100 * row.kept_share:.1f} %",
        f"{row.code_bits:.3g}",
        f"{row.code_bits_huffman:.1f}",
        f"{row.index_bits:.3g}",
        f"{row.index_bits_huffman:.1f}",
        f"{100 * row.rate:.2f} %",
        f"{100 * row.rate_huffman:.2f} %",
        count(file_bytes),
        f"{100 * file_bytes / float32_bytes:.2f} %",
    ]
