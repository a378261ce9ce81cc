"""The suite on small networks of the benchmark's file names, and on the benchmark's own files where they are there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.config import PRESETS
from model.errors import EieError
from sim.mlperf_tiny import FOLDER, KWS_SAMPLES, KWS_SCALE, KWS_ZERO, TINY_NETWORKS
from sim.simulation.tiny_bench import Sharing, read_keywords, tiny_bench
from sw.formats.network_file import load_network
from sw.network.host_end import without_softmax

pytest.importorskip("tflite")

from tests.support.files.tflite_suite import FEATURES, LABELS, write_suite

MCU16 = PRESETS["mcu16"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_suite(tmp_path / FOLDER)
    return tmp_path


def test_every_network_is_run_or_has_its_reason(data: Path) -> None:
    found = tiny_bench(data, MCU16, samples=3, seed=5)
    runs = {run.network.task: run for run in found.runs}
    assert list(runs) == ["AD", "KWS", "IC"]
    assert "sigmoid" in found.reasons["VWW"]
    assert "cannot read" in found.reasons["SWW"] or "No such file" in found.reasons["SWW"]
    for run in runs.values():
        assert run.run.outputs.shape == (3, 3)
        assert run.run.total.cycles > 0
        assert not run.run.by_host
        assert 0 < run.error < 0.02
    assert runs["AD"].enlarged == {}
    assert runs["AD"].memory_bits == 16 * (1024 * 39 + 2048 * 13 + 1024 * 16 + 512 * 32 + 4096 * 16)


def test_fitted_weights_are_nearer_where_few_are_kept(data: Path) -> None:
    array = MCU16.with_(code_bits=3)
    ways: tuple[Sharing, ...] = ("plain", "reconstruct")
    shared, fitted = (tiny_bench(data, array, tasks=["IC"], sharing=way).runs[0] for way in ways)
    assert fitted.error < 0.8 * shared.error
    assert any("fitted on the 16 inputs" in remark for remark in fitted.remarks)


def test_scales_for_rows_bring_outputs_nearer(data: Path) -> None:
    array = MCU16.with_(code_bits=3)
    ways: tuple[Sharing, ...] = ("plain", "scale-rows")
    plain, scaled = (tiny_bench(data, array, tasks=["IC"], sharing=way).runs[0] for way in ways)
    assert scaled.error < 0.9 * plain.error
    assert any(remark.startswith("rows of weights have scales in ") for remark in scaled.remarks)
    assert scaled.run.total.cycles > plain.run.total.cycles


def test_keywords_are_counted_with_binary_points_of_the_other_half(data: Path) -> None:
    run = next(run for run in tiny_bench(data, MCU16).runs if run.network.task == "KWS")
    network = load_network(data / FOLDER / run.network.file)
    inputs, labels = read_keywords(data / FOLDER / KWS_SAMPLES)
    np.testing.assert_allclose(inputs, (FEATURES.reshape(len(FEATURES), -1) - float(KWS_ZERO)) * KWS_SCALE, rtol=1e-6)
    right = int(np.sum(network.forward(inputs).argmax(axis=1) == LABELS))
    assert np.array_equal(labels, LABELS)
    assert run.labelled is not None
    assert (run.labelled.right, run.labelled.samples) == (right, len(LABELS))
    assert 0 < right < len(LABELS)
    wanted = without_softmax(network)[0].forward(inputs[0::2][:4])
    np.testing.assert_allclose(run.run.outputs, wanted, atol=0.02 * np.abs(wanted).max())
    assert any("softmax" in remark for remark in run.remarks)


def test_small_memories_are_enlarged_and_the_outputs_stay(data: Path) -> None:
    small = MCU16.with_(sparse_matrix_depth=2, accumulator_depth=2, layers=1)
    plain, enlarged = (tiny_bench(data, array).runs[-1] for array in (MCU16, small))
    assert set(enlarged.enlarged) == {"sparse_matrix_depth", "accumulator_depth", "layers"}
    assert enlarged.memory_bits < plain.memory_bits
    np.testing.assert_array_equal(enlarged.run.outputs, plain.run.outputs)


def test_seeds_make_the_inputs(data: Path) -> None:
    first, again, other = (tiny_bench(data, MCU16, seed=seed).runs[0].run.outputs for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_cannot_be_a_suite_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(EieError, match="--samples must be 1 or more, got 0"):
        tiny_bench(data, MCU16, samples=0)
    with pytest.raises(EieError, match="whole networks take an array with maps, such as mcu16; eie64 has maps = false"):
        tiny_bench(data, PRESETS["eie64"])
    with pytest.raises(EieError, match=r"no folder .*none/mlperf_tiny: --data or EIE_DATA names the folder"):
        tiny_bench(tmp_path / "none", MCU16)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"labels": LABELS}, "must hold features_int8 and labels, it holds labels"),
        (
            {"features_int8": FEATURES.astype(np.int16), "labels": LABELS},
            "must be two inputs or more of int8, got int16",
        ),
        ({"features_int8": FEATURES, "labels": LABELS[1:]}, "one whole number for each of 40 inputs"),
    ],
)
def test_samples_that_are_none_are_refused(tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(EieError, match=f"x.npz.*{sentence}"):
        read_keywords(tmp_path / "x.npz")


def test_the_benchmarks_own_keyword_spotter(data_folder: Path, tmp_path: Path) -> None:
    """453 of 500 with the vendor's interpreter."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in (TINY_NETWORKS["KWS"].file, KWS_SAMPLES):
        source = data_folder / FOLDER / name
        if not source.is_file():
            pytest.skip(f"no {source}: the data lack MLPerf Tiny")
        (folder / name).write_bytes(source.read_bytes())
    found = tiny_bench(tmp_path, MCU16, samples=2)
    (run,) = found.runs
    assert run.labelled is not None
    assert (run.labelled.samples, run.enlarged) == (500, {})
    assert abs(run.labelled.right - 453) <= 3
    assert run.run.total.cycles < 100_000
