"""sim/energy/accelergy.py:
three files of Accelergy's form, and that they multiply to the energy of `sim/energy/model.py`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import yaml

from model.config import PRESETS, ArrayConfig
from sim.energy.accelergy import ARCHITECTURE, COUNTS, ERT, export
from sim.energy.events import Events
from sim.energy.memories import array_memories
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from tests.support.tools.accelergy import components, estimate

TECHNOLOGY = load_technology()

# Classes and actions of Accelergy's primitive components that are used here (its primitive_component.lib.yaml and, of
# 0.4, its library: `leak` once per cycle).
PRIMITIVE = {
    "SRAM": {"read", "write", "leak"},
    "FIFO": {"push", "pop", "leak"},
    "intadder": {"add", "leak"},
    "intmultiplier": {"multiply", "leak"},
}


def events(seed: int = 1) -> Events:
    return Events(**{name: float(seed + 7 * n) for n, name in enumerate(Events.__dataclass_fields__)})


def exported(config: ArrayConfig, counted: Events) -> dict[str, Any]:
    actions = EnergyModel.of_array(config, TECHNOLOGY).actions(counted)
    return {name: yaml.safe_load(text) for name, text in export(config, TECHNOLOGY, actions, "a test").items()}


@pytest.mark.parametrize("preset", PRESETS)
def test_counts_times_energies_are_the_models_energy(preset: str) -> None:
    config, counted = PRESETS[preset], events()
    files = exported(config, counted)
    energies = estimate(files[COUNTS]["action_counts"], files[ERT]["ERT"])
    total = EnergyModel.of_array(config, TECHNOLOGY).energy(counted).total_nj
    assert sum(energies.values()) / 1000 == pytest.approx(total, rel=1e-12)


def test_files_have_accelergys_form() -> None:
    files = exported(PRESETS["eie64"], events())
    assert set(files) == {"architecture.yaml", "action_counts.yaml", "ERT.yaml"}
    for name, top in ((ARCHITECTURE, "architecture"), (COUNTS, "action_counts"), (ERT, "ERT")):
        assert list(files[name]) == [top]
        assert files[name][top]["version"] == 0.4
    (design,) = files[ARCHITECTURE]["architecture"]["subtree"]
    assert design["attributes"] == {"technology": "45nm", "global_cycle_seconds": pytest.approx(1.25e-9)}
    for entry in files[COUNTS]["action_counts"]["local"]:
        assert set(entry) == {"name", "action_counts"}
        assert all(set(action) == {"name", "counts"} for action in entry["action_counts"])
    for entry in files[ERT]["ERT"]["tables"]:
        assert set(entry) == {"name", "actions"}
        assert all(set(action) == {"name", "arguments", "energy"} for action in entry["actions"])
        assert all(action["arguments"] == {} for action in entry["actions"])


def attributes(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """The scalars of every mapping that is called attributes, as they are written."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from attributes(each)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "attributes":
                yield from (scalar for _, scalar in value.value)
            yield from attributes(value)


def test_what_accelergy_evaluates_are_numbers() -> None:
    """It takes an attribute that is not in quotes for an expression, and stops at one that is none, such as 45nm."""
    config = PRESETS["eie64"]
    actions = EnergyModel.of_array(config, TECHNOLOGY).actions(events())
    written = list(attributes(yaml.compose(export(config, TECHNOLOGY, actions, "a test")[ARCHITECTURE])))
    assert [scalar.value for scalar in written if scalar.style == "'"] == ["45nm"]
    plain = [scalar for scalar in written if scalar.style is None]
    assert len(plain) == len(written) - 1 > 0
    assert all(np.isfinite(float(scalar.value)) for scalar in plain)


@pytest.mark.parametrize("pes", [1, 2, 64])
def test_every_component_is_described_counted_and_priced_once(pes: int) -> None:
    files = exported(PRESETS["eie64"].with_(pes=pes), events())
    described = dict(components(files[ARCHITECTURE]["architecture"]))
    assert len(described) == len(list(components(files[ARCHITECTURE]["architecture"])))
    assert all(set(component) == {"name", "class", "attributes"} for component in described.values())
    counted = [entry["name"] for entry in files[COUNTS]["action_counts"]["local"]]
    priced = [entry["name"] for entry in files[ERT]["ERT"]["tables"]]
    assert sorted(counted) == sorted(described) == sorted(priced)
    assert f"eie.PE[0..{pes - 1}].pointer_bank[0..1]" in described
    nodes = {1: 1, 2: 1, 64: 21}[pes]
    assert f"eie.leading_nonzero_node[0..{nodes - 1}]" in described
    for entry in files[ERT]["ERT"]["tables"]:
        class_name = described[entry["name"]]["class"]
        assert class_name in PRIMITIVE or class_name.startswith("eie_")
        assert {action["name"] for action in entry["actions"]} <= PRIMITIVE.get(class_name, {"cycle"})


def test_attributes_are_the_arrays() -> None:
    config = PRESETS["eie64"]
    described = dict(components(exported(config, events())[ARCHITECTURE]["architecture"]))
    memories = vars(array_memories(config))
    sizes = {"sparse_matrix": (64, 16384), "activation": (16, 1024), "accumulator": (32, 512), "constant": (16, 1024)}
    for name, (width, depth) in sizes.items():
        attributes = described[f"eie.PE[0..63].{name}"]["attributes"]
        assert (attributes["width"], attributes["depth"]) == (width, depth)
        assert attributes["width"] * attributes["depth"] == 8 * memories[name].bytes
    bank = described["eie.PE[0..63].pointer_bank[0..1]"]["attributes"]
    assert (bank["width"], bank["depth"]) == (18, 8192)
    assert described["eie.PE[0..63].activation_queue"]["attributes"] == {"datawidth": 52, "depth": 8}
    assert described["eie.PE[0..63].adder"]["attributes"] == {"datawidth": 32}


def test_counts_are_those_of_all_components_of_a_name() -> None:
    files = exported(PRESETS["eie64"], events())
    counts = {
        (entry["name"].removeprefix("eie.").removeprefix("PE[0..63]."), action["name"]): action["counts"]
        for entry in files[COUNTS]["action_counts"]["local"]
        for action in entry["action_counts"]
    }
    counted = events()
    assert counts["pointer_bank[0..1]", "read"] == 2 * counted.pointer_pairs
    assert counts["pointer_bank[0..1]", "leak"] == 2 * 64 * counted.cycles
    assert counts["clock", "cycle"] == 64 * counted.cycles
    assert counts["leading_nonzero_node[0..20]", "cycle"] == 21 * counted.cycles
    assert type(counts["clock", "cycle"]) is int


def test_means_over_several_inputs_stay_as_they_are() -> None:
    counted = Events(**{name: value / 3 for name, value in vars(events()).items()})
    files = exported(PRESETS["tiny4"], counted)
    energies = estimate(files[COUNTS]["action_counts"], files[ERT]["ERT"])
    total = EnergyModel.of_array(PRESETS["tiny4"], TECHNOLOGY).energy(counted).total_nj
    assert sum(energies.values()) / 1000 == pytest.approx(total, rel=1e-12)


def test_a_comment_is_one_line() -> None:
    actions = EnergyModel.of_array(PRESETS["tiny4"], TECHNOLOGY).actions(events())
    for text in export(PRESETS["tiny4"], TECHNOLOGY, actions, "a name\nERT: {}").values():
        assert text.startswith("# a name ERT: {}\n# Energies are in pJ")
        assert len(yaml.safe_load(text)) == 1
