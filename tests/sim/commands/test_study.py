"""sim/commands/study.py with sim/study: rows are made, kept, gone on with and shown; refusals."""

import fcntl
import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import sim.mnist
import sw.training.methods.about
from sim.study.rows import LARGEST_ROW
from tests.support.networks.recipes import IMAGES, RECIPE
from tests.support.networks.small_mnist import TEST_IMAGES, write_mnist
from tests.support.tools.commands import Run, runner

METHOD = """
[method]
name = "A method"
paper = "Somebody, 2015"
published = { error = 0.016, ratio = 12.0, counted = "parameters" }
target = { error = 0.02, ratio = 20.0 }
note = "Nothing deviates."
"""
NAMES = ["first.lenet-300-100", "second.lenet-300-100"]
SHARE = """network = "lenet-300-100"

[data]
validation = 60

[[stage]]
kind = "share"
sharing.bits = 4
"""


@pytest.fixture
def eie(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in a folder with mnist/ and two recipes of a study."""
    write_mnist(tmp_path / "mnist")
    (tmp_path / "recipes").mkdir()
    body = RECIPE.format(network="lenet-300-100")
    (tmp_path / "recipes" / f"{NAMES[0]}.toml").write_text(f"{body}\n{METHOD}")
    (tmp_path / "recipes" / f"{NAMES[1]}.toml").write_text(f"{SHARE}\n{METHOD}")
    monkeypatch.setattr(sw.training.methods.about, "FOLDER", tmp_path / "recipes")
    monkeypatch.setitem(sim.mnist.COUNTS, "train", IMAGES)
    monkeypatch.setitem(sim.mnist.COUNTS, "t10k", TEST_IMAGES)
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def test_a_study_is_made_once_and_shown(eie: Run, tmp_path: Path) -> None:
    code, out, err = eie("study", "--jobs", "1", "--images", "3", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert [row["name"] for row in result["rows"]] == NAMES
    assert result["failed"] == {}
    first, second = result["rows"]
    assert first["bytes"] == (tmp_path / "study" / f"{NAMES[0]}-0.eie").stat().st_size
    assert first["integer_error"] < 0.5 < second["integer_error"]  # one learns, the other only shares what is random
    assert first["paper"]["pes"] == 64
    assert {path.suffix for path in (tmp_path / "study").iterdir()} == {".eie", ".json"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "study").iterdir()}
    code, out, err = eie("study", "--jobs", "1", "--images", "3", "--csv", "all.csv", "--plot", "page.html")
    assert code == 0
    assert "2 of 2 rows are there already" in err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "study").iterdir()}
    assert "first.lenet-300-100 *" in out
    assert "12xp" in out
    assert "AlexNet" in out
    assert len(Path("all.csv").read_text().splitlines()) == 3
    page = Path("page.html").read_text()
    assert "Somebody, 2015" in page
    assert "first.lenet-300-100: Nothing deviates." in page
    shown = eie("study", "first", "--show", "--json")
    assert [row["name"] for row in json.loads(shown[1])["rows"]] == NAMES[:1]


def test_seeds_other_recipes_and_files(eie: Run, tmp_path: Path) -> None:
    asked = ("study", "second", "--jobs", "1", "--images", "2")
    assert eie(*asked, "--seeds", "2")[0] == 0
    made = json.loads((tmp_path / "study" / f"{NAMES[1]}-1.json").read_text())
    assert made["made_by"]["command"].startswith("eie study second")
    recipe = tmp_path / "recipes" / f"{NAMES[1]}.toml"
    recipe.write_text(recipe.read_text() + "# another\n")
    code, _, err = eie(*asked, "--seeds", "2", "--show")
    assert code == 0, err
    code, out, err = eie(*asked, "--file", f"study/{NAMES[1]}-1.eie", "--json")
    assert code == 0, err
    assert "0 of 1 rows are there already" in err
    rows = json.loads(out)["rows"]
    assert [row["seed"] for row in rows] == [0, None]
    assert rows[1]["bytes"] == made["bytes"]
    assert rows[1]["method"] is None


def test_a_row_that_another_command_makes_is_left_out(eie: Run, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    with (tmp_path / "study" / f"{NAMES[1]}-0.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)  # which only an exclusive lock respects
        code, out, err = eie("study", "second", "--jobs", "1")
    assert code == 2
    assert out == "No row is there yet.\n"
    assert f"{NAMES[1]}-0: another command is making it\n" in err


def test_a_row_that_fails_leaves_the_others(eie: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipes" / f"{NAMES[0]}.toml"
    recipe.write_text(recipe.read_text().replace("validation = 60", "validation = 5000"))
    code, out, err = eie("study", "--jobs", "1", "--images", "1", "--json")
    assert code == 2
    result = json.loads(out)
    assert result["failed"] == {f"{NAMES[0]}-0": f"{IMAGES} images must be more than the 5000 set aside"}
    assert [row["name"] for row in result["rows"]] == NAMES[1:]
    assert "set aside" in err


def test_the_list(eie: Run) -> None:
    assert [each["name"] for each in json.loads(eie("study", "--list", "--json")[1])["methods"]] == NAMES
    assert "Somebody, 2015" in eie("study", "second", "--list")[1]


@pytest.mark.parametrize("content", ["{", "[1]", "{}", '{"name": 1}'])
def test_a_row_that_is_none(eie: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / f"{NAMES[1]}-0.json").write_text(content)
    code, _, err = eie("study", "second", "--show")
    assert code == 2
    assert err.startswith(f"error: study/{NAMES[1]}-0.json must be a row of eie study")
    assert LARGEST_ROW < 1 << 21


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["third"], "a method must be one of first, second, got 'third'"),
        (["--seeds", "0"], "--seeds must be from 1 to 100, got 0"),
        (["--images", "10001"], "--images must be from 1 to 10000, got 10001"),
        (["--jobs", "0"], "--jobs must be from 1 to 256, got 0"),
        (["--data", "absent"], "cannot read absent/mnist/train-images-idx3-ubyte.gz"),
        (["--plot", "no/page.html"], "cannot write no/page.html: No such file or directory"),
    ],
)
def test_refusals(eie: Run, arguments: list[str], sentence: str) -> None:
    code, _, err = eie("study", "--jobs", "1", *arguments)
    assert code == 2
    assert sentence in err


def test_without_torch_or_data(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EIE_DATA")
    code, _, err = eie("study")
    assert (code, err) == (2, "error: wanted --data DIR, the folder with mnist/, or EIE_DATA; got neither\n")
    monkeypatch.setattr("sim.commands.study.imported", lambda _: None)
    code, _, err = eie("study")
    assert code == 2
    assert err.startswith("error: eie study needs torch: pip install")
