"""A cocotb test bench of one wire that must be 0."""

from typing import Any

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def is_zero(dut: Any) -> None:
    """An X is no number: this raises."""
    await Timer(1, "ns")
    assert int(dut.wire_out.value) == 0
