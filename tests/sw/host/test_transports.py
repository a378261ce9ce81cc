"""Every transport carries the same bytes: the driver's outputs do not depend on the way to the array."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from model.errors import EieError
from model.registers import ADDRESS, ID_VALUE, Control
from model.serial_protocol import UNKNOWN
from sw.host.driver import Accelerator
from sw.host.transports.memory_mapped import BYTES, MemoryMappedTransport
from sw.host.transports.model import ModelTransport
from sw.host.transports.pynq import PynqTransport, open_overlay
from sw.host.transports.serial_link import SerialTransport, open_line
from sw.host.transports.transport import TransportError
from sw.host.transports.window import MODEL_DEPTH, ModelWindow, WindowStreams
from tests.support.hw.driver import Case, FakeBuffer, FakeChannel, SerialModel, fake_allocate, make_case, make_map_case
from tests.support.tools.doubles import TINY


class WindowTransport(WindowStreams):
    """The window on the model, as a transport."""

    def __init__(self, case: Case, seconds: float = 10.0):
        self.window = ModelWindow(case.config)
        super().__init__(self.window, case.config, seconds)
        self.read, self.write, self.close = self.window.read, self.window.write, self.window.close


def pynq(case: Case, *, idle: bool = True, running: bool = True) -> PynqTransport:
    registers, dma = overlay(case, idle, running)
    return PynqTransport(case.config, registers, dma, fake_allocate, seconds=0.05)


def overlay(case: Case, idle: bool = True, running: bool = True) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Registers and DMA of an array that is the stepped model."""
    model = ModelTransport(case.config)

    def give(buffer: FakeBuffer) -> None:
        buffer[:] = model.receive(len(buffer))

    registers = SimpleNamespace(
        read=lambda offset: model.read(offset // 4), write=lambda offset, value: model.write(offset // 4, value)
    )
    dma = SimpleNamespace(
        sendchannel=FakeChannel(lambda buffer: model.send(np.asarray(buffer)), idle, running),
        recvchannel=FakeChannel(give, idle, running),
    )
    return registers, dma


def test_an_overlay_is_found_by_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    case = make_case(1, 64)
    registers, dma = overlay(case)
    loaded: list[str] = []
    whole = SimpleNamespace(eie=SimpleNamespace(mmio=registers), axi_dma_0=dma)
    found = [whole, SimpleNamespace(axi_dma_0=dma), SimpleNamespace(eie=whole.eie)]
    package = SimpleNamespace(Overlay=lambda path: (loaded.append(path), found.pop(0))[1], allocate=fake_allocate)
    monkeypatch.setitem(sys.modules, "pynq", package)
    path = tmp_path / "eie.bit"
    path.touch()
    with Accelerator(open_overlay(case.config, path), case.config) as array:
        array.load(case.image)
        np.testing.assert_array_equal(array.run(case.inputs[0]).astype(np.float32), case.outputs[0])
    assert loaded == [str(path)]
    for name in ("eie", "axi_dma_0"):
        with pytest.raises(EieError, match=f"must have eie and axi_dma_0, it has no {name}"):
            open_overlay(case.config, path)


@pytest.mark.parametrize("stream_bits", [32, 128])
@pytest.mark.parametrize("way", ["window", "serial", "pynq"])
@pytest.mark.parametrize("make", [lambda bits: make_case(1, bits), make_map_case], ids=["connected", "maps"])
def test_outputs_do_not_depend_on_the_transport(way: str, stream_bits: int, make: Callable[[int], Case]):
    case = make(stream_bits)
    transport = {
        "window": WindowTransport,
        "serial": lambda case: SerialTransport(SerialModel(case.config), case.config),
        "pynq": pynq,
    }[way](case)
    with Accelerator(transport, case.config) as array:
        array.load(case.image)
        got = array.run_batch(case.inputs[:2])
        assert array.counters().cycles == case.cycles[1]
    np.testing.assert_array_equal(got.astype(np.float32), case.outputs[:2])


def test_a_soft_reset_empties_the_window():
    case = make_case(1, 64)
    window = ModelWindow(case.config)
    for _ in range(MODEL_DEPTH + 2 - 1):
        window.write(ADDRESS["STREAM_IN"], 0xFFFFFFFF)
    assert window.read(ADDRESS["STREAM_STATUS"]) & 0xFFFF < MODEL_DEPTH
    window.write(ADDRESS["CONTROL"], 1 << Control.RESET)
    assert window.read(ADDRESS["STREAM_STATUS"]) & 0x7FFFFFFF == MODEL_DEPTH | 1 << 15
    assert window.read(ADDRESS["STREAM_OUT"]) == 0


def test_a_piece_without_room_is_lost_and_said():
    case = make_case()
    window = ModelWindow(case.config)
    for number in range(MODEL_DEPTH + 1):
        window.write(ADDRESS["STREAM_IN"], number)
    assert window.read(ADDRESS["STREAM_STATUS"]) >> 31 == 1
    window.write(ADDRESS["STREAM_STATUS"], 0)
    assert window.read(ADDRESS["STREAM_STATUS"]) >> 31 == 0


def test_streams_that_stand_still_are_an_error():
    case = make_case()
    transport = WindowTransport(case, seconds=0.05)
    with pytest.raises(TransportError, match=r"gave no output word for 0\.05 s"):
        transport.receive(1)
    model = ModelTransport(case.config, limit=50)
    with pytest.raises(TransportError, match="2 output words were wanted, 0 came, then none for 51 cycles"):
        model.receive(2)
    model.write(ADDRESS["CONTROL"], 1 << Control.RESET)
    with pytest.raises(TransportError, match="took no input word for 51 cycles, 3 are left"):
        ModelTransport(case.config.with_(activation_depth=64), limit=50).send(np.zeros((3, 1), np.uint32))


def test_a_silent_or_wrong_serial_line_is_an_error():
    case = make_case()
    silent = SerialTransport(SerialModel(case.config, answer=lambda _: b""), case.config)
    with pytest.raises(TransportError, match="4 bytes were wanted, 0 came in time"):
        silent.read(0)
    wrong = SerialTransport(SerialModel(case.config, answer=lambda _: bytes([UNKNOWN])), case.config)
    with pytest.raises(TransportError, match="0x4b was wanted after a command, got 0x3f"):
        wrong.write(8, 1)


def test_a_serial_port_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(EieError, match=r"^cannot open serial port \S*/none: No such file or directory$"):
        open_line(str(tmp_path / "none"), 1_000_000)


@pytest.mark.parametrize(
    ("running", "words"), [(True, "did not send 2 words in 0.05 s"), (False, "stopped with an error")]
)
def test_a_dma_that_does_not_finish_is_an_error(running: bool, words: str):
    transport = pynq(make_case(), idle=False, running=running)
    freed = len(FakeBuffer.freed)
    with pytest.raises(TransportError, match=words):
        transport.send(np.zeros((2, 1), np.uint32))
    assert len(FakeBuffer.freed) == freed + 1


def test_registers_in_memory_are_words_from_the_base(tmp_path: Path):
    config = make_case().config
    path = tmp_path / "registers"
    base = 8192 + 64
    path.write_bytes(bytes(base) + b"".join((number + ID_VALUE).to_bytes(4, "little") for number in range(BYTES // 4)))
    transport = MemoryMappedTransport(config, base, path)
    assert [transport.read(address) for address in (0, 1, 63)] == [ID_VALUE, ID_VALUE + 1, ID_VALUE + 63]
    transport.write(5, 0x12345678)
    transport.close()
    assert path.read_bytes()[base + 20 : base + 24] == bytes.fromhex("78563412")


@pytest.mark.parametrize(("base", "words"), [(6, "a multiple of 4, got 0x6"), (1 << 20, "cannot map 256 bytes")])
def test_registers_that_cannot_be_mapped_are_refused(tmp_path: Path, base: int, words: str):
    path = tmp_path / "registers"
    path.write_bytes(bytes(BYTES))
    with pytest.raises(EieError, match=words):
        MemoryMappedTransport(make_case().config, base, path)
    with pytest.raises(EieError, match="No such file"):
        MemoryMappedTransport(make_case().config, 0, tmp_path / "absent")


def test_a_serial_port_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(EieError, match="a serial port needs pyserial"):
        open_line("/dev/null", 9600)


def test_a_window_that_lost_a_piece() -> None:
    class Registers:
        def __init__(self) -> None:
            self.written: list[tuple[int, int]] = []

        def read(self, address: int) -> int:
            return 1 << 31 | 1 << 15 | 8

        def write(self, address: int, value: int) -> None:
            self.written.append((address, value))

    registers = Registers()
    with pytest.raises(TransportError, match="had room for every piece, yet it lost one: is another host writing"):
        WindowStreams(registers, TINY).send(np.ones((1, TINY.stream_bits // 32), np.uint32))
    assert registers.written[-1][1] == 0
