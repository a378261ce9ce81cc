"""The stream window: pieces to words and back, its status, what is lost, what a soft reset forgets."""

import random

import pytest

from hw.bus.stream_window import DEPTH
from model.config import PRESETS
from model.registers import ADDRESS, READ_LATENCY, Control
from tests.support.hw.units import simulate
from tests.support.hw.window import ECHO_DEPTH, EchoArray, register_content


async def put(ctx, window, name: str, value: int = 0) -> None:
    ctx.set(window.address, ADDRESS[name])
    ctx.set(window.write_data, value)
    ctx.set(window.write, 1)
    await ctx.tick()
    ctx.set(window.write, 0)


async def get(ctx, window, address: int) -> int:
    ctx.set(window.address, address)
    await ctx.tick().repeat(READ_LATENCY)
    return ctx.get(window.read_data)


async def status(ctx, window) -> tuple[int, int, int]:
    value = await get(ctx, window, ADDRESS["STREAM_STATUS"])
    return value & 0xFFFF, value >> 16 & 0x7FFF, value >> 31


EMPTY = DEPTH | 1 << 15  # room for as much as there can be, and the array has taken everything


async def take(ctx, window) -> int:
    value = await get(ctx, window, ADDRESS["STREAM_OUT"])
    await put(ctx, window, "STREAM_POP")
    return value


@pytest.mark.parametrize("stream_bits", [32, 64, 128])
def test_words_go_through_in_pieces(stream_bits: int):
    dut = EchoArray(PRESETS["tiny4"].with_(stream_bits=stream_bits))
    rng = random.Random(stream_bits)
    pieces = stream_bits // 32

    async def bench(ctx):
        window = dut.window
        for _ in range(20):
            words = [[rng.getrandbits(32) for _ in range(pieces)] for _ in range(rng.randint(1, 3))]
            for number, word in enumerate(words):
                last_word = number == len(words) - 1
                for place, piece in enumerate(word):
                    await put(ctx, window, "STREAM_LAST" if last_word and place == pieces - 1 else "STREAM_IN", piece)
            await ctx.tick().repeat(12 * len(words))
            assert await status(ctx, window) == (EMPTY, len(words) * pieces, 0)
            for number, word in enumerate(words):
                got = [await take(ctx, window) for _ in word]
                last = number == len(words) - 1
                assert got == [*word[:-1], word[-1] & 0x7FFFFFFF | last << 31]
        assert await get(ctx, window, ADDRESS["STREAM_OUT"]) == 0
        await put(ctx, window, "STREAM_POP")
        assert await status(ctx, window) == (EMPTY, 0, 0)

    simulate(dut, bench)


def test_the_array_s_registers_pass_through():
    dut = EchoArray(PRESETS["tiny4"])

    async def bench(ctx):
        addresses = [0, 3, 31, 5]
        for address in addresses:
            assert await get(ctx, dut.window, address) == register_content(address)
        await put(ctx, dut.window, "PE_SELECT", 77)
        await put(ctx, dut.window, "STREAM_STATUS", 1)
        await ctx.tick()
        assert (ctx.get(dut.writes), ctx.get(dut.written)) == (1, 77)
        assert await get(ctx, dut.window, 40) == 0

    simulate(dut, bench)


def test_what_has_no_room_is_lost_and_said():
    dut = EchoArray(PRESETS["tiny4"])

    async def bench(ctx):
        window = dut.window
        held = ECHO_DEPTH + 1 + DEPTH + 1  # in the stand-in, on the way out, in the out queue, and in the in register
        for number in range(held + DEPTH + 8):
            await put(ctx, window, "STREAM_IN", number)
        room, ready, lost = await status(ctx, window)
        assert (room, lost) == (0, 1)
        assert ready == DEPTH
        await put(ctx, window, "STREAM_STATUS")
        assert (await status(ctx, window))[2] == 0
        for number in range(held + DEPTH - 2):
            assert await take(ctx, window) == number

    simulate(dut, bench)


def test_a_piece_that_waits_in_the_queue_is_not_taken():
    dut = EchoArray(PRESETS["tiny4"].with_(stream_bits=32))

    async def bench(ctx):
        await put(ctx, dut.window, "STREAM_IN", 5)
        assert (await status(ctx, dut.window))[0] == DEPTH - 1
        await ctx.tick().repeat(8)
        assert (await status(ctx, dut.window))[0] == EMPTY

    simulate(dut, bench)


def test_a_soft_reset_forgets_the_pieces():
    dut = EchoArray(PRESETS["tiny4"].with_(stream_bits=64))

    async def bench(ctx):
        window = dut.window
        for _ in range(2):
            for number in range(3):
                await put(ctx, window, "STREAM_IN", number)
            await ctx.tick().repeat(20)
            assert (await status(ctx, window))[1] == 2
            await put(ctx, window, "CONTROL", 1 << Control.RESET)
            assert await status(ctx, window) == (EMPTY, 0, 0)

    simulate(dut, bench)
