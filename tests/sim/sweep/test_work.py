"""sim/sweep/work.py: tasks, what their records say, what they are known by."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim.sweep.work
from model.config import PRESETS
from model.errors import EieError
from sim.energy.events import Events
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import run_layer
from sim.simulation.prepare import load_with_inputs
from sim.simulation.simulate import simulate
from sim.sweep.work import FileWork, PaperWork, Parcel, Task, code_digest, run_task
from tests.support.tools.sweep import ROOMY, chain, graph

ARRAY = PRESETS["eie64"]
LAYER = PaperWork("NT-We", 1)


def task(**changes: object) -> Task:
    return replace(Task(array=ARRAY, work=LAYER, code=code_digest()), **changes)


def test_a_layers_record_is_its_benchmark_run_through_json() -> None:
    array = ARRAY.with_(pes=4, sparse_matrix_depth=16)
    record = json.loads(json.dumps(run_task(task(array=array))))
    run = run_layer(PAPER_LAYERS["NT-We"], array, 1)
    assert record["enlarged"] == run.enlarged
    assert set(run.enlarged) == {"activation_depth", "sparse_matrix_depth"}
    assert Events(**record["events"]) == run.metrics.events


@pytest.mark.parametrize("make", [chain, graph])
def test_a_networks_record_is_what_it_costs(tmp_path: Path, make: Callable[[Path], tuple[Path, Path]]) -> None:
    files = make(tmp_path)
    array = PRESETS["tiny4"].with_(**ROOMY)
    record = run_task(task(array=array, work=FileWork.of(*files)))
    compressed, inputs, _ = load_with_inputs(*files)
    run = simulate(compressed, inputs, array)
    assert record["enlarged"] == {}
    assert Events(**record["events"]) == run.total.events
    total = EnergyModel.of_array(array, load_technology()).energy(Events(**record["events"])).total_nj
    assert total == pytest.approx(sum(layer.energy_nj for layer in run.layers.values()))


def test_what_the_array_cannot_hold_is_a_record_with_the_reason(tmp_path: Path) -> None:
    files = FileWork.of(*chain(tmp_path))
    record = run_task(task(array=PRESETS["tiny4"].with_(pes=1, activation_depth=2), work=files))
    assert record == {"reason": "activation memory: the network needs 12 local activations on 1 PEs, the array has 2"}


def test_a_key_is_that_of_what_the_record_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = FileWork.of(*chain(tmp_path))
    different = [
        task(),
        task(array=ARRAY.with_(queue_depth=4)),
        task(work=PaperWork("NT-Wd", 1)),
        task(work=PaperWork("NT-We", 2)),
        task(work=files),
        task(work=replace(files, digest="another")),
        task(code="another"),
    ]
    assert len({each.key for each in different}) == len(different)
    assert task(array=ARRAY.with_(name="other", clock_mhz=1)).key == task().key
    assert task(work=replace(files, network=Path("elsewhere.eie"))).key == task(work=files).key
    before = task().key
    monkeypatch.setattr(sim.sweep.work, "library_versions", lambda: {"numpy": "0"})
    assert task().key != before


def test_metadata_of_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(sim.sweep.work, "version", lambda package: read.append(package) or "0")
    sim.sweep.work.library_versions.cache_clear()
    try:
        keys = {task(array=ARRAY.with_(queue_depth=depth)).key for depth in range(1, 50)}
    finally:
        sim.sweep.work.library_versions.cache_clear()
    assert len(keys) == 49
    assert read == list(sim.sweep.work.LIBRARIES)


def test_a_parcel_is_read_where_the_files_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.work, "_UNPACKED", {})
    (tmp_path / "here").mkdir()
    work = FileWork.of(*chain(tmp_path / "here"))
    parcel = Parcel.of(work)
    assert parcel is not None
    wanted = run_task(task(array=PRESETS["tiny4"].with_(**ROOMY), work=work))
    (tmp_path / "here").rename(tmp_path / "elsewhere")
    sim.sweep.work._files.cache_clear()
    with pytest.raises(EieError, match="cannot read"):
        work.check()
    parcel.unpack()
    assert run_task(task(array=PRESETS["tiny4"].with_(**ROOMY), work=work)) == wanted


def test_a_large_network_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = FileWork.of(*chain(tmp_path))
    monkeypatch.setattr(sim.sweep.work, "TRAVELS", 100)
    assert Parcel.of(work) is None


def test_code_that_differs_is_refused() -> None:
    with pytest.raises(EieError, match="a worker has other sources of eie than this command"):
        run_task(task(code="another"))


def test_files_that_change_are_refused(tmp_path: Path) -> None:
    network, inputs = chain(tmp_path)
    work = FileWork.of(network, inputs)
    values = np.load(inputs)
    np.save(inputs, values + 1)
    sim.sweep.work._files.cache_clear()
    with pytest.raises(EieError, match="has changed since the sweep began, or differs on a worker"):
        run_task(task(work=work))
    inputs.unlink()
    with pytest.raises(EieError, match="cannot read"):
        run_task(task(work=work))
    np.save(inputs, values[:, :5])
    with pytest.raises(EieError, match="wanted"):
        FileWork.of(network, inputs)
