"""The configuration of a Keras layer: every field that changes its result must be read."""

from typing import Any, cast

from model.errors import EieError

# Of how a layer is trained or made, not of what it computes.
TRAINING = (
    "name", "trainable", "dtype", "build_config", "batch_input_shape", "batch_shape", "activity_regularizer",
    "momentum", "synchronized", "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "seed",
    "noise_shape", "implementation", "unroll", "dropout", "recurrent_dropout", "unit_forget_bias", "use_cudnn",
    "zero_output_for_mask", "rate", "stddev", "l1", "l2", "autocast", "input_dim", "batch_size", "input_length",
)  # fmt: skip
ENDS = ("_initializer", "_regularizer", "_constraint")
FLOATS = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")


def listed(value: Any) -> list[Any]:
    """A list of JSON; for anything else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def fields_of(value: Any) -> dict[str, Any]:
    """An object of JSON; for anything else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def shown(value: Any) -> str:
    """What came, at most so much of it that a sentence stays one."""
    return str(value)[:80]


class Config:
    """The fields of one layer.

    Attributes
    ----------
    what : the layer in error messages.
    kind : its class.
    """

    def __init__(self, layer: Any):
        self.fields = fields_of(layer)
        self.kind = str(self.fields.get("class_name", ""))[:80]
        config: Any = self.fields.get("config")
        self._left: dict[str, Any] = dict(fields_of(config))
        self.name = self._left.get("name", self.fields.get("name", ""))
        self.what = f"layer {str(self.name)[:80]} ({self.kind})"
        if not isinstance(self.name, str) or not isinstance(config, dict):
            raise EieError(f"{self.what}: it must have a name and a configuration")
        registered, module = self.fields.get("registered_name"), str(self.fields.get("module") or "keras")
        if registered not in (None, self.kind) or module.partition(".")[0] not in ("keras", "tf_keras", "builtins"):
            raise EieError(f"{self.what}: a class that is not Keras's own cannot be read, got {str(registered)[:80]}")
        self._check_dtype(self._left.get("dtype"))

    def take(self, name: str, default: Any = None) -> Any:
        """A field's value, which must be of the default's type, unless that is None."""
        value = self._left.pop(name, default)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if default is not None and type(value) is not type(default):
            raise EieError(f"{self.what}: {name} must be of type {type(default).__name__}, got {str(value)[:80]}")
        return value

    def sizes(self, name: str, count: int, default: int | None = None) -> tuple[int, ...]:
        """So many whole numbers of at least 1, or one for all."""
        value: Any = self._left.pop(name, default)
        found = [value] * count if isinstance(value, int) else listed(value)
        if len(found) != count or not all(type(size) is int and 1 <= size < 1 << 24 for size in found):
            raise EieError(f"{self.what}: {name} must be {count} whole numbers, got {shown(value)}")
        return tuple(found)

    def only(self, name: str, *allowed: Any) -> None:
        """EieError unless a field has one of these values, of which the first is its default."""
        value = self._left.pop(name, allowed[0])
        if not any(type(value) is type(each) and value == each for each in allowed):
            raise EieError(f"{self.what}: {name} must be {allowed[0]}, got {str(value)[:80]}")

    def finish(self) -> None:
        """EieError if it has a field that was not read and may change the result."""
        for name, value in self._left.items():
            # A field that is None asks for nothing.
            if name not in TRAINING and not name.endswith(ENDS) and value is not None:
                raise EieError(f"{self.what}: {name[:80]} is not supported, got {str(value)[:80]}")

    def _check_dtype(self, dtype: Any) -> None:
        config: Any = fields_of(fields_of(dtype).get("config")).get("name") if isinstance(dtype, dict) else dtype
        if config is not None and config not in FLOATS:
            raise EieError(f"{self.what}: its numbers must be floating-point, got {str(config)[:80]}")
