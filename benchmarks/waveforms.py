"""The pictures of bus transfers in docs/contract: every level in them is what the hardware did in Amaranth's simulator.

Run: ``python -m benchmarks.waveforms`` writes them, ``--check`` says which are stale.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.sim import Simulator

from hw.bus.axi_lite import AxiLiteSlave
from hw.bus.axi_stream import SkidBuffer
from hw.bus.serial_link import SerialLink
from hw.bus.stream_window import StreamWindow
from hw.bus.uart import UART_FRAME_BITS
from model.config import PRESETS
from model.registers import ADDRESS, ID_VALUE, READ_LATENCY, REGISTERS, VERSION, Control
from model.serial_protocol import Command

FOLDER = Path(__file__).parents[1] / "docs" / "contract"
CELL, ROW, NAME, EDGE = 34, 26, 112, 5  # pixels: a cycle, a signal, the names, the slope of a change
DIVISOR = 4  # cycles per bit of the serial line in its picture: a board's has hundreds

Levels = dict[str, list[int]]
Bench = Callable[[Any, Any, int], None]


def record(component: Any, signals: Mapping[str, Any], drive: Bench, cycles: int) -> Levels:
    """Levels of the signals at the end of every cycle.

    Parameters
    ----------
    drive : called as ``drive(ctx, levels, cycle)`` at the start of a cycle, with the levels of the one before, to set
        inputs.
    """
    levels: Levels = {name: [] for name in signals}

    async def bench(ctx: Any) -> None:
        for cycle in range(cycles):
            drive(ctx, {name: values[-1] if values else 0 for name, values in levels.items()}, cycle)
            for name, signal in signals.items():
                levels[name].append(int(ctx.get(signal)))
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return levels


def svg(levels: Levels, columns: int, note: str, has_clock: bool) -> str:
    """The levels as SVG: lines for single bits, boxes with hexadecimal numbers for names in parentheses."""
    width, height = NAME + columns * CELL + 12, (len(levels) + 1 + has_clock) * ROW + 8
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = f'font-family="monospace" font-size="12" role="img" aria-label="{note}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for column in range(columns + 1):
        x = NAME + column * CELL
        parts.append(f'<path d="M{x} {ROW}V{height - 8}" stroke="#d5dbe1"/>')
        if column < columns:
            parts.append(f'<text x="{x + CELL // 2}" y="{ROW - 8}" text-anchor="middle" fill="#697683">{column}</text>')
    clock = "".join(f"M{NAME + c * CELL} {2 * ROW - 6}v-14h{CELL // 2}v14h{CELL // 2}" for c in range(columns))
    rows = [("clock", f'<path d="{clock}" fill="none" stroke="#697683"/>')] if has_clock else []
    for number, (name, values) in enumerate(levels.items(), start=1 + has_clock):
        rows.append((name, _line(values, number) if max(values) < 2 and name[-1] != ")" else _boxes(values, number)))
    for number, (name, drawn) in enumerate(rows, start=1):
        parts.append(
            f'<text x="{NAME - 8}" y="{(number + 1) * ROW - 9}" text-anchor="end">{name.strip("()")}</text>{drawn}'
        )
    return "\n".join([*parts, "</svg>", ""])


def _line(values: Sequence[int], row: int) -> str:
    low, high = (row + 1) * ROW - 6, (row + 1) * ROW - 20
    path = f"M{NAME} {high if values[0] else low}"
    for cycle, value in enumerate(values):
        y = high if value else low
        path += f"L{NAME + cycle * CELL + (EDGE if cycle else 0)} {y}H{NAME + (cycle + 1) * CELL}"
    return f'<path d="{path}" fill="none" stroke="#1f2933" stroke-width="1.5"/>'


def _boxes(values: Sequence[int], row: int) -> str:
    low, high = (row + 1) * ROW - 6, (row + 1) * ROW - 20
    middle, parts, first = (low + high) // 2, list[str](), 0
    for cycle in range(1, len(values) + 1):
        if cycle == len(values) or values[cycle] != values[first]:
            left, right = NAME + first * CELL, NAME + cycle * CELL
            outline = (
                f"M{left} {middle}l{EDGE} {high - middle}H{right - EDGE}l{EDGE} {middle - high}l-{EDGE} {low - middle}"
            )
            parts.append(f'<path d="{outline}H{left + EDGE}z" fill="#eef3f8" stroke="#1f2933"/>')
            number = f"{values[first]:x}"
            if 8 * len(number) < right - left - 8:  # no part of a number
                parts.append(f'<text x="{(left + right) // 2}" y="{low - 3}" text-anchor="middle">{number}</text>')
            first = cycle
    return "".join(parts)


def axi_write() -> tuple[Levels, int]:
    """CONTROL.start written: address and data together, the answer taken at once."""
    slave = AxiLiteSlave(REGISTERS)
    names = ("awvalid", "awready", "(awaddr)", "wvalid", "wready", "(wdata)", "bvalid", "bready", "(bresp)")
    signals = {name: getattr(slave, name.strip("()")) for name in names}
    signals |= {"reg_write": slave.reg_write, "(reg_address)": slave.reg_address}
    done: set[str] = set()

    def drive(ctx: Any, before: Any, cycle: int) -> None:
        done.update(channel for channel in ("aw", "w") if before[f"{channel}valid"] and before[f"{channel}ready"])
        ctx.set(slave.awvalid, cycle >= 2 and "aw" not in done)
        ctx.set(slave.wvalid, cycle >= 2 and "w" not in done)
        ctx.set(slave.awaddr, 4 * ADDRESS["CONTROL"] if cycle >= 2 and "aw" not in done else 0)
        ctx.set(slave.wdata, 1 << Control.START if cycle >= 2 and "w" not in done else 0)
        ctx.set(slave.wstrb, 15)
        ctx.set(slave.bready, 1)

    return record(slave, signals, drive, 8), 8


def axi_read() -> tuple[Levels, int]:
    """VERSION read; the register port answers after READ_LATENCY cycles, as the array's."""
    slave = AxiLiteSlave(REGISTERS)
    names = ("arvalid", "arready", "(araddr)", "rvalid", "rready", "(rdata)", "(rresp)")
    signals = {name: getattr(slave, name.strip("()")) for name in names} | {"(reg_address)": slave.reg_address}
    seen: list[int] = []
    done: set[str] = set()

    def drive(ctx: Any, before: Any, cycle: int) -> None:
        if before["arvalid"] and before["arready"]:
            done.add("ar")
        ctx.set(slave.arvalid, cycle >= 2 and not done)
        ctx.set(slave.araddr, 4 * ADDRESS["VERSION"] if cycle >= 2 and not done else 0)
        ctx.set(slave.rready, 1)
        seen.append(before["(reg_address)"])
        is_asked = len(seen) >= READ_LATENCY and seen[-READ_LATENCY] == ADDRESS["VERSION"]
        ctx.set(slave.reg_read_data, VERSION if is_asked else 0)

    return record(slave, signals, drive, 11), 11


def axi_stream() -> tuple[Levels, int]:
    """Five words through the skid buffer of `s_axis`; the array takes none for two cycles."""
    buffer = SkidBuffer(8)
    signals = {
        "tvalid": buffer.i.valid, "tready": buffer.i.ready, "(tdata)": buffer.i.payload,
        "array valid": buffer.o.valid, "array ready": buffer.o.ready, "(array data)": buffer.o.payload,
    }  # fmt: skip
    sent: list[int] = []

    def drive(ctx: Any, before: Any, cycle: int) -> None:
        if before["tvalid"] and before["tready"]:
            sent.append(before["(tdata)"])
        more = cycle >= 1 and len(sent) < 5
        ctx.set(buffer.i.valid, more)
        ctx.set(buffer.i.payload, 0xA0 + len(sent) if more else 0)
        ctx.set(buffer.o.ready, cycle not in (4, 5))

    return record(buffer, signals, drive, 12), 12


def window() -> tuple[Levels, int]:
    """A stream word of two pieces through the stream window: STREAM_IN, then STREAM_LAST."""
    unit = StreamWindow(PRESETS["eie64"])
    signals = {
        "write": unit.write, "(address)": unit.address, "(write_data)": unit.write_data,
        "i.valid": unit.i.valid, "i_last": unit.i_last, "(i.payload)": unit.i.payload,
    }  # fmt: skip
    writes = {2: ("STREAM_IN", 0x11), 3: ("STREAM_LAST", 0x22)}

    def drive(ctx: Any, before: Any, cycle: int) -> None:
        name, value = writes.get(cycle, ("ID", 0))
        ctx.set(unit.write, cycle in writes)
        ctx.set(unit.address, ADDRESS[name])
        ctx.set(unit.write_data, value)
        ctx.set(unit.i.ready, cycle >= 9)

    return record(unit, signals, drive, 11), 11


def serial() -> tuple[Levels, int]:
    """The command that reads ID on the serial line, a bit per column, and the first byte of its answer."""
    link = SerialLink(DIVISOR)
    frames = [1] + [bit for byte in (Command.READ, ADDRESS["ID"]) for bit in (0, *_bits(byte), 1)]
    bits = len(frames) + 1 + UART_FRAME_BITS + 1

    def drive(ctx: Any, before: Any, cycle: int) -> None:
        ctx.set(link.rx, frames[cycle // DIVISOR] if cycle // DIVISOR < len(frames) else 1)
        ctx.set(link.read_data, ID_VALUE)

    levels = record(link, {"rx": link.rx, "tx": link.tx}, drive, bits * DIVISOR)
    return {name: values[DIVISOR - 1 :: DIVISOR] for name, values in levels.items()}, bits


def _bits(byte: int) -> list[int]:
    return [byte >> bit & 1 for bit in range(8)]


PICTURES: dict[str, tuple[Callable[[], tuple[Levels, int]], str]] = {
    "axi_write.svg": (axi_write, "a write of CONTROL over AXI4-Lite, cycle by cycle"),
    "axi_read.svg": (axi_read, "a read of VERSION over AXI4-Lite, cycle by cycle"),
    "axi_stream.svg": (axi_stream, "five words of an AXI4-Stream, cycle by cycle"),
    "stream_window.svg": (window, "a stream word through two register writes, cycle by cycle"),
    "serial_read.svg": (serial, "a read command on the serial line, bit by bit"),
}


def drawings() -> dict[str, str]:
    """File name to SVG of every picture."""
    return {name: svg(*make(), note, has_clock=make is not serial) for name, (make, note) in PICTURES.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 if a picture was stale and only checked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waveforms", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args(arguments).check
    stale = [name for name, text in drawings().items() if not _is(FOLDER / name, text)]
    for name in stale:
        print(f"{name} {'is stale' if check else 'written'}")
        if not check:
            (FOLDER / name).write_text(drawings()[name])
    return int(check and bool(stale))


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
