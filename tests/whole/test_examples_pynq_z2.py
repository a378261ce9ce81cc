"""examples/pynq_z2.py: the board's script, with the stepped model where the board has its registers."""

import ast
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from examples import pynq_z2
from hw.register_header import register_header
from sw.host.c_network import C_DRIVER, network_header
from sw.host.transports.window import ModelWindow
from tests.support.hw.driver import Case, make_case


class Mmio:
    """`pynq.MMIO` of a window: addresses in bytes, and writes only of int."""

    def __init__(self, window: ModelWindow):
        self._window = window

    def read(self, offset: int) -> int:
        assert offset % 4 == 0
        return self._window.read(offset // 4)

    def write(self, offset: int, data: int) -> None:
        assert offset % 4 == 0
        assert type(data) is int
        self._window.write(offset // 4, data)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a case's network into `tmp_path` and its array, or one of another configuration, into a module `pynq`."""

    def make(case: Case, array: Any = None) -> Path:
        (tmp_path / "eie_registers.h").write_text(register_header())
        (tmp_path / "eie_network.h").write_text(network_header(case.image))
        for name in ("eie_driver.h", "eie_driver.c"):
            shutil.copy(C_DRIVER / name, tmp_path)
        pynq: Any = ModuleType("pynq")
        mmio = Mmio(ModelWindow(array or case.config))
        pynq.Overlay = lambda bitstream: SimpleNamespace(eie=SimpleNamespace(mmio=mmio))
        monkeypatch.setitem(sys.modules, "pynq", pynq)
        return tmp_path

    return make


def test_it_is_python_of_the_board_and_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(pynq_z2.__file__).read_text(), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"ctypes", "importlib", "numpy", "pathlib", "subprocess", "sys"}


def test_outputs_and_cycles_are_the_model_s(board: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case()
    folder = board(case)
    np.save(tmp_path / "x.npy", case.inputs[:3])
    pynq_z2.main("eie.bit", str(folder), str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), case.outputs[:3])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2] for line in lines] == [str(cycles) for cycles in case.cycles[:3]]


def test_another_array_and_inputs_of_another_shape_are_refused(board: Any) -> None:
    case = make_case()
    folder = board(case, case.config.with_(queue_depth=6))
    with pytest.raises(RuntimeError, match="another array than the network was laid out for"):
        pynq_z2.Network("eie.bit", folder)
    network = pynq_z2.Network("eie.bit", board(case))
    with pytest.raises(ValueError, match=r"wanted 60 finite numbers, got \(59,\)"):
        network.run(case.inputs[0][:59])
