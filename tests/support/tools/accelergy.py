"""What Accelergy makes of its files: names of components, and the energy of each."""

import re
from collections.abc import Iterator
from typing import Any


def components(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Accelergy flattens an architecture so: full names, and each component's description."""
    for component in node.get("local", []):
        yield prefix + component["name"], component
    for subtree in node.get("subtree", []):
        yield from components(subtree, f"{prefix}{subtree['name']}.")


def estimate(counts: dict[str, Any], table: dict[str, Any]) -> dict[str, float]:
    """Accelergy's energy estimation: a component is found by its name without indices, which must lie in its range."""
    tables = {re.sub(r"\[.*?\]", "", entry["name"]): entry for entry in table["tables"]}
    energies: dict[str, float] = {}
    for component in counts["local"]:
        entry = tables[re.sub(r"\[.*?\]", "", component["name"])]
        ranges, legal = (re.findall(r"\[(\d+)\.\.(\d+)\]", each["name"]) for each in (component, entry))
        for (first, last), (lowest, highest) in zip(ranges, legal, strict=True):
            assert int(lowest) <= int(first) <= int(last) <= int(highest)
        energy = {action["name"]: action["energy"] for action in entry["actions"]}
        energies[component["name"]] = sum(
            action["counts"] * energy[action["name"]] for action in component["action_counts"]
        )
    return energies
