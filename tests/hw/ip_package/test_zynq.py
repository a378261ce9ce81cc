"""hw/ip_package/zynq.py: the Tcl runs in a Tcl shell whose Vivado commands check cells, pins and nets."""

from pathlib import Path
from typing import Any

import pytest

from hw.bus.axi_lite_top import AxiLiteTop
from hw.bus.axi_top import AxiTop
from hw.ip_package.component import component_text
from hw.ip_package.zynq import zynq_tcl
from model.config import PRESETS

pytest.importorskip("ipyxact", reason="reads IP-XACT")

from tests.support.tools.vivado import Vivado, ports

ARRAY = PRESETS["tiny4"]


def package(folder: Path, top: str, kind: Any, stream_bits: int | None) -> Path:
    """The files of a package, the Verilog empty."""
    for name in ("eie_pe.v", "eie_array.v", f"{top}.v"):
        (folder / name).touch()
    names = ["eie_pe.v", "eie_array.v", f"{top}.v"]
    (folder / "component.xml").write_text(component_text(top, ports(kind), names, "An array."))
    path = folder / "zynq.tcl"
    path.write_text(zynq_tcl(top, stream_bits, path.name))
    return path


def test_with_streams(tmp_path: Path) -> None:
    vivado = Vivado(tmp_path)
    vivado.source(package(tmp_path, "eie_axi", AxiTop, ARRAY.stream_bits), "xc7z010clg400-1", "board", "75")
    assert vivado.cells["eie"] == "eie:accelerator:eie_axi:2.0"
    assert vivado.nets["eie/s_axis"] == "axi_dma_0/M_AXIS_MM2S"
    assert vivado.nets["axi_dma_0/S_AXIS_S2MM"] == "eie/m_axis"
    assert vivado.nets["eie/s_axi"] == "control/M00_AXI"
    assert vivado.nets["interrupts/In0"] == "eie/interrupt"
    clocks = {driver for pin, driver in vivado.nets.items() if pin.lower().endswith(("clk", "clk0"))}
    assert clocks == {"processing_system7_0/FCLK_CLK0"}
    assert vivado.properties["project"]["board_part"] == "board"
    assert vivado.properties["processing_system7_0"]["CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"] == "75"
    dma = vivado.properties["axi_dma_0"]
    assert dma["CONFIG.c_m_axis_mm2s_tdata_width"] == str(ARRAY.stream_bits)
    assert vivado.done.index("assign_bd_address") < vivado.done.index("validate_bd_design")
    assert (tmp_path / "eie.bit").read_text() == "bits"
    assert (tmp_path / "eie.hwh").read_text() == "handoff"


def test_without_streams(tmp_path: Path) -> None:
    vivado = Vivado(tmp_path)
    vivado.source(package(tmp_path, "eie_axi_lite", AxiLiteTop, None))
    assert set(vivado.cells) == {"processing_system7_0", "eie", "resets", "control", "interrupts"}
    assert "board_part" not in vivado.properties["project"]
    assert (tmp_path / "eie.bit").is_file()


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("eie/s_axis]", "eie/s_axi]", "eie/s_axi is connected already"),
        ("get_bd_intf_pins eie/m_axis", "get_bd_intf_pins eie/out", "no pin eie/out"),
        ("axi_dma_0/m_axi_s2mm_aclk", "", "not connected: .*axi_dma_0/m_axi_s2mm_aclk"),
        ("CONFIG.c_include_sg", "CONFIG.c_no_such_option", "no properties .*c_no_such_option"),
        ("xilinx.com:ip:smartconnect", "xilinx.com:ip:dumbconnect", "dumbconnect"),
        ("validate_bd_design", "validate_design", "invalid command name .validate_design"),
        ("NUM_SI 2", "NUM_SI 3", "not connected: .*memory/S02_AXI"),
        ("M_AXIS_MM2S]", "S_AXIS_S2MM]", "unpack"),
    ],
)
def test_the_shell_finds_mistakes(right: str, wrong: str, sentence: str, tmp_path: Path) -> None:
    path = package(tmp_path, "eie_axi", AxiTop, ARRAY.stream_bits)
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    with pytest.raises(Exception, match=sentence):
        Vivado(tmp_path).source(path)
