"""The driver on the RTL: one script, the outputs and cycles of the engine, errors and all."""

import numpy as np
import pytest

from model.errors import SimulatorError
from model.registers import Error
from sim.rtl.places import open_place
from sim.rtl.simulators import SimulatorName
from sim.rtl.transport import RtlTransport
from sw.host.driver import Accelerator, ArrayError
from tests.support.hw.driver import make_case
from tests.support.hw.rtl import simulators


@pytest.mark.parametrize("simulator", simulators())
def test_the_driver_s_outputs_are_the_engine_s(simulator: SimulatorName):
    case = make_case(2, 64)
    with Accelerator(RtlTransport(case.config, simulator), case.config) as array:
        array.load(case.image)
        for x, wanted, cycles in zip(case.inputs[:2], case.outputs, case.cycles, strict=False):
            np.testing.assert_array_equal(array.run(x).astype(np.float32), wanted)
            assert array.counters().cycles == cycles


def test_a_board_at_its_serial_line():
    case = make_case(1, 32)
    with Accelerator(open_place("board", case.config), case.config) as array:
        array.load(case.image)
        np.testing.assert_array_equal(array.run(case.inputs[0]).astype(np.float32), case.outputs[0])
        assert array.counters().cycles == case.cycles[0]


def test_an_error_of_the_rtl_is_the_driver_s():
    case = make_case(2, 64)
    transport = RtlTransport(case.config, "verilator")
    with Accelerator(transport, case.config) as array:
        array.load(case.image)
        transport.send(np.array([[0xFF, 0]], np.uint32))
        with pytest.raises(ArrayError) as caught:
            array.run(case.inputs[0])
        assert caught.value.cause == Error.OPCODE


def test_a_simulator_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch):
    case = make_case(2, 64)

    class Broken:
        def run(self, *_: object) -> None:
            raise SimulatorError("it broke")

    monkeypatch.setattr("sim.rtl.process.build", lambda *_: Broken())
    with pytest.raises(SimulatorError, match="it broke"):
        RtlTransport(case.config, "verilator")
