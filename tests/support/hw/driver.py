"""What the driver's tests share: a small network with inputs and expected outputs, and stand-ins for hardware."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import NetworkImage
from model.registers import ADDRESS
from model.serial_protocol import DONE, UNKNOWN, WORD_BYTES, Command
from sim.simulation.image_run import run_image
from sw.host.transports.window import ModelWindow
from sw.image.build import build_image
from sw.image.stream import quantise_inputs
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.images.random_images import small_config
from tests.support.networks.random_networks import make_layer
from tests.support.networks.whole import MAP_ARRAY, whole_network


@dataclass(frozen=True)
class Case:
    """A network on an array, inputs (n, in_features) and what the engine says of them."""

    network: CompressedNetwork
    image: NetworkImage
    inputs: NDArray[np.float64]
    integers: NDArray[np.int16]
    outputs: NDArray[np.float32]
    cycles: NDArray[np.int64]

    @property
    def config(self) -> ArrayConfig:
        return self.image.config

    @property
    def activations(self) -> NDArray[np.int16]:
        """(n, in_features), what the inputs are in the array."""
        return quantise_inputs(self.image, self.inputs)


@cache
def make_case(passes: int = 1, stream_bits: int = 32, pes: int = 4) -> Case:
    """A network of two layers, on an array whose memories hold it at once or in several passes."""
    pointers = {1: 128, 2: 66, 4: 34}[passes]
    config = small_config(
        pes=pes, stream_bits=stream_bits, pointer_depth=pointers, activation_depth=32, row_dealing="balanced"
    )
    layers = (make_layer(1, (40, 60), 0.3, 4, "fc1", relu=True), make_layer(2, (10, 40), 0.5, 4, "fc2"))
    random = np.random.default_rng(3)
    inputs = random.normal(size=(5, 60)) * (random.random((5, 60)) < 0.7)
    network = calibrate(CompressedNetwork(layers=layers), inputs)
    run = run_image(build_image(network, config), inputs.astype(np.float32))
    assert len(run.image.passes) >= passes
    return Case(network, run.image, inputs, run.integers, run.outputs, run.cycles)


@cache
def make_map_case(stream_bits: int = 32, pes: int = 4, activation_bits: int = 16) -> Case:
    """A whole network on an array with `maps`, two inputs."""
    sizes = {"activation_depth": 256, "accumulator_depth": 72, "activation_bits": activation_bits}
    config = MAP_ARRAY.with_(pes=pes, stream_bits=stream_bits, **sizes)
    inputs = np.random.default_rng(0).normal(size=(2, 2, 6, 4))
    network = calibrate(whole_network(), inputs, activation_bits)
    inputs = inputs.reshape(2, -1)
    run = run_image(build_image(network, config), inputs.astype(np.float32))
    return Case(network, run.image, inputs, run.integers, run.outputs, run.cycles)


class SerialModel:
    """The far end of a serial line: the commands of `model.serial_protocol` on the model behind a window."""

    def __init__(self, config: ArrayConfig, answer: Callable[[bytes], bytes] = lambda data: data):
        self.window = ModelWindow(config)
        self.closed = False
        self._answers = bytearray()
        self._spoil = answer

    def write(self, data: bytes, /) -> int:
        match data[0]:
            case Command.READ:
                answer = self.window.read(data[1]).to_bytes(WORD_BYTES, "little")
            case Command.WRITE:
                self.window.write(data[1], int.from_bytes(data[2:], "little"))
                answer = bytes([DONE])
            case Command.SEND | Command.SEND_LAST:
                pieces = np.frombuffer(data[2:], "<u4")
                assert pieces.size == data[1]
                for number, piece in enumerate(pieces, start=1):
                    last = data[0] == Command.SEND_LAST and number == pieces.size
                    self.window.write(ADDRESS["STREAM_LAST" if last else "STREAM_IN"], int(piece))
                answer = bytes([DONE])
            case Command.GET:
                answer = b""
                for _ in range(data[1]):
                    answer += self.window.read(ADDRESS["STREAM_OUT"]).to_bytes(WORD_BYTES, "little")
                    self.window.write(ADDRESS["STREAM_POP"], 0)
            case _:
                answer = bytes([UNKNOWN])
        self._answers += self._spoil(answer)
        return len(data)

    def read(self, size: int, /) -> bytes:
        answer = bytes(self._answers[:size])
        del self._answers[:size]
        return answer

    def close(self) -> None:
        self.closed = True


class FakeBuffer(np.ndarray):
    """`pynq.buffer.PynqBuffer`, as far as it is used."""

    freed: list[int] = []

    def freebuffer(self) -> None:
        self.freed.append(1)


def fake_allocate(shape: tuple[int, ...], dtype: type) -> FakeBuffer:
    """`pynq.allocate`."""
    return np.zeros(shape, dtype).view(FakeBuffer)


class FakeChannel:
    """A channel of `pynq.lib.dma.DMA`."""

    def __init__(self, act: Callable[[FakeBuffer], None], idle: bool = True, running: bool = True):
        self._act = act
        self.idle = idle
        self.running = running

    def transfer(self, buffer: FakeBuffer) -> None:
        if self.idle:
            self._act(buffer)

    def wait(self) -> None:
        assert self.idle
