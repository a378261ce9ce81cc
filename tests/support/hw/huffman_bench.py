"""A Huffman decoder beside its reference, section 5 of the contract cycle by cycle, and the layers they decode."""

import random

from hw.pe.huffman_decoder import HuffmanDecoder
from model.config import PRESETS
from model.layouts import CODE_ALPHABET, RUN_ALPHABET, TreeKind, tree_address, tree_word
from tests.support.hw.units import simulate, write
from tests.support.images.huffman import Layer, random_lengths, skewed_lengths

TINY = PRESETS["tiny4"]
ERRORS = ("code_error", "memory_error", "stream_error")
SHOWN = ("busy", "bits_left", "walked", "row", "slot", "pointer", "decoded", *ERRORS)


class Reference:
    """The decoder of section 5 of the contract, cycle by cycle; memory writes come a cycle after their cause."""

    def __init__(self, config, tree):
        self.config = config
        self.tree = tree
        self.word: int | None = 0
        self.bits_left = self.alphabet = self.fresh = self.walked = self.running = 0
        self.kind = self.value = self.columns_left = self.run = self.row = self.slot = self.pointer = 0
        self.entries = {}
        self.writes = (None, None)
        self.late = None  # with `maps`: kind, value and alphabet of what is acted on in this cycle

    def begin(self, columns):
        self.running = self.fresh = 1
        self.bits_left, self.columns_left = 0, columns
        self.writes = (None, (self.pointer, self.row << self.config.slot_bits | self.slot))
        self.pointer += 1

    def finish_row(self):
        data = sum(entry << slot * self.config.entry_bits for slot, entry in self.entries.items())
        written = (self.row, data)
        self.row, self.slot, self.entries = self.row + 1, 0, {}
        return written

    def cycle(self, word, ended):
        """What the cycle shows, and whether `word` (or None) is accepted; then everything is as in the next cycle."""
        config = self.config
        shown = dict.fromkeys(SHOWN, 0) | {
            "busy": self.running,
            "bits_left": self.bits_left,
            "walked": self.walked,
            "row": self.row,
            "slot": self.slot,
            "pointer": self.pointer,
            "writes": self.writes,
            "ready": int(self.bits_left == 0 or not self.running),
        }
        read = (self.kind, self.value, self.alphabet) if self.walked else None
        act, self.late = (self.late, read) if config.maps else (read, None)
        kind, value, alphabet = act or (None, 0, 0)
        symbol, end = kind == TreeKind.SYMBOL, kind == TreeKind.END
        in_codes = alphabet == CODE_ALPHABET
        last_end = end and not in_codes and self.columns_left == 1
        row_done = act is not None and (
            (symbol and in_codes and self.slot == config.entries_per_row - 1) or (last_end and self.slot)
        )
        shown["code_error"] = int(kind == TreeKind.NONE or (end and in_codes))
        shown["memory_error"] = int(bool(row_done and self.row == config.sparse_matrix_depth))
        shown["stream_error"] = int(ended and self.running and not self.bits_left and not self.walked and act is None)
        error = any(shown[name] for name in ERRORS)
        row_write = pointer_write = None
        stop = error or last_end
        if act is not None and not error:
            if symbol and not in_codes:
                self.run = value % (1 << config.index_bits)
            if symbol and in_codes:
                self.entries[self.slot] = self.run << config.code_bits | value % (1 << config.code_bits)
                self.slot += 1
            if end:
                pointer_write = (self.pointer, self.row << config.slot_bits | self.slot)
                self.pointer += 1
                self.columns_left -= 1
            if row_done:
                row_write = self.finish_row()
            shown["decoded"] = int(symbol or end)
        self.writes = (row_write, pointer_write)

        accepted = word is not None and shown["ready"]
        self.walked = 0
        if stop:
            self.running = self.bits_left = 0
            self.late = None
        elif self.running and self.bits_left:
            node, alphabet = 0, RUN_ALPHABET
            if not self.fresh and self.kind == TreeKind.NODE:
                node, alphabet = self.value, self.alphabet
            if not self.fresh and self.kind == TreeKind.SYMBOL:
                alphabet = not self.alphabet
            branch = self.tree[tree_address(config, int(alphabet), node, self.word >> (config.stream_bits - 1))]
            self.kind, self.value, self.alphabet = branch & 3, branch >> 2, int(alphabet)
            assert self.word is not None
            self.word = self.word << 1 & (1 << config.stream_bits) - 1
            self.bits_left -= 1
            self.fresh, self.walked = 0, 1
        elif self.running and accepted:
            self.word, self.bits_left = word, config.stream_bits
        return shown, accepted


class Bench:
    """A decoder and its reference, compared in every cycle."""

    def __init__(self, config):
        self.config = config
        self.dut = HuffmanDecoder(config)
        self.reference = Reference(config, [0] * config.tree_words)
        self.seen = []

    def writes(self, ctx):
        return tuple(
            (ctx.get(port.address), ctx.get(port.data)) if ctx.get(port.valid) else None
            for port in (self.dut.row_write, self.dut.pointer_write)
        )

    async def write_tree(self, ctx, words):
        for address, word in enumerate(words):
            write(ctx, self.dut.tree_write, address, word)
            await ctx.tick()
        write(ctx, self.dut.tree_write)
        self.reference.tree = list(words)
        self.reference.writes = (None, None)

    async def begin(self, ctx, columns):
        ctx.set(self.dut.columns, columns)
        ctx.set(self.dut.begin_codes, 1)
        self.reference.begin(columns)
        await ctx.tick()
        ctx.set(self.dut.begin_codes, 0)

    async def cycle(self, ctx, word, *, ended=False, noise=0):
        """One cycle with a word offered or None; returns whether it was accepted."""
        dut = self.dut
        ctx.set(dut.word.valid, word is not None)
        ctx.set(dut.word.payload, noise if word is None else word)
        ctx.set(dut.stream_ended, ended)
        got = {name: ctx.get(getattr(dut, name)) for name in SHOWN}
        got |= {"writes": self.writes(ctx), "ready": ctx.get(dut.word.ready)}
        before = self.reference
        debug = {"fresh": before.fresh} if before.running else {}
        debug |= {"alphabet": before.alphabet} if before.walked else {}
        wanted, accepted = before.cycle(word, ended)
        assert (len(self.seen), got) == (len(self.seen), wanted)
        self.seen.append(wanted)
        assert {name: ctx.get(getattr(dut, name)) for name in debug} == debug
        await ctx.tick()
        return accepted

    async def feed(self, ctx, words, *, rate=1.0, rng=None, cycles=None, ended=False):
        """Offer words until the layer is decoded, or for so many cycles; returns the words that are left."""
        rng = rng or random.Random(0)
        waiting, at = list(words), 0
        while at < cycles if cycles else self.reference.running or self.reference.writes != (None, None):
            offered = bool(waiting) and rng.random() < rate
            noise = rng.getrandbits(self.config.stream_bits)
            over = ended and not waiting
            if await self.cycle(ctx, waiting[0] if offered else None, ended=over, noise=noise):
                waiting.pop(0)
            at += 1
            assert at < 20000
        return waiting


def decode(config, layers, rate=1.0, seed=0):
    """Decode layers one after the other; returns the cycles of each, from begin_codes to its end, and all writes."""
    bench = Bench(config)
    rng = random.Random(seed)
    durations = []

    async def testbench(ctx):
        for layer in layers:
            begin = len(bench.seen)
            await bench.write_tree(ctx, layer_tree(config, layer))
            await bench.begin(ctx, len(layer.slices))
            await bench.feed(ctx, layer.words, rate=rate, rng=rng)
            durations.append(sum(at["busy"] for at in bench.seen[begin:]))
            for _ in range(3):
                # Padding words are accepted and leave no trace.
                assert await bench.cycle(ctx, rng.getrandbits(config.stream_bits))

    simulate(bench.dut, testbench)
    return durations, written(bench.seen)


def written(seen):
    rows = [at["writes"][0] for at in seen if at["writes"][0]]
    pointers = [at["writes"][1] for at in seen if at["writes"][1]]
    return rows, pointers


def layer_tree(config, layer):
    """The tree words of a layer, from the codewords of its symbols alone."""
    words = [0] * config.tree_words
    for alphabet, codes in ((RUN_ALPHABET, layer.runs.codes), (CODE_ALPHABET, layer.codes.codes)):
        nodes = {"": 0}
        for symbol, code in sorted(codes.items(), key=lambda item: item[1]):
            for at in range(len(code)):
                nodes.setdefault(code[:at], len(nodes))
            is_end = alphabet == RUN_ALPHABET and symbol == config.end_symbol
            leaf = tree_word(TreeKind.END) if is_end else tree_word(TreeKind.SYMBOL, symbol)
            words[tree_address(config, alphabet, nodes[code[:-1]], int(code[-1]))] = leaf
        for prefix, node in nodes.items():
            if prefix:
                address = tree_address(config, alphabet, nodes[prefix[:-1]], int(prefix[-1]))
                words[address] = tree_word(TreeKind.NODE, node)
    return words


def expected_writes(config, layers):
    """Rows and pointers of a network, straight from its slices."""
    rows, pointers = [], []
    for layer in layers:
        entries = [run << config.code_bits | code for entries in layer.slices for run, code in entries]
        begin, at = len(rows), 0
        for entries_before in [0, *(len(entries) for entries in layer.slices)]:
            at += entries_before
            row, slot = divmod(at, config.entries_per_row)
            pointers.append((len(pointers), (begin + row) << config.slot_bits | slot))
        for first in range(0, len(entries), config.entries_per_row):
            row = entries[first : first + config.entries_per_row]
            rows.append((len(rows), sum(entry << slot * config.entry_bits for slot, entry in enumerate(row))))
    return rows, pointers


def random_layer(config, rng, columns, *, skewed=False):
    runs, codes = list(range(config.run_symbols)), list(range(config.code_symbols))
    rng.shuffle(runs)
    rng.shuffle(codes)
    if skewed:
        runs = [*[s for s in runs if s != config.end_symbol][: config.max_code_length], config.end_symbol]
        codes = codes[: config.max_code_length + 1]
        run_lengths = skewed_lengths(runs, config.max_code_length)
        code_lengths = skewed_lengths(codes, config.max_code_length)
    else:
        run_lengths = random_lengths(rng, runs, config.max_code_length)
        code_lengths = random_lengths(rng, codes, config.max_code_length)
    used = [run for run in runs if run != config.end_symbol]
    slices = [
        [(rng.choice(used), rng.choice(codes)) for _ in range(rng.choice([0, 0, 1, 2, 3, 9]))] for _ in range(columns)
    ]
    return Layer(config, slices, run_lengths, code_lengths)
