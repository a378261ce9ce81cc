"""sim/mlperf_tiny.py: spot values of what others publish, and what must hold of all of it."""

from sim.mlperf_tiny import PUBLISHED, TINY_NETWORKS


def test_five_networks_in_files_of_their_own() -> None:
    assert list(TINY_NETWORKS) == ["AD", "KWS", "IC", "VWW", "SWW"]
    assert len({network.file for network in TINY_NETWORKS.values()}) == 5
    assert all(network.low < network.high for network in TINY_NETWORKS.values())


def test_spot_values() -> None:
    found = {(each.task, each.entry, each.device): each for each in PUBLISHED}
    assert len(found) == len(PUBLISHED) == 21
    zedboard = found["KWS", "fpgaConvNet", "ZedBoard"]
    assert (zedboard.inferences_s, zedboard.multipliers, zedboard.clock_mhz) == (3088, 188, 143)
    assert zedboard.division == "closed"
    arty = found["AD", "hls4ml", "Arty A7-100T"]
    assert (arty.inferences_s, arty.microjoules, arty.division) == (30690, 98, "open")
    assert found["VWW", "GAP9", "GAP9"].microjoules == 58.7


def test_results_are_of_the_networks_and_each_says_how_right_it_is() -> None:
    assert {each.task for each in PUBLISHED} < set(TINY_NETWORKS)
    assert all(each.inferences_s > 0 and each.quality for each in PUBLISHED)
    assert {each.division for each in PUBLISHED} == {"open", "closed", ""}
