"""The Huffman decoder gives back every short layer that an encoder, written plainly, makes with a valid tree."""

import pytest
from amaranth.hdl import Const, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, write_layout
from hw.pe import huffman_decoder
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove
from tests.support.images.huffman import Alphabet, tree_section

CONFIG = PRESETS["tiny4"].with_(
    pes=1, code_bits=2, index_bits=1, row_bits=6, sparse_matrix_depth=4, pointer_depth=4, activation_depth=2
)
ENTRIES = 4  # at most, in two columns
WORD = CONFIG.stream_bits
CYCLES = WORD + 8  # all are over by then
# Code lengths of the zero runs 0, 1 and the end of a column, and of the codes 0 to 3.
TREES = {"level": ([2, 2, 1], [2, 2, 2, 2]), "deep": ([2, 1, 2], [1, 3, 2, 3]), "odd": ([1, 2, 2], [3, 3, 1, 2])}


def memory_of(words: list[int]):
    """Stands for a `BlockMemory` that holds these words."""

    class FilledMemory(wiring.Component):
        def __init__(self, *, depth: int, width: int):
            self.memory = Memory(shape=width, depth=depth, init=words)
            signature = {"read_enable": In(1), "read_address": In(bits(depth)), "read_data": Out(width)}
            super().__init__({**signature, "write": In(write_layout(bits(depth), width))})

        def elaborate(self, platform):
            m = Module()
            m.submodules.memory = self.memory
            read = self.memory.read_port()
            m.d.comb += [read.en.eq(self.read_enable), read.addr.eq(self.read_address), self.read_data.eq(read.data)]
            return m

    return FilledMemory


def layer(tree: str, old: str = "", new: str = ""):
    """Any two columns with up to ENTRIES entries together."""
    runs, codes = (Alphabet(lengths) for lengths in TREES[tree])
    memory = memory_of(tree_section(CONFIG, runs, codes))
    decoder = planted(huffman_decoder, old, new, BlockMemory=memory).HuffmanDecoder(CONFIG)
    proof = bench(decoder)
    m = proof.m
    proof.assume(~ResetSignal())

    entries = [(proof.fixed(1), proof.fixed(2)) for _ in range(ENTRIES)]
    count, split = proof.fixed(range(ENTRIES + 1)), proof.fixed(range(ENTRIES + 1))
    proof.assume((split <= count) & (count <= ENTRIES))

    # The encoder: symbol after symbol behind what there is.
    text, length = Signal(WORD, name="text_0"), Signal(range(WORD + 1), name="length_0")
    steps = 0

    def emit(condition, alphabet: Alphabet, symbol):
        nonlocal text, length, steps
        steps += 1
        longer, more = Signal(WORD, name=f"text_{steps}"), Signal(range(WORD + 1), name=f"length_{steps}")
        m.d.comb += [longer.eq(text), more.eq(length)]
        for number, codeword in alphabet.codes.items():
            with m.If(condition & (symbol == number)):
                m.d.comb += [
                    longer.eq(text << len(codeword) | int(codeword, 2)),
                    more.eq(length + len(codeword)),
                ]
        text, length = longer, more

    end = Const(CONFIG.end_symbol, 2)
    for number, (run, code) in enumerate(entries):
        emit(split == number, runs, end)
        emit(count > number, runs, run)
        emit(count > number, codes, code)
    emit(split == ENTRIES, runs, end)
    emit(1, runs, end)

    begun, taken = Signal(), Signal()
    m.d.sync += begun.eq(1)
    with m.If(decoder.word.valid & decoder.word.ready):
        m.d.sync += taken.eq(1)
    m.d.comb += [
        decoder.begin_codes.eq(~begun),
        decoder.load.eq(0),
        decoder.columns.eq(2),
        decoder.word.valid.eq(begun & ~taken),
        decoder.word.payload.eq(text << (WORD - length)[:6]),
        decoder.stream_ended.eq(taken),
    ]

    # Entry e lies at position e, two to a row; what is not used of the last row is zero.
    rows, pointers = Signal(range(4)), Signal(range(4))
    for at, write in ((rows, decoder.row_write), (pointers, decoder.pointer_write)):
        with m.If(write.valid):
            m.d.sync += at.eq(at + 1)
    for row in range(ENTRIES // 2):
        wanted = Signal(CONFIG.row_bits)
        for slot in range(2):
            run, code = entries[2 * row + slot]
            m.d.comb += wanted.word_select(slot, 3).eq(Mux(count > 2 * row + slot, run << 2 | code, 0))
        proof.require(~(decoder.row_write.valid & (rows == row)) | (decoder.row_write.data == wanted))
    for number, position in enumerate((0, split, count)):
        named = decoder.pointer_write.valid & (pointers == number)
        proof.require(~named | (decoder.pointer_write.data == position))
    finished = proof.before(begun & ~decoder.busy)
    proof.require(~finished | ((rows == (count + 1) >> 1) & (pointers == 3)))
    proof.require(~(decoder.code_error | decoder.memory_error | decoder.stream_error))
    proof.at_most(WORD + 4, begun & decoder.busy)
    return proof


@pytest.mark.parametrize(
    "tree", ["deep", *(pytest.param(tree, marks=pytest.mark.slow) for tree in TREES if tree != "deep")]
)
def test_layers_come_back(tree: str):
    assert prove(layer(tree), CYCLES) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Cat(word[-1], next_node, next_alphabet)", "Cat(word[-2], next_node, next_alphabet)"),
        ("Cat(branch.value[: config.code_bits], run)", "Cat(branch.value[: config.code_bits], 0, run)"),
        ("next_alphabet.eq(~self.alphabet)", "next_alphabet.eq(CODE_ALPHABET)"),
        ("(last_end & partial_row)", "last_end"),
        pytest.param("m.d.sync += row_buffer.eq(0)", "pass", marks=pytest.mark.slow),
        pytest.param("Mux(self.begin_codes, 2, 1)", "1", marks=pytest.mark.slow),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(layer("deep", old, new), CYCLES) == FAILED
