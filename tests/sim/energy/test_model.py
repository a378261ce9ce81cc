"""sim/energy/model.py: what is counted, what it costs, and the memories of an array."""

from dataclasses import replace

import numpy as np
import pytest

from hw.control.leading_nonzero import RADIX
from model.config import PRESETS, ArrayConfig
from sim.energy.check import PAPER_MEMORIES
from sim.energy.components import COMPONENTS, LNZD_FAN_IN, lnzd_nodes
from sim.energy.events import Events, total_events
from sim.energy.memories import Memory, array_memories
from sim.energy.model import NARROW, EnergyModel
from sim.energy.technology import load_technology
from sim.simulation.image_run import ImageRun, run_image
from sim.simulation.prepare import lay_out
from sw.compress.pipeline import compress
from sw.image.maps.build import build_map_image
from sw.image.stream import encode_image
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Graph, Node
from sw.network.layer import Layer
from sw.network.network import Network
from tests.support.networks.random_networks import make_layer

NONE = Events(**dict.fromkeys(Events.__dataclass_fields__, 0.0))


def run(config: ArrayConfig) -> ImageRun:
    rng = np.random.default_rng(7)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((12, 9), (5, 12))]
    layers = [Layer(f"fc{n}", w, np.ones(len(w), np.float32), relu=n == 0) for n, w in enumerate(weights)]
    inputs = rng.uniform(0, 1, (3, 9)).astype(np.float32)
    inputs[:, ::2] = 0
    image, _ = lay_out(compress(Network(tuple(layers)), density=0.3), inputs, config)
    return run_image(image, inputs)


@pytest.mark.parametrize("skip", [False, True])
def test_events_of_the_first_layer_counted_by_hand(skip: bool) -> None:
    config = PRESETS["tiny4"].with_(skip_empty_slices=skip)
    simulation = run(config)
    layer = simulation.image.layers[0]
    sizes = np.diff(layer.pointers, axis=1)
    weights = np.concatenate([[0], np.cumsum(layer.codes != 0)])
    nonzeros = np.diff(weights[layer.pointers + layer.offsets[:-1, None]], axis=1)
    columns = [np.flatnonzero(row) for row in simulation.activations]
    events = simulation.events["fc0"]
    useful = np.mean([nonzeros[:, active].sum() for active in columns])
    slices = np.mean([4 * active.size for active in columns])
    queued = np.mean([np.count_nonzero(sizes[:, active]) for active in columns]) if skip else slices
    assert useful > 0
    assert (queued < slices) == skip
    assert events.pointer_pairs == pytest.approx(slices)
    assert events.queue_writes == pytest.approx(queued)
    assert events.entries == pytest.approx(np.mean([sizes[:, active].sum() for active in columns]))
    assert events.useful_macs == pytest.approx(useful)
    write_backs = 4 * 3  # 12 outputs
    assert events.macs == events.accumulator_writes == pytest.approx(useful + write_backs)
    assert events.activation_writes == write_backs
    assert events.activation_reads == 4 * (3 + 2)  # 9 inputs are three rows, and two are read ahead
    assert events.cycles == np.mean([result.layers[0].cycles for result in simulation.runs])


def test_the_total_is_the_sum_of_the_layers() -> None:
    simulation = run(PRESETS["tiny4"])
    layers = list(simulation.events.values())
    total = total_events(layers)
    assert len(layers) == 2
    assert total.cycles == pytest.approx(simulation.cycles_per_input)
    assert total.row_reads == layers[0].row_reads + layers[1].row_reads > 0
    assert total.image_bits == 32 * (len(encode_image(simulation.image)) - 1)
    model = EnergyModel.of_array(PRESETS["tiny4"], load_technology())
    energies = [model.energy(events) for events in (*layers, total)]
    for component in COMPONENTS:
        parts = [energy.nanojoules[component] for energy in energies]
        assert parts[2] == pytest.approx(parts[0] + parts[1])
        assert parts[2] > 0


def test_two_broadcasts_copy_the_pointers_and_parity_widens_memories() -> None:
    array = PRESETS["eie64"]
    memories, with_parity = array_memories(array), array_memories(array.with_(parity=True))
    assert with_parity.sparse_matrix.bits == memories.sparse_matrix.bits + 1 == 65
    assert with_parity.sparse_matrix.bytes == 16384 * 65 / 8
    assert with_parity.pointer_bank.bits == memories.pointer_bank.bits + 1
    assert with_parity.activation == memories.activation
    leaks: list[dict[str, float]] = []
    for lanes in (1, 2):
        model = EnergyModel.of_array(array.with_(broadcasts_per_cycle=lanes), load_technology())
        actions = model.actions(replace(NONE, cycles=1.0))
        leaks.append({action.part: action.count for action in actions if action.name == "leak"})
    assert leaks[0]["pointer_bank"] == 2 * 64
    assert leaks[1] == leaks[0] | {"pointer_bank": 4 * 64}


MEMORY_PJ = {"constant": 0.359279, "read": 0.359279, "write": 0.576069}


@pytest.mark.parametrize(
    ("event", "component", "picojoules"),
    [
        ("queue_writes", "activation queue", 0.576 + 0.359),
        ("pointer_pairs", "pointer read", 2 * 9.17274),
        ("row_reads", "sparse-matrix read", 32.2859),
        ("entries", "arithmetic unit", 0.05),
        ("macs", "arithmetic unit", 0.6 + 0.1 + MEMORY_PJ["constant"]),
        ("macs", "activation read/write", MEMORY_PJ["read"]),
        ("accumulator_writes", "activation read/write", MEMORY_PJ["write"]),
        ("activation_reads", "activation read/write", 2.75566),
        ("activation_writes", "activation read/write", 4.23915),
        ("cycles", "leading-nonzero detection", 21 * 0.023 / 0.8),
        ("cycles", "clock", 64 * 1.874 / 0.8),
        ("cycles", "registers", 64 * 1.026 / 0.8),
    ],
)
def test_an_event_costs_what_the_technology_says(event: str, component: str, picojoules: float) -> None:
    model = EnergyModel(PAPER_MEMORIES, pes=64, clock_mhz=800, technology=load_technology())
    energy = model.energy(replace(NONE, **{"cycles": 1.0, event: 3000.0}))
    free = model.energy(replace(NONE, cycles=1.0 if event != "cycles" else 0.0))
    assert energy.nanojoules[component] - free.nanojoules[component] == pytest.approx(3 * picojoules, rel=1e-6)
    for other in set(COMPONENTS) - {component}:
        if event not in ("cycles", "macs"):
            assert energy.nanojoules[other] == free.nanojoules[other]


def test_memories_leak_for_as_long_as_the_arrays_clock_takes() -> None:
    technology = load_technology()
    fast, slow = (
        EnergyModel(PAPER_MEMORIES, pes=64, clock_mhz=clock, technology=technology).energy(replace(NONE, cycles=1e6))
        for clock in (800.0, 80.0)
    )
    milliwatts = 0.00937484 + 2 * 0.00130728 + 0.00018898 + 2 * 0.00001528
    assert fast.microseconds == pytest.approx(1250)
    assert fast.nanojoules["leakage"] == pytest.approx(64 * milliwatts * 1250)
    assert slow.nanojoules["leakage"] == pytest.approx(10 * fast.nanojoules["leakage"])
    assert slow.nanojoules["clock"] == fast.nanojoules["clock"]


def test_power_and_energy_per_useful_mac() -> None:
    model = EnergyModel(PAPER_MEMORIES, pes=1, clock_mhz=100, technology=load_technology())
    energy = model.energy(replace(NONE, cycles=200, row_reads=50, useful_macs=40, image_bits=1000))
    assert energy.total_nj == pytest.approx(sum(energy.nanojoules.values()))
    assert energy.milliwatts == pytest.approx(energy.total_nj / 2)
    assert energy.pj_per_useful_mac == pytest.approx(25 * energy.total_nj)
    assert energy.image_nj == pytest.approx(20)
    assert model.energy(replace(NONE, cycles=200)).pj_per_useful_mac is None
    assert energy.total_nj == model.energy(replace(NONE, cycles=200, row_reads=50)).total_nj


def test_memories_are_those_of_the_array() -> None:
    memories = array_memories(PRESETS["eie64"])
    assert memories.sparse_matrix == Memory(128 * 1024, 64)
    assert memories.pointer_bank == Memory(8192 * 18 / 8, 18)
    assert memories.activation == Memory(2048, 16)
    assert memories.accumulator == Memory(2048, 32)
    assert memories.constant == Memory(2048, 16)
    wider = array_memories(PRESETS["eie64"].with_(row_bits=128, sparse_matrix_depth=8192, accumulator_bits=40))
    assert wider.sparse_matrix == Memory(128 * 1024, 128)
    assert wider.accumulator == Memory(2560, 40)


def test_a_memory_unlike_the_measured_ones_is_said() -> None:
    technology = load_technology()
    assert EnergyModel.of_array(PRESETS["eie64"], technology).remarks == []
    (remark,) = EnergyModel.of_array(PRESETS["eie64"].with_(row_bits=1024), technology).remarks
    assert remark.startswith(
        "sparse matrix memory: 2,097,152 bytes, 1024 bits wide, lies outside the memories measured"
    )


def test_a_wider_row_costs_more_per_read_and_less_per_bit() -> None:
    technology = load_technology()
    reads = [
        EnergyModel.of_array(PRESETS["eie64"].with_(row_bits=bits, sparse_matrix_depth=(1 << 20) // bits), technology)
        .energy(replace(NONE, row_reads=1000))
        .nanojoules["sparse-matrix read"]
        for bits in (32, 64, 128, 256, 512)
    ]
    assert reads == pytest.approx([25.3015, 32.2859, 50.2566, 73.7616, 97.7725])


def test_nodes_of_the_detection_tree() -> None:
    assert LNZD_FAN_IN == RADIX
    assert [lnzd_nodes(pes) for pes in (1, 4, 5, 16, 64, 256)] == [1, 1, 3, 5, 21, 85]


def test_energy_is_the_sum_of_the_actions() -> None:
    events = replace(NONE, **{name: float(number + 3) for number, name in enumerate(Events.__dataclass_fields__)})
    model = EnergyModel.of_array(PRESETS["eie64"], load_technology())
    actions, energy = model.actions(events), model.energy(events)
    for component in COMPONENTS:
        mine = [action.count * action.picojoules for action in actions if action.component == component]
        assert energy.nanojoules[component] == pytest.approx(sum(mine) / 1000), component
        assert mine
    assert len({(action.part, action.name) for action in actions}) == len(actions)


def test_with_maps_accumulators_have_a_depth_of_their_own() -> None:
    config = PRESETS["mcu16"]
    memories = array_memories(config)
    assert memories.accumulator == Memory(512 * config.accumulator_bits / 8, config.accumulator_bits)
    words = {config.row_bits: 1024, config.pointer_bits: 2048, 16: 1024 + 4096, config.accumulator_bits: 512}
    assert memories.bits == sum(bits * depth for bits, depth in words.items())


def padded_convolution(pes: int) -> ImageRun:
    """3 x 3 taps on a map of 5 x 4 with padding, two channels to three, nothing zero."""
    layer = make_layer(1, (3, 2, 3, 3), 1.0, convolution=Convolution(padding=(1, 1, 1, 1)))
    graph = Graph(input_shape=(2, 5, 4), nodes=(Node(ApplyLayer(), (0,)),))
    inputs = np.random.default_rng(0).uniform(1, 2, (2, 40)).astype(np.float32)
    network = calibrate(CompressedNetwork(layers=(layer,), graph=graph), inputs)
    array = PRESETS["mcu16"].with_(pes=pes)
    return run_image(build_map_image(network, array, smallest=True), inputs)


def test_address_stages_of_a_padded_convolution_by_hand() -> None:
    simulation = padded_convolution(1)
    (events,) = simulation.events.values()
    assert events.mapped == 9 * 20 * 2 * 3
    assert events.off_map == events.mapped - (3 * 5 - 2) * (3 * 4 - 2) * 2 * 3
    technology = load_technology(None)
    model = EnergyModel.of_array(simulation.image.config, technology)
    costs = {(cost.part, cost.name): cost for cost in model.actions(events)}
    products, sums = costs["map_multiplier", "multiply"], costs["map_adder", "add"]
    assert (products.count, sums.count) == (2 * events.mapped, 4 * events.mapped - 2 * events.off_map)
    assert products.picojoules == technology.event("multiply") * 10 / 16
    assert {"map_multiplier", "map_adder"}.isdisjoint(
        cost.part for cost in EnergyModel.of_array(PRESETS["tiny4"], technology).actions(events)
    )


def test_without_maps_nothing_is_mapped() -> None:
    for events in run(PRESETS["tiny4"]).events.values():
        assert (events.mapped, events.off_map) == (0, 0)


def test_8_bit_activations_halve_their_memory_and_a_product_which_is_assumed() -> None:
    array, technology = PRESETS["eie64"], load_technology()
    narrow = array.with_(activation_bits=8)
    before, after = array_memories(array), array_memories(narrow)
    assert after == replace(before, activation=Memory(before.activation.bytes / 2, 8))
    costs = [
        {
            (action.part, action.name): action.picojoules
            for action in EnergyModel.of_array(each, technology).actions(NONE)
        }
        for each in (array, narrow)
    ]
    changed = {key for key, value in costs[0].items() if costs[1][key] != value}
    assert changed <= {
        ("multiplier", "multiply"),
        ("activation", "read"),
        ("activation", "write"),
        ("activation", "leak"),
    }
    assert costs[1]["multiplier", "multiply"] == technology.event("multiply") / 2
    assert NARROW in EnergyModel.of_array(narrow, technology).remarks
