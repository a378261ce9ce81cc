"""What all PEs need of an operation later in their pipelines is kept outside of them, once."""

from amaranth.hdl import Module, Signal


def delayed(m: Module, name: str, value: Signal, cycles: int, reset_less: bool = True) -> list[Signal]:
    """`value`, and the registers that hold it 1 .. `cycles` cycles later; `reset_less` is for what may be anything."""
    line = [value]
    for stage in range(1, cycles + 1):
        line.append(Signal.like(value, name=f"{name}_{stage}", reset_less=reset_less))
        m.d.sync += line[stage].eq(line[stage - 1])
    return line
