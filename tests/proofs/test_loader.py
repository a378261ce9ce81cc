"""The loader: legal states, writes only inside the memories, words only where they are taken, errors that stay."""

import pytest
from amaranth.hdl import Cat

from hw.control import layer_descriptor, loader
from model.config import PRESETS
from model.layouts import CHECK_CYCLES, LoaderState
from model.registers import Error, PeError
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

CONFIG = PRESETS["tiny4"].with_(
    pes=2, activation_depth=3, layers=2, pointer_depth=10, constant_depth=7, code_bits=1, index_bits=1, row_bits=4
)


def load(unit):
    """Any words, any decoders, any start and any soft reset."""
    box = unit.Loader(CONFIG)
    proof = bench(box)
    state = box.state
    accepted = box.i.valid & box.i.ready
    is_in = {known: state == known for known in LoaderState}
    was = {known: proof.before(is_in[known], init=known == LoaderState.HEADER) for known in LoaderState}
    reset = proof.before(box.soft_reset)
    failed = Cat(error != PeError.NONE for error in box.pe_errors).any()
    proof.assume(~box.start_refused | box.start_strobe)
    for error in box.pe_errors:
        proof.assume(error <= max(PeError))

    proof.require(Cat(is_in.values()).any())
    proof.require(box.error <= max(Error))
    # ERROR is left by a soft reset only, and keeps its cause; its causes are other than NONE and START.
    proof.require(~was[LoaderState.ERROR] | is_in[LoaderState.ERROR] | reset)
    proof.require(~was[LoaderState.ERROR] | reset | (box.error == proof.before(box.error)))
    proof.require(~is_in[LoaderState.ERROR] | ((box.error != Error.NONE) & (box.error != Error.START)))
    proof.require(is_in[LoaderState.ERROR] | (box.error == Error.NONE) | (box.error == Error.START))
    proof.require(~proof.before(failed & ~box.soft_reset) | is_in[LoaderState.ERROR])
    entered = is_in[LoaderState.ERROR] & ~was[LoaderState.ERROR]
    proof.require(~entered | (box.error != Error.TRUNCATED) | proof.before(accepted & box.last))
    proof.require(~reset | (is_in[LoaderState.HEADER] & (box.error == Error.NONE) & box.sealed))

    # A table is never longer than it is, and written where the next layer goes.
    proof.require(box.layers <= CONFIG.layers)
    proof.require(~box.layer_write.valid | ((box.layers < CONFIG.layers) & (box.layer_write.address == box.layers)))
    proof.require(~box.layer_write.valid | (is_in[LoaderState.WAIT] & ~box.decoder_busy.any() & ~failed))
    entry = box.layer_write.entry
    fits = (
        (entry.in_rows != 0)
        & (entry.out_rows != 0)
        & (entry.first_row + entry.in_rows <= CONFIG.activation_depth)
        & (entry.out_rows <= CONFIG.activation_depth)
        & (entry.pointer_base + entry.in_rows * CONFIG.pes + 1 <= CONFIG.pointer_depth)
        & (entry.keep | (entry.bias_base + entry.out_rows <= CONFIG.constant_depth))
    )
    proof.require(~box.layer_write.valid | fits)

    # Memory writes: with an accepted word, in the state that names them, inside the memories.
    constants, activations, tree = box.constant_write, box.activation_write, box.tree_write
    proof.require(~tree.valid | (accepted & is_in[LoaderState.TREE] & (tree.address < CONFIG.tree_words)))
    sections = is_in[LoaderState.CODEBOOK] | is_in[LoaderState.BIASES]
    proof.require(~constants.groups.any() | (accepted & sections & (constants.address < CONFIG.constant_depth)))
    inside = activations.address < CONFIG.activation_depth
    proof.require(~activations.groups.any() | (accepted & is_in[LoaderState.INPUT] & inside))
    proof.require(~box.word_valid.any() | is_in[LoaderState.CODES])
    proof.require((box.word_valid & (box.word_valid - 1)[: CONFIG.pes]) == 0)
    proof.require(~box.load | proof.before(accepted & is_in[LoaderState.HEADER]))
    proof.require(~box.begin_codes | is_in[LoaderState.BEGIN])
    proof.require(~box.begin_codes | (box.columns == entry.in_rows * CONFIG.pes))

    # Words are taken where words are taken, and always there but for HEADER and CODES.
    silent = is_in[LoaderState.CHECK] | is_in[LoaderState.BEGIN] | is_in[LoaderState.WAIT]
    proof.require(~silent | ~box.i.ready)
    waits = is_in[LoaderState.HEADER] | is_in[LoaderState.CODES]
    proof.require(silent | waits | box.i.ready)
    proof.require(~is_in[LoaderState.HEADER] | (box.i.ready == (box.control_waiting & ~box.start_strobe)))
    proof.require(~is_in[LoaderState.CODES] | ~accepted | (box.word_valid & box.word_ready).any())
    proof.at_most(CHECK_CYCLES, is_in[LoaderState.CHECK])
    proof.at_most(1, is_in[LoaderState.BEGIN])
    proof.at_most(1, is_in[LoaderState.WAIT] & ~box.decoder_busy.any() & ~failed)
    return proof


def test_loading_stays_in_bounds():
    assert prove(load(loader)) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.sealed | (self.layers == config.layers)", "self.sealed"),
        ("(count == 0) | (count > config.activation_depth)", "count > config.activation_depth"),
        ("count > config.activation_depth", "count > config.activation_depth + 1"),
        ("with m.If(state != LoaderState.ERROR):", "with m.If(1):"),
        ("with m.If(~layer.fits):", "with m.If(0):"),
        ("self._index == CHECK_CYCLES - 1", "self._index == 0"),
        ("~self.decoder_busy.any() & ~pe_failed", "~self.decoder_busy.any()"),
        (
            "self.control_waiting & ~self.start_strobe)\n            count",
            "self.control_waiting)\n            count",
        ),
        ("last_row_left.eq(rows_left == 2)", "last_row_left.eq(rows_left == 1)"),
        ("valid & ready & self.last & ~(last_word", "valid & self.last & ~(last_word"),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(load(planted(loader, old, new))) == FAILED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pointers_end <= config.pointer_depth", "pointers_end <= config.pointer_depth + 2"),
        ("rows_end <= config.activation_depth", "rows_end <= config.activation_depth + 1"),
        ("(descriptor.out_rows != 0) & ", ""),
        ("in_rows << place", "in_rows"),
    ],
)
def test_a_wrong_check_is_found(old: str, new: str):
    descriptor = planted(layer_descriptor, old, new).LayerDescriptor
    assert prove(load(planted(loader, LayerDescriptor=descriptor))) == FAILED
