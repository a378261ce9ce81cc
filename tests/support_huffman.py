"""Layers as a PE's code stream: canonical codes, their tables, and the words, after section 4 of the contract."""

from dataclasses import dataclass

from model.layouts import symbol_index_bits
from tests.support_hw import write


@dataclass
class Alphabet:
    """A canonical code from its lengths (0: symbol not used), its tables as section 4 of the contract defines them."""

    lengths: list[int]
    longest: int

    def __post_init__(self):
        self.order = sorted((length, symbol) for symbol, length in enumerate(self.lengths) if length)
        self.codes, self.limits, self.deltas = {}, [], []
        first = index = 0
        for length in range(1, self.longest + 1):
            members = [symbol for at, symbol in self.order if at == length]
            self.limits.append((first + len(members)) << (self.longest - length) if self.order else 0)
            self.deltas.append((index - first) % 512)
            for symbol in members:
                self.codes[symbol] = format(first, f"0{length}b")
                first += 1
                index += 1
            first <<= 1

    def index(self, symbol):
        return [at for _, at in self.order].index(symbol)


def random_lengths(rng, symbols, longest):
    """Lengths of a complete prefix code: split leaves at random until there is one for each symbol."""
    if len(symbols) == 1:
        return {symbols[0]: 1}
    leaves = [1, 1]
    while len(leaves) < len(symbols):
        at = rng.choice([i for i, length in enumerate(leaves) if length < longest])
        leaves[at] += 1
        leaves.append(leaves[at])
    rng.shuffle(leaves)
    return dict(zip(symbols, leaves, strict=True))


def skewed_lengths(symbols, longest):
    """1, 2, 3, .. longest bits and the rest as long: the longest codes there can be."""
    lengths = {symbol: min(at + 1, longest) for at, symbol in enumerate(symbols)}
    assert sum(2.0**-length for length in lengths.values()) <= 1
    return lengths


def alphabet(lengths, size, longest):
    return Alphabet([lengths.get(symbol, 0) for symbol in range(size)], longest)


class Layer:
    """Slices (lists of (run, code)) with the two codes that encode them."""

    def __init__(self, config, slices, run_lengths, code_lengths):
        self.slices = slices
        self.runs = alphabet(run_lengths, config.run_symbols, config.max_code_length)
        self.codes = alphabet(code_lengths, config.code_symbols, config.max_code_length)
        self.symbols = []
        for number, entries in enumerate(slices):
            for run, code in entries:
                self.symbols += [("run", run, self.runs.codes[run]), ("code", code, self.codes.codes[code])]
            last = number == len(slices) - 1
            self.symbols.append(("end", last, self.runs.codes[config.end_symbol]))
        text = "".join(bits for _, _, bits in self.symbols)
        width = config.stream_bits
        self.words = [int(text[at : at + width].ljust(width, "0"), 2) for at in range(0, len(text), width)]


async def load_tables(ctx, dut, config, layer):
    for number, table in enumerate((layer.runs, layer.codes)):
        for at in range(config.max_code_length):
            ctx.set(dut.tables.limits[number][at], table.limits[at])
            ctx.set(dut.tables.deltas[number][at], table.deltas[at])
        for index, (_, symbol) in enumerate(table.order):
            value = 0 if number == 0 and symbol == config.end_symbol else symbol
            write(ctx, dut.symbol_write, number << symbol_index_bits(config) | index, value)
            await ctx.tick()
    write(ctx, dut.symbol_write)
    ctx.set(dut.tables.end_index, layer.runs.index(config.end_symbol))
