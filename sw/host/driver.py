"""The host driver: a compressed network onto an array, and inputs through it, over any transport."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.image import NetworkImage
from model.registers import ADDRESS, ID_VALUE, STATUS_ERROR_SHIFT, VERSION, Control, Error, PeCounter, Status
from sw.file.model_file import load as load_file
from sw.host.transports.transport import Transport
from sw.image.build import build_image
from sw.image.sequence import input_steps
from sw.image.stream import dequantise_outputs, encode_passes, input_packet, quantise_inputs, unpack_outputs
from sw.image.words import Words
from sw.network.compressed import CompressedNetwork

RUN_REGISTERS = ("CYCLES", "BROADCASTS", "STALLS")
LOOKS = 1_000_000  # at STATUS, before a run counts as stuck


class ArrayError(EieError):
    """The array reported an error, or an accumulator left its range; `Accelerator.reset` makes it usable again.

    cause : what STATUS shows; pe : the PE that reported it, if the cause is one of PEs.
    """

    def __init__(self, cause: Error, pe: int, message: str):
        super().__init__(message)
        self.cause = cause
        self.pe = pe


@dataclass(frozen=True)
class Counters:
    """What the array counted in the last run.

    cycles, broadcasts, stalls : of the array.
    pes : (len(PeCounter), pes) int64, in the order of `PeCounter`; None for an array built without, or not asked for.
    """

    cycles: int
    broadcasts: int
    stalls: int
    pes: NDArray[np.int64] | None


class Accelerator:
    """An array behind a transport; a context manager that closes the transport.

    ``with Accelerator(transport, config) as array: array.load("net.eie"); y = array.run(x)``

    Parameters
    ----------
    transport : the way to the array.
    config : the array's configuration.
    stop_at_overflow : whether a sum that left its accumulator is an error; without, `overflowed` says it.

    Attributes
    ----------
    overflowed : whether a sum left its accumulator in the last run, whose outputs are then wrong.

    Raises EieError if what answers is not an array of this configuration.
    """

    def __init__(self, transport: Transport, config: ArrayConfig, *, stop_at_overflow: bool = True):
        self._transport = transport
        self._stop_at_overflow = stop_at_overflow
        self.overflowed = False
        self._config = config
        self._image: NetworkImage | None = None
        self._passes: tuple[Words, ...] = ()
        self._identify()

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    @property
    def image(self) -> NetworkImage:
        """The network that is loaded, as laid out for this array; EieError before `load`."""
        if self._image is None:
            raise EieError("a network must be loaded before the array can run: call load first")
        return self._image

    def load(self, network: str | Path | CompressedNetwork | NetworkImage) -> None:
        """Put a network into the array: a model file, its content, or an image made for this configuration.

        A network of several passes (`sw.image.passes`) is loaded pass by pass in every run. EieError if it does not
        fit the array, ArrayError if the array refuses it.
        """
        if isinstance(network, NetworkImage):
            image = network
        else:
            loaded = network if isinstance(network, CompressedNetwork) else load_file(Path(network))
            image = build_image(loaded, self._config)
        if image.config.fingerprint != self._config.fingerprint:
            raise EieError(
                f"the image must be made for the array {self._config.name}, got one for another, {image.config.name}"
            )
        self._image, self._passes = None, encode_passes(image)
        if len(self._passes) == 1:
            self._transport.send(self._passes[0])
            self._check()
        self._image = image

    def run(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """(out_features,) outputs of (in_features,) inputs, both real, through the array's 16-bit integers.

        ArrayError if the array reports an error, or that a sum left its accumulator.
        """
        image = self.image
        return dequantise_outputs(image, self.run_integers(quantise_inputs(image, np.asarray(x))))

    def run_batch(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """(n, out_features) outputs of (n, in_features) inputs, one after the other."""
        inputs = np.asarray(x)
        if inputs.ndim != 2:
            raise EieError(f"a batch must have the shape (n, {self.image.in_features}), got {inputs.shape}")
        rows = [self.run(row) for row in inputs]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.image.out_features)

    def run_integers(self, x: NDArray[np.int16]) -> NDArray[np.int16]:
        """(out_features,) int16 outputs of (in_features,) int16 inputs in the units of the array."""
        image = self.image
        for step in input_steps(self._passes, input_packet(image, x)):
            self._transport.send(step.words)
            self._start(resume=step.resume, hold=step.hold)
            self._wait()
        words = self._transport.receive(image.layers[-1].out_rows * self._config.groups)
        return unpack_outputs(image, words)

    def counters(self, pes: bool = True) -> Counters:
        """What the last run counted, all of its passes together; without the PEs' counters it takes three reads."""
        cycles, broadcasts, stalls = (self._read(name) for name in RUN_REGISTERS)
        if not pes or not self._config.pe_counters:
            return Counters(cycles, broadcasts, stalls, None)
        counted = np.empty((len(PeCounter), self._config.pes), np.int64)
        for pe in range(self._config.pes):
            self._transport.write(ADDRESS["PE_SELECT"], pe)
            for counter in PeCounter:
                counted[counter, pe] = self._read(f"PE_{counter.name}")
        return Counters(cycles, broadcasts, stalls, counted)

    def reset(self) -> None:
        """Stop whatever the array does, by a soft reset; a network must be loaded again."""
        self._image = None
        self._transport.write(ADDRESS["CONTROL"], 1 << Control.RESET)

    def _identify(self) -> None:
        found = self._read("ID")
        if found != ID_VALUE:
            raise EieError(f"an array must answer with ID {ID_VALUE:#010x}, got {found:#010x}")
        version = self._read("VERSION")
        if version != VERSION:
            raise EieError(f"this driver speaks version {VERSION} of the interface, the array version {version}")
        fingerprint = self._read("CONFIG_HASH")
        if fingerprint != self._config.fingerprint:
            pes = self._read("CONFIG") & 0xFFFF
            raise EieError(
                f"the array must be built as {self._config.name} (fingerprint {self._config.fingerprint:#010x}), "
                f"got one with fingerprint {fingerprint:#010x} and {pes} PEs"
            )

    def _start(self, *, resume: bool, hold: bool) -> None:
        """Start when the last words of the packets have been decoded: before, a start would be refused."""
        self._wait_for(Status.WAITING)
        value = 1 << Control.START | resume << Control.RESUME | hold << Control.HOLD
        self._transport.write(ADDRESS["CONTROL"], value)

    def _wait(self) -> None:
        """Until the run is done; one with an error has either stopped or will be done all the same."""
        self.overflowed = bool(self._wait_for(Status.DONE) >> Status.OVERFLOW & 1)
        if self.overflowed and self._stop_at_overflow:
            raise ArrayError(Error.NONE, 0, "an accumulator left its range: the outputs of this input are wrong")

    def _wait_for(self, bit: Status) -> int:
        """STATUS with that bit."""
        for _ in range(LOOKS):
            status = self._check()
            if status >> bit & 1:
                return status
        raise EieError(f"the array did not become {bit.name} in {LOOKS} looks at its status")

    def _check(self) -> int:
        """STATUS, if it shows no error."""
        status = self._read("STATUS")
        cause = status >> STATUS_ERROR_SHIFT & 0xFF
        if cause:
            pe = self._read("ERROR_PE")
            raise ArrayError(Error(cause), pe, f"the array reports error {Error(cause).name} (PE {pe})")
        return status

    def _read(self, name: str) -> int:
        return self._transport.read(ADDRESS[name])
