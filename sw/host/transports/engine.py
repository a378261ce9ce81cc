"""The fast exact engine as an array: the registers and streams of a host that sends what an array takes.

Cycles, counters and values are those of the stepped model and of the RTL, but nothing is stepped through: a packet is
read when it comes, a run is done when it is started. What only a wrong host sees is not modelled: words that are no
packets of this array are a TransportError here, an error cause in STATUS there.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine import Engine, LayerEngine
from model.image import LayerImage, NetworkImage
from model.layouts import Opcode, header
from model.registers import ADDRESS, ID_VALUE, VERSION, Control, PeCounter, Status
from model.results import LayerBatch, LayerResult
from sw.host.transports.transport import TransportError
from sw.image.decode import decode_packets
from sw.image.words import Words


class EngineTransport:
    """An array that a host loads and starts.

    Parameters
    ----------
    config : of the array.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        self._select = 0
        self._memory = np.zeros((1, config.activation_depth, config.pes), np.int16)  # with `maps`; nothing clears it
        self._forget()
        self._registers: dict[int, Callable[[], int]] = {
            ADDRESS["ID"]: lambda: ID_VALUE,
            ADDRESS["VERSION"]: lambda: VERSION,
            ADDRESS["CONFIG"]: lambda: (
                config.pes | config.code_bits << 16 | config.index_bits << 20 | (config.activation_bits == 8) << 24
            ),
            ADDRESS["CONFIG_HASH"]: lambda: config.fingerprint,
            ADDRESS["STATUS"]: self._status,
            ADDRESS["LAYERS"]: lambda: self._loaded,
            ADDRESS["CYCLES"]: lambda: sum(layer.cycles for layer in self._done),
            ADDRESS["BROADCASTS"]: lambda: sum(layer.broadcasts for layer in self._done),
            ADDRESS["STALLS"]: lambda: sum(layer.stalls for layer in self._done),
            ADDRESS["PE_SELECT"]: lambda: self._select,
        }

    def read(self, address: int) -> int:
        counter = address - ADDRESS[f"PE_{PeCounter.ENTRIES.name}"]
        if 0 <= counter < len(PeCounter):
            return self._counter(PeCounter(counter))
        value = self._registers.get(address)
        return 0 if value is None else value()

    def write(self, address: int, value: int) -> None:
        if address == ADDRESS["PE_SELECT"]:
            self._select = value & (1 << max(1, (self._config.pes - 1).bit_length())) - 1
        elif address == ADDRESS["CONTROL"] and value >> Control.RESET & 1:
            self._forget()
        elif address == ADDRESS["CONTROL"] and value >> Control.START & 1:
            self._start(resume=bool(value >> Control.RESUME & 1), hold=bool(value >> Control.HOLD & 1))

    def send(self, words: Words) -> None:
        if len(words) and int(words[0, 0]) == header(Opcode.LOAD):
            layers, words = decode_packets(words, self._config)
            self._loaded = len(layers)
            if self._config.maps:
                self._program = Engine(_program(layers, self._config))
            else:
                self._layers = [LayerEngine(self._config, layer) for layer in layers]
        if len(words):
            self._take_input(words)

    def receive(self, count: int) -> Words:
        if count > len(self._outputs):
            raise TransportError(f"{count} output words were wanted, the array has {len(self._outputs)}")
        words, self._outputs = self._outputs[:count], self._outputs[count:]
        return words

    def close(self) -> None:
        """Nothing is held."""

    def _forget(self) -> None:
        """No network, no input, no run."""
        self._loaded = 0
        self._layers: list[LayerEngine] = []
        self._program: Engine | None = None  # with `maps`
        self._activations: NDArray[np.int16] | None = None
        self._sums: NDArray[np.int64] | None = None
        self._done: list[LayerResult] = []
        self._first_of_pass = 0
        self._overflow = self._is_done = False
        self._outputs = np.zeros((0, self._config.stream_bits // 32), np.uint32)

    def _take_input(self, words: Words) -> None:
        config = self._config
        rows = len(words[1:]) // config.groups
        if int(words[0, 0]) != header(Opcode.INPUT, rows) or not 1 <= rows <= config.activation_depth:
            raise TransportError(
                f"words must be a LOAD packet with its layers, an INPUT packet or both, got one of {len(words)} words "
                f"that begins with {int(words[0, 0]):#x}"
            )
        lanes = np.ascontiguousarray(words[1:]).astype("<u4").view("<i2")[:, : config.lanes]
        above = 16 - config.activation_bits
        self._activations = (lanes.astype(np.int16) << above >> above).reshape(
            1, -1
        )  # the bits above are not looked at
        self._memory[0, :rows] = self._activations.reshape(rows, config.pes)

    def _start(self, *, resume: bool, hold: bool) -> None:
        """Run all loaded layers."""
        activations = self._activations
        if not self._loaded or activations is None:
            raise TransportError("a start needs a network and an input, the array has not got both")
        if not resume:
            self._done, self._sums, self._overflow = [], None, False
        self._first_of_pass = len(self._done)
        if self._program is None:
            activations = self._run_chain(activations)
        else:
            try:
                activations = self._count(self._program.run_memory(self._memory))
            except ValueError as error:  # an entry that adds below the layer's accumulators
                raise TransportError(str(error)) from error
        self._activations, self._is_done = activations, True
        if not hold:
            values = np.zeros((activations.size // self._config.lanes, self._config.stream_bits // 16), "<i2")
            values[:, : self._config.lanes] = activations.reshape(-1, self._config.lanes)
            self._outputs = values.view("<u4").astype(np.uint32)

    def _run_chain(self, activations: NDArray[np.int16]) -> NDArray[np.int16]:
        """(1, columns) what the layers of an array without `maps` make of such activations."""
        for layer in self._layers:
            if activations.shape[1] < layer.source_columns:
                raise TransportError(
                    f"a layer takes {layer.source_columns} activations, the array has {activations.shape[1]}"
                )
            batch, self._sums = layer.run(activations, self._sums, with_values=True)
            self._count([batch])
            if self._sums is None:
                activations = batch.outputs
        return activations

    def _count(self, batches: Sequence[LayerBatch]) -> NDArray[np.int16]:
        """Keep what these layers did; outputs of the last."""
        self._done += [batch.total() for batch in batches]
        self._overflow |= any(bool(batch.overflow.any()) for batch in batches)
        return batches[-1].outputs

    def _status(self) -> int:
        return 1 << Status.WAITING | self._is_done << Status.DONE | self._overflow << Status.OVERFLOW

    def _counter(self, counter: PeCounter) -> int:
        if not self._config.pe_counters or self._select >= self._config.pes:
            return 0
        counted = self._done[self._first_of_pass :] if counter == PeCounter.DECODED_SYMBOLS else self._done
        return sum(int(layer.counters[counter, self._select]) for layer in counted)


def _program(layers: tuple[LayerImage, ...], config: ArrayConfig) -> NetworkImage:
    """Layers from a stream; what only a compiler knows of inputs and outputs is left out."""
    return NetworkImage(
        config=config,
        layers=layers,
        in_features=0,
        out_features=0,
        input_fraction_bits=0,
        output_fraction_bits=0,
        output_order=np.zeros(0, np.int64),
    )
