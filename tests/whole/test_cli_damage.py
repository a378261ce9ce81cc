"""The command line on damaged files: read as something whole, or refused in one sentence that leaves nothing behind."""

import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.errors import EieError
from sim.cli import main
from sw.file.header import CRC, header_bounds

CASES = 150  # of each kind of file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One good file of each kind, for a network of three layers, in the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    shapes = {"fc1": (9, 12), "fc2": (5, 9), "fc3": (2, 5)}
    weights = {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(weights, "good.safetensors", {"order": "fc1,fc2,fc3"})
    np.save("good.npy", rng.uniform(0, 1, (3, 12)).astype(np.float32))
    Path("good.toml").write_text('preset = "tiny4"\nqueue_depth = 3\nname = "mine"\nclock_mhz = 100.5\n')
    assert main(["compress", "good.safetensors", "-o", "good.eie", "--density", "0.5", "--calibrate", "good.npy"]) == 0
    return tmp_path


def damage(data: bytes, rng: random.Random) -> bytes:
    """Cut, flipped, stretched, shortened or overwritten."""
    out, at = bytearray(data), rng.randrange(len(data))
    kind = rng.choice(("cut", "flip", "flip", "flip", "insert", "remove", "overwrite"))
    if kind == "cut":
        del out[at:]
    elif kind == "flip":
        for _ in range(rng.choice((1, 1, 3))):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == "insert":
        out[at:at] = rng.randbytes(rng.randrange(1, 9))
    elif kind == "remove":
        del out[at : at + rng.randrange(1, 9)]
    else:
        out[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"9999"))
    return bytes(out)


def mend_checksums(data: bytes) -> bytes:
    """A model file with the checksum that its damaged header wants, so that the header itself is judged."""
    out = bytearray(data)
    try:
        _, end = header_bounds(data)
    except EieError:
        return data
    CRC.pack_into(out, end, zlib.crc32(out[:end]))
    return bytes(out)


COMMANDS = {
    "eie": [["inspect", "bad.eie", "--json"], ["simulate", "bad.eie", "--input", "good.npy", "-o", "OUT", "--json"]],
    "safetensors": [["compress", "bad.safetensors", "-o", "OUT", "--json", "--calibrate", "good.npy"]],
    "npy": [["simulate", "good.eie", "--input", "bad.npy", "-o", "OUT", "--preset", "tiny4", "--json"]],
    "toml": [["config", "--config", "bad.toml", "-o", "OUT", "--json"]],
}


@pytest.mark.parametrize(("kind", "mend"), [*((kind, bytes) for kind in COMMANDS), ("eie", mend_checksums)])
def test_damaged_files(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str, mend: Callable[[bytes], bytes]
) -> None:
    good = Path(f"good.{kind}").read_bytes()
    rng = random.Random(f"{kind} {mend.__name__}")
    bad = Path(f"bad.{kind}")
    refused = 0
    for _ in range(CASES):
        bad.write_bytes(mend(damage(good, rng)))
        before = {path.name for path in folder.iterdir()}
        capsys.readouterr()
        code = main(rng.choice(COMMANDS[kind]))
        out, err = capsys.readouterr()
        after = {path.name for path in folder.iterdir()}
        assert "Warning" not in err
        if code == 0:
            json.loads(out)
            assert after - before <= {"OUT"}
            Path("OUT").unlink(missing_ok=True)
            continue
        assert code == 2
        refused += 1
        assert out == ""
        assert err.splitlines()[-1].startswith("error: ")
        assert err.count("error: ") == 1
        assert after == before
    assert refused > CASES // 4
