"""Layers as a PE's code stream: canonical codes, their trees, and the words, after section 4 of the contract."""

from dataclasses import dataclass

from model.layouts import TreeKind, tree_word
from tests.support.hw.units import write


@dataclass
class Alphabet:
    """A canonical code from its lengths (0: symbol not used): the codewords as texts of bits."""

    lengths: list[int]

    def __post_init__(self):
        self.order = sorted((length, symbol) for symbol, length in enumerate(self.lengths) if length)
        self.codes, first, before = {}, 0, 0
        for length, symbol in self.order:
            first <<= length - before
            self.codes[symbol] = format(first, f"0{length}b")
            first, before = first + 1, length

    def tree(self, config, end_symbol=None):
        """The words of the tree, two per node."""
        nodes = {"": 0}
        words = [0] * (2 << config.node_bits)
        for bits, symbol in sorted((bits, symbol) for symbol, bits in self.codes.items()):
            for length in range(1, len(bits)):
                parent, node = nodes[bits[: length - 1]], nodes.setdefault(bits[:length], len(nodes))
                words[parent << 1 | int(bits[length - 1])] = tree_word(TreeKind.NODE, node)
            leaf = tree_word(TreeKind.END) if symbol == end_symbol else tree_word(TreeKind.SYMBOL, symbol)
            words[nodes[bits[:-1]] << 1 | int(bits[-1])] = leaf
        assert len(nodes) <= 1 << config.node_bits
        return words


def tree_section(config, runs, codes):
    """The TREE section of a layer with these two codes."""
    return runs.tree(config, config.end_symbol) + codes.tree(config)


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


def alphabet(lengths, size):
    return Alphabet([lengths.get(symbol, 0) for symbol in range(size)])


class Layer:
    """Slices (lists of (run, code)) with the two codes that encode them."""

    def __init__(self, config, slices, run_lengths, code_lengths):
        self.slices = slices
        self.runs = alphabet(run_lengths, config.run_symbols)
        self.codes = alphabet(code_lengths, config.code_symbols)
        self.symbols = []
        for number, entries in enumerate(slices):
            for run, code in entries:
                self.symbols += [("run", run, self.runs.codes[run]), ("code", code, self.codes.codes[code])]
            last = number == len(slices) - 1
            self.symbols.append(("end", last, self.runs.codes[config.end_symbol]))
        text = "".join(bits for _, _, bits in self.symbols)
        width = config.stream_bits
        self.words = [int(text[at : at + width].ljust(width, "0"), 2) for at in range(0, len(text), width)]


async def load_tree(ctx, dut, config, layer):
    for address, word in enumerate(tree_section(config, layer.runs, layer.codes)):
        write(ctx, dut.tree_write, address, word)
        await ctx.tick()
    write(ctx, dut.tree_write)
