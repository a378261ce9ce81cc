"""hw/ip_package/component.py: an IP-XACT reader finds the ports of the Verilog, the registers and the files."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hw.bus.axi_lite_top import AxiLiteTop
from hw.bus.axi_top import AxiTop
from hw.ip_package.component import SPIRIT, component_text
from hw.verilog import verilog_text
from model.config import PRESETS
from model.registers import ADDRESS, REGISTERS, WINDOW_REGISTERS

pytest.importorskip("ipyxact", reason="reads IP-XACT")

from ipyxact import ipyxact

from tests.support.tools.vivado import masters, ports

ARRAY = PRESETS["tiny4"]
FILES = ["eie_pe.v", "eie_array.v", "top.v"]
PORT = re.compile(r"^  (input|output) (?:wire |reg )?(?:\[(\d+):0\] )?(\w+);", re.MULTILINE)
# The order of a component's parts in IEEE 1685-2009, of which these are used.
PARTS = "vendor library name version busInterfaces memoryMaps model fileSets description parameters vendorExtensions"


def read(text: str, folder: Path) -> Any:
    path = folder / "component.xml"
    path.write_text(text)
    component = ipyxact.Component()
    component.load(str(path))
    return component


def ports_of(text: str) -> dict[str, tuple[str, int]]:
    """Direction and width of every port; ipyxact does not read vectors of this version."""
    found: dict[str, tuple[str, int]] = {}
    for port in ElementTree.fromstring(text).findall("model/ports/port", {"": SPIRIT}):
        left, right = (port.findtext(f"wire/vector/{end}", "0", {"": SPIRIT}) for end in ("left", "right"))
        way = port.findtext("wire/direction", "", {"": SPIRIT})
        found[port.findtext("name", "", {"": SPIRIT})] = f"{way}put", int(left) - int(right) + 1
    return found


def test_ports_and_files_are_those_of_the_verilog(tmp_path: Path) -> None:
    texts = verilog_text(ARRAY, bus="axi", ip=True)
    component = read(texts["component.xml"], tmp_path)
    assert (component.vendor, component.library, component.name, component.version) == (
        "eie", "accelerator", "eie_axi", "2.0",
    )  # fmt: skip
    (module,) = re.findall(r"^module eie_axi\(.*?^endmodule", texts["eie_axi.v"], re.MULTILINE | re.DOTALL)
    wanted = {name: (way, int(left or 0) + 1) for way, left, name in PORT.findall(module)}
    assert ports_of(texts["component.xml"]) == wanted
    assert len(component.model.ports.port) == len(wanted) == 30
    for files in component.fileSets.fileSet:
        assert [file.name for file in files.file] == texts["eie.f"].split()
    assert "component.xml" in texts["manifest.json"]


@pytest.mark.parametrize("top", [AxiTop, AxiLiteTop])
def test_interfaces_have_every_port_once(top: Any, tmp_path: Path) -> None:
    text = component_text("top", ports(top), FILES, "An array.")
    component = read(text, tmp_path)
    buses = component.busInterfaces.busInterface
    mapped = [pair.physicalPort.name for bus in buses for pair in bus.portMaps.portMap]
    assert sorted(mapped) == sorted(port.name for port in component.model.ports.port)
    streams = ["s_axis", "m_axis"] if top is AxiTop else []
    assert [bus.name for bus in buses] == ["s_axi", *streams, "aclk", "aresetn", "interrupt"]
    assert {name for name, is_master in masters(text).items() if is_master} == {"interrupt", *streams[1:]}
    (block,) = component.memoryMaps.memoryMap[0].addressBlock
    registers = {register.name: register.addressOffset for register in block.register}
    declared = REGISTERS if top is AxiTop else (*REGISTERS, *WINDOW_REGISTERS)
    assert registers == {register.name: 4 * ADDRESS[register.name] for register in declared}
    assert max(registers.values()) < block.range == 256


def test_form_is_that_of_the_standard() -> None:
    root = ElementTree.fromstring(component_text("top", ports(AxiTop), FILES, "An array."))
    assert [part.tag for part in root] == [f"{{{SPIRIT}}}{part}" for part in PARTS.split()]
    text = ElementTree.tostring(root, encoding="unicode")
    for name, value in (
        ("ASSOCIATED_BUSIF", "s_axi:s_axis:m_axis"), ("ASSOCIATED_RESET", "aresetn"), ("POLARITY", "ACTIVE_LOW"),
        ("PROTOCOL", "AXI4LITE"), ("TDATA_NUM_BYTES", str(ARRAY.stream_bits // 8)), ("SENSITIVITY", "LEVEL_HIGH"),
    ):  # fmt: skip
        assert re.search(rf"name>{name}</\w+:name>\s*<\w+:value [^>]*>{value}<", text), name
