"""An array and the energy of a run in the file formats of Accelergy, version 0.4.

Accelergy (Wu et al., ICCAD 2019) multiplies action counts with an energy reference table (ERT). Three YAML files say
here what docs/energy.md says in words: the parts of an array, what each of them did, and what that costs.
docs/accelergy.md lists the parts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS
from sim.energy.model import LNZD_FAN_IN, POINTER_BANKS, Action, array_memories, lnzd_nodes
from sim.energy.technology import Technology

VERSION = 0.4
DESIGN = "eie"
UNITS = "# Energies are in pJ; counts are those of all components of a name together, per input.\n"
ARCHITECTURE, COUNTS, ERT = "architecture.yaml", "action_counts.yaml", "ERT.yaml"


def export(config: ArrayConfig, technology: Technology, actions: Sequence[Action], comment: str) -> dict[str, str]:
    """The text of each file by its name.

    Parameters
    ----------
    config : the array; every part of it that has a price is a component.
    technology : named in the architecture; the prices are in the actions.
    actions : as `sim.energy.model.EnergyModel.actions` gives them, counts of all PEs together.
    comment : a line on what was run, put at the head of each file.
    """
    contents = {
        ARCHITECTURE: {"architecture": _architecture(config, technology)},
        COUNTS: {"action_counts": _action_counts(config, actions)},
        ERT: {"ERT": _energy_reference_table(config, actions)},
    }
    head = f"# {' '.join(comment.split())}\n{UNITS}"
    return {name: head + yaml.safe_dump(content, sort_keys=False) for name, content in contents.items()}


def component_name(config: ArrayConfig, part: str) -> str:
    """The name of a part in all files: a list over the PEs, or over the nodes of leading-nonzero detection."""
    if part == "leading_nonzero_node":
        return f"{DESIGN}.{_local_name(config, part)}"
    return f"{DESIGN}.{_pes(config)}.{_local_name(config, part)}"


def _architecture(config: ArrayConfig, technology: Technology) -> dict[str, Any]:
    process = technology.figures["process"]
    parts = _parts(config)
    node = parts.pop("leading_nonzero_node")
    return {
        "version": VERSION,
        "subtree": [
            {
                "name": DESIGN,
                "attributes": {
                    "technology": f"{process['node'].value:g}nm",
                    "global_cycle_seconds": 1e-6 / config.clock_mhz,
                },
                "local": [_component(config, "leading_nonzero_node", node)],
                "subtree": [
                    {
                        "name": _pes(config),
                        "local": [_component(config, part, description) for part, description in parts.items()],
                    }
                ],
            }
        ],
    }


def _action_counts(config: ArrayConfig, actions: Sequence[Action]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "local": [
            {
                "name": component_name(config, part),
                "action_counts": [{"name": action.name, "counts": _whole(action.count)} for action in mine],
            }
            for part, mine in _by_part(actions).items()
        ],
    }


def _energy_reference_table(config: ArrayConfig, actions: Sequence[Action]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "tables": [
            {
                "name": component_name(config, part),
                "actions": [{"name": action.name, "arguments": {}, "energy": action.picojoules} for action in mine],
            }
            for part, mine in _by_part(actions).items()
        ],
    }


def _parts(config: ArrayConfig) -> dict[str, tuple[str, dict[str, int]]]:
    """Class and attributes of every part; classes of Accelergy's primitive components where it has one."""
    memories: Mapping[str, tuple[str, dict[str, int]]] = {
        name: (
            "SRAM",
            {
                "width": memory.bits,
                "depth": round(8 * memory.bytes / memory.bits),
                "n_rd_ports": 0,
                "n_wr_ports": 0,
                "n_rdwr_ports": 1,
                "n_banks": 1,
            },
        )
        for name, memory in vars(array_memories(config)).items()
    }
    queue = {"datawidth": ACTIVATION_BITS + 2 * config.pointer_bits, "depth": config.queue_depth}
    return {
        "leading_nonzero_node": ("eie_leading_nonzero_node", {"fan_in": LNZD_FAN_IN}),
        "activation_queue": ("FIFO", queue),
        **memories,
        "address_adder": ("intadder", {"datawidth": 16}),
        "multiplier": ("intmultiplier", {"datawidth": 16}),
        "adder": ("intadder", {"datawidth": config.accumulator_bits}),
        "clock": ("eie_clock", {}),
        "registers": ("eie_registers", {}),
    }


def _component(config: ArrayConfig, part: str, description: tuple[str, dict[str, int]]) -> dict[str, Any]:
    class_name, attributes = description
    return {"name": _local_name(config, part), "class": class_name, "attributes": attributes}


def _local_name(config: ArrayConfig, part: str) -> str:
    if part == "leading_nonzero_node":
        return f"{part}[0..{lnzd_nodes(config.pes) - 1}]"
    return f"{part}[0..{POINTER_BANKS - 1}]" if part == "pointer_bank" else part


def _pes(config: ArrayConfig) -> str:
    return f"PE[0..{config.pes - 1}]"


def _by_part(actions: Sequence[Action]) -> dict[str, list[Action]]:
    parts: dict[str, list[Action]] = {}
    for action in actions:
        parts.setdefault(action.part, []).append(action)
    return parts


def _whole(count: float) -> int | float:
    """Counts are means over inputs; those of one input are whole numbers and look like it."""
    return int(count) if float(count).is_integer() else count
