"""A host for the stepped array: the actions of `sim.rtl.host_program`, and single cycles and registers."""

from collections.abc import Callable
from typing import Any

from model.layouts import LoaderState
from model.registers import ADDRESS, READ_LATENCY, Error
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs, Outputs
from sim.rtl.host_program import Action, Collect, Reset, Send, Start, run_actions


class Host:
    """Drives one array.

    stall : probability of a pause before a word of either stream.
    observe : called before every clock edge with the inputs and outputs of the cycle.
    """

    def __init__(
        self, array: SteppedArray, stall: float = 0.0, observe: Callable[[Inputs, Outputs], None] | None = None
    ):
        self.array = array
        self.stall = stall
        self.observe = observe
        self._performed = 0

    def tick(self, inputs: Inputs | None = None) -> Outputs:
        """One cycle with those inputs (all idle without); returns its outputs."""
        inputs = inputs or Inputs()
        outputs = self.array.outputs(inputs)
        if self.observe is not None:
            self.observe(inputs, outputs)
        self.array.step(inputs)
        return outputs

    def perform(self, *actions: Action) -> list[Any]:
        """The actions one after the other; their results."""
        self._performed += 1
        program = run_actions(self.array.config, actions, seed=self._performed)
        inputs = next(program)
        while True:
            try:
                inputs = program.send(self.tick(inputs))
            except StopIteration as stop:
                return stop.value

    def reset(self, cycles: int = 1) -> None:
        self.perform(Reset(cycles))

    def send(self, words: list[int]) -> None:
        self.perform(Send(words, self.stall, limit=5000))

    def load(self, words: list[int]) -> None:
        """Send packets and wait until the loader has taken them in, or shows an error."""
        self.send(words)
        for _ in range(5000):
            if self.array.loader.state in (LoaderState.HEADER, LoaderState.ERROR):
                return
            self.tick()
        raise AssertionError(f"the loader is still in {self.array.loader.state.name} after 5000 cycles")

    def start(self) -> None:
        self.perform(Start())

    def receive(self) -> list[int]:
        """The output words of a run."""
        return self.perform(Collect(self.stall, limit=100_000))[0]

    def read(self, address: int) -> int:
        """One register."""
        for _ in range(READ_LATENCY):
            self.tick(Inputs(reg_address=address))
        return self.tick(Inputs(reg_address=address)).reg_read_data

    def write(self, address: int, value: int) -> None:
        """One register."""
        self.tick(Inputs(reg_address=address, reg_write=1, reg_write_data=value))

    def error(self) -> Error:
        """The error cause shown in STATUS."""
        return Error(self.read(ADDRESS["STATUS"]) >> 8 & 0xFF)
