"""What compressing changed of the weights that were kept."""

from pathlib import Path
from typing import Any

from sim.terminal.host_parts import PLAIN, host_parts_payload, show_host_parts
from sim.terminal.output import Output
from sim.terminal.size_tables import show_size_remarks, show_sizes
from sim.text import count
from sw.compress.pipeline import is_exact
from sw.file.sizes import FileSizes
from sw.network.compressed import CompressedNetwork
from sw.network.network import Network


def show_changes(output: Output, network: Network, compressed: CompressedNetwork) -> dict[str, Any]:
    """Say which kept weights changed, and which became 0; the same as plain values."""
    pairs = zip(network.layers, compressed.layers, strict=True)
    exact = [layer.name for layer, small in pairs if is_exact(layer, small)]
    output.line(_exact_line(exact, len(network.layers)))
    zeros = {layer.name: layer.zero_weights for layer in compressed.layers if layer.zero_weights}
    if zeros:
        listed = ", ".join(f"{count(number)} in {name}" for name, number in zeros.items())
        output.line(f"weights that were kept and share the value 0: {listed}")
    return {"exact_layers": exact, "kept_zeros": zeros}


def _exact_line(exact: list[str], layers: int) -> str:
    """Which layers took few values already, so that sharing changed none of their weights."""
    if len(exact) == layers:
        return "no weight that was kept has changed"
    if not exact:
        return "weights that were kept are shared, in every layer"
    return f"no weight that was kept has changed in {', '.join(exact)}; in the others they are shared"


def show_file(output: Output, path: Path, sizes: FileSizes, network: Network) -> dict[str, Any]:
    """What the file holds, in bytes; what is said of it as plain values."""
    show_sizes(output, str(path), sizes)
    changes = show_size_remarks(output, sizes, network)
    show_host_parts(output, network.graph, f"They run {PLAIN}; the bytes are part of the file's.")
    return changes | host_parts_payload(network.graph)
