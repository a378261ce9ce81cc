"""examples/litex: the array's ports are all connected; the C driver on a simulated SoC gives what the model gives."""

import re
from pathlib import Path

import numpy as np
import pytest

from hw.verilog import write_verilog
from model.config import preset
from tests.support.hw.driver import make_case

pytest.importorskip("litex", reason="LiteX is not installed: pip install 'eie[litex]'")

from examples.litex import simulated_soc
from examples.litex.eie_litex import Eie


class Platform:
    """Notes the sources that a core asks for."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def add_source(self, source: str) -> None:
        self.sources.append(source)


def test_every_port_of_the_array_is_connected_in_its_direction_and_width(tmp_path: Path) -> None:
    written = write_verilog(preset("tiny4"), tmp_path, bus="axi-lite")
    platform = Platform()
    core = Eie(platform, tmp_path)
    assert [Path(source).name for source in platform.sources] == written.file_list.read_text().split()
    assert all(Path(source).exists() for source in platform.sources)
    text = (tmp_path / "eie_axi_lite.v").read_text()
    module = text[text.index("module eie_axi_lite(") :]
    module = module[: module.index("endmodule")]
    declared = {
        name: (way[0], int(high or 0) + 1)
        for way, high, name in re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", module, re.MULTILINE)
    }
    (instance,) = (special for special in core._fragment.specials if type(special).__name__ == "Instance")
    connected = {
        item.name: (type(item).__name__[0].lower(), len(item.expr)) for item in instance.items if hasattr(item, "expr")
    }
    assert connected == declared


@pytest.mark.slow
def test_the_c_driver_on_a_simulated_soc_gives_what_the_model_gives(tmp_path: Path) -> None:
    case = make_case()
    said, cycles = simulated_soc.simulate(case.image, case.activations, tmp_path)
    assert said == simulated_soc.told(case.image, case.inputs.astype(np.float32))
    assert said.count("outputs") == len(case.inputs)
    assert cycles > case.cycles.sum()
