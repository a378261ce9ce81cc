"""sim/synthesis/ecp5_cells.py: block RAM in each width, products of each sign, and what has no model is refused."""

import subprocess
from itertools import product
from pathlib import Path

import pytest

from sim.rtl.simulators import available_simulators
from sim.synthesis.ecp5_cells import models

pytestmark = pytest.mark.skipif(available_simulators()["icarus"] is not None, reason="Icarus Verilog is not installed")

WRITTEN = [0x9ABCDEF01, 0x123456789]  # of 36 bits
IDLE = "1'b0"


def run(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """What Icarus prints for the statements of a module, with the models."""
    (tmp_path / "bench.v").write_text(f"{models()}\nmodule bench;\n{body}\nendmodule\n", encoding="utf-8")
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", "bench.v"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return subprocess.run(["vvp", "-N", "bench.vvp"], cwd=tmp_path, check=False, capture_output=True, text=True)


def pins(name: str, vector: str, width: int, first: int = 0) -> str:
    return ", ".join(f".{name}{bit}({vector}[{first + bit}])" for bit in range(width))


def block_ram(parameters: str) -> str:
    selects = ", ".join(f".CS{port}{bit}({IDLE})" for port in "AB" for bit in range(3))
    return f"""
      reg clk = 0, write = 0; reg [13:0] a = 0, b = 0; reg [35:0] data = 0; wire [35:0] read;
      DP16KD #({parameters}) ram(.CLKA(clk), .CLKB(clk), .CEA(write), .WEA(1'b1), .CEB(1'b1), .WEB({IDLE}), .OCEA(1'b1),
        .OCEB(1'b1), .RSTA({IDLE}), .RSTB({IDLE}), {selects}, {pins("ADA", "a", 14)}, {pins("ADB", "b", 14)},
        {pins("DIA", "data", 18)}, {pins("DIB", "data", 18, 18)}, {pins("DOA", "read", 18)},
        {pins("DOB", "read", 18, 18)});
      task tick; begin #1 clk = 1; #1 clk = 0; end endtask
    """


@pytest.mark.parametrize("width", [1, 2, 4, 9, 18, 36])
def test_block_ram_is_read_in_each_width(tmp_path: Path, width: int) -> None:
    """Two words of 36 bits written; narrow words are their parts, the ninth bit of each byte left out below 9."""
    step = {9: 8, 18: 16, 36: 32}.get(width, width)
    writes = [f"a = {32 * number + 15}; data = 36'h{word:x}; tick;" for number, word in enumerate(WRITTEN)]
    reads = [f'b = {at}; tick; $display("%0d", read);' for at in range(0, 64, step)]
    body = [block_ram(f".DATA_WIDTH_A(36), .DATA_WIDTH_B({width})"), "initial begin write = 1;", *writes, "write = 0;"]
    done = run(tmp_path, "\n".join([*body, *reads, "end"]))
    whole = WRITTEN[0] | WRITTEN[1] << 36
    octets = [whole >> 9 * byte & 0x1FF for byte in range(8)]
    if width >= 9:
        wanted = [whole >> at & ((1 << width) - 1) for at in range(0, 72, width)]
    else:
        wanted = [octets[at // 8] >> at % 8 & ((1 << width) - 1) for at in range(0, 64, width)]
    shift = 18 if width < 36 else 0  # a narrow port reads at its own pins
    assert [int(line) >> shift for line in done.stdout.split()] == wanted


def test_a_word_that_is_written_while_it_is_read_is_wrong(tmp_path: Path) -> None:
    statements = "initial begin write = 1; a = 15; data = 36'h5; tick; data = 36'h9; tick; tick;"
    done = run(tmp_path, block_ram(".DATA_WIDTH_A(36), .DATA_WIDTH_B(36)") + statements + ' $display("%h", read); end')
    assert int(done.stdout, 16) not in (0x5, 0x9)


@pytest.mark.parametrize("parameter", ['.REGMODE_B("OUTREG")', ".INITVAL_3F(320'h1)"])
def test_what_has_no_model_ends_the_simulation(tmp_path: Path, parameter: str) -> None:
    done = run(tmp_path, block_ram(parameter) + "initial begin tick; end")
    assert done.returncode != 0
    assert "DP16KD: no model of" in done.stdout


def test_products(tmp_path: Path) -> None:
    corners = [0, 1, 0x1FFFF, 0x20000, 0x3FFFF]
    lines = [
        f'a = {a}; b = {b}; sa = {sa}; sb = {sb}; #1 $display("%0d", p);'
        for a, b, sa, sb in product(corners, corners, (0, 1), (0, 1))
    ]
    shifted = ", ".join(f".C{bit}({IDLE})" for bit in range(18))
    cell = f"""reg [17:0] a, b; reg sa, sb; wire [35:0] p;
      MULT18X18D cell_(.SIGNEDA(sa), .SIGNEDB(sb), .SOURCEA({IDLE}), .SOURCEB({IDLE}), {shifted}, {pins("A", "a", 18)},
        {pins("B", "b", 18)}, {pins("P", "p", 36)});
      initial begin"""
    done = run(tmp_path, "\n".join([cell, *lines, "end"]))

    def value(bits: int, signed: int) -> int:
        return bits - (1 << 18) if signed and bits >> 17 else bits

    wanted = [value(a, sa) * value(b, sb) % (1 << 36) for a, b, sa, sb in product(corners, corners, (0, 1), (0, 1))]
    assert [int(line) for line in done.stdout.split()] == wanted
