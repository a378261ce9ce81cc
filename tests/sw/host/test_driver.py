"""The driver on the model: outputs and counters, passes, errors and what comes after them."""

import numpy as np
import pytest

from model.errors import EieError
from model.registers import ADDRESS, Error, PeCounter
from sw.file.model_file import save
from sw.host import driver
from sw.host.driver import Accelerator, ArrayError
from sw.host.transports.model import ModelTransport
from sw.image.build import build_image
from sw.image.stream import encode_passes
from tests.support.hw.driver import make_case


@pytest.mark.parametrize(("passes", "stream_bits", "pes"), [(1, 32, 4), (1, 128, 3), (2, 64, 4), (4, 32, 4)])
def test_outputs_and_cycles_are_the_engine_s(passes: int, stream_bits: int, pes: int):
    case = make_case(passes, stream_bits, pes)
    with Accelerator(ModelTransport(case.config), case.config) as array:
        array.load(case.image)
        for x, y, cycles in zip(case.inputs, case.outputs, case.cycles, strict=True):
            np.testing.assert_array_equal(array.run(x).astype(np.float32), y)
            counters = array.counters()
            assert counters.cycles == cycles
            assert counters.pes is not None
            assert counters.pes.shape == (len(PeCounter), pes)
            assert counters.pes[PeCounter.POINTER_READS, 0] == counters.broadcasts
        np.testing.assert_array_equal(array.run_batch(case.inputs).astype(np.float32), case.outputs)


def test_a_file_and_its_content_are_loaded_alike(tmp_path):
    case = make_case()
    save(case.network, tmp_path / "net.eie")
    for network in (tmp_path / "net.eie", str(tmp_path / "net.eie"), case.network):
        with Accelerator(ModelTransport(case.config), case.config) as array:
            array.load(network)
            np.testing.assert_array_equal(array.run(case.inputs[0]).astype(np.float32), case.outputs[0])


def test_an_array_without_pe_counters_gives_the_others():
    case = make_case()
    config = case.config.with_(pe_counters=False)
    with Accelerator(ModelTransport(config), config) as array:
        array.load(case.network)
        array.run(case.inputs[0])
        assert array.counters().pes is None
        assert array.counters().cycles == case.cycles[0]


def test_a_network_must_be_loaded_first():
    case = make_case()
    array = Accelerator(ModelTransport(case.config), case.config)
    with pytest.raises(EieError, match="a network must be loaded"):
        array.run(case.inputs[0])
    with pytest.raises(EieError, match="a network must be loaded"):
        _ = array.image


def test_another_array_than_the_configured_one_is_refused():
    case = make_case()
    with pytest.raises(EieError, match=r"must be built as custom .* and 4 PEs"):
        Accelerator(ModelTransport(case.config), case.config.with_(queue_depth=6))


def test_something_else_than_an_array_is_refused():
    case = make_case()

    class Nothing(ModelTransport):
        def read(self, address: int) -> int:
            return 0xFFFFFFFF

    class Later(ModelTransport):
        def read(self, address: int) -> int:
            return 3 if address == ADDRESS["VERSION"] else super().read(address)

    with pytest.raises(EieError, match="must answer with ID 0x45494531, got 0xffffffff"):
        Accelerator(Nothing(case.config), case.config)
    with pytest.raises(EieError, match="speaks version 2 of the interface, the array version 3"):
        Accelerator(Later(case.config), case.config)


def test_an_image_for_another_array_is_refused():
    case = make_case()
    other = build_image(case.network, case.config.with_(queue_depth=6, name="other"))
    array = Accelerator(ModelTransport(case.config), case.config)
    with pytest.raises(EieError, match="must be made for the array custom, got one for another, other"):
        array.load(other)


@pytest.mark.parametrize("shape", [(60,), (2, 59), (1, 2, 60)])
def test_a_batch_of_the_wrong_shape_is_refused(shape: tuple[int, ...]):
    case = make_case()
    array = Accelerator(ModelTransport(case.config), case.config)
    array.load(case.image)
    with pytest.raises(EieError, match="shape"):
        array.run_batch(np.zeros(shape))


def test_an_error_of_the_array_is_named_and_a_reset_recovers():
    case = make_case()
    transport = ModelTransport(case.config)
    array = Accelerator(transport, case.config)
    words = encode_passes(case.image)[0].copy()
    words[-20:] = 0xFFFFFFFF
    words[10:80] = 0
    transport.send(words)
    with pytest.raises(ArrayError, match=r"the array reports error CODE \(PE 0\)") as caught:
        array.load(case.image)
    assert (caught.value.cause, caught.value.pe) == (Error.CODE, 0)
    array.reset()
    with pytest.raises(EieError, match="a network must be loaded"):
        array.run(case.inputs[0])
    array.load(case.image)
    np.testing.assert_array_equal(array.run(case.inputs[0]).astype(np.float32), case.outputs[0])


def test_an_overflow_is_an_error():
    case = make_case()

    class Overflowing(ModelTransport):
        def read(self, address: int) -> int:
            return super().read(address) | (0x10 if address == ADDRESS["STATUS"] else 0)

    array = Accelerator(Overflowing(case.config), case.config)
    array.load(case.image)
    with pytest.raises(ArrayError, match="an accumulator left its range"):
        array.run(case.inputs[0])


def test_an_array_that_is_never_done(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    monkeypatch.setattr(driver, "LOOKS", 3)
    with driver.Accelerator(ModelTransport(case.config), case.config) as accelerator:
        accelerator.load(case.network)
        monkeypatch.setattr(accelerator, "_check", lambda: 0)
        with pytest.raises(EieError, match=r"the array did not become \w+ in 3 looks at its status"):
            accelerator.run(case.inputs[0])
