"""What of a network stays the host's when an array runs it: a softmax at its end."""

from dataclasses import replace

from sw.network.compressed import CompressedNetwork
from sw.network.graph import Graph
from sw.network.network import Network
from sw.network.operations import RANGED, Softmax


def without_softmax(network: Network) -> tuple[Network, Softmax | None]:
    """The network without a softmax at its end, and that softmax; None without one."""
    graph, softmax = _split(network.graph)
    return (network if softmax is None else replace(network, graph=graph)), softmax


def without_host_end(network: CompressedNetwork) -> tuple[CompressedNetwork, str | None]:
    """The network without a softmax at its end, its calibration kept, and that softmax in words; None without one.

    A softmax leaves the order of the outputs along its axis as it is, and arrays have no exponentials.
    """
    graph, softmax = _split(network.graph)
    if softmax is None:
        return network, None
    calibration = network.calibration
    if calibration is not None:
        assert isinstance(softmax, RANGED)  # its range is the last of the results
        calibration = replace(calibration, results=calibration.results[:-1])
    kind = "logarithm of the softmax" if softmax.log else "softmax"
    kept = replace(network, graph=graph, calibration=calibration)
    return kept, f"{kind} over axis {softmax.axis} of the outputs"


def _split(graph: Graph | None) -> tuple[Graph | None, Softmax | None]:
    if graph is None or len(graph.nodes) < 2 or graph.nodes[-1].sources != (len(graph.nodes) - 1,):
        return graph, None
    last = graph.nodes[-1].operation
    return (replace(graph, nodes=graph.nodes[:-1]), last) if isinstance(last, Softmax) else (graph, None)
