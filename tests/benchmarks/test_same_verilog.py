"""benchmarks/same_verilog.py: the comparer sees every kind of difference, and says what it could not ask."""

from pathlib import Path

import pytest

from benchmarks import same_verilog
from benchmarks.same_verilog import TreeError, compare, main, write_tree

TREE = {
    "hw/verilog.py": 'def verilog_text(config, **options): return {"a.v": f"module {config}{options}\\n", "b.h": ""}\n',
    "model/config.py": 'PRESETS = {"tiny4": 4, "other": 5}\n',
}


def folder(at: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return at


def test_equal_files_are_counted(tmp_path: Path):
    files = {"tiny4/eie_pe.v": "module a\n", "eie64/eie_pe.v": "module b\n"}
    before, after = folder(tmp_path / "before", files), folder(tmp_path / "after", files)
    assert compare(before, after) == (["eie64/eie_pe.v", "tiny4/eie_pe.v"], [])


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"t/a.v": "x\ny\n"}, {"t/a.v": "x\nz\n"}, "t/a.v: differs\n  @@ -2 +2 @@\n  -y\n  +z"),
        ({"t/a.v": "x\n", "t/b.v": "y\n"}, {"t/a.v": "x\n"}, "t/b.v: only before"),
        ({"t/a.v": "x\n"}, {"t/a.v": "x\n", "t/b.v": "y\n"}, "t/b.v: only after"),
        ({"t/a.v": "x\n", "u/a.v": "y\n"}, {"t/a.v": "x\n"}, "u: gone"),
    ],
)
def test_differences(tmp_path: Path, before: dict[str, str], after: dict[str, str], wanted: str):
    assert compare(folder(tmp_path / "before", before), folder(tmp_path / "after", after))[1] == [wanted]


def test_a_new_preset_is_no_difference(tmp_path: Path):
    before = folder(tmp_path / "before", {"t/a.v": "x\n"})
    after = folder(tmp_path / "after", {"t/a.v": "x\n", "new/a.v": "y\n"})
    assert compare(before, after) == (["t/a.v"], [])


def test_a_tree_writes_its_own_verilog(tmp_path: Path):
    tree = folder(tmp_path / "tree", TREE)
    out = tmp_path / "out"
    out.mkdir()
    write_tree(tree, out)
    assert {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()} == {
        "tiny4/a.v": "module 4{}\n",
        "other/a.v": "module 5{}\n",
        "tiny4-True/a.v": "module 4{'debug': True}\n",
        **{f"tiny4-{bus}/a.v": f"module 4{{'bus': '{bus}'}}\n" for bus in ("axi", "axi-lite", "serial")},
    }


def test_a_tree_that_cannot_write(tmp_path: Path):
    tree = folder(tmp_path / "tree", TREE | {"model/config.py": 'raise ValueError("no presets")\n'})
    with pytest.raises(TreeError, match=r"^the Verilog of .* cannot be written: ValueError: no presets$"):
        write_tree(tree, tmp_path)


def test_a_revision_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["no-such-revision"]) == 2
    assert "error: git worktree no-such-revision^{commit}" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "code"), [("module a\n", 0), ("module b\n", 1)])
def test_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, code: int):
    monkeypatch.setattr(same_verilog, "write_revision", lambda _, out: folder(out, {"t/a.v": "module a\n"}))
    monkeypatch.setattr(same_verilog, "write_tree", lambda _, out: folder(out, {"t/a.v": text}))
    assert main(["HEAD"]) == code
    assert capsys.readouterr().out.endswith(f"{1 - code} files equal, {code} different\n")


def test_nothing_written_is_not_equal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(same_verilog, "write_revision", lambda *_: None)
    monkeypatch.setattr(same_verilog, "write_tree", lambda *_: None)
    assert main(["HEAD"]) == 1
