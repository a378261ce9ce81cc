"""A part of a network that no operation here is: the host runs it, as an ONNX model, in onnxruntime."""

from dataclasses import dataclass
from math import prod

from model.errors import EieError
from sw.network.host_model import describe


@dataclass(frozen=True, kw_only=True)
class HostPart:
    """One value of others, by an ONNX model that holds its own constants and nothing of an array's layers.

    Parameters
    ----------
    model : the model's bytes (`sw.network.host_model`). Its inputs are the values in their order, each as the model
        declares it: the same elements in its own axes and type, those of one input.
    shape : of the result, the elements of the model's one output.
    """

    model: bytes
    shape: tuple[int, ...]

    @property
    def sources(self) -> int:
        """How many values it takes."""
        return len(describe(self.model).inputs)

    def result_shape(self, what: str, *sources: tuple[int, ...]) -> tuple[int, ...]:
        """`shape`; EieError unless the model is one that may be run, and fits."""
        found = describe(self.model)
        if len(sources) != len(found.inputs):
            raise EieError(f"{what}: its model takes {len(found.inputs)} values, it gets {len(sources)}")
        for source, wanted in zip(sources, found.inputs, strict=True):
            if prod(source) != prod(wanted.shape):
                raise EieError(f"{what}: its model takes a value of {wanted.shape}, it gets {source}")
        if not self.shape or min(self.shape) < 1 or prod(self.shape) != prod(found.output):
            raise EieError(f"{what}: its model makes a value of {found.output}, it must be of {self.shape}")
        return self.shape
