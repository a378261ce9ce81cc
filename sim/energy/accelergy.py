"""An array and the energy of a run in the file formats of Accelergy, version 0.4.

Accelergy (Wu et al., ICCAD 2019) multiplies action counts with an energy reference table (ERT). Three YAML files say
here what docs/energy.md says in words: the parts of an array, what each of them did, and what that costs.
docs/accelergy.md lists the parts.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from model.config import ArrayConfig
from sim.energy.components import COMPONENTS, Part, lnzd_nodes
from sim.energy.memories import POINTER_BANKS
from sim.energy.model import Cost
from sim.energy.technology import Technology

VERSION = 0.4
DESIGN = "eie"
UNITS = "# Energies are in pJ; counts are those of all components of a name together, per input.\n"
_PARTS = {part.name: part for component in COMPONENTS.values() for part in component.parts}
ARCHITECTURE, COUNTS, ERT = "architecture.yaml", "action_counts.yaml", "ERT.yaml"


def export(config: ArrayConfig, technology: Technology, actions: Sequence[Cost], comment: str) -> dict[str, str]:
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
    return {name: head + yaml.dump(content, Dumper=_Dumper, sort_keys=False) for name, content in contents.items()}


class _Quoted(str):
    """Text that stays text: Accelergy takes an attribute without quotes for an expression, and 45nm is none."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes such text in quotes."""


def _in_quotes(_: yaml.SafeDumper, text: _Quoted) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", str(text), style="'")


_Dumper.add_representer(_Quoted, _in_quotes)


def component_name(config: ArrayConfig, part: str) -> str:
    """The name of a part in all files: a list over the PEs, or over the nodes of leading-nonzero detection."""
    if not _PARTS[part].per_pe:
        return f"{DESIGN}.{_local_name(config, part)}"
    return f"{DESIGN}.{_pes(config)}.{_local_name(config, part)}"


def _architecture(config: ArrayConfig, technology: Technology) -> dict[str, Any]:
    process = technology.figures["process"]
    parts = [part for part in _PARTS.values() if config.maps or not part.of_maps]
    return {
        "version": VERSION,
        "subtree": [
            {
                "name": DESIGN,
                "attributes": {
                    "technology": _Quoted(f"{process['node'].value:g}nm"),
                    "global_cycle_seconds": 1e-6 / config.clock_mhz,
                },
                "local": [_component(config, part) for part in parts if not part.per_pe],
                "subtree": [
                    {
                        "name": _pes(config),
                        "local": [_component(config, part) for part in parts if part.per_pe],
                    }
                ],
            }
        ],
    }


def _action_counts(config: ArrayConfig, actions: Sequence[Cost]) -> dict[str, Any]:
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


def _energy_reference_table(config: ArrayConfig, actions: Sequence[Cost]) -> dict[str, Any]:
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


def _component(config: ArrayConfig, part: Part) -> dict[str, Any]:
    class_name, attributes = part.accelergy(config)
    return {"name": _local_name(config, part.name), "class": class_name, "attributes": attributes}


def _local_name(config: ArrayConfig, part: str) -> str:
    if not _PARTS[part].per_pe:
        return f"{part}[0..{lnzd_nodes(config.pes) - 1}]"
    return f"{part}[0..{POINTER_BANKS - 1}]" if part == "pointer_bank" else part


def _pes(config: ArrayConfig) -> str:
    return f"PE[0..{config.pes - 1}]"


def _by_part(actions: Sequence[Cost]) -> dict[str, list[Cost]]:
    parts: dict[str, list[Cost]] = {}
    for action in actions:
        parts.setdefault(action.part, []).append(action)
    return parts


def _whole(count: float) -> int | float:
    """Counts are means over inputs; those of one input are whole numbers and look like it."""
    return int(count) if float(count).is_integer() else count
