"""What of a network stays the host's when an array runs it: a softmax at its end."""

from dataclasses import replace

from sw.network.compressed import CompressedNetwork
from sw.network.operations import RANGED, Softmax


def without_host_end(network: CompressedNetwork) -> tuple[CompressedNetwork, str | None]:
    """The network without a softmax at its end, its calibration kept, and that softmax in words; None without one.

    A softmax leaves the order of the outputs along its axis as it is, and arrays have no exponentials.
    """
    graph = network.graph
    if graph is None or len(graph.nodes) < 2 or graph.nodes[-1].sources != (len(graph.nodes) - 1,):
        return network, None
    last = graph.nodes[-1].operation
    if not isinstance(last, Softmax):
        return network, None
    calibration = network.calibration
    if calibration is not None:
        assert isinstance(last, RANGED)  # its range is the last of the results
        calibration = replace(calibration, results=calibration.results[:-1])
    kept = replace(network, graph=replace(graph, nodes=graph.nodes[:-1]), calibration=calibration)
    kind = "logarithm of the softmax" if last.log else "softmax"
    return kept, f"{kind} over axis {last.axis} of the outputs"
