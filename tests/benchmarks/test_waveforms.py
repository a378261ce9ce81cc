"""benchmarks/waveforms.py: the pictures on the pages are what the hardware does, and show what the pages say of it."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import waveforms
from model.registers import VERSION


def test_pictures_on_the_pages_are_of_this_hardware() -> None:
    pages = "".join((waveforms.FOLDER / name).read_text() for name in ("axi.md", "../host.md"))
    for name, text in waveforms.drawings().items():
        assert (waveforms.FOLDER / name).read_text() == text, "python -m benchmarks.waveforms"
        assert f"{name})" in pages
        assert ElementTree.fromstring(text).tag.endswith("svg")


def test_a_write_is_answered_after_two_cycles_and_a_read_after_five() -> None:
    write, _ = waveforms.axi_write()
    asked = [write[name].index(1) for name in ("awvalid", "wvalid")]
    assert asked == [2, 2]
    assert write["bvalid"].index(1) == write["reg_write"].index(1) == 4
    read, _ = waveforms.axi_read()
    assert (read["arvalid"].index(1), read["rvalid"].index(1)) == (2, 7)
    assert read["(rdata)"][7] == VERSION


def test_streams_carry_every_word_once() -> None:
    levels, cycles = waveforms.axi_stream()
    for valid, ready, data in (("tvalid", "tready", "(tdata)"), ("array valid", "array ready", "(array data)")):
        words = [levels[data][cycle] for cycle in range(cycles) if levels[valid][cycle] and levels[ready][cycle]]
        assert words == [0xA0, 0xA1, 0xA2, 0xA3, 0xA4]
    window, _ = waveforms.window()
    first = window["i.valid"].index(1)
    assert (window["(i.payload)"][first], window["i_last"][first]) == (0x22 << 32 | 0x11, 1)
    assert first == window["(address)"].index(33) + 3  # the piece before was 4 earlier


def test_a_stale_picture_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waveforms, "FOLDER", tmp_path)
    monkeypatch.setattr(waveforms, "PICTURES", {"axi_read.svg": waveforms.PICTURES["axi_read.svg"]})
    assert waveforms.main(["--check"]) == 1
    assert capsys.readouterr().out == "axi_read.svg is stale\n"
    assert waveforms.main([]) == 0
    assert waveforms.main(["--check"]) == 0
