#!/usr/bin/env bash
# cocotbext-axi 0.1.28, AxiLiteMaster: a write of one byte puts the byte's own address on AWADDR, not that of its word.
# Seen: one byte to address 5 of a 32-bit bus: AWADDR 5, WSTRB 0b0010. Do: write whole words to registers, or mask the address.
# Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check cocotb==2.1.0 cocotbext-axi==0.1.28
cd "$folder"
cat >top.v <<'V'
module top(input clk, input rst,
    input [7:0] s_awaddr, input [2:0] s_awprot, input s_awvalid, output s_awready,
    input [31:0] s_wdata, input [3:0] s_wstrb, input s_wvalid, output s_wready,
    output [1:0] s_bresp, output reg s_bvalid, input s_bready,
    input [7:0] s_araddr, input [2:0] s_arprot, input s_arvalid, output s_arready,
    output [31:0] s_rdata, output [1:0] s_rresp, output s_rvalid, input s_rready);
    reg aw = 0, w = 0;
    assign s_awready = !aw, s_wready = !w, s_bresp = 0;
    assign s_arready = 0, s_rdata = 0, s_rresp = 0, s_rvalid = 0;
    initial s_bvalid = 0;
    always @(posedge clk) begin
        if (s_awvalid && s_awready) begin aw <= 1; $display("seen AWADDR %0d", s_awaddr); end
        if (s_wvalid && s_wready) begin w <= 1; $display("seen WSTRB %b", s_wstrb); end
        if (aw && w && !s_bvalid) s_bvalid <= 1;
        if (s_bvalid && s_bready) begin s_bvalid <= 0; aw <= 0; w <= 0; end
    end
endmodule
V
cat >bench.py <<'PY'
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster


@cocotb.test()
async def writes_a_byte(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s"), dut.clk, dut.rst)
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await master.write(5, b"\xab")
PY
cat >run.py <<'PY'
from cocotb_tools.runner import get_runner

runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", build_dir="build", timescale=("1ns", "1ps"))
runner.test(hdl_toplevel="top", test_module="bench", build_dir="build")
PY
env -i PATH="$PATH" HOME="$folder" PYTHONPATH="$folder" venv/bin/python run.py 2>&1 | grep seen | tee seen.txt
grep -qx 'seen AWADDR 5' seen.txt && grep -qx 'seen WSTRB 0010' seen.txt
