"""The page of the documentation about the registers, generated from `model.registers`.

``python -m hw.register_page > docs/contract/registers.md``
"""

from enum import IntEnum

from model.registers import (
    ID_VALUE,
    READ_LATENCY,
    REGISTERS,
    STATUS_ERROR_SHIFT,
    VERSION,
    WINDOW_REGISTERS,
    Control,
    Error,
    Interrupt,
    PeError,
    Register,
    Status,
)

HEAD = f"""# Registers

Generated from `model/registers.py` by `python -m hw.register_page`, as are the hardware's decoder, the Python driver's
addresses and `eie_registers.h`. Registers have 32 bits. An address counts words at the array's own port and bytes, four
times as much, on AXI4-Lite. ID reads {ID_VALUE:#010x}, VERSION reads {VERSION}. At the array's own port a read takes
{READ_LATENCY} cycles.
"""


def register_page() -> str:
    """The page, as Markdown."""
    parts = [
        HEAD,
        _registers("Array", REGISTERS),
        _registers("Stream window, where one is built in", WINDOW_REGISTERS),
        _bits("Bits of CONTROL", Control),
        _bits("Bits of STATUS", Status) + f"\nBits {STATUS_ERROR_SHIFT + 7}:{STATUS_ERROR_SHIFT}: the error cause.\n",
        _bits("Bits of IRQ_ENABLE and IRQ_STATUS", Interrupt),
        _bits("Error causes", Error, "cause"),
        _bits("Error register of a PE", PeError, "cause"),
    ]
    return "\n".join(parts)


def _registers(title: str, registers: tuple[Register, ...]) -> str:
    rows = (
        f"| {register.address} | {4 * register.address:#05x} | {register.name} | {register.access} | {register.doc} |"
        for register in registers
    )
    return "\n".join(
        [f"## {title}", "", "| word | byte | name | access | meaning |", "|---|---|---|---|---|", *rows, ""]
    )


def _bits(title: str, values: type[IntEnum], what: str = "bit") -> str:
    rows = (f"| {value.value} | {value.name} |" for value in values)
    return "\n".join([f"## {title}", "", f"| {what} | name |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    print(register_page(), end="")
