"""sim/paper.py: the published figures, spot values and what must hold between them."""

import pytest

from sim.paper import PAPER_LAYERS, Platform, Times


def test_the_nine_layers_in_the_papers_order() -> None:
    names = ["Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM"]
    assert list(PAPER_LAYERS) == names
    assert [layer.name for layer in PAPER_LAYERS.values()] == names


def test_spot_values() -> None:
    alex, vgg, lstm = PAPER_LAYERS["Alex-7"], PAPER_LAYERS["VGG-6"], PAPER_LAYERS["NT-LSTM"]
    assert (vgg.inputs, vgg.outputs, vgg.weight_density, vgg.activation_density) == (25088, 4096, 0.04, 0.183)
    assert (lstm.inputs, lstm.outputs, lstm.ideal_us, lstm.actual_us) == (1201, 2400, 6.5, 7.5)
    assert alex.platform_us["cpu_batch_1"] == Times(dense=6187.1, sparse=1282.1)
    assert alex.platform_us["gpu_batch_64"] == Times(dense=8.9, sparse=51.5)
    assert vgg.platform_us["mobile_gpu_batch_1"] == Times(dense=35427.0, sparse=4377.2)
    assert vgg.ideal_cycles == pytest.approx(22480)
    assert vgg.actual_over_ideal == pytest.approx(1.2242, abs=1e-4)


def test_geometric_mean_speedups_are_those_that_the_table_recomputes_to() -> None:
    """The paper prints 189x over the CPU and 13x over the GPU; its own table gives 194x and 13.2x."""
    assert _mean_speedup("cpu_batch_1", dense=True) == pytest.approx(194, abs=0.5)
    assert _mean_speedup("gpu_batch_1", dense=True) == pytest.approx(13.2, abs=0.05)
    assert _mean_speedup("gpu_batch_64", dense=True) == pytest.approx(0.58, abs=0.005)
    assert _mean_speedup("gpu_batch_1", dense=False) == pytest.approx(4.0, abs=0.05)


def _mean_speedup(platform: Platform, dense: bool) -> float:
    product = 1.0
    for layer in PAPER_LAYERS.values():
        times = layer.platform_us[platform]
        product *= (times.dense if dense else times.sparse) / layer.actual_us
    return product ** (1 / len(PAPER_LAYERS))
