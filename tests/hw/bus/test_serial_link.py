"""The serial link's commands over a simulated line: every answer, and a host that stops in the middle."""

import random

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.bus.serial_link import SerialLink
from model.config import PRESETS
from model.registers import ADDRESS
from model.serial_protocol import DONE, TIMEOUT_BYTES, UNKNOWN, Command
from tests.support.hw.serial import receive_bytes, send_bytes
from tests.support.hw.window import EchoArray, register_content

DIVISOR = 4


class Board(wiring.Component):
    """The link in front of a window in front of the stand-in."""

    def __init__(self):
        self.array = EchoArray(PRESETS["tiny4"])
        super().__init__({"rx": In(1, init=1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = self.array
        m.submodules.link = link = SerialLink(DIVISOR)
        window = self.array.window
        m.d.comb += [
            link.rx.eq(self.rx),
            self.tx.eq(link.tx),
            window.address.eq(link.address),
            window.write.eq(link.write),
            window.write_data.eq(link.write_data),
            link.read_data.eq(window.read_data),
        ]
        return m


def exchange(*commands: tuple[bytes, int], pause: int = 1) -> tuple[list[bytes], Board]:
    """Send each command and collect the given number of answer bytes before the next; `pause` cycles between."""
    board = Board()
    answers: list[bytes] = []

    async def host(ctx):
        await ctx.tick().repeat(20)
        for command, count in commands:
            await send_bytes(ctx, board.rx, command, DIVISOR)
            answers.append(await receive_bytes(ctx, board.tx, count, DIVISOR, limit=400))
            await ctx.tick().repeat(pause)

    simulator = Simulator(board)
    simulator.add_clock(1e-8)
    simulator.add_testbench(host)
    simulator.run()
    return answers, board


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def test_registers_are_read_and_written():
    answers, _ = exchange(
        (bytes([Command.READ, 3]), 4),
        (bytes([Command.READ, 31]), 4),
        (bytes([Command.WRITE, ADDRESS["PE_SELECT"]]) + number(0x12345678), 1),
        (bytes([Command.READ, ADDRESS["STREAM_STATUS"]]), 4),
    )
    assert answers == [number(register_content(3)), number(register_content(31)), bytes([DONE]), number(512 | 1 << 15)]


def test_pieces_are_sent_and_fetched():
    values = [random.Random(1).getrandbits(31) for _ in range(5)]
    answers, _ = exchange(
        (bytes([Command.SEND, 2]) + b"".join(map(number, values[:2])), 1),
        (bytes([Command.SEND_LAST, 3]) + b"".join(map(number, values[2:])), 1),
        (bytes([Command.READ, ADDRESS["STREAM_STATUS"]]), 4),
        (bytes([Command.GET, 5]), 20),
        (bytes([Command.READ, ADDRESS["STREAM_STATUS"]]), 4),
    )
    assert answers[:3] == [bytes([DONE]), bytes([DONE]), number(512 | 1 << 15 | 5 << 16)]
    assert answers[3] == b"".join(map(number, [*values[:4], values[4] | 1 << 31]))
    assert answers[4] == number(512 | 1 << 15)


def test_an_unknown_command_and_an_empty_count_are_named():
    answers, _ = exchange((b"x", 1), (bytes([Command.SEND, 0]), 1), (bytes([Command.GET, 0]), 1))
    assert answers == [bytes([UNKNOWN])] * 3


def test_a_slow_host_is_waited_for():
    """Each of its pauses is shorter than the silence that ends a command, all of them are longer."""
    pause = 10 * DIVISOR * (TIMEOUT_BYTES - 2)
    command = bytes([Command.WRITE, ADDRESS["PE_SELECT"]]) + number(9)
    answers, _ = exchange(*((bytes([byte]), 0) for byte in command[:-1]), (command[-1:], 1), pause=pause)
    assert answers == [b""] * 5 + [bytes([DONE])]


def test_a_command_that_stops_is_forgotten():
    pause = 10 * DIVISOR * (TIMEOUT_BYTES + 2)
    answers, _ = exchange(
        (bytes([Command.WRITE, ADDRESS["PE_SELECT"], 1, 2]), 0), (bytes([Command.READ, 7]), 4), pause=pause
    )
    assert answers == [b"", number(register_content(7))]
