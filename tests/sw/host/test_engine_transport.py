"""sw/host/transports/engine.py: a host sees the same of the engine as of the stepped model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from model.errors import EieError
from model.layouts import Opcode, header
from model.registers import ADDRESS, Control
from sw.host.driver import Accelerator, ArrayError
from sw.host.transports.engine import EngineTransport
from sw.host.transports.model import ModelTransport
from sw.host.transports.transport import TransportError
from sw.image.stream import encode_image, encode_passes, input_packet
from tests.support.hw.driver import Case, make_case, make_map_case


@pytest.mark.parametrize(
    "case",
    [make_case(1, 128, 3), make_case(2, 64, 4), make_case(4, 32, 4), make_map_case(64, 3), make_map_case(32, 4, 8)],
    ids=["one pass", "two passes", "four passes", "maps", "8 bits"],
)
def test_a_host_sees_the_stepped_model(case: Case) -> None:
    seen: list[Sequence[object]] = []
    for transport in (EngineTransport(case.config), ModelTransport(case.config)):
        with Accelerator(transport, case.config) as array:
            array.load(case.image)
            for x in case.inputs[:2]:
                outputs, counters = array.run(x), array.counters()
                assert counters.pes is not None
                registers = [transport.read(ADDRESS[name]) for name in ("STATUS", "LAYERS", "CONFIG", "PE_ENTRIES")]
                seen.append([outputs, counters.cycles, counters.broadcasts, counters.stalls, counters.pes, registers])
    for mine, other in zip(seen[:2], seen[2:], strict=True):
        for found, wanted in zip(mine, other, strict=True):
            np.testing.assert_array_equal(np.array(found), np.array(wanted))


def test_a_sum_that_leaves_its_accumulator_is_an_error() -> None:
    case = make_case()
    array = Accelerator(EngineTransport(case.config), case.config)
    array.load(case.network)
    weights = case.network.layers[0].dense()
    largest = weights[np.abs(weights).sum(axis=1).argmax()]
    with pytest.raises(ArrayError, match="an accumulator left its range"):
        array.run(1e6 * np.sign(largest))
    array.reset()
    with pytest.raises(EieError, match="a network must be loaded"):
        array.run(case.inputs[0])
    array.load(case.network)
    assert array.run(np.zeros(60)).shape == (10,)


def test_what_no_array_takes_is_refused() -> None:
    case = make_case()
    transport = EngineTransport(case.config)
    words = encode_passes(case.image)[0]
    with pytest.raises(TransportError, match="a start needs a network and an input"):
        transport.write(ADDRESS["CONTROL"], 1 << Control.START)
    with pytest.raises(TransportError, match="got one of 3 words that begins with 0x63"):
        transport.send(np.full((3, 1), 99, np.uint32))
    with pytest.raises(EieError, match="words must follow, got"):
        transport.send(words[:-1])
    transport.send(words)
    transport.send(np.array([[header(Opcode.INPUT, 1)], [0], [0], [0], [0]], np.uint32)[: 1 + case.config.groups])
    with pytest.raises(TransportError, match="a layer takes 60 activations, the array has 4"):
        transport.write(ADDRESS["CONTROL"], 1 << Control.START)
    with pytest.raises(TransportError, match="2 output words were wanted, the array has 0"):
        transport.receive(2)


def test_an_entry_that_adds_below_the_accumulators_is_refused() -> None:
    case = make_map_case()
    first = case.image.layers[0]
    assert first.map is not None
    wrong = replace(first, map=replace(first.map, row_pitch=0xFFFF))
    transport = EngineTransport(case.config)
    transport.send(encode_image(replace(case.image, layers=(wrong, *case.image.layers[1:]))))
    transport.send(input_packet(case.image, case.activations[0]))
    with pytest.raises(TransportError, match="layer layer0: rows below 48 wanted, got row 65535"):
        transport.write(ADDRESS["CONTROL"], 1 << Control.START)
