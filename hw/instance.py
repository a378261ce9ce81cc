"""A component whose body is a module of another Verilog file, so that equal parts are written once."""

from amaranth.hdl import ClockSignal, Instance, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In


class VerilogInstance(wiring.Component):
    """An instance of Verilog module `module`, which Amaranth made from a component of the same signature.

    Port names are member paths joined by two underscores; `clk` is that of domain `sync`, `rst` its reset or `reset`.
    Amaranth's own simulator cannot run it.
    """

    def __init__(self, module: str, signature: wiring.Signature, reset: Value):
        self._module = module
        self._reset = reset
        super().__init__(signature)

    def elaborate(self, platform):
        ports = {
            f"{'i' if member.flow is In else 'o'}_{'__'.join(map(str, path))}": value
            for path, member, value in self.signature.flatten(self)
        }
        return Instance(self._module, i_clk=ClockSignal(), i_rst=ResetSignal() | self._reset, **ports)
