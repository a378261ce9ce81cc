"""A host for the stepped array: feeds and drains its streams, reads and writes its registers."""

from collections.abc import Callable, Sequence

from model.registers import ADDRESS, READ_LATENCY, Error, PeCounter
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs, Outputs

STATUS_WAITING = 1 << 0
STATUS_RUNNING = 1 << 1
STATUS_UNLOADING = 1 << 2
STATUS_DONE = 1 << 3
STATUS_OVERFLOW = 1 << 4
STATUS_ERROR_SHIFT = 8


class HostError(RuntimeError):
    """The array reported an error, or did not answer in time."""


class Host:
    """Drives one `SteppedArray`.

    Parameters
    ----------
    array : the array, in any state.
    i_stall, o_stall : called once per cycle that could carry a word; true holds that stream back for the cycle.
    observe : called before every clock edge with the inputs and outputs of the cycle.
    max_cycles : of any one operation; HostError when it takes longer.
    """

    def __init__(
        self,
        array: SteppedArray,
        *,
        i_stall: Callable[[], bool] | None = None,
        o_stall: Callable[[], bool] | None = None,
        observe: Callable[[Inputs, Outputs], None] | None = None,
        max_cycles: int = 1_000_000,
    ) -> None:
        self.array = array
        self._i_stall = i_stall
        self._o_stall = o_stall
        self.observe = observe
        self._max_cycles = max_cycles
        self.cycle = 0

    def tick(self, inputs: Inputs | None = None) -> Outputs:
        """One cycle with those inputs (all idle without); returns its outputs."""
        inputs = inputs or Inputs()
        outputs = self.array.outputs(inputs)
        if self.observe is not None:
            self.observe(inputs, outputs)
        self.array.step(inputs)
        self.cycle += 1
        return outputs

    def reset(self, cycles: int = 1) -> None:
        """Hold reset for some cycles."""
        for _ in range(cycles):
            self.tick(Inputs(reset=1))

    def read(self, address: int) -> int:
        """One register."""
        for _ in range(READ_LATENCY):
            self.tick(Inputs(reg_address=address))
        return self.tick(Inputs(reg_address=address)).reg_read_data

    def write(self, address: int, value: int) -> None:
        """Write one register."""
        self.tick(Inputs(reg_address=address, reg_write=1, reg_write_data=value))

    def send(self, words: Sequence[int]) -> None:
        """Every word into the input stream."""
        deadline = self.cycle + self._max_cycles
        for sent, word in enumerate(words):
            while True:
                if self.cycle >= deadline:
                    raise HostError(f"{len(words)} words wanted in {self._max_cycles} cycles, {sent} were accepted")
                if self._i_stall is not None and self._i_stall():
                    self.tick()
                elif self.tick(Inputs(i_valid=1, i_data=word)).i_ready:
                    break

    def receive(self) -> list[int]:
        """The words of the output stream up to the one marked last."""
        deadline = self.cycle + self._max_cycles
        words: list[int] = []
        while True:
            if self.cycle >= deadline:
                raise HostError(f"a last word wanted in {self._max_cycles} cycles, got {len(words)} others")
            ready = not (self._o_stall is not None and self._o_stall())
            outputs = self.tick(Inputs(o_ready=int(ready)))
            if ready and outputs.o_valid:
                words.append(outputs.o_data)
                if outputs.o_last:
                    return words

    def status(self) -> int:
        return self.read(ADDRESS["STATUS"])

    def error(self) -> Error:
        """The error cause shown in STATUS."""
        return Error(self.status() >> STATUS_ERROR_SHIFT & 0xFF)

    def wait(self, mask: int) -> int:
        """The status once a bit of `mask` is set; HostError on an error cause or when it takes too long."""
        deadline = self.cycle + self._max_cycles
        while True:
            status = self.status()
            error = Error(status >> STATUS_ERROR_SHIFT & 0xFF)
            if error != Error.NONE:
                raise HostError(f"no error wanted, the array shows {error.name}")
            if status & mask:
                return status
            if self.cycle >= deadline:
                raise HostError(f"status bits {mask:#x} wanted in {self._max_cycles} cycles, got {status:#x}")

    def load(self, words: Sequence[int]) -> None:
        """Send packets and wait until the loader has taken them in."""
        self.send(words)
        self.wait(STATUS_WAITING)

    def start(self) -> None:
        """The start strobe."""
        self.write(ADDRESS["CONTROL"], 1)

    def run(self, input_words: Sequence[int]) -> list[int]:
        """Load an input packet, run the network, return the output words."""
        self.load(input_words)
        self.start()
        return self.receive()

    def counters(self) -> list[list[int]]:
        """The counters of every PE, [PeCounter][PE]."""
        counters: list[list[int]] = [[] for _ in PeCounter]
        for pe in range(self.array.config.pes):
            self.write(ADDRESS["PE_SELECT"], pe)
            for counter in PeCounter:
                counters[counter].append(self.read(ADDRESS[f"PE_{counter.name}"]))
        return counters
