"""The stream window: every piece reaches the array once and in its place, every word the host, through soft resets."""

import pytest
from amaranth.hdl import Signal

from hw.bus import stream_window
from model.registers import ADDRESS, Control
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

DEPTH = 4
PIECE = 2  # bits


class Small:
    """Words of two pieces."""

    stream_bits = 2 * PIECE


def unit(old: str = "", new: str = ""):
    return planted(stream_window, old, new, DEPTH=DEPTH, PIECE_BITS=PIECE)


def window(module, direction: str):
    """One direction; the host keeps to the room that it was told."""
    w = module.StreamWindow(Small)
    proof = bench(w)

    def written(name: str):
        return w.write & (w.address == ADDRESS[name])

    reset = written("CONTROL") & w.write_data[Control.RESET]
    (inwards if direction == "in" else outwards)(proof, w, written, reset)
    return proof


def inwards(proof, w, written, reset) -> None:
    m = proof.m
    piece, taken = written("STREAM_IN") | written("STREAM_LAST"), w.i.valid & w.i.ready
    inside = Signal(4)
    with m.If(reset):
        m.d.sync += inside.eq(0)
    with m.Else():
        m.d.sync += inside.eq(inside + piece - 2 * taken)
    proof.assume(~piece | (inside < DEPTH))
    proof.require(~w.i.valid | (inside >= 2))
    waiting = proof.before(w.i.valid & ~w.i.ready & ~reset)
    proof.require(~waiting | (w.i.valid & (w.i.payload == proof.before(w.i.payload))))
    proof.require(~waiting | (w.i_last == proof.before(w.i_last)))
    # Any one piece is followed; so many are ahead of it.
    mark, watched, ahead, value, last = proof.free(1), Signal(), Signal(4), Signal(PIECE), Signal()
    with m.If(reset):
        m.d.sync += watched.eq(0)
    with m.Elif(~watched & mark & piece):
        m.d.sync += [watched.eq(1), ahead.eq(inside - 2 * taken), value.eq(w.write_data)]
        m.d.sync += last.eq(written("STREAM_LAST"))
    with m.Elif(watched & taken):
        m.d.sync += [ahead.eq(ahead - 2), watched.eq(ahead >= 2)]
    due = watched & w.i.valid & (ahead < 2)
    proof.require(~due | (w.i.payload.word_select(ahead[0], PIECE) == value))
    proof.require(~due | ~ahead[0] | (w.i_last == last))
    proof.at_most(4, (inside >= 2) & ~w.i.valid)  # a whole word is offered


def outwards(proof, w, written, reset) -> None:
    """Pieces are not 0 here, so that what STREAM_OUT reads says whether there was one."""
    m = proof.m
    payload = w.o.payload.data
    proof.assume(~w.o.valid | ((payload[:PIECE] != 0) & (payload[PIECE:] != 0)))
    word = w.o.valid & w.o.ready
    pop = written("STREAM_POP")
    proof.assume(~pop | proof.before(w.address == ADDRESS["STREAM_OUT"]))
    popped = proof.before(pop) & (w.read_data != 0)
    inside = Signal(4)
    with m.If(reset):
        m.d.sync += inside.eq(0)
    with m.Else():
        m.d.sync += inside.eq(inside + 2 * word - popped)
    proof.require(~popped | (inside != 0))
    mark, half, watched, ahead, value = proof.free(1), proof.free(1), Signal(), Signal(4), Signal(PIECE)
    with m.If(reset):
        m.d.sync += watched.eq(0)
    with m.Elif(~watched & mark & word):
        m.d.sync += [watched.eq(1), ahead.eq(inside - popped + half), value.eq(payload.word_select(half, PIECE))]
    with m.Elif(watched & popped):
        m.d.sync += [ahead.eq(ahead - 1), watched.eq(ahead != 0)]
    proof.require(~(watched & popped & (ahead == 0)) | (w.read_data == value))
    proof.at_most(3, ~w.o.ready & (inside <= 2))  # a word is taken as soon as there is room for it


@pytest.mark.parametrize("direction", ["in", pytest.param("out", marks=pytest.mark.slow)])
def test_pieces_keep_their_places(direction: str) -> None:
    assert prove(window(unit(), direction)) == PROVED


FAULTS = [
    ("in", "self.i_last.eq(in_pieces.r_data[PIECE_BITS])", "self.i_last.eq(0)"),
    ("out", "out_pieces.w_data.eq(word[:PIECE_BITS])", "out_pieces.w_data.eq(word[-PIECE_BITS:])"),
]
MORE_FAULTS = [
    ("in", "Mux(whole, 1, count + 1)", "1"),
    ("in", "in_pieces.r_en.eq(~whole | self.i.ready)", "in_pieces.r_en.eq(1)"),
    ("in", "Cat(word[PIECE_BITS:], in_pieces.r_data[:PIECE_BITS])", "Cat(in_pieces.r_data[:PIECE_BITS], word)"),
    ("in", "        with m.If(reset):\n            m.d.sync += count.eq(0)\n", ""),
    ("out", "word.eq(self.o.payload.data), left.eq(pieces)", "word.eq(self.o.payload.data), left.eq(1)"),
    ("out", "(left != 0) & out_pieces.w_rdy", "left != 0"),
    ("out", "        with m.If(reset):\n            m.d.sync += left.eq(0)\n", ""),
    ("out", "self.o.ready.eq(left == 0)", "self.o.ready.eq(1)"),
]


@pytest.mark.parametrize(("direction", "old", "new"), FAULTS)
def test_a_fault_is_found(direction: str, old: str, new: str) -> None:
    assert prove(window(unit(old, new), direction)) == FAILED


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "old", "new"), MORE_FAULTS)
def test_other_faults_are_found(direction: str, old: str, new: str) -> None:
    assert prove(window(unit(old, new), direction)) == FAILED
