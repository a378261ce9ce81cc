"""sim/commands/fpga.py: `eie fpga` as a user runs it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from model.config import ArrayConfig, ecp5_array, load_config
from sim.cli import main
from sim.commands.fpga import fpga_array
from sim.synthesis.families.xilinx7 import block_rams
from sim.synthesis.memories import array_block_rams

SMALL = [
    *("--set", "sparse_matrix_depth=256", "--set", "pointer_depth=128", "--set", "activation_depth=64"),
    *("--set", "constant_depth=80", "--set", "layers=4", "--set", "stream_bits=32", "--set", "row_bits=32"),
]


@pytest.mark.slow
def test_one_pe_through_the_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    assert main(["fpga", "--board", "ulx3s", *SMALL, "-o", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((folder / "report.json").read_text())
    assert report["device"] == "ecp5-85k"
    assert report["config"]["pes"] == 1
    assert report["fmax_mhz"] > 25
    assert report["used"]["MULT18X18D"] == report["pe"]["multipliers"] == 1
    assert report["used"]["DP16KD"] == report["pe"]["block_rams"] + 2  # the stream window's queues
    assert report["pe"]["block_rams"] >= 3
    assert {"decoder", "arithmetic", "issue"} <= set(report["pe_units"])
    assert {"loader", "controller", "link", "windowed"} <= set(report["array_units"])
    assert sum(unit["comb"] for unit in report["pe_units"].values()) == report["pe"]["comb"]
    names = [step["name"] for step in report["critical_path"]]
    assert report["critical_path"][-1]["ns"] == pytest.approx(1000 / report["fmax_mhz"], abs=0.01)
    assert not [name for name in names if "LUT4" in name or "$" in name]
    assert (folder / "eie.bit").stat().st_size > 10_000
    assert {"yosys.log", "nextpnr.log", "eie_array.v", "array.toml"} <= {path.name for path in folder.iterdir()}
    assert ElementTree.parse(folder / "floorplan.svg").getroot().tag.endswith("svg")


@pytest.mark.slow
def test_one_pe_is_synthesised_where_nothing_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fpga", "--device", "xc7z020", *SMALL, "-o", str(tmp_path)]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert [report[name] for name in ("fmax_mhz", "speed_grade", "seed", "aimed_mhz")] == 4 * [None]
    assert report["critical_path"] == []
    assert report["used"]["LUT"] == report["pe"]["comb"] + report["shared"]["comb"] > 500
    counted = array_block_rams(ArrayConfig(**report["config"]), block_rams)
    assert counted == (report["pe"]["block_rams"], report["shared"]["block_rams"])
    assert report["used"]["RAMB18"] == sum(counted) > 0
    assert report["used"]["DSP48"] == 1
    assert report["available"] == {"LUT": 53200, "FF": 106400, "RAMB18": 280, "DSP48": 220}
    assert {"loader", "controller"} <= set(report["array_units"])


WANTED_MHZ = {"ecp5_4": 100.0, "ecp5_16": 85.0}  # on an ECP5-85F of speed grade 6
LARGEST_PE = 1000  # lookup tables, the PE counters left out


@pytest.mark.slow
@pytest.mark.parametrize("preset", WANTED_MHZ)
def test_arrays_reach_their_clocks(preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fpga", "--preset", preset, "-o", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["fmax_mhz"] >= WANTED_MHZ[preset]
    assert report["pe"]["comb"] <= LARGEST_PE


def test_fit_finds_the_fastest_array(project_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 784), np.float32))
    network = str(project_root / "examples" / "lenet-300-100.eie")
    command = ["fpga", "--fit", network, "--pes", "4", "--input", str(tmp_path / "x.npy")]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (size,) = report["sizes"]
    assert (report["fastest"], report["inputs"], size["misfits"]) == (4, 2, [])
    folder = tmp_path / "fit"
    assert main([*command, "-o", str(folder)]) == 0
    out = capsys.readouterr().out
    assert f"Fastest: 4 PEs, {size['inputs_per_second']:,.0f} inputs/s" in out
    assert f"array.toml is its configuration: eie fpga --device ecp5-85k --config {folder}" in out.replace("\n", " ")
    assert load_config(folder / "array.toml").to_dict() == size["config"] == report["config"]


def test_fit_without_a_clock_ranks_by_cycles(project_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fpga", "--fit", str(project_root / "examples" / "lenet-300-100.eie"), "--device", "xc7z020"]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["ranked_by"], report["device"]) == ("cycles", "xc7z020")
    fitting = [size for size in report["sizes"] if not size["misfits"]]
    best = min(fitting, key=lambda size: size["cycles"])
    assert report["fastest"] == best["config"]["pes"]
    assert {(size["clock_mhz_estimated"], size["inputs_per_second"]) for size in report["sizes"]} == {(None, None)}
    assert main([*command, "--pes", "4"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Fewest cycles on xc7z020: 4 PEs," in out
    assert "No clock was measured: no open tool here places and routes xc7z020" in out
    assert "inputs/s" not in out
    assert "MHz" not in out


def test_a_network_that_does_not_fit_is_refused_with_numbers(
    project_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = str(project_root / "examples" / "lenet-300-100.eie")
    assert main(["fpga", "--fit", network, "--pes", "40", "--device", "ecp5-25k"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: lenet-300-100.eie does not fit on ecp5-25k: 40 PEs need ")
    assert "40 multipliers (MULT18X18D), ecp5-25k has 28" in error


@pytest.mark.slow
def test_four_families_infer_memories_and_multipliers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depths = ["--set", "sparse_matrix_depth=512", "--set", "pointer_depth=1024", "--set", "activation_depth=256"]
    assert main(["fpga", "--check-inference", *depths, "-o", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [family["enough"] for family in report["families"]] == [True] * 4


def test_options_change_the_preset() -> None:
    assert fpga_array(None, None, 4, None) == ecp5_array(4)
    assert fpga_array(None, None, None, ["pe_counters=true"]) == ecp5_array(1).with_(pe_counters=True)
    assert fpga_array("tiny4", None, 2, None).activation_depth == 32


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "ice40"], "no device 'ice40'; devices: ecp5-25k, ecp5-45k, ecp5-85k, xc7z020, xc7a100t"),
        (["--board", "arty"], "no board 'arty'; boards: ulx3s"),
        (["--board", "ulx3s", "--device", "ecp5-25k"], "board ulx3s has the device ecp5-85k, got --device ecp5-25k"),
        (["--speed", "5"], "--speed must be 6, 7, 8, got 5"),
        (["--aim", "0"], "--aim must be between 1 and 1000 MHz, got 0.0"),
        (
            ["--device", "xc7z020", "--speed", "1"],
            "--speed is of place and route, and no open tool here places and routes xc7z020",
        ),
        (
            ["--device", "xc7a100t", "--aim", "100"],
            "--aim is of place and route, and no open tool here places and routes xc7a100t",
        ),
        (["--seed", "0"], "--seed must be 1 or more, got 0"),
        (["--router", "router3"], "--router must be router1 or router2, got router3"),
        (["--pes", "0"], "pes must be between 1 and 256, got 0"),
        (["--input", "x.npy"], "--input counts cycles for --fit NET.eie, which was not given"),
        (["--fit", "a.eie", "--check-inference"], "--fit and --check-inference are two questions; wanted one of them"),
    ],
)
def test_bad_options_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fpga", *arguments]) == 2
    assert capsys.readouterr() == ("", f"error: {sentence}\n")


@pytest.mark.parametrize("options", [[], ["--check-inference"]], ids=["flow", "inference"])
def test_the_output_must_be_a_folder(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("kept")
    assert main(["fpga", *options, "-o", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"error: cannot write into {tmp_path / 'file'}: wanted a folder, got a file\n"
    assert (tmp_path / "file").read_text() == "kept"
