"""Vivado's block-design commands in a Tcl shell, checked: cells of known IP, pins that exist, nets that fit.

A stand-in for a tool that is not free. It knows the IP that the design uses by the pins in its product guide, and the
packaged array by its own `component.xml`; a command or a pin that it does not know is an error of the Tcl script.
"""

import fnmatch
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from amaranth.hdl import Fragment
from ipyxact import ipyxact

from model.config import PRESETS

# Of each IP: interface pins, + for a master; then single pins, + for one that drives; then its properties.
AXI_DMA = (
    "S_AXI_LITE +M_AXI_MM2S +M_AXI_S2MM +M_AXIS_MM2S S_AXIS_S2MM",
    "s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn +mm2s_introut +s2mm_introut",
    (
        "c_include_sg c_sg_length_width c_include_mm2s_dre c_include_s2mm_dre c_m_axi_mm2s_data_width "
        "c_m_axi_s2mm_data_width c_m_axis_mm2s_tdata_width"
    ),
)
PROCESSING_SYSTEM = (
    "+M_AXI_GP0 S_AXI_HP0",
    "M_AXI_GP0_ACLK S_AXI_HP0_ACLK IRQ_F2P +FCLK_CLK0 +FCLK_RESET0_N",
    "PCW_FPGA0_PERIPHERAL_FREQMHZ PCW_USE_M_AXI_GP0 PCW_USE_S_AXI_HP0 PCW_USE_FABRIC_INTERRUPT PCW_IRQ_F2P_INTR",
)
CATALOG = {
    "xilinx.com:ip:axi_dma": AXI_DMA,
    "xilinx.com:ip:processing_system7": PROCESSING_SYSTEM,
    "xilinx.com:ip:proc_sys_reset": ("", "slowest_sync_clk ext_reset_in +peripheral_aresetn", ""),
    "xilinx.com:ip:smartconnect": ("", "aclk aresetn", "NUM_SI NUM_MI"),
    "xilinx.com:ip:xlconcat": ("", "+dout", "NUM_PORTS"),
}


def masters(component: str) -> dict[str, bool]:
    """Of every interface of a `component.xml`, whether it is a master: ipyxact does not tell."""
    names = {"": "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"}
    buses = ElementTree.fromstring(component).findall("busInterfaces/busInterface", names)
    return {bus.findtext("name", "", names): bus.find("master", names) is not None for bus in buses}


def ports(top: Any) -> dict[str, Any]:
    """Those of `AxiTop` or `AxiLiteTop`, of which no Verilog is made: Amaranth warns of what is never used."""
    component = top(PRESETS["tiny4"])
    Fragment.get(component, None)
    return dict(component.signature.members)


class Vivado:
    """A Tcl interpreter with the commands.

    Attributes
    ----------
    cells, properties : VLNV and configuration of every cell.
    nets : every pin that is connected, and what drives it.
    done : commands in order.
    """

    def __init__(self, folder: Path):
        tkinter = pytest.importorskip("tkinter", reason="a Tcl shell, Debian's python3-tk")
        self.tcl: Any = tkinter.Tcl()
        self.folder = folder
        self.cells: dict[str, str] = {}
        self.interfaces: dict[str, bool] = {}  # pin: master
        self.pins: dict[str, bool] = {}  # pin: drives
        self.known: dict[str, set[str]] = {}
        self.properties: dict[str, dict[str, str]] = {}
        self.nets: dict[str, str] = {}
        self.done: list[str] = []
        self.failure: Exception | None = None
        for name in dir(self):
            if name.startswith("tcl_"):
                self.tcl.createcommand(name.removeprefix("tcl_"), self._command(name))

    def source(self, script: Path, *arguments: str) -> None:
        """Run a script as `vivado -source SCRIPT -tclargs ARGUMENTS`; raises what is wrong in it."""
        self.tcl.setvar("argv", " ".join(arguments))
        try:
            self.tcl.eval(f"source {{{script}}}")
        except Exception as error:  # Tcl's, which says nothing of an error in a command of Python
            raise self.failure or error from error

    def _command(self, name: str) -> Callable[..., str]:
        def run(*arguments: str) -> str:
            self.done.append(name.removeprefix("tcl_"))
            try:
                return getattr(self, name)(*arguments) or ""
            except Exception as error:
                self.failure = error
                raise

        return run

    def _list(self, text: str) -> list[str]:
        return [str(each) for each in self.tcl.splitlist(text)]

    def _options(
        self, arguments: tuple[str, ...], flags: str = "", values: str = ""
    ) -> tuple[dict[str, str], list[str]]:
        """The options by name, without -, and the other words."""
        options, others, words = dict[str, str](), list[str](), list(arguments)
        while words:
            word = words.pop(0)
            if word in flags.split():
                options[word[1:]] = "1"
            elif word in values.split():
                options[word[1:]] = words.pop(0)
            elif word.startswith("-"):
                raise ValueError(f"no option {word}")
            else:
                others.append(word)
        return options, others

    def tcl_create_project(self, *arguments: str) -> None:
        options, (name, folder) = self._options(arguments, "-force", "-part")
        assert name == "eie"
        assert options["part"].startswith("xc7z")
        run = Path(folder) / "eie.runs" / "impl_1"
        handoff = Path(folder) / "eie.gen" / "sources_1" / "bd" / "eie_system" / "hw_handoff"
        for place in (run, handoff):
            place.mkdir(parents=True)
        (run / "eie_system_wrapper.bit").write_text("bits")
        (handoff / "eie_system.hwh").write_text("handoff")
        self.run = run

    def tcl_current_project(self) -> str:
        return "project"

    def tcl_current_fileset(self) -> str:
        return "sources_1"

    def tcl_update_ip_catalog(self) -> None:
        (repository,) = self._list(self.properties["project"]["ip_repo_paths"])
        component = ipyxact.Component()
        component.load(str(Path(repository) / "component.xml"))
        buses = component.busInterfaces.busInterface
        is_master = masters((Path(repository) / "component.xml").read_text())
        wired = {p.physicalPort.name for bus in buses for p in bus.portMaps.portMap if bus.busType.library != "signal"}
        own = [name for name in is_master if name not in {port.name for port in component.model.ports.port}]
        ports = {p.name: p.wire.direction for p in component.model.ports.port if p.name not in wired}
        for file_set in component.fileSets.fileSet:
            assert all((Path(repository) / file.name).is_file() for file in file_set.file)
        CATALOG[f"{component.vendor}:{component.library}:{component.name}:{component.version}"] = (
            " ".join(f"{'+' * is_master[name]}{name}" for name in own),
            " ".join(f"{'+' * (direction == 'out')}{name}" for name, direction in ports.items()),
            "",
        )

    def tcl_create_bd_design(self, name: str) -> None:
        assert name == "eie_system"

    def tcl_create_bd_cell(self, *arguments: str) -> str:
        options, (name,) = self._options(arguments, "", "-type -vlnv")
        assert options["type"] == "ip"
        assert name not in self.cells
        interfaces, pins, properties = CATALOG[options["vlnv"]]
        self.cells[name] = options["vlnv"]
        for text, where in ((interfaces, self.interfaces), (pins, self.pins)):
            where.update({f"{name}/{pin.lstrip('+')}": pin.startswith("+") for pin in text.split()})
        self.known[name] = {f"CONFIG.{each}" for each in properties.split()}
        return name

    def tcl_apply_bd_automation(self, *arguments: str) -> None:
        options, (cell,) = self._options(arguments, "", "-rule -config")
        assert options["rule"] == "xilinx.com:bd_rule:processing_system7"
        assert self.cells[cell] == "xilinx.com:ip:processing_system7"
        config = self._list(options["config"])
        assert dict(zip(config[::2], config[1::2], strict=True))["make_external"] == "FIXED_IO, DDR"

    def tcl_set_property(self, *arguments: str) -> None:
        options, others = self._options(arguments, "", "-dict")
        if "dict" in options:
            pairs, (target,) = self._list(options["dict"]), others
        else:
            *pairs, target = others
        named = dict(zip(pairs[::2], pairs[1::2], strict=True))
        unknown = set(named) - self.known.get(target, set(named))
        if unknown:
            raise ValueError(f"{target} has no properties {unknown}")
        self.properties.setdefault(target, {}).update(named)
        for name, count in named.items():
            prefix = {"CONFIG.NUM_SI": "S", "CONFIG.NUM_MI": "M"}.get(name)
            for number in range(int(count) if prefix or name == "CONFIG.NUM_PORTS" else 0):
                if prefix:
                    self.interfaces[f"{target}/{prefix}{number:02}_AXI"] = prefix == "M"
                else:
                    self.pins[f"{target}/In{number}"] = False

    def _found(self, patterns: str, pins: dict[str, bool]) -> str:
        names: list[str] = []
        for pattern in self._list(patterns):
            matching = fnmatch.filter(pins, pattern)
            if not matching:
                raise ValueError(f"no pin {pattern}")
            names += matching
        return " ".join(names)

    def tcl_get_bd_pins(self, patterns: str) -> str:
        return self._found(patterns, self.pins)

    def tcl_get_bd_intf_pins(self, patterns: str) -> str:
        return self._found(patterns, self.interfaces)

    def tcl_connect_bd_intf_net(self, first: str, second: str) -> None:
        self._connect([first, second], self.interfaces)

    def tcl_connect_bd_net(self, *groups: str) -> None:
        self._connect([pin for group in groups for pin in self._list(group)], self.pins)

    def _connect(self, pins: list[str], drives: dict[str, bool]) -> None:
        (driver,) = [pin for pin in pins if drives[pin]]
        for pin in pins:
            if pin in self.nets and (pin != driver or drives is self.interfaces):
                raise ValueError(f"{pin} is connected already")
            self.nets[pin] = driver

    def tcl_assign_bd_address(self) -> None: ...

    def tcl_validate_bd_design(self) -> None:
        used = {name for name, cell in self.cells.items() if cell == "xilinx.com:ip:processing_system7"}
        unused = {f"{cell}/S_AXI_HP0{end}" for cell in used for end in ("", "_ACLK")}
        if any(self.properties[cell]["CONFIG.PCW_USE_S_AXI_HP0"] == "1" for cell in used):
            unused = set()
        open_pins = {*self.interfaces, *self.pins} - set(self.nets) - unused
        if open_pins:
            raise ValueError(f"not connected: {sorted(open_pins)}")

    def tcl_save_bd_design(self) -> None: ...

    def tcl_get_files(self, name: str) -> str:
        return f"/{name}"

    def tcl_make_wrapper(self, *arguments: str) -> str:
        options, _ = self._options(arguments, "-top", "-files")
        return options["files"].replace("eie_system.bd", "eie_system_wrapper.v")

    def tcl_add_files(self, *arguments: str) -> None:
        _, (name,) = self._options(arguments, "-norecurse")
        assert name.endswith("eie_system_wrapper.v")

    def tcl_launch_runs(self, *arguments: str) -> None:
        options, runs = self._options(arguments, "", "-to_step -jobs")
        assert (runs, options["to_step"]) == (["impl_1"], "write_bitstream")

    def tcl_wait_on_run(self, run: str) -> None:
        assert run == "impl_1"

    def tcl_get_runs(self, run: str) -> str:
        return run

    def tcl_get_property(self, name: str, of: str) -> str:
        assert of == "impl_1"
        return {"PROGRESS": "100%", "DIRECTORY": str(self.run)}[name]
