"""Deep Compression's networks at random: seconds, peak memory and bytes, and the paper's rows beside ours.

    python -m benchmarks.bench_networks [--case alexnet] [--seed 1] [--json]

Every case runs in a process of its own. Random weights are pruned to the densities of the paper, shared with its code
bits and stored. A row is the paper's formula, (E (w + i) + 32 * 2**w) / (32 N), with E entries, fillers for the paper's
index bits included, of N weights; the true bytes are those of the file, which needs no fillers.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.paper_networks import CASES, PaperRow, make_network
from sw.compress.paper_size import PaperSize, paper_sizes
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.file.sizes import LayerSizes


def main() -> None:
    """Run every case, or one in this process."""
    parser = argparse.ArgumentParser(prog="bench_networks", description=__doc__)
    parser.add_argument("--case", choices=list(CASES), action="append", help="a network; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases: list[str] = options.case or list(CASES)
    if options.here:
        print(json.dumps(measure(cases[0], options.seed)))
        return
    results: dict[str, Any] = {}
    for case in cases:
        print(f"{case}: compressing", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.bench_networks", "--here", "--case", case]
        run = subprocess.run([*command, "--seed", str(options.seed)], check=True, stdout=subprocess.PIPE)
        results[case] = json.loads(run.stdout)
        if not options.json:
            show(case, results[case])
    if options.json:
        print(json.dumps(results, indent=2))


def measure(case: str, seed: int) -> dict[str, Any]:
    """Seconds per step, peak memory of this process in MiB, bytes, and the rows."""
    seconds: dict[str, float] = {}

    def lap(step: str) -> None:
        nonlocal start
        seconds[step] = round(time.perf_counter() - start, 2)
        start = time.perf_counter()

    start = time.perf_counter()
    network = make_network(case, seed)
    lap("make")
    paper = CASES[case]
    choices: dict[str, Any] = {
        "density": {row.name: row.kept for row in paper},
        "code_bits": {row.name: row.code_bits for row in paper},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.eie"
        compressed = compress(network, **choices)
        lap("compress")
        smallest = save(compressed, path)
        lap("save")
        peak_compress = _peak()
        del compressed
        decoded = load(path)
        lap("load")
        decoded.to_network()
        lap("to float32")
        peak = _peak()
    (index_bits,) = {row.index_bits for row in paper}
    formula = paper_sizes(decoded, index_bits)
    rows = [_row(*rows) for rows in zip(paper, formula, smallest.layers, strict=True)]
    return {
        "weights": sum(layer.weights for layer in smallest.layers),
        "seconds": seconds,
        "peak_compress_mib": peak_compress,
        "peak_mib": peak,
        "float32_bytes": smallest.float32_bytes,
        "bytes": smallest.bytes,
        "ratio": smallest.ratio,
        "rows": rows,
    }


def _row(paper: PaperRow, ours: PaperSize, file: LayerSizes) -> dict[str, Any]:
    """The formula on our entries beside the published rate, and the fillers that the published rate implies."""
    implied = None
    if paper.rate is not None:
        entries = 32 * (paper.rate * ours.weights - 2**paper.code_bits) / (paper.code_bits + paper.index_bits)
        implied = entries / (paper.kept * ours.weights) - 1
    return {
        "layer": paper.name,
        "weights": ours.weights,
        "kept": ours.kept_share,
        "entries": ours.entries,
        "rate": ours.rate,
        "rate_paper": paper.rate,
        "rate_deviation": None if paper.rate is None else ours.rate / paper.rate - 1,
        "fillers_per_weight": ours.entries / ours.kept - 1,
        "fillers_per_weight_paper": implied,
        "code_bits_huffman": ours.code_bits_huffman,
        "code_bits_huffman_paper": paper.code_bits_huffman,
        "index_bits_huffman": ours.index_bits_huffman,
        "index_bits_huffman_paper": paper.index_bits_huffman,
        "rate_huffman": ours.rate_huffman,
        "rate_huffman_paper": paper.rate_huffman,
        "rate_huffman_deviation": ours.rate_huffman / paper.rate_huffman - 1,
        "true_rate": file.bytes / file.float32_bytes,
    }


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def show(case: str, result: dict[str, Any]) -> None:
    """The tables of one case."""
    console = Console(highlight=False, width=160)
    table = Table(
        title=f"{case}, rates in % of float32 by the paper's formula (paper's own beside)", title_justify="left"
    )
    for column in ("layer", "kept", "fillers", "paper", "P+Q", "paper", "dev.", "w H", "paper", "i H", "paper"):
        table.add_column(column, justify="right" if table.columns else "left")
    for column in ("P+Q+H", "paper", "dev.", "true"):
        table.add_column(column, justify="right")
    for row in result["rows"]:
        known = row["rate_paper"] is not None
        table.add_row(
            row["layer"],
            f"{100 * row['kept']:.1f}",
            f"{row['fillers_per_weight']:.2f}",
            f"{row['fillers_per_weight_paper']:.2f}" if known else "",
            f"{100 * row['rate']:.2f}",
            f"{100 * row['rate_paper']:.1f}" if known else "",
            f"{100 * row['rate_deviation']:+.1f} %" if known else "",
            f"{row['code_bits_huffman']:.2f}",
            f"{row['code_bits_huffman_paper']:.1f}",
            f"{row['index_bits_huffman']:.2f}",
            f"{row['index_bits_huffman_paper']:.1f}",
            f"{100 * row['rate_huffman']:.2f}",
            f"{100 * row['rate_huffman_paper']:.2f}",
            f"{100 * row['rate_huffman_deviation']:+.1f} %",
            f"{100 * row['true_rate']:.2f}",
        )
    console.print(table)
    console.print(
        "'fillers' are per kept weight; the paper's are what its rate implies for the kept weights, which it rounds to "
        "a percent.\nTrained weights survive in clusters: fewer fillers and bits per index than at random positions."
    )
    console.print(
        f"{result['weights']:,} weights: {result['float32_bytes']:,} to {result['bytes']:,} bytes, "
        f"{result['ratio']:.1f}x"
    )
    steps = ", ".join(f"{step} {value:.1f} s" for step, value in result["seconds"].items())
    console.print(f"{steps}; peak {result['peak_compress_mib']:,} MiB until saved, {result['peak_mib']:,} MiB in all\n")


if __name__ == "__main__":
    main()
