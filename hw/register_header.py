"""The C header of the host interface, generated from `model.registers` and `model.layouts`."""

from enum import IntEnum

from model.layouts import Opcode
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
    Status,
)
from model.serial_protocol import DONE, Command


def register_header() -> str:
    """Text of `eie_registers.h`: word addresses of the registers, their bits, errors, opcodes, serial commands."""
    lines = [
        "/* Host interface of the EIE array, generated from the register map. Addresses count 32-bit words. */",
        "#ifndef EIE_REGISTERS_H",
        "#define EIE_REGISTERS_H",
        "",
        f"#define EIE_ID_VALUE {ID_VALUE:#010x}u",
        f"#define EIE_VERSION {VERSION}u",
        f"#define EIE_READ_LATENCY {READ_LATENCY}u",
        "",
    ]
    for register in (*REGISTERS, *WINDOW_REGISTERS):
        lines += [
            f"/* {register.access}: {register.doc} */",
            f"#define EIE_REG_{register.name} {register.address}u",
        ]
    lines += ["", "/* CONTROL, bit numbers */", *_defines("CONTROL", Control)]
    lines += ["", "/* STATUS */", *(f"#define EIE_STATUS_{bit.name} {1 << bit:#x}u" for bit in Status)]
    lines += [
        f"#define EIE_STATUS_ERROR_SHIFT {STATUS_ERROR_SHIFT}u",
        f"#define EIE_STATUS_ERROR_MASK {0xFF << STATUS_ERROR_SHIFT:#x}u",
    ]
    lines += ["", "/* error causes */", *_defines("ERROR", Error)]
    lines += ["", "/* IRQ_ENABLE and IRQ_STATUS, bit numbers */", *_defines("IRQ", Interrupt)]
    lines += ["", "/* packet header, bits 7:0 */", *_defines("OPCODE", Opcode)]
    lines += ["", "/* serial link: first byte of a command, and the answer to one that gives nothing else */"]
    lines += [f"#define EIE_SERIAL_{command.name} {command.value}u" for command in Command]
    lines.append(f"#define EIE_SERIAL_DONE {DONE}u")
    return "\n".join([*lines, "", "#endif", ""])


def _defines(prefix: str, values: type[IntEnum]) -> list[str]:
    return [f"#define EIE_{prefix}_{value.name} {value.value}u" for value in values]
