"""The stepped model as an array: the same registers and streams as the hardware, without any."""

from typing import TypeVar

from model.config import ArrayConfig
from model.stepped.array import SteppedArray
from sw.host.transports.port_host import PortHost, Program
from sw.image.words import Words

T = TypeVar("T")


class ModelTransport:
    """Every call advances the model by the cycles that the access takes.

    Parameters
    ----------
    config : the array to model.
    limit : cycles after which a stream counts as stuck.
    """

    def __init__(self, config: ArrayConfig, limit: int = 1_000_000):
        self.array = SteppedArray(config)
        self.host = PortHost(config, limit)
        self.cycles = 0
        self.run(self.host.reset())

    def read(self, address: int) -> int:
        return self.run(self.host.read(address))

    def write(self, address: int, value: int) -> None:
        self.run(self.host.write(address, value))

    def send(self, words: Words) -> None:
        self.run(self.host.send(words))

    def receive(self, count: int) -> Words:
        return self.run(self.host.receive(count))

    def close(self) -> None:
        """Nothing is held."""

    def run(self, program: Program[T]) -> T:
        """Step the model through a program of the host."""
        try:
            inputs = next(program)
            while True:
                outputs = self.array.outputs(inputs)
                self.array.step(inputs)
                self.cycles += 1
                inputs = program.send(outputs)
        except StopIteration as stop:
            return stop.value
