"""sw/host/transports/engine.py: a host sees the same of the engine as of the stepped model."""

from collections.abc import Sequence

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from model.layouts import Opcode, header
from model.registers import ADDRESS, Control
from sw.host.driver import Accelerator, ArrayError
from sw.host.transports.engine import EngineTransport
from sw.host.transports.model import ModelTransport
from sw.host.transports.transport import TransportError
from sw.image.stream import encode_passes
from tests.support.hw.driver import make_case


@pytest.mark.parametrize(("passes", "stream_bits", "pes"), [(1, 128, 3), (2, 64, 4), (4, 32, 4)])
def test_a_host_sees_the_stepped_model(passes: int, stream_bits: int, pes: int) -> None:
    case = make_case(passes, stream_bits, pes)
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
    with pytest.raises(EieError, match="takes arrays without maps, got"):
        EngineTransport(PRESETS["mcu16"])
