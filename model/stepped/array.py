"""The whole array, stepped one clock edge at a time: first every unit computes, then all commit."""

from collections.abc import Callable

from model.config import ArrayConfig
from model.layouts import ControlState
from model.stepped.controller import Controller
from model.stepped.loader import Loader, LoaderInputs
from model.stepped.processing_element import ProcessingElement
from model.stepped.register_file import RegisterFile
from model.stepped.signals import Broadcast, ControlSignals, Inputs, LoaderSignals, Outputs, Selection, Word


class SteppedArray:
    """The machine of docs/contract/architecture.md at register level, after a reset.

    `outputs` are combinational in the inputs of the same cycle; `step` is the clock edge at its end.
    """

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.pes = [ProcessingElement(config, number) for number in range(config.pes)]
        self.loader = Loader(config)
        self.controller = Controller(config, self.loader, self.pes)
        self.registers = RegisterFile(config, self.loader, self.controller, self.pes)

    def outputs(self, inputs: Inputs) -> Outputs:
        """The outputs of this cycle."""
        controller = self.controller
        loader_inputs = self._loader_inputs(inputs, start_rejected=False)
        passing = not self.registers.strobes.soft_reset
        return Outputs(
            i_ready=int(passing and self.loader.is_ready(loader_inputs)),
            o_valid=int(passing and controller.output_valid),
            o_data=controller.output_data,
            o_last=int(controller.output_last),
            reg_read_data=self.registers.read_data,
            interrupt=int(self.registers.interrupt),
        )

    def step(self, inputs: Inputs, arrange: Callable[[list[Callable[[], None]]], None] | None = None) -> None:
        """One clock edge.

        `arrange` may reorder, in place, the calls of each phase: the result does not depend on it.
        """
        strobes = self.registers.strobes
        control = self.controller.settle(strobes, bool(inputs.o_ready))
        loader = self.loader.settle(self._loader_inputs(inputs, control.start_rejected))
        for phase in (self._computations(inputs, loader, control), self._commits()):
            if arrange is not None:
                arrange(phase)
            for call in phase:
                call()
        if inputs.reset:
            self._reset()
        elif strobes.soft_reset:
            self._soft_reset()

    def _loader_inputs(self, inputs: Inputs, start_rejected: bool) -> LoaderInputs:
        seen = LoaderInputs()
        strobes = self.registers.strobes
        seen.word = Word(inputs.i_data, bool(inputs.i_last)) if inputs.i_valid and not strobes.soft_reset else None
        seen.start = strobes.start
        seen.control_idle = self.controller.state == ControlState.IDLE
        seen.control_fault = self.controller.fault
        seen.ready_pes = [pe.decoder.ready for pe in self.pes]
        seen.any_busy = any(pe.decoder.running for pe in self.pes)
        seen.errors = [pe.error for pe in self.pes]
        seen.start_rejected = start_rejected
        return seen

    def _computations(self, inputs: Inputs, loader: LoaderSignals, control: ControlSignals) -> list[Callable[[], None]]:
        def of(pe: ProcessingElement) -> Callable[[], None]:
            return lambda: pe.compute(loader, control)

        return [
            lambda: self.loader.compute(loader),
            lambda: self.controller.compute(control),
            lambda: self.registers.compute(inputs),
            *map(of, self.pes),
        ]

    def _commits(self) -> list[Callable[[], None]]:
        return [self.loader.commit, self.controller.commit, self.registers.commit, *(pe.commit for pe in self.pes)]

    def _reset(self) -> None:
        for unit in (self.loader, self.controller, self.registers, *self.pes):
            unit.reset()

    def _soft_reset(self) -> None:
        for unit in (self.loader, self.registers):
            unit.soft_reset()
        for unit in (self.controller, *self.pes):
            unit.reset()

    def debug(self) -> tuple[dict[str, int], list[dict[str, int]]]:
        """Registered state of this cycle: the array's fields and each PE's (`model.layouts`), as unsigned integers."""
        loader, controller = self.loader, self.controller
        fields = {
            "loader_state": int(loader.state),
            "loader_error": int(loader.error),
            "error_pe": loader.error_pe,
            "sealed": int(loader.sealed),
            "loaded_layers": loader.loaded_layers,
            "control_state": int(controller.state),
            "layer": controller.layer,
            "row": controller.row,
            "bank": controller.bank,
            "hold": int(controller.hold),
            **self._loop_fields(),
            **self._select_fields(),
            "read": int(controller.read),
            "shift": int(controller.shift),
            **self._broadcast_fields(),
            "done": int(controller.done),
            "cycles": controller.cycles,
            "broadcasts": controller.broadcast_count,
            "stalls": controller.stalls,
            "interrupt": int(self.registers.interrupt),
        }
        return fields, [pe.debug() for pe in self.pes]

    def _loop_fields(self) -> dict[str, int]:
        controller = self.controller
        if not self.config.functions:
            return {}
        source, result = controller.offsets
        return {"iteration": controller.iteration, "source_offset": source, "result_offset": result}

    def _select_fields(self) -> dict[str, int]:
        selection = self.controller.selection
        fields: dict[str, int] = {}
        for lane, pe in enumerate(selection.lanes):
            fields[f"select_valid_{lane}"] = int(pe is not None)
            fields[f"select_pe_{lane}"] = pe or 0
        fields |= {"select_base": selection.base}
        return fields | self._coordinate("select", selection) if self.config.maps else fields

    def _broadcast_fields(self) -> dict[str, int]:
        fields: dict[str, int] = {}
        mask = (1 << self.config.activation_bits) - 1
        for lane, broadcast in enumerate(self.controller.broadcasts):
            shown = broadcast or Broadcast(0, 0)
            fields[f"broadcast_valid_{lane}"] = int(broadcast is not None)
            fields[f"broadcast_activation_{lane}"] = shown.activation & mask
            fields[f"broadcast_pointer_{lane}"] = shown.pointer
        first = self.controller.broadcasts[0] or Broadcast(0, 0)
        return fields | self._coordinate("broadcast", first) if self.config.maps else fields

    @staticmethod
    def _coordinate(register: str, carried: Broadcast | Selection) -> dict[str, int]:
        return {f"{register}_y": carried.y, f"{register}_x": carried.x}
