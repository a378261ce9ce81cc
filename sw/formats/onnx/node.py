"""One node of an ONNX graph: its names and its attributes, all of which must be read."""

from typing import Any, cast

from model.errors import EieError
from sw.formats.onnx.tensors import check_text
from sw.network.graph import Pads, Pair


class OnnxNode:
    """A NodeProto.

    Attributes
    ----------
    what : the node in error messages.
    inputs : names; an empty one is an input that was left out.
    output : the name of the first result.
    outputs : all of them.
    """

    def __init__(self, onnx: Any, proto: Any):
        check_text(proto.name, proto.op_type, proto.domain, *proto.input, *proto.output)
        check_text(*(attribute.name for attribute in proto.attribute))
        self.operator: str = proto.op_type
        self._protos: list[Any] = list(proto.attribute)
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

    def taken_attributes(self) -> list[Any]:
        """All attributes as the library has them; they count as read."""
        self._attributes.clear()
        return self._protos

    def input(self, place: int) -> str:
        """The name of an input, empty if it is left out."""
        return self.inputs[place] if place < len(self.inputs) else ""

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value as the library gives it; it must be of the default's type, unless that is None."""
        value = self._attributes.pop(name, default)
        if default is not None and type(value) is not type(default):
            raise EieError(f"{self.what}: {name} must be of type {type(default).__name__}, got {str(value)[:80]}")
        return value

    def sizes(self, name: str, default: list[int]) -> list[int]:
        """A list of as many whole numbers of at least 0 as `default` has."""
        given: Any = self.attribute(name, None)
        return default if given is None else self._whole(name, given, len(default))

    def _whole(self, name: str, value: Any, count: int) -> list[int]:
        """An attribute's value as so many whole numbers of at least 0."""
        text = str(value)[:80]
        found = cast("list[Any]", value) if isinstance(value, list) else []
        if len(found) != count or not all(isinstance(size, int) and size >= 0 for size in found):
            raise EieError(f"{self.what}: {name} must be {count} whole numbers, got {text}")
        return found

    def only(self, name: str, *allowed: Any) -> None:
        """EieError unless an attribute has one of these values, of which the first is its default."""
        value = self.attribute(name, allowed[0])
        if value not in allowed:
            raise EieError(f"{self.what}: {name} must be {allowed[0]}, got {str(value)[:80]}")

    def windows(self, image: Pair, kernel: Pair, axes: int, *, ceil: bool = False) -> tuple[Pair, Pads, Pair]:
        """Stride, padding and dilation of windows over rows and columns; of one axis the rows are one.

        With `ceil` the count of windows is rounded up. VALID is refused then where elements are left over: there the
        operator's text has one window less than onnxruntime (`findings/onnx_valid_ceil_pooling.sh`).
        """
        ones = [1] * axes
        stride, dilation = self._both(self.sizes("strides", ones)), self._both(self.sizes("dilations", ones))
        mode, given = self.attribute("auto_pad", b"NOTSET"), self.attribute("pads", None)
        if mode not in (b"NOTSET", b"VALID", b"SAME_UPPER", b"SAME_LOWER"):
            raise EieError(f"{self.what}: auto_pad must be NOTSET, VALID or SAME, got {str(mode)[:80]}")
        over = [(size - width) % step for size, width, step in zip(image, kernel, stride, strict=True) if step]
        if ceil and mode == b"VALID" and any(over):
            raise EieError(f"{self.what}: auto_pad VALID and ceil_mode 1 leave elements over: read in two ways")
        if mode in (b"NOTSET", b"VALID"):
            pads = [0] * (2 * axes) if given is None or mode == b"VALID" else self._whole("pads", given, 2 * axes)
            top, bottom = (0, 0) if axes == 1 else (pads[0], pads[2])
            found: Pads = (top, pads[axes - 1], bottom, pads[-1])
        else:
            totals = [
                max((-(-size // step) - 1) * step + (width - 1) * apart + 1 - size, 0) if step else 0
                for size, step, width, apart in zip(image, stride, kernel, dilation, strict=True)
            ]
            more, less = [-(-total // 2) for total in totals], [total // 2 for total in totals]
            before, behind = (less, more) if mode == b"SAME_UPPER" else (more, less)
            found = (before[0], before[1], behind[0], behind[1])
        others = ((0,) * (2 * axes), self._pads(found, axes))
        if mode != b"NOTSET" and given is not None and tuple(self._whole("pads", given, 2 * axes)) not in others:
            raise EieError(f"{self.what}: auto_pad {mode.decode()} and pads {str(given)[:80]} contradict each other")
        return stride, found, dilation

    def kernel(self, axes: int) -> Pair:
        """kernel_shape, which must be given, as rows and columns."""
        return self._both(self.sizes("kernel_shape", [0] * axes))

    def _both(self, sizes: list[int]) -> Pair:
        return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])

    def _pads(self, pads: Pads, axes: int) -> tuple[int, ...]:
        """As ONNX writes them."""
        return pads if axes == 2 else (pads[1], pads[3])

    def finish(self) -> None:
        """EieError if it has an attribute that was not read."""
        if self._attributes:
            raise EieError(f"{self.what}: attribute {min(self._attributes)[:80]} is not supported")
