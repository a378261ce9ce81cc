"""The coders' benchmark: what it gives to the others, and that a file can be measured without any of them."""

from pathlib import Path

import numpy as np

from benchmarks.bench_coders import compare, networks, random_layer, run_gzip, run_symbols, signed_codes
from sw.file.model_file import save, to_bytes
from tests.support.networks.random_networks import make_layer


def test_codes_are_numbered_from_zero():
    layer = make_layer(3, (20, 30), 0.4, 4)
    dense, numbers = layer.dense(), signed_codes(layer)
    assert numbers.shape == (20, 30)
    assert (np.sign(numbers) == np.sign(dense)).all()
    order = np.argsort(dense, axis=None, kind="stable")
    steps = np.diff(numbers.ravel()[order])
    assert set(steps.tolist()) <= {0, 1}
    assert (np.diff(dense.ravel()[order])[steps == 0] == 0).all()


class Bytes:
    """A coder of four bytes a symbol."""

    def encode(self, symbols: np.ndarray, counts: np.ndarray) -> tuple[bytes, None]:
        assert np.bincount(symbols, minlength=counts.size).tolist() == counts.tolist()
        return symbols.tobytes(), None

    def decode(self, data: bytes, model: None, size: int) -> np.ndarray:
        return np.frombuffer(data, np.int32)


def test_every_byte_is_counted(tmp_path: Path):
    network = random_layer(2, 40)
    save(network, tmp_path / "net.eie")
    read = networks([tmp_path / "net.eie"], None, 0)[str(tmp_path / "net.eie")]
    result = compare(read, {"float32 + gzip": run_gzip, "bytes": lambda network: run_symbols(network, Bytes())})
    ours, gzip, plain = result["coders"]
    assert ours["bytes"] == len(to_bytes(network)) == ours["coded_bytes"] + result["rest_bytes"]
    assert result["float32_bytes"] == 4 * (40 * 40 + 40) > gzip["bytes"] == gzip["coded_bytes"] > ours["bytes"]
    assert plain["coded_bytes"] == 8 * network.layers[0].positions.size
    assert plain["bytes"] == plain["coded_bytes"] + result["rest_bytes"]
