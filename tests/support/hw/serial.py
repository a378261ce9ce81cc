"""A serial line in simulation: coroutines that put bytes on it, and that read them off it, cycle by cycle."""

from collections.abc import Iterable


async def send_bytes(ctx, line, data: Iterable[int], divisor: int) -> None:
    """Put frames on the line, one after the other."""
    for byte in data:
        for bit in (0, *(byte >> number & 1 for number in range(8)), 1):
            ctx.set(line, bit)
            await ctx.tick().repeat(divisor)


async def receive_bytes(ctx, line, count: int, divisor: int, limit: int = 20_000) -> bytes:
    """The next `count` bytes; fewer if the line is silent for `limit` cycles."""
    got = bytearray()
    waited = 0
    while len(got) < count and waited < limit:
        if ctx.get(line):
            waited += 1
            await ctx.tick()
            continue
        await ctx.tick().repeat(divisor + divisor // 2)
        byte = 0
        for number in range(8):
            byte |= ctx.get(line) << number
            await ctx.tick().repeat(divisor)
        assert ctx.get(line) == 1, "stop bit"
        got.append(byte)
        waited = 0
    return bytes(got)
