"""Lock-step: the stepped model beside the RTL, every architectural register compared in every cycle."""

from typing import Protocol

from model.config import ArrayConfig
from model.layouts import DebugField, array_debug_fields, pe_debug_fields
from model.stepped.array import Inputs, SteppedArray
from sim.host_program import MachineOutputs


class DebugOutputs(MachineOutputs, Protocol):
    """Outputs of a machine that also shows its registers."""

    @property
    def debug(self) -> int: ...


class Lockstep:
    """Steps the model with the inputs the RTL got, and compares outputs and registers before each clock edge.

    Comparison begins once the first reset has been clocked in: before it, four-state registers are unknown.
    """

    def __init__(self, config: ArrayConfig):
        self._model = SteppedArray(config)
        self._array_fields = array_debug_fields(config)
        self._pe_fields = pe_debug_fields(config)
        self._pes = config.pes
        self._was_reset = False

    def compare(self, cycle: int, inputs: Inputs, rtl: DebugOutputs) -> str | None:
        """One cycle; returns the first difference in words (cycle, unit, wanted, got), or None."""
        difference = None
        if self._was_reset:
            difference = self._outputs_difference(inputs, rtl) or self._state_difference(rtl.debug)
        self._was_reset = self._was_reset or bool(inputs.reset)
        self._model.step(inputs)
        return None if difference is None else f"cycle {cycle}: {difference}"

    def _outputs_difference(self, inputs: Inputs, rtl: DebugOutputs) -> str | None:
        model = self._model.outputs(inputs)
        names = ["i_ready", "o_valid", "reg_read_data"]
        if model.o_valid:
            names += ["o_data", "o_last"]
        for name in names:
            wanted, got = getattr(model, name), getattr(rtl, name)
            if wanted != got:
                return f"port {name}: wanted {wanted:#x}, got {got:#x}"
        return None

    def _state_difference(self, bits: int) -> str | None:
        array, pes = self._model.debug()
        offset, difference = _compare_fields(self._array_fields, array, bits)
        if difference is not None:
            return f"array {difference}"
        for number, pe in enumerate(pes):
            bits >>= offset
            offset, difference = _compare_fields(self._pe_fields, pe, bits)
            if difference is not None:
                return f"PE {number} {difference}"
        return None


def _compare_fields(fields: list[DebugField], wanted: dict[str, int], bits: int) -> tuple[int, str | None]:
    offset = 0
    for field in fields:
        got = bits >> offset & (1 << field.width) - 1
        offset += field.width
        if field.valid is not None and not wanted[field.valid]:
            continue
        if wanted[field.name] != got:
            return offset, f"{field.name}: wanted {wanted[field.name]:#x}, got {got:#x}"
    return offset, None
