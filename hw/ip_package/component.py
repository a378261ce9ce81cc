"""The IP-XACT description of an array on a bus: what block-design tools read instead of the Verilog.

The form is that of IEEE 1685-2009, which Vivado's IP catalog reads; bus definitions are named as Vivado names them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from model.registers import ADDRESS_BITS, REGISTERS, VERSION, WINDOW_REGISTERS, Register

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
XILINX = "http://www.xilinx.com"
VENDOR, LIBRARY = "eie", "accelerator"
FAMILIES = ("zynq", "zynquplus", "artix7", "kintex7", "virtex7", "kintexu", "virtexu", "kintexuplus", "virtexuplus")
REGISTER_MAP = "registers"
ACCESS = {"ro": "read-only", "wo": "write-only", "rw": "read-write", "rw1c": "read-write"}
VIEWS = ("synthesis", "simulation")
STREAM_PORTS = ("tdata", "tvalid", "tready", "tlast")

Mode = Literal["master", "slave"]


@dataclass(frozen=True)
class Interface:
    """A bus interface: the bus definition, who drives it, which port is which logical one, parameters."""

    name: str
    bus: str
    mode: Mode
    ports: Mapping[str, str]
    parameters: Mapping[str, str]


def version() -> str:
    """Of the package: that of the register map and the packets."""
    return f"{VERSION}.0"


def interfaces(ports: Mapping[str, wiring.Member]) -> list[Interface]:
    """The bus interfaces that the ports of `AxiTop` or `AxiLiteTop` make up."""
    found: list[Interface] = []
    lite = {name.removeprefix("s_axi_").upper(): name for name in ports if name.startswith("s_axi_")}
    found.append(Interface("s_axi", "aximm", "slave", lite, {"PROTOCOL": "AXI4LITE", "DATA_WIDTH": "32"}))
    streams: dict[str, Mode] = {"s_axis": "slave", "m_axis": "master"}
    for name, mode in streams.items():
        if f"{name}_tdata" in ports:
            logical = {port.upper(): f"{name}_{port}" for port in STREAM_PORTS}
            sizes = {"TDATA_NUM_BYTES": str(_bits(ports[f"{name}_tdata"]) // 8), "HAS_TLAST": "1", "HAS_TKEEP": "0"}
            found.append(Interface(name, "axis", mode, logical, sizes))
    buses = ":".join(each.name for each in found)
    clocked = {"ASSOCIATED_BUSIF": buses, "ASSOCIATED_RESET": "aresetn"}
    found.append(Interface("aclk", "clock", "slave", {"CLK": "aclk"}, clocked))
    found.append(Interface("aresetn", "reset", "slave", {"RST": "aresetn"}, {"POLARITY": "ACTIVE_LOW"}))
    found.append(
        Interface("interrupt", "interrupt", "master", {"INTERRUPT": "interrupt"}, {"SENSITIVITY": "LEVEL_HIGH"})
    )
    return found


def component_text(top: str, ports: Mapping[str, wiring.Member], files: list[str], description: str) -> str:
    """`component.xml` of the Verilog module `top`.

    Parameters
    ----------
    ports : those of `AxiTop` or `AxiLiteTop`, `component.signature.members`, which the module has by the same names.
    files : names of the Verilog files beside it, in the order in which they are read.
    description : one sentence.
    """
    for prefix, name in (("spirit", SPIRIT), ("xilinx", XILINX)):
        ElementTree.register_namespace(prefix, name)
    registers = REGISTERS if "s_axis_tdata" in ports else (*REGISTERS, *WINDOW_REGISTERS)
    root = ElementTree.Element(_tag("component"))
    for name, value in (("vendor", VENDOR), ("library", LIBRARY), ("name", top), ("version", version())):
        _add(root, name, value)
    _add_all(root, "busInterfaces", (_interface(each) for each in interfaces(ports)))
    _memory_map(_add(_add(root, "memoryMaps"), "memoryMap"), registers)
    model = _add(root, "model")
    _add_all(model, "views", (_view(name, top) for name in VIEWS))
    _add_all(model, "ports", (_port(name, member) for name, member in ports.items()))
    _add_all(root, "fileSets", (_file_set(f"{name}_files", files) for name in VIEWS))
    _add(root, "description", description)
    parameter = _add(_add(root, "parameters"), "parameter")
    _add(parameter, "name", "Component_Name")
    _add(parameter, "value", f"{top}_v{version().replace('.', '_')}", resolve="user", id="PARAM_VALUE.Component_Name")
    _vendor(root, description)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _bits(member: wiring.Member) -> int:
    return Shape.cast(member.shape).width


def _tag(name: str, space: str = SPIRIT) -> str:
    return f"{{{space}}}{name}"


def _add(
    parent: ElementTree.Element, name: str, text: str | None = None, /, *, space: str = SPIRIT, **attributes: str
) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, _tag(name, space), {_tag(key): each for key, each in attributes.items()})
    made.text = text
    return made


def _add_all(parent: ElementTree.Element, name: str, children: Iterator[ElementTree.Element]) -> None:
    _add(parent, name).extend(list(children))


def _interface(interface: Interface) -> ElementTree.Element:
    element = ElementTree.Element(_tag("busInterface"))
    _add(element, "name", interface.name)
    library = "interface" if interface.bus in ("aximm", "axis") else "signal"
    for kind, name in (("busType", interface.bus), ("abstractionType", f"{interface.bus}_rtl")):
        _add(element, kind, vendor="xilinx.com", library=library, name=name, version="1.0")
    mode = _add(element, interface.mode)
    if interface.name == "s_axi":
        _add(mode, "memoryMapRef", memoryMapRef=REGISTER_MAP)
    maps = _add(element, "portMaps")
    for logical, physical in interface.ports.items():
        pair = _add(maps, "portMap")
        _add(_add(pair, "logicalPort"), "name", logical)
        _add(_add(pair, "physicalPort"), "name", physical)
    parameters = _add(element, "parameters")
    for name, value in interface.parameters.items():
        parameter = _add(parameters, "parameter")
        _add(parameter, "name", name)
        _add(parameter, "value", value, id=f"BUSIFPARAM_VALUE.{interface.name.upper()}.{name}")
    return element


def _memory_map(element: ElementTree.Element, registers: tuple[Register, ...]) -> None:
    """Bytes; addresses of the registers are words."""
    _add(element, "name", REGISTER_MAP)
    block = _add(element, "addressBlock")
    sizes = (("name", "reg0"), ("baseAddress", "0"), ("range", str(4 << ADDRESS_BITS)), ("width", "32"))
    for name, value in (*sizes, ("usage", "register"), ("access", "read-write")):
        _add(block, name, value)
    for register in registers:
        entry = _add(block, "register")
        _add(entry, "name", register.name)
        _add(entry, "description", register.doc)
        _add(entry, "addressOffset", f"{4 * register.address:#x}")
        _add(entry, "size", "32")
        _add(entry, "access", ACCESS[register.access])


def _view(name: str, top: str) -> ElementTree.Element:
    element = ElementTree.Element(_tag("view"))
    _add(element, "name", f"xilinx_verilog{'behavioralsimulation' if name == 'simulation' else name}")
    _add(element, "displayName", f"Verilog {name}")
    _add(element, "envIdentifier", f"verilogSource:vivado.xilinx.com:{name}")
    _add(element, "language", "verilog")
    _add(element, "modelName", top)
    _add(_add(element, "fileSetRef"), "localName", f"{name}_files")
    return element


def _port(name: str, member: wiring.Member) -> ElementTree.Element:
    element = ElementTree.Element(_tag("port"))
    _add(element, "name", name)
    wire = _add(element, "wire")
    _add(wire, "direction", "out" if member.flow == Out else "in")
    if _bits(member) > 1:
        vector = _add(wire, "vector")
        _add(vector, "left", str(_bits(member) - 1))
        _add(vector, "right", "0")
    if name == "s_axis_tlast":  # left open it must not end a transfer
        _add(_add(wire, "driver"), "defaultValue", "0")
    return element


def _file_set(name: str, files: list[str]) -> ElementTree.Element:
    element = ElementTree.Element(_tag("fileSet"))
    _add(element, "name", name)
    for file in files:
        entry = _add(element, "file")
        _add(entry, "name", file)
        _add(entry, "fileType", "verilogSource")
    return element


def _vendor(root: ElementTree.Element, description: str) -> None:
    """What Vivado's catalog asks for beside the standard."""
    core = _add(_add(root, "vendorExtensions"), "coreExtensions", space=XILINX)
    families = _add(core, "supportedFamilies", space=XILINX)
    for family in FAMILIES:
        entry = ElementTree.SubElement(families, _tag("family", XILINX), {_tag("lifeCycle", XILINX): "Production"})
        entry.text = family
    _add(_add(core, "taxonomies", space=XILINX), "taxonomy", "/UserIP", space=XILINX)
    _add(core, "displayName", description, space=XILINX)
    _add(core, "coreRevision", "1", space=XILINX)
