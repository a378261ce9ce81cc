"""The parts of a network that the host runs in onnxruntime."""

from typing import Any

from sim.terminal.operation_text import operators_text
from sim.terminal.output import Output
from sim.text import count
from sw.network.graph import Graph
from sw.network.host_model import describe
from sw.network.host_part import HostPart

PLAIN = "in float32, one input after another, with their own constants, which are not compressed"


def show_host_parts(output: Output, graph: Graph | None, remark: str) -> None:
    """A table of them and a remark, if there are any."""
    found = _parts(graph)
    if not found:
        return
    output.table(
        "parts that the host runs in onnxruntime",
        ["value", "operators", "bytes"],
        [[str(value), operators_text(describe(part.model).operators), count(len(part.model))] for value, part in found],
        ["total", "", count(sum(len(part.model) for _, part in found))],
    )
    output.line(remark + "\n")


def host_parts_payload(graph: Graph | None) -> dict[str, Any]:
    """The same as plain values; empty without any."""
    found = _parts(graph)
    parts = [
        {"value": value, "operators": dict(describe(part.model).operators), "bytes": len(part.model)}
        for value, part in found
    ]
    return {"host_parts": parts} if parts else {}


def _parts(graph: Graph | None) -> list[tuple[int, HostPart]]:
    """With the value that each makes."""
    nodes = () if graph is None else graph.nodes
    return [(value, node.operation) for value, node in enumerate(nodes, 1) if isinstance(node.operation, HostPart)]
