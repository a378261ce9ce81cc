"""What commands say of the integer datapath's precision: a table, warnings, plain values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sim.terminal.output import Output
from sw.network.integer_forward import ACCUMULATOR_BITS
from sw.network.precision import BOUND, MOST_INPUTS, LayerPrecision


def show_precision(
    output: Output,
    layers: Sequence[LayerPrecision],
    inputs: int,
    accumulator_bits: int = ACCUMULATOR_BITS,
    activation_bits: int = 16,
) -> None:
    """The table of every layer's bits and difference from float32, and a warning of each that differs by much."""
    shown = min(inputs, MOST_INPUTS)
    output.line()
    output.table(
        f"bits that integers keep, and their difference from float32 on {shown} inputs",
        ["layer", "weights, of 16", f"sums, of {accumulator_bits}", f"outputs, of {activation_bits}", "difference"],
        [
            [
                each.name,
                str(each.weight_bits),
                str(each.sum_bits),
                str(each.output_bits),
                f"{100 * each.difference:.2g} %",
            ]
            for each in layers
        ],
    )
    for each in layers:
        if each.difference > BOUND:
            output.note(
                f"warning: layer {each.name}: integers differ from float32 by {100 * each.difference:.2g} % (root mean "
                f"square of the outputs), more than {100 * BOUND:g} %"
            )


def precision_payload(layers: Sequence[LayerPrecision]) -> list[dict[str, Any]]:
    """The same as plain values."""
    return [asdict(each) for each in layers]
