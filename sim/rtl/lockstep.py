"""Lock-step: the stepped model beside the RTL, every architectural register compared in every cycle."""

from typing import Protocol

from model.config import ArrayConfig
from model.layouts import array_debug_fields, pe_debug_fields
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from sw.host.transports.port_host import PortOutputs


class DebugOutputs(PortOutputs, Protocol):
    """Outputs of a machine that also shows its registers."""

    @property
    def debug(self) -> tuple[int, int]:
        """The debug port, and a mask of its bits that are X."""
        ...


class Lockstep:
    """Steps the model with the inputs the RTL got, and compares outputs and registers before each clock edge.

    Comparison begins once the first reset has been clocked in: before it, four-state registers are unknown.
    """

    def __init__(self, config: ArrayConfig):
        self._model = SteppedArray(config)
        self._array_fields = array_debug_fields(config)
        self._pe_fields = pe_debug_fields(config)
        self._was_reset = False

    def compare(self, cycle: int, inputs: Inputs, rtl: DebugOutputs) -> str | None:
        """One cycle; returns the first difference in words (cycle, unit, wanted, got), or None."""
        difference = None
        if self._was_reset:
            difference = self._outputs_difference(inputs, rtl) or self._state_difference(*rtl.debug)
        self._was_reset = self._was_reset or bool(inputs.reset)
        self._model.step(inputs)
        return None if difference is None else f"cycle {cycle}: {difference}"

    def _outputs_difference(self, inputs: Inputs, rtl: DebugOutputs) -> str | None:
        model = self._model.outputs(inputs)
        names = ["i_ready", "o_valid", "reg_read_data", "interrupt"]
        if model.o_valid:
            names += ["o_data", "o_last"]
        for name in names:
            wanted, got = getattr(model, name), getattr(rtl, name)
            if wanted != got:
                return f"port {name}: wanted {wanted:#x}, got {got:#x}"
        return None

    def _state_difference(self, bits: int, unknown: int) -> str | None:
        array, pes = self._model.debug()
        units = [("array", self._array_fields, array)]
        units += [(f"PE {number}", self._pe_fields, pe) for number, pe in enumerate(pes)]
        for unit, fields, wanted in units:
            for field in fields:
                mask = (1 << field.width) - 1
                if field.valid is None or wanted[field.valid]:
                    if unknown & mask:
                        return f"{unit} {field.name}: wanted {wanted[field.name]:#x}, got X"
                    if wanted[field.name] != bits & mask:
                        return f"{unit} {field.name}: wanted {wanted[field.name]:#x}, got {bits & mask:#x}"
                bits, unknown = bits >> field.width, unknown >> field.width
        return None
