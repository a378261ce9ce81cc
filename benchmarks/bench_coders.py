"""A network's weights in our file and in other coders: bytes and seconds.

    python -m benchmarks.bench_coders [NET.eie ...] [--data DIR] [--seed 1] [--json]

Files given are decoded and stored again. Without one: the compressed networks in examples/, SqueezeNet's Deep
Compression file if the data folder has it, and a seeded 4096 x 4096 layer at 9 % with 5-bit codes.

gzip takes the dense float32 weights and biases. dahuffman and constriction (asymmetric numeral systems) take the same
symbols as our streams, codes and zero runs, with the frequencies of each layer; their tables are not counted. DeepCABAC
(nncodec) takes the dense matrix of codes, numbered from the code of zero up and down, and needs no tables. What they do
not store, codebooks, biases, names and shapes, is added to them as our file has it: "whole" is comparable.
"""

import argparse
import json
import os
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sim.optional import imported
from sw.compress.pipeline import compress
from sw.file.model_file import file_sizes, from_bytes, load, to_bytes
from sw.formats.network_file import load_network
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.layer import Layer
from sw.network.network import Network

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SQUEEZENET = "squeezenet_dc/compressed_SqueezeNet.net", "squeezenet_dc/SqueezeNet_deploy.prototxt"
GZIP_LEVEL = 9
CABAC_UNARY_LENGTH = 11  # nncodec's own choice

Coder = Callable[[CompressedNetwork], tuple[int, float, float]]


def main() -> None:
    """Print a table per network or JSON."""
    parser = argparse.ArgumentParser(prog="bench_coders", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="NET.eie")
    parser.add_argument("--data", type=Path, default=os.environ.get("EIE_DATA"), help="folder with squeezenet_dc/")
    parser.add_argument("--seed", type=int, default=1, help="of the random layer")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options = parser.parse_args()
    say = partial(print, file=sys.stderr)
    coders: dict[str, Coder] = {"float32 + gzip": run_gzip}
    if (dahuffman := imported("dahuffman", say=say)) is not None:
        coders["dahuffman"] = lambda network: run_symbols(network, Dahuffman(dahuffman))
    if (constriction := imported("constriction", say=say)) is not None:
        coders["constriction, ANS"] = lambda network: run_symbols(network, Constriction(constriction))
    if (cabac := imported("nncodec.extensions.deepCABAC", package="nncodec", say=say)) is not None:
        coders["DeepCABAC"] = lambda network: run_cabac(network, cabac)
    run_ours(random_layer(1, 16))
    results: dict[str, Any] = {}
    for name, network in networks(options.files, options.data, options.seed).items():
        print(f"{name}: coding", file=sys.stderr)
        results[name] = compare(network, coders)
        if not options.json:
            show(name, results[name])
    if options.json:
        print(json.dumps(results, indent=2))


def networks(files: list[Path], data: Path | None, seed: int) -> dict[str, CompressedNetwork]:
    """What is to be coded, by name."""
    if files:
        return {str(path): load(path) for path in files}
    found = {path.stem: load(path) for path in sorted(EXAMPLES.glob("*.eie"))}
    if data is not None and (data / SQUEEZENET[0]).is_file():
        found["SqueezeNet"] = compress(load_network(data / SQUEEZENET[0], data / SQUEEZENET[1]))
    else:
        print("SqueezeNet is left out: --data or EIE_DATA names no folder with squeezenet_dc/", file=sys.stderr)
    found["random 4096 x 4096"] = random_layer(seed, 4096)
    return found


def random_layer(seed: int, size: int) -> CompressedNetwork:
    """A Gaussian layer pruned to 9 %."""
    weight = np.random.default_rng(seed).standard_normal((size, size), np.float32)
    return compress(Network((Layer("fc", weight, np.zeros(size, np.float32), relu=False),)), density=0.09, code_bits=5)


def compare(network: CompressedNetwork, coders: dict[str, Coder]) -> dict[str, Any]:
    """Bytes of float32, our bytes by part, and a row per coder."""
    sizes = file_sizes(network)
    streams = sum(layer.run_bytes + layer.code_bytes for layer in sizes.layers)
    tables = sum(layer.run_table_bytes + layer.code_table_bytes for layer in sizes.layers)
    rest = sizes.bytes - streams - tables
    size, encode, decode = run_ours(network)
    rows = [_row("ours (.eie)", streams + tables, size, encode, decode)]
    for name, coder in coders.items():
        coded, encode, decode = coder(network)
        whole = coded if name == "float32 + gzip" else coded + rest
        rows.append(_row(name, coded, whole, encode, decode))
    return {"float32_bytes": sizes.float32_bytes, "table_bytes": tables, "rest_bytes": rest, "coders": rows}


def run_ours(network: CompressedNetwork) -> tuple[int, float, float]:
    """Bytes of the file, seconds to make them and to read them."""
    start = time.perf_counter()
    data = to_bytes(network)
    middle = time.perf_counter()
    from_bytes(data)
    return len(data), middle - start, time.perf_counter() - middle


def run_gzip(network: CompressedNetwork) -> tuple[int, float, float]:
    """The dense network in float32 through zlib."""
    dense = b"".join(layer.weight.tobytes() + layer.bias.tobytes() for layer in network.to_network().layers)
    start = time.perf_counter()
    data = zlib.compress(dense, GZIP_LEVEL)
    middle = time.perf_counter()
    if zlib.decompress(data) != dense:
        raise AssertionError("zlib must give back what it was given")
    return len(data), middle - start, time.perf_counter() - middle


def run_symbols(network: CompressedNetwork, coder: Any) -> tuple[int, float, float]:
    """Codes and zero runs of every layer as two streams; bytes without tables."""
    size, encode, decode = 0, 0.0, 0.0
    for layer in network.layers:
        runs = np.diff(layer.positions, prepend=-1) - 1
        for symbols in (layer.codes.astype(np.int32), runs.astype(np.int32)):
            if symbols.size == 0:
                continue
            numbers, dense = np.unique(symbols, return_inverse=True)
            dense = dense.astype(np.int32)
            start = time.perf_counter()
            data, model = coder.encode(dense, np.bincount(dense, minlength=numbers.size))
            middle = time.perf_counter()
            back = coder.decode(data, model, dense.size)
            decode += time.perf_counter() - middle
            encode += middle - start
            size += len(data)
            if not np.array_equal(back, dense):
                raise AssertionError("a coder must give back what it was given")
    return size, encode, decode


class Dahuffman:
    """Huffman coding in pure Python."""

    def __init__(self, library: Any):
        self._library = library

    def encode(self, symbols: np.ndarray, counts: np.ndarray) -> tuple[bytes, Any]:
        codec = self._library.HuffmanCodec.from_frequencies(dict(enumerate(counts.tolist())))
        return codec.encode(symbols.tolist()), codec

    def decode(self, data: bytes, codec: Any, size: int) -> np.ndarray:
        return np.array(codec.decode(data), np.int32)


class Constriction:
    """Asymmetric numeral systems with the exact frequencies."""

    def __init__(self, library: Any):
        self._stream = library.stream

    def encode(self, symbols: np.ndarray, counts: np.ndarray) -> tuple[bytes, Any]:
        # The library takes no alphabet of one symbol; the second one never occurs.
        counts = counts if counts.size > 1 else np.append(counts, 0)
        model = self._stream.model.Categorical(counts / counts.sum(), perfect=False)
        coder = self._stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model)
        return coder.get_compressed().tobytes(), model

    def decode(self, data: bytes, model: Any, size: int) -> np.ndarray:
        return self._stream.stack.AnsCoder(np.frombuffer(data, np.uint32)).decode(model, size)


def run_cabac(network: CompressedNetwork, cabac: Any) -> tuple[int, float, float]:
    """Every layer as a dense matrix of signed codes through the encoder of nncodec."""
    size, encode, decode = 0, 0.0, 0.0
    off = cabac.HdspMode.AlwaysOff, np.zeros(2, np.int8)
    for layer in network.layers:
        numbers = signed_codes(layer)
        start = time.perf_counter()
        encoder = cabac.Encoder()
        encoder.initCtxModels(CABAC_UNARY_LENGTH, 0)
        encoder.encodeLayer(numbers, 0, 0, 0, 0, 0, np.zeros(len(numbers), np.int32), *off, 0, 0)
        data = encoder.finish()
        middle = time.perf_counter()
        back = np.zeros_like(numbers)
        decoder = cabac.Decoder()
        decoder.setStream(data)
        decoder.initCtxModels(CABAC_UNARY_LENGTH)
        decoder.decodeLayer(back, 0, 0, 0, 0, *off, 0, 0)
        decoder.finish()
        decode += time.perf_counter() - middle
        encode += middle - start
        size += data.size
        if not np.array_equal(back, numbers):
            raise AssertionError("DeepCABAC must give back what it was given")
    return size, encode, decode


def signed_codes(layer: CompressedLayer) -> np.ndarray:
    """(out, rest) int32: 0 for zero, 1, 2, .. for the positive shared weights upwards, -1, -2, .. downwards."""
    used = np.unique(layer.codes)
    values = layer.codebook[used]
    order = np.argsort(values, kind="stable")
    ranks = np.empty(values.size, np.int32)
    ranks[order] = np.arange(values.size) - np.count_nonzero(values < 0)
    ranks[values > 0] += 1
    table = np.zeros(layer.codebook.size, np.int32)
    table[used] = ranks
    dense = np.zeros(layer.weights, np.int32)
    dense[layer.positions] = table[layer.codes]
    return dense.reshape(layer.shape[0], -1)


def _row(coder: str, coded: int, whole: int, encode: float, decode: float) -> dict[str, Any]:
    return {"coder": coder, "coded_bytes": coded, "bytes": whole, "encode_s": encode, "decode_s": decode}


def show(name: str, result: dict[str, Any]) -> None:
    """The table of one network."""
    table = Table(title=f"{name}: {result['float32_bytes']:,} bytes of float32", title_justify="left")
    for column in ("coder", "coded", "whole", "ratio", "encode s", "decode s"):
        table.add_column(column, justify="right" if table.columns else "left")
    for row in result["coders"]:
        table.add_row(
            row["coder"],
            f"{row['coded_bytes']:,}",
            f"{row['bytes']:,}",
            f"{result['float32_bytes'] / row['bytes']:.1f}x",
            f"{row['encode_s']:.3f}",
            f"{row['decode_s']:.3f}",
        )
    console = Console(highlight=False, width=120)
    console.print(table)
    console.print(
        f"'coded' of ours has {result['table_bytes']:,} bytes of tables. Codebooks, biases, names, shapes, checksums: "
        f"{result['rest_bytes']:,}\nbytes, in every 'whole' but gzip's, which has weights and biases.\n"
    )


if __name__ == "__main__":
    main()
