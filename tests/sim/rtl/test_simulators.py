"""sim/rtl/simulators.py: unknown bits, and that nothing in the environment changes what a simulation says."""

import os
import subprocess
from pathlib import Path

import pytest
from amaranth.back import verilog

import sim.rtl.cosim
import sim.rtl.simulators
from hw.block_memory import BlockMemory
from model.errors import SimulatorError
from sim.rtl.simulators import Build, SimulatorName, build
from tests.support.hw.rtl import simulators

BEFORE_AND_PAST_THE_DEPTH = """
module top;
  reg clk = 0;
  wire [1:0] data;
  memory memory (.clk(clk), .rst(1'b0), .read_enable(1'b1), .read_address(3'd6), .read_data(data), .write(6'd0));
  initial begin
    #1 $display("%b", data);
    clk = 1;
    #1 $display("%b", data);
  end
endmodule
"""


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize(("everything", "seen"), [(False, "xx"), (True, "00")])
def test_memories_of_five_words(everything: bool, seen: str, simulator: SimulatorName) -> None:
    memory = BlockMemory(depth=5, width=2)
    text = verilog.convert(memory, name="memory", emit_src=False, strip_internal_attrs=True)
    texts = {"memory.v": text, "top.v": BEFORE_AND_PAST_THE_DEPTH}
    built = build(texts, "top", (), "memory", simulator, everything)
    ran = subprocess.run(["vvp", "-n", "sim.vvp"], cwd=built.folder, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [seen, seen]


# With the first, cocotb takes X for 0; with others it runs no test, or nothing at all.
SURROUNDINGS = {
    "COCOTB_RESOLVE_X": "zeros",
    "COCOTB_TEST_FILTER": "nothing",
    "COCOTB_TESTCASE": "nothing",
    "COCOTB_TEST_MODULES": "nothing",
    "COCOTB_RANDOM_SEED": "abc",
    "COCOTB_RESULTS_FILE": "elsewhere.xml",
    "MAKEFLAGS": "-n",
    "IVERILOG_VPI_MODULE_PATH": "/nowhere",
    "VERILATOR_ROOT": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "SOURCE_DATE_EPOCH": "abc",
    "WAVES": "1",
    "GUI": "1",
}


def run_constant(value: str, simulator: SimulatorName, folder: Path) -> None:
    texts = {"top.v": f"module top(output wire_out);\n  assign wire_out = 1'b{value};\nendmodule\n"}
    build(texts, "top", ("wire_out",), "top", simulator, everything=True).run(
        "tests.support.hw.constant_bench", {}, folder
    )


@pytest.mark.parametrize("simulator", simulators())
def test_nothing_in_the_environment_changes_a_verdict(
    simulator: SimulatorName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "cache"))
    for name, text in SURROUNDINGS.items():
        monkeypatch.setenv(name, text)
    run_constant("0", simulator, tmp_path)
    with pytest.raises(SimulatorError, match=r"constant_bench\.is_zero failed"):
        run_constant("1", simulator, tmp_path)


@pytest.mark.parametrize("simulator", [*simulators("icarus"), pytest.param("verilator", marks=pytest.mark.slow)])
def test_folders_with_spaces_and_umlauts(
    simulator: SimulatorName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache, and the folder in which the simulation runs."""
    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "ein Zwischenspeicher für alle"))
    folder = tmp_path / "hier läuft es"
    folder.mkdir()
    run_constant("0", simulator, folder)
    with pytest.raises(SimulatorError, match=r"constant_bench\.is_zero failed"):
        run_constant("1", simulator, folder)
    assert not list((tmp_path / "ein Zwischenspeicher für alle").glob("building-*"))


def test_an_environment_whose_name_has_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/home/me/my own/.venv")
    assert sim.rtl.simulators.available_simulators()["verilator"] == (
        "Verilator's makefiles want an environment whose name has no spaces, this one is /home/me/my own/.venv"
    )


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_unknown_is_never_equal(simulator: SimulatorName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "cache"))
    for resolver in ("zeros", "ones", "weak", "random"):
        monkeypatch.setenv("COCOTB_RESOLVE_X", resolver)
        with pytest.raises(SimulatorError, match=r"constant_bench\.is_zero failed"):
            run_constant("x", simulator, tmp_path)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_build_of_another_simulator_is_not_taken(
    simulator: SimulatorName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIE_CACHE", str(tmp_path))
    run_constant("0", simulator, tmp_path)
    monkeypatch.setattr("sim.rtl.simulators._compilers", lambda: ("Icarus Verilog version 99",))
    run_constant("0", simulator, tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("icarus-") and path.is_dir()]) == 2


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_build_that_was_never_finished_is_made_again(
    simulator: SimulatorName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIE_CACHE", str(tmp_path))
    run_constant("0", simulator, tmp_path)
    (product,) = tmp_path.glob("icarus-*/sim.vvp")
    os.unlink(product)
    run_constant("0", simulator, tmp_path)


class Runner:
    """Of a simulator that is broken."""

    def test(self, **_: object) -> None:
        raise RuntimeError("it stopped")

    build = test


def test_a_simulator_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cocotb_tools")
    import cocotb_tools.check_results as check_results

    monkeypatch.setattr(sim.rtl.simulators, "_runner", lambda *_: Runner())
    with pytest.raises(SimulatorError, match="verilator failed"):
        Build("verilator", tmp_path, "top").run("bench", {}, tmp_path)
    monkeypatch.setattr(sim.rtl.simulators, "_missing", lambda _: None)
    monkeypatch.setenv("EIE_CACHE", str(tmp_path))
    with pytest.raises(SimulatorError, match="verilator cannot build top"):
        build({"top.v": "module top; endmodule"}, "top", [], "top", "verilator")
    monkeypatch.setattr(Runner, "test", lambda *_, **__: None)
    monkeypatch.setattr(check_results, "get_results", lambda _: (0, 0))
    with pytest.raises(SimulatorError, match="verilator ran 0 tests, 0 failed, wanted 1 and 0"):
        Build("verilator", tmp_path, "top").run("bench", {}, tmp_path)
    monkeypatch.setattr(sim.rtl.simulators, "_missing", lambda _: "verilator is not there")
    with pytest.raises(SimulatorError, match="verilator is not there"):
        build({}, "top", [], "top", "verilator")
