"""A top module with three pins around any module: its ports are too many for a package, and pads would be timed."""

import re
from dataclasses import dataclass

from model.errors import EieError

HARNESS = "eie_harness"
CLOCK, SERIAL_IN, SERIAL_OUT = "clk", "serial_in", "serial_out"
FAN_IN = 4  # of the exclusive ors: one lookup table

_PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\S+);$", re.MULTILINE)


@dataclass(frozen=True)
class Port:
    """A port of a Verilog module; `width` in bits."""

    name: str
    is_input: bool
    width: int


def module_ports(verilog: str, module: str) -> list[Port]:
    """The ports of a module, in order, from Verilog as `hw.verilog` writes it."""
    found = re.search(rf"^module {re.escape(module)}\((.*?)^endmodule", verilog, re.MULTILINE | re.DOTALL)
    ports = [] if found is None else _PORT.findall(found[1])
    if not ports:
        raise EieError(f"wanted Verilog with a module {module} that has ports, got none")
    return [Port(name, direction == "input", int(high or 0) + 1) for direction, high, name in ports]


def harness(verilog: str, module: str) -> str:
    """Verilog of the module `eie_harness`: clock, one input, one output.

    Every input of `module` but its clock, reset included, is a bit of a shift register behind `serial_in`; every
    output goes to a register, and a pipelined tree of exclusive ors brings all of them to `serial_out`. So nothing is
    optimised away, every path begins and ends in a register, and the pins do not count.
    """
    ports = module_ports(verilog, module)
    inputs = [port for port in ports if port.is_input and port.name != CLOCK]
    outputs = [port for port in ports if not port.is_input]
    stimulus, response = sum(port.width for port in inputs), sum(port.width for port in outputs)
    lines = [
        f"module {HARNESS}(input {CLOCK}, input {SERIAL_IN}, output {SERIAL_OUT});",
        f"  reg [{stimulus - 1}:0] stimulus;",
        f"  wire [{response - 1}:0] response;",
        f"  always @(posedge {CLOCK}) stimulus <= {{stimulus, {SERIAL_IN}}};",
    ]
    lines += _instance(module, inputs, outputs)
    lines += _tree(response)
    return "\n".join([*lines, "endmodule", ""])


def _instance(module: str, inputs: list[Port], outputs: list[Port]) -> list[str]:
    connections = [f".{CLOCK}({CLOCK})"]
    for vector, ports in (("stimulus", inputs), ("response", outputs)):
        low = 0
        for port in ports:
            connections.append(f".{port.name}({vector}[{low + port.width - 1}:{low}])")
            low += port.width
    return [f"  {module} array (", *(f"    {text}," for text in connections[:-1]), f"    {connections[-1]}", "  );"]


def _tree(width: int) -> list[str]:
    """Registers over the outputs, then levels of registered exclusive ors until one bit is left."""
    lines = [
        f"  reg [{width - 1}:0] level_0;",
        f"  always @(posedge {CLOCK}) level_0 <= response;",
    ]
    level = 0
    while width > 1:
        groups = [(low, min(low + FAN_IN, width) - 1) for low in range(0, width, FAN_IN)]
        parts = ", ".join(f"^level_{level}[{high}:{low}]" for low, high in reversed(groups))
        lines += [
            f"  reg [{len(groups) - 1}:0] level_{level + 1};",
            f"  always @(posedge {CLOCK}) level_{level + 1} <= {{{parts}}};",
        ]
        level, width = level + 1, len(groups)
    return [*lines, f"  assign {SERIAL_OUT} = level_{level};"]
