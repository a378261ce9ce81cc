"""The C header of the host interface, generated from `model.registers` and `model.layouts`."""

from model.layouts import Opcode
from model.registers import ID_VALUE, READ_LATENCY, REGISTERS, Error


def register_header() -> str:
    """Text of `eie_registers.h`: word addresses of the registers, error causes and packet opcodes."""
    lines = [
        "/* Host interface of the EIE array, generated from the register map. Addresses count 32-bit words. */",
        "#ifndef EIE_REGISTERS_H",
        "#define EIE_REGISTERS_H",
        "",
        f"#define EIE_ID_VALUE {ID_VALUE:#010x}u",
        f"#define EIE_READ_LATENCY {READ_LATENCY}u",
        "",
    ]
    for register in REGISTERS:
        lines += [
            f"/* {register.access}: {register.doc} */",
            f"#define EIE_REG_{register.name} {register.address}u",
        ]
    lines += ["", "/* STATUS, bits 15:8 */", *(f"#define EIE_ERROR_{error.name} {error.value}u" for error in Error)]
    lines += ["", "/* packet header, bits 7:0 */", *(f"#define EIE_OPCODE_{op.name} {op.value}u" for op in Opcode)]
    return "\n".join([*lines, "", "#endif", ""])
