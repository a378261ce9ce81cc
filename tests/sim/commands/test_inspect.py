"""`eie inspect`: every byte accounted for, the operations of a graph, the rows of the paper."""

import json
from pathlib import Path

import pytest

from sim.cli import main
from sw.compress.paper_size import paper_sizes, total_size
from sw.file.model_file import load_with_sizes, save
from sw.network.compressed import CompressedNetwork
from sw.network.graph import UNCONNECTED
from tests.support.networks.random_networks import make_conv_network, make_layer


@pytest.fixture
def conv(tmp_path: Path) -> Path:
    """The file of a convolutional network."""
    save(make_conv_network(1), tmp_path / "conv.eie")
    return tmp_path / "conv.eie"


def inspect(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["inspect", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def cells(out: str, first: str) -> list[str]:
    """The cells of the last table row that begins so."""
    rows = [line.split() for line in out.splitlines() if line.startswith(first + " ")]
    return rows[-1]


def test_every_byte_of_the_file(conv: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = inspect(capsys, conv)
    assert code == 0
    size = conv.stat().st_size
    names = ["conv1", "conv2a", "conv2b", "ip1", "ip2"]
    layers = [list(map(int, cells(out, name)[1:])) for name in names]
    for *parts, total in layers:
        assert sum(parts) == total
    others = sum(int(cells(out, name)[1]) for name in ("(prefix)", "(graph)"))
    assert sum(layer[-1] for layer in layers) + others == size
    assert [int(cell) for cell in cells(out, "file")[1:-1]] == [
        sum(layer[part] for layer in layers) for part in range(8)
    ]
    assert cells(out, "file")[-1] == str(size)


def test_parts_in_json(conv: Path, capsys: pytest.CaptureFixture[str]):
    report = json.loads(inspect(capsys, conv, "--json")[1])
    parts = ("record", "run_table", "code_table", "codebook", "bias", "run", "code", "checksum")
    for layer in report["layers"]:
        assert sum(layer[f"{part}_bytes"] for part in parts) == layer["bytes"]
    others = sum(report[f"{part}_bytes"] for part in ("prefix", "graph", "calibration"))
    assert sum(layer["bytes"] for layer in report["layers"]) + others == report["bytes"] == conv.stat().st_size


def test_operations(conv: Path, capsys: pytest.CaptureFixture[str]):
    _, out, _ = inspect(capsys, conv)
    conv2b = load_with_sizes(conv)[1].layers[2]
    for line in (
        "conv1: stride 1 x 1, padding 1 x 1, ReLU 1 0 4 x 10 x 9",
        "max of 2 x 2, stride 2 x 2, rounded up 2 1 4 x 5 x 5",
        "conv2a: stride 2 x 1, padding 1 x 1 3 2 3 x 3 x 5",
        "conv2b: stride 2 x 1, padding 1 x 1, 2 groups, ReLU 4 2 6 x 3 x 5",
        "concatenate 5 3, 4 9 x 3 x 5",
        "ReLU 6 5 9 x 3 x 5",
        "average of 3 x 3, stride 2 x 2, padding 1 x 1 7 6 9 x 2 x 3",
        "flatten 8 7 54",
        "ip2 10 9 5",
        f"conv2b 4 -> 6, 3 x 3 4 {conv2b.lead_bits} {'columns' if conv2b.column_major else 'rows'} ReLU",
        "operations; value 0 is an input, 2 x 10 x 9",
    ):
        assert line.split() in [row.split() for row in out.splitlines()], line
    report = json.loads(inspect(capsys, conv, "--json")[1])
    assert report["input_shape"] == [2, 10, 9]
    assert report["graph"][4] == {"value": 5, "operation": "concatenate", "takes": [3, 4], "shape": [9, 3, 5]}


def test_weights_only_and_chains_have_no_operations(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    layers = (make_layer(1, (5, 9), 0.3, name="a"), make_layer(2, (2, 5), 0.5, name="b"))
    for graph in (None, UNCONNECTED):
        save(CompressedNetwork(layers=layers, graph=graph), tmp_path / "net.eie")
        _, out, _ = inspect(capsys, tmp_path / "net.eie")
        assert "operations" not in out
        assert "(graph)" not in out
        assert ("weights only" in out) == (graph is UNCONNECTED)


@pytest.mark.parametrize("index_bits", [None, 5])
def test_rows_of_the_paper(conv: Path, capsys: pytest.CaptureFixture[str], index_bits: int | None):
    options = ["--paper"] if index_bits is None else ["--paper", "--index-bits", str(index_bits)]
    _, out, _ = inspect(capsys, conv, *options)
    rows = paper_sizes(make_conv_network(1), index_bits)
    for row in (*rows, total_size(rows)):
        found = cells(out, row.name)
        assert found[1:4] == [str(row.weights), f"{100 * row.kept / row.weights:.1f}", "%"]
        assert [found[4], found[6]] == [f"{row.code_bits:.3g}", f"{row.index_bits:.3g}"]
        assert [found[8], found[10]] == [f"{100 * row.rate:.2f}", f"{100 * row.rate_huffman:.2f}"]
    assert int(cells(out, "total")[12]) == conv.stat().st_size
    payload = json.loads(inspect(capsys, conv, *options, "--json")[1])["paper"]
    assert [row["rate"] for row in payload] == [row.rate for row in (*rows, total_size(rows))]
    assert payload[-1]["name"] == "total"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--index-bits", "4"], "--index-bits wants --paper"),
        (["--paper", "--index-bits", "9"], "index bits must be between 1 and 8, got 9"),
    ],
)
def test_wrong_options(conv: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str):
    code, out, err = inspect(capsys, conv, *options)
    assert (code, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert "Traceback" not in err
