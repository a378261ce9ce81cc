"""The parts of an ONNX model for array and host, as a table."""

from pathlib import Path

from sim.terminal.operation_text import operators_text
from sim.terminal.output import Output
from sim.text import count
from sw.formats.onnx.partition import OnnxPart


def show_parts(path: Path, parts: list[OnnxPart], refusal: str, output: Output) -> None:
    """Every part with its place and what it costs, and why the whole is no network here."""
    output.table(
        f"{path} in parts, for one input",
        ["part", "operators", "where", "MACs", "vectors", "bytes moved"],
        [[part.name, operators_text(part.operators), part.place, *_figures(part)] for part in parts],
    )
    layers = sum(part.place != "host" for part in parts)
    known = [part.macs for part in parts if part.place != "host" and part.macs is not None]
    what = "1 layer" if layers == 1 else f"{layers} layers"
    output.line(
        f"{what} with weights for the array, {count(sum(known))} MACs of those with known sizes; the operators between "
        "them are the host's, in onnxruntime."
    )
    output.line("MACs are those of inputs and weights without zeros; bytes are of 16-bit values; ? is not known here.")
    output.line(f"As one network it is not read: {refusal}.")
    output.result(
        {
            "network": str(path),
            "whole": False,
            "wanted": refusal,
            "parts": [{**vars(part), "operators": dict(part.operators)} for part in parts],
        }
    )


def _figures(part: OnnxPart) -> list[str]:
    if part.place == "host":
        return ["", "", ""]
    return ["?" if number is None else count(number) for number in (part.macs, part.vectors, part.bytes_moved)]
