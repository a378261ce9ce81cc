"""Every command with bad input: one sentence, exit code 2, and every file as it was."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


def make_bad_files() -> None:
    good = Path("net.eie").read_bytes()
    Path("truncated.eie").write_bytes(good[:-7])
    Path("empty.eie").write_bytes(b"")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    Path("flipped.eie").write_bytes(flipped)
    weights = Path("net.safetensors").read_bytes()
    Path("truncated.safetensors").write_bytes(weights[:-5])
    Path("noise.safetensors").write_bytes(bytes(range(256)))
    layer = {"a.weight": np.ones((3, 4), np.float32)}
    save_file({"a.weight": np.ones((3, 4), np.float32) * np.nan}, "nan.safetensors")
    save_file({**layer, "b.weight": np.ones((3, 4), np.float32)}, "unchained.safetensors")
    save_file({"conv.weight": np.ones((3, 4, 2, 2, 2), np.float32)}, "conv.safetensors")
    save_file({"a.weight": np.ones((3, 4), np.int32)}, "integers.safetensors")
    np.save("wide.npy", np.zeros((2, 13), np.float32))
    np.save("nan.npy", np.full((1, 12), np.nan, np.float32))
    np.save("pickle.npy", np.array([[1, "a", None]], dtype=object))
    Path("bad.toml").write_text("pes = [")
    Path("unknown.toml").write_text("pe = 4")
    Path("mine.toml").write_text('preset = "tiny4"')
    Path("deep.toml").write_text("pes = " + "[" * 5000)


COMPRESS = ["compress", "net.safetensors", "-o", "OUT"]
SIMULATE = ["simulate", "net.eie", "-o", "OUT", "--input", "x.npy"]
BAD = [
    ["compress", "missing.safetensors", "-o", "OUT"],
    ["compress", "truncated.safetensors", "-o", "OUT"],
    ["compress", "noise.safetensors", "-o", "OUT"],
    ["compress", "nan.safetensors", "-o", "OUT"],
    ["compress", "unchained.safetensors", "-o", "OUT"],
    ["compress", "conv.safetensors", "-o", "OUT"],
    ["compress", "integers.safetensors", "-o", "OUT"],
    ["compress", ".", "-o", "OUT"],
    ["compress", "net.safetensors", "-o", "no/such/folder/OUT"],
    ["compress", "net.safetensors", "-o", "."],
    ["compress", "net.safetensors", "-o", "net.safetensors"],
    ["compress", "net.safetensors", "-o", "x.npy", "--calibrate", "x.npy"],
    ["decompress", "net.eie", "-o", "net.eie"],
    ["simulate", "net.eie", "--input", "x.npy", "-o", "./x.npy"],
    ["config", "--config", "mine.toml", "-o", "mine.toml"],
    ["simulate", "net.eie", "--input", ".", "-o", "OUT"],
    ["config", "--config", "deep.toml", "-o", "OUT"],
    [*COMPRESS, "--density", "2"],
    [*COMPRESS, "--density", "nan"],
    [*COMPRESS, "--density", "-0.1"],
    [*COMPRESS, "--density", "many"],
    [*COMPRESS, "--density", "fc1=0.1,fc1=0.2"],
    [*COMPRESS, "--density", "fc1=0.1,fc2"],
    [*COMPRESS, "--density", "fc9=0.1"],
    [*COMPRESS, "--threshold", "nan"],
    [*COMPRESS, "--threshold", "-1"],
    [*COMPRESS, "--density", "0.1", "--threshold", "0.1"],
    [*COMPRESS, "--code-bits", "0"],
    [*COMPRESS, "--code-bits", "9"],
    [*COMPRESS, "--code-bits", "four"],
    [*COMPRESS, "--calibrate", "wide.npy"],
    [*COMPRESS, "--calibrate", "missing.npy"],
    [*COMPRESS, "--no-such-option"],
    ["compress", "net.safetensors"],
    ["compress"],
    ["inspect", "missing.eie"],
    ["inspect", "truncated.eie"],
    ["inspect", "empty.eie"],
    ["inspect", "flipped.eie"],
    ["inspect", "net.safetensors"],
    ["inspect", "."],
    ["decompress", "flipped.eie", "-o", "OUT.npz"],
    ["decompress", "truncated.eie", "-o", "OUT.npz"],
    ["decompress", "net.eie", "-o", "no/such/OUT.npz"],
    ["simulate", "flipped.eie", "--input", "x.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "wide.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "nan.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "pickle.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "missing.npy", "-o", "OUT"],
    ["simulate", "net.eie", "--input", "x.npy", "-o", "no/such/OUT"],
    ["simulate", "net.eie"],
    [*SIMULATE, "--pes", "0"],
    [*SIMULATE, "--pes", "many"],
    [*SIMULATE, "--preset", "eie65"],
    [*SIMULATE, "--preset", "tiny4", "--config", "x.toml"],
    [*SIMULATE, "--config", "missing.toml"],
    [*SIMULATE, "--config", "bad.toml"],
    [*SIMULATE, "--config", "unknown.toml"],
    [*SIMULATE, "--set", "queue_depth=0"],
    [*SIMULATE, "--preset", "tiny4", "--set", "pointer_depth=4"],
    [*SIMULATE, "--set", "code_bits=3"],
    ["verify", "truncated.eie", "--input", "x.npy"],
    ["verify", "net.eie", "--input", "wide.npy"],
    ["verify", "net.eie", "--input", "x.npy", "--sim", "modelsim"],
    ["verilog", "--preset", "eie65", "-o", "OUT"],
    ["verilog", "--preset", "tiny4", "-o", "net.eie"],
    ["verilog"],
    ["verilog", "--preset", "tiny4", "--divisor", "99", "-o", "OUT"],
    ["config", "--preset", "eie65", "-o", "OUT"],
    ["config", "-o", "no/such/OUT"],
    ["no-such-command"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_sentence_and_exit_code_2(eie: Run, folder: Path, arguments: list[str]) -> None:
    make_bad_files()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, out, err = eie(*arguments)
    assert code == 2
    assert out == ""
    sentences = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1
    assert err.splitlines()[-1] == sentences[0]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("command", [["config"], ["--help"], ["bench", "--layer", "NT-We"]])
def test_a_date_that_is_none(command: list[str]) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "abc"}
    words = [sys.executable, "-m", "sim.cli", *command]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: SOURCE_DATE_EPOCH must be seconds since 1970, got 'abc'\n"
