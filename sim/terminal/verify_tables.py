"""What RTL and model were compared on, as a table and as plain values."""

from collections.abc import Sequence
from typing import Any

from sim.rtl.verification import Comparison
from sim.rtl.verify import Verification
from sim.rtl.verify_layers import VerifiedLayer
from sim.terminal.output import Output
from sim.text import count

OWN = ("values", "cycles")  # with a column of their own, the others are counters


def show_verification(output: Output, found: Verification) -> None:
    """By quantity, and by layer if the host hands the array one after another."""
    where = f"{found.array.name}, {found.array.pes} PEs: RTL on {found.simulator} against the model"
    inputs = f"{count(found.inputs)} inputs"
    if found.layers:
        output.table(
            f"{where}, layer by layer, {inputs}",
            ["layer", "vectors", "values", "cycles", "counters", "result"],
            [_row(layer) for layer in found.layers],
            ["total", *_figures(found.comparisons, sum(layer.vectors for layer in found.layers)), ""],
        )
        output.line("Each layer gets what it is handed when the model runs the network; the host makes that.")
    else:
        output.table(
            f"{where}, {inputs}",
            ["quantity", "compared", "result"],
            [[item.quantity, count(item.compared), item.difference or "equal"] for item in found.comparisons],
        )
    output.line(
        f"{count(sum(found.rtl_cycles))} RTL cycles from start to done; "
        f"{count(found.simulated_cycles)} clock cycles simulated, loading included"
    )


def verification_payload(found: Verification) -> dict[str, Any]:
    """The same as plain values."""
    layers = [
        {
            "layer": layer.name,
            "groups": layer.groups,
            "vectors": layer.vectors,
            "handed": layer.handed,
            "comparisons": _plain(layer.comparisons),
            "rtl_cycles": sum(layer.rtl_cycles),
            "model_cycles": sum(layer.model_cycles),
        }
        for layer in found.layers
    ]
    return {
        "equal": found.equal,
        "comparisons": _plain(found.comparisons),
        **({"layers": layers} if layers else {}),
        "rtl_cycles": found.rtl_cycles,
        "model_cycles": found.model_cycles,
        "seconds": found.seconds,
    }


def _plain(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [
        {"quantity": item.quantity, "compared": item.compared, "difference": item.difference} for item in comparisons
    ]


def _row(layer: VerifiedLayer) -> list[str]:
    differences = [f"{item.quantity}: {item.difference}" for item in layer.comparisons if item.difference is not None]
    vectors, *figures = _figures(layer.comparisons, layer.vectors)
    if layer.vectors < layer.handed:
        vectors += f" of {count(layer.handed)}"
    return [layer.name, vectors, *figures, differences[0] if differences else "equal"]


def _figures(comparisons: Sequence[Comparison], vectors: int) -> list[str]:
    """Vectors, values, cycles and counters that were compared."""
    compared = {item.quantity: item.compared for item in comparisons}
    counters = sum(number for quantity, number in compared.items() if quantity not in OWN)
    return [count(vectors), *(count(compared.get(quantity, 0)) for quantity in OWN), count(counters)]
