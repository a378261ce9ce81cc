"""Fault injection: what can be hit is found in the Verilog; nothing that is hit hangs; the figures add up."""

import json
from collections.abc import Iterator
from random import Random

import pytest

from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import PRESETS
from model.errors import EieError, SimulatorError
from sim.cli import main
from sim.faults.campaign import FaultyArray, Outcome, plan
from sim.faults.random_networks import random_network
from sim.faults.sites import Site, find_sites
from sim.faults.trial import Upset
from sim.rtl.simulators import SimulatorName
from sw.image.fitting import fitting_array
from tests.support.hw.rtl import simulators

NETWORK, X = random_network(0, PRESETS["tiny4"])
CONFIG = fitting_array(NETWORK, PRESETS["tiny4"])
UNITS_OF_MAPS = {
    "controller.read_generator",
    "controller.scan_generator",
    "controller.write_back_sequence",
    "pe.address_stages",
    "pe.own",
}


def test_every_memory_is_found():
    config = PRESETS["tiny4"].with_(parity=True, pes=2)
    sites = find_sites(verilog_text(config), ARRAY_MODULE)
    found = {(site.unit, site.words, site.width) for site in sites.reached if site.is_memory}
    assert found == {
        ("controller.layer_table", config.layers, 56),
        ("pe.activations.activations", 2 * config.activation_depth, 17),
        ("pe.arithmetic.accumulators", config.activation_depth, config.accumulator_bits),
        ("pe.decoder.trees", config.tree_words, 2 + config.node_bits),
        ("pe.lookup.constants", config.constant_depth, 16),
        ("pe.queue", config.queue_depth, 16 + 2 * config.pointer_bits + 1),
        ("pe.slices_0.pointers.even", config.pointer_depth // 2, config.pointer_bits + 1),
        ("pe.slices_0.pointers.odd", config.pointer_depth // 2, config.pointer_bits + 1),
        ("pe.sparse_matrix.rows", config.sparse_matrix_depth, config.row_bits + 1),
    }
    assert sum(site.is_memory for site in sites.reached) == 1 + 8 * config.pes


def test_registers_are_those_that_the_clock_changes():
    texts = verilog_text(PRESETS["tiny4"].with_(pes=1))
    names = {site.path for site in find_sites(texts, ARRAY_MODULE).reached if not site.is_memory}
    for path in (("controller", "state"), ("loader", "state"), ("pe_0", "error"), ("pe_0", "level", "count")):
        assert path in names
    assert ("pe_0", "queue", "available") not in names  # a wire


def test_a_register_without_a_declaration_is_a_fault_of_the_reader():
    text = "module top(clk);\n  always @(posedge clk)\n    lost <= 1'h1;\nendmodule\n"
    with pytest.raises(ValueError, match="wanted a declaration of the register lost"):
        find_sites({"top.v": text}, "top")


@pytest.fixture(scope="module")
def array() -> Iterator[FaultyArray]:
    faulty = FaultyArray(NETWORK, X, CONFIG, "verilator")
    yield faulty
    faulty.close()


def named(array: FaultyArray, *path: str) -> Site:
    (site,) = (site for site in array.sites.reached if site.path == path)
    return site


@pytest.mark.parametrize(
    "path",
    [
        ("controller", "state"),
        ("controller", "layer_number"),
        ("loader", "state"),
        ("loader", "layers"),
        ("pe_1", "level", "level"),
        ("pe_1", "level", "count"),
        ("pe_2", "queue", "stored"),
        ("pe_2", "issue", "slice_valid"),
    ],
    ids=".".join,
)
def test_upsets_that_used_to_hang_do_not(array: FaultyArray, path: tuple[str, ...]):
    site = named(array, *path)
    begin, end = array.reference.started, array.reference.cycles
    cycles = [begin // 2, begin + 8, (begin + end) // 2, end - 30]
    runs = [array.run(site, Upset(path, None, bit, cycle)) for bit in range(site.width) for cycle in cycles]
    assert not [(run.upset, run.how) for run in runs if run.outcome is Outcome.HANG]
    # The count of a queue is for the debug port alone: what it decides is in `level`.
    assert path[-1] == "count" or any(run.outcome is not Outcome.MASKED for run in runs)


def test_upset_layer_tables_end(array: FaultyArray):
    site = named(array, "controller", "layer_table", "memory")
    rows = range(2 * (CONFIG.activation_depth + 1).bit_length())
    runs = [array.run(site, Upset(site.path, word, bit, array.reference.started)) for word in range(3) for bit in rows]
    assert not [(run.upset, run.how) for run in runs if run.outcome is Outcome.HANG]
    assert any(run.outcome is Outcome.WRONG for run in runs)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_icarus_judges_as_verilator_does(array: FaultyArray, simulator: SimulatorName):
    """Slices and a register that go past the sparse-matrix memory, where X had no end, and a register `level`."""
    begin = array.reference.started
    pointers = ("pe_1", "slices_0", "pointers", "even", "words")
    upsets = [
        Upset(("pe_1", "issue", "final"), None, 4, 985),
        *(Upset(pointers, word, CONFIG.pointer_bits - 1, begin) for word in (9, 16)),
        *(Upset(("pe_1", "level", "level"), None, bit, begin + 20) for bit in range(2)),
    ]
    icarus = FaultyArray(NETWORK, X, CONFIG, simulator)
    try:
        for upset in upsets:
            site = named(array, *upset.path)
            seen, wanted = icarus.run(site, upset), array.run(site, upset)
            assert (seen.outcome, seen.how) == (wanted.outcome, wanted.how), upset
            assert seen.outcome is not Outcome.HANG
    finally:
        icarus.close()


def test_a_plan_is_half_memories_and_half_registers(array: FaultyArray):
    chosen = plan(array.sites, 90, array.reference, Random(1))
    assert sum(site.is_memory for site, _ in chosen) == 45
    assert {site.unit for site, _ in chosen if site.is_memory} == {s.unit for s in array.sites.reached if s.is_memory}
    assert plan(array.sites, 90, array.reference, Random(1)) == chosen
    for site, upset in chosen:
        assert upset.bit < site.width
        assert (upset.word is None) != site.is_memory
        assert upset.cycle < array.reference.cycles


def test_an_array_that_is_wrong_without_an_upset_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim.faults.campaign.unpack_outputs", lambda *_: X[0])
    with pytest.raises(SimulatorError, match="does not do what the model says"):
        FaultyArray(NETWORK, X, CONFIG, "verilator")


def test_command(capsys: pytest.CaptureFixture[str]):
    assert main(["faults", "--random", "--runs", "40", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert sum(result["outcomes"].values()) == sum(
        number for hit in result["hit"].values() for name, number in hit.items() if name != "bits"
    )
    assert sum(result["outcomes"].values()) == 40
    assert result["outcomes"]["hang"] == 0
    assert sum(result["causes"].values()) == result["outcomes"]["detected"]
    assert len(result["unmasked"]) == 40 - result["outcomes"]["masked"]


def test_command_as_a_table(capsys: pytest.CaptureFixture[str]):
    assert main(["faults", "--random", "--runs", "3"]) == 0
    assert "hang: 0 (0.0 %)" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["faults"], ["faults", "net.eie", "--random"]])
def test_one_network_is_wanted(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    assert "wanted either a network file or --random" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("parity", ["false", "true"])
def test_thousands_of_upsets(parity: str, capsys: pytest.CaptureFixture[str]):
    assert main(["faults", "--random", "--runs", "2400", "--seed", "1", "--set", f"parity={parity}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"]["hang"] == 0


def test_only_a_memory_is_hit(array: FaultyArray):
    chosen = plan(array.sites, 20, array.reference, Random(1), ["pe.sparse_matrix.rows"])
    assert {site.group for site, _ in chosen} == {"pe.sparse_matrix.rows"}
    with pytest.raises(EieError, match="--hit must name something that can be hit, got 'rows'; there is array"):
        plan(array.sites, 20, array.reference, Random(1), ["rows"])


def test_registers_of_maps_are_found():
    config = PRESETS["tiny4"].with_(pes=1, maps=True, accumulator_depth=16)
    units = {site.unit for site in find_sites(verilog_text(config), ARRAY_MODULE).reached if not site.is_memory}
    assert units >= UNITS_OF_MAPS


@pytest.mark.slow
def test_upsets_of_the_units_of_maps(capsys: pytest.CaptureFixture[str]):
    hit = [word for unit in sorted(UNITS_OF_MAPS) for word in ("--hit", f"{unit} (registers)")]
    command = ["faults", "--random", "--set", "maps=true", "--set", "accumulator_depth=64", "--runs", "200", "--json"]
    assert main([*command, *hit]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["outcomes"]["hang"] == 0
    assert result["hit"].keys() == {f"{unit} (registers)" for unit in UNITS_OF_MAPS}
