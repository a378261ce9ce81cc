"""sim/commands/report.py:
`eie report` as a user runs it: the page in a real browser, the same bytes again, refusals.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sim.commands import report as module
from sim.paper import PAPER_LAYERS
from tests.support.networks.network_file import CONV_ARRAY, MAPS, write_conv_network, write_map_network, write_network
from tests.support.tools.browser import Browser, drawn
from tests.support.tools.commands import Run, runner

NETWORK = ("report", "net.eie", "--input", "x.npy", "--pes", "4", "--set", "queue_depth=3", "-o", "r.html")


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eie` in a folder with a small network and three inputs: (exit code, standard output, error stream)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    write_network()
    return runner(capsys)


def baseline(path: str, kind: str = "cpu", median: float = 50.0) -> None:
    """A file as `eie baseline` writes it, of two layers."""
    timings = [
        {"library": "numpy", "form": form, "batch": batch, "threads": threads, "median_us": median * threads}
        for form in ("dense", "CSR")
        for batch in (1, 64)
        for threads in (2, 1)
    ]
    machine = {"cpu": "a fast CPU", "date": "2026-01-01T00:00:00+00:00"}
    facts = {"gpu": {"name": "a fast GPU"}} if kind == "gpu" else {}
    layers = [{"name": name, "timings": timings} for name in ("NT-We", "Alex-6")]
    Path(path).write_text(json.dumps({**facts, "machine": machine, "layers": layers}))


def test_a_network_in_a_browser(eie: Run, chromium: Browser, tmp_path: Path) -> None:
    code, out, err = eie(*NETWORK)
    assert code == 0, err
    size = (tmp_path / "r.html").stat().st_size
    assert out == f"r.html: 2 layers, {size / 1e6:.2f} MB. Open it in a browser; it needs no network.\n"
    # Cycles and energy twice, a timeline of two plots and at least one histogram for both layers, the roofline.
    assert drawn(chromium, tmp_path / "r.html") >= 4 + 4 + 1 + 2
    text = chromium.run("return document.body.innerText")
    assert "eie report net.eie --input x.npy --pes 4 --set queue_depth=3 -o r.html" in text
    assert "2020-09-13T12:26:40+00:00" in text
    assert "Figure 5".lower() in text.lower()


def test_a_sequential_network_on_a_phone_at_night_with_its_errors(eie: Run, chromium: Browser, tmp_path: Path) -> None:
    weights = np.random.default_rng(5).normal(size=(40, 30)).astype(np.float32)
    save_file({"0.weight": np.ascontiguousarray(weights.T), "2.weight": weights[:10]}, "seq.safetensors")
    assert eie("compress", "seq.safetensors", "-o", "seq.eie", "--density", "0.4", "--calibrate", "x.npy")[0] == 0
    np.save("y.npy", np.array([1, 2, 3]))
    code, out, err = eie(
        "report", "seq.eie", "--input", "x.npy", "--labels", "y.npy", "--pes", "4", "-o", "s.html", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["layers"] == ["0 (40-30)", "2 (30-10)"]
    wrong = json.loads(eie("accuracy", "seq.eie", "--input", "x.npy", "--labels", "y.npy", "--json")[1])
    for width, dark in ((390, True), (800, False)):
        drawn(chromium, tmp_path / "s.html", width=width, dark=dark)
        background = chromium.run("return getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(20, 25, 31)" if dark else "rgb(255, 255, 255)")
    text = chromium.run("return document.body.innerText")
    for words in ("0 (40-30)", "area, estimated", "inputs saturated, overflowed\n0, 0 of 3"):
        assert words in text
    assert f"error in float32\n{100 * wrong['float32']['error']:.2f} %, {wrong['float32']['wrong']} of 3" in text
    assert f"error on the array\n{100 * wrong['integers']['error']:.2f} %, {wrong['integers']['wrong']} of 3" in text
    assert eie("report", "--bench", "--labels", "y.npy", "-o", "b.html")[0] == 2


def test_the_benchmark_with_baselines_in_a_browser(eie: Run, chromium: Browser, tmp_path: Path) -> None:
    baseline("cpu.json", median=77.5)
    baseline("gpu.json", "gpu", 33.5)
    code, out, err = eie(
        *("report", "--bench", "--layer", "NT-We", "--pes", "16", "--cpu", "cpu.json", "--gpu", "gpu.json"),
        *("-o", "b.html", "--json"),
    )
    assert code == 0, err
    result = json.loads(out)
    assert result["layers"] == ["NT-We"]
    assert result["bytes"] == (tmp_path / "b.html").stat().st_size
    assert drawn(chromium, tmp_path / "b.html") == 4 + 2 + 1 + 1
    text = chromium.run("return document.body.innerText")
    assert "a fast CPU" in text
    assert "a fast GPU" in text
    rows = {cells[0]: cells[1:] for line in text.splitlines() if len(cells := line.split("\t")) > 2}
    assert rows["measured CPU, dense"][:2] == ["1", "77.5"]
    assert rows["measured GPU, CSR"][:2] == ["1", "33.5"]
    paper = PAPER_LAYERS["NT-We"]
    assert rows["paper's EIE"][:2] == ["1", f"{paper.actual_us:.1f}"]
    assert rows["paper's GPU, CSR"][:2] == ["1", f"{paper.platform_us['gpu_batch_1'].sparse:.1f}"]


def test_a_network_with_convolutions_in_a_browser(eie: Run, chromium: Browser, tmp_path: Path) -> None:
    write_conv_network()
    code, _, err = eie("report", "conv.eie", "--input", "images.npy", *CONV_ARRAY, "-o", "c.html")
    assert code == 0, err
    assert drawn(chromium, tmp_path / "c.html") > 8
    assert "the host hands it one vector after another" in chromium.run("return document.body.innerText")


def test_figures_are_those_of_simulate(eie: Run, tmp_path: Path) -> None:
    simulated = json.loads(eie("simulate", *NETWORK[1:-2], "--json")[1])
    assert eie(*NETWORK)[0] == 0
    html = (tmp_path / "r.html").read_text()
    for layer in simulated["layers"]:
        assert f"<td>{layer['name']}</td><td>{layer['cycles']:,.1f}</td>" in html
    assert f"<dd>{simulated['total']['cycles']:,.0f}</dd>" in html
    assert f"<td>{simulated['total']['energy']['energy_nj']:,.1f}</td>" in html


def test_the_same_command_gives_the_same_bytes(eie: Run, tmp_path: Path) -> None:
    pages: list[bytes] = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", "from sim.cli import main; main()", *NETWORK], env=environment, check=True
        )
        pages.append((tmp_path / "r.html").read_bytes())
    assert pages[0] == pages[1]


def test_names_are_text_and_nothing_else(eie: Run, chromium: Browser, tmp_path: Path) -> None:
    Path("net.eie").rename("<b>&.eie")
    code, _, err = eie("report", "<b>&.eie", *NETWORK[2:])
    assert code == 0, err
    drawn(chromium, tmp_path / "r.html")
    assert chromium.run("return document.querySelector('h1').textContent") == "<b>&.eie on eie64"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report", "-o", "r.html"), "wanted a network, NET.eie, or --bench: one of them, got none"),
        (("report", "--bench", "-o", "no/r.html"), "cannot write no/r.html: No such file or directory"),
        (
            ("report", "net.eie", "--input", "x.npy", "-o", "net.eie"),
            "cannot write net.eie: it is the input net.eie, which would be lost",
        ),
        (
            (*NETWORK, "--gpu", "x.json"),
            "--gpu holds times of the layers of --bench; a network has others",
        ),
        (
            ("report", "--bench", "--cpu", "absent.json", "-o", "r.html"),
            "cannot read absent.json: No such file or directory",
        ),
    ],
)
def test_refusals(eie: Run, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = eie(*arguments)
    assert (code, out) == (2, "")
    assert err == f"error: {sentence}\n"
    assert not Path("r.html").exists()


@pytest.mark.parametrize("epoch", ["", "soon", "9" * 30, "1.5"])
def test_a_date_that_is_none(eie: Run, monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    code, _, err = eie(*NETWORK)
    assert code == 2
    assert err == f"error: SOURCE_DATE_EPOCH must be seconds since 1970, got {epoch!r}\n"


def test_without_bokeh(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "imported", lambda _: None)
    code, _, err = eie(*NETWORK)
    assert code == 2
    assert err.startswith("error: eie report needs bokeh: pip install 'bokeh>=3.6'")


def test_an_input_of_zeros(eie: Run) -> None:
    np.save("x.npy", np.zeros((1, 40), np.float32))
    code, _, err = eie(*NETWORK)
    assert code == 0, err
    assert Path("r.html").exists()


def test_an_array_with_maps(eie: Run) -> None:
    write_map_network()
    code, out, _ = eie("report", *MAPS, "-o", "r.html", "--json")
    assert code == 0
    assert {"conv", "depthwise", "sum 3 1/2", "linear"} <= set(json.loads(out)["layers"])
    assert "sum 3 1/2" in Path("r.html").read_text()
