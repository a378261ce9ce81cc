"""One node of an ONNX graph: its names and its attributes, all of which must be read."""

from typing import Any

from model.errors import EieError
from sw.formats.onnx_tensors import check_text
from sw.network.graph import Pads, Pair, Shape, both_sides


class OnnxNode:
    """A NodeProto.

    Attributes
    ----------
    what : the node in error messages.
    inputs : names; an empty one is an input that was left out.
    output : the name of the first result, of all but LSTMs the only one that may be used.
    outputs : all of them.
    """

    def __init__(self, onnx: Any, proto: Any):
        check_text(proto.name, proto.op_type, proto.domain, *proto.input, *proto.output)
        check_text(*(attribute.name for attribute in proto.attribute))
        self.operator: str = proto.op_type
        self.inputs: list[str] = list(proto.input)
        self.outputs: list[str] = list(proto.output)
        self.output: str = self.outputs[0] if self.outputs else ""
        self.name: str = proto.name or self.output
        self.what = f"{self.operator} {self.name}"
        try:
            self._attributes: dict[str, Any] = {
                attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in proto.attribute
            }
        except ValueError as error:
            raise EieError(f"{self.what}: its attributes must have values, one has not") from error

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value as the library gives it; it must be of the default's type, unless that is None."""
        value = self._attributes.pop(name, default)
        if default is not None and type(value) is not type(default):
            raise EieError(f"{self.what}: {name} must be of type {type(default).__name__}, got {str(value)[:80]}")
        return value

    def sizes(self, name: str, default: list[int]) -> list[int]:
        """A list of as many whole numbers of at least 0 as `default` has."""
        value = self.attribute(name, default)
        if len(value) != len(default) or not all(isinstance(size, int) and size >= 0 for size in value):
            raise EieError(f"{self.what}: {name} must be {len(default)} whole numbers, got {str(value)[:80]}")
        return value

    def only(self, name: str, *allowed: Any) -> None:
        """EieError unless an attribute has one of these values, of which the first is its default."""
        value = self.attribute(name, allowed[0])
        if value not in allowed:
            raise EieError(f"{self.what}: {name} must be {allowed[0]}, got {str(value)[:80]}")

    def image_size(self, shape: Shape) -> Pair:
        """The rows and columns of a value of this shape, which must have them."""
        if len(shape) != 3:
            raise EieError(f"{self.what}: it must take (n, channels, rows, columns), it gets (n, features)")
        return shape[1], shape[2]

    def windows(self, shape: Shape, kernel: Pair) -> tuple[Pair, Pads]:
        """The stride and the padding of windows over a value of this shape, the same padding on both sides."""
        image = self.image_size(shape)
        self.only("dilations", [1, 1])
        rows, columns = self.sizes("strides", [1, 1])
        mode = self.attribute("auto_pad", b"NOTSET")
        top, left, bottom, right = self.sizes("pads", [0, 0, 0, 0])
        if mode in (b"SAME_UPPER", b"SAME_LOWER"):
            totals = [
                max((-(-size // stride) - 1) * stride + width - size, 0) if stride else 0
                for size, stride, width in zip(image, (rows, columns), kernel, strict=True)
            ]
            top, left = (total // 2 for total in totals)
            bottom, right = (total - total // 2 for total in totals)
        elif mode not in (b"NOTSET", b"VALID"):
            raise EieError(f"{self.what}: auto_pad must be NOTSET, VALID or SAME, got {str(mode)[:80]}")
        if (top, left) != (bottom, right):
            raise EieError(
                f"{self.what}: padding must be the same on both sides, "
                f"got {top}, {left} before and {bottom}, {right} behind"
            )
        return (rows, columns), both_sides((top, left))

    def finish(self) -> None:
        """EieError if it has an attribute that was not read."""
        if self._attributes:
            raise EieError(f"{self.what}: attribute {min(self._attributes)[:80]} is not supported")
