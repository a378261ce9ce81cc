"""sim/commands/demo.py: the whole demo, as `make demo` runs it."""

import json
from pathlib import Path

import pytest

from sim.commands.demo import main

KEYS = {
    "made_by",
    "network",
    "file_bytes",
    "ratio",
    "weights_kept",
    "accuracy_float",
    "accuracy_compressed_float",
    "accuracy_integer",
    "cycles_per_image",
    "useful_efficiency",
    "rtl_cycles",
    "model_cycles",
    "rtl_equal",
    "verilog_files",
    "cpu_dense_us",
    "cpu_sparse_us",
    "array_us",
}


@pytest.mark.slow
def test_demo_leaves_its_summary(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary) >= KEYS
    assert summary["network"] == "64-300-100-10"
    assert summary["file_bytes"] == (tmp_path / "digits.eie").stat().st_size
    assert summary["ratio"] > 40
    assert summary["weights_kept"] < 0.1
    assert summary["accuracy_compressed_float"] > 0.98
    assert summary["accuracy_compressed_float"] > summary["accuracy_float"] - 0.01
    assert summary["accuracy_integer"] > summary["accuracy_float"] - 0.01
    assert summary["rtl_equal"]
    assert summary["rtl_cycles"] == summary["model_cycles"] > 0
    for name in summary["verilog_files"]:
        assert (tmp_path / name).stat().st_size > 0
    assert summary["array_us"] == pytest.approx(summary["cycles_per_image"] / 800)
