"""The ONNX model of a part that is the host's: what may be run of it, and running it in onnxruntime.

A model comes out of a file, so only this is run: operators of ONNX's own domain, none that draws random numbers or
repeats a graph more often than the model itself says, constants inside the model, inputs and output of sizes that it
states. What it uses while it runs is bounded by `MOST_MEMORY`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.extras import pip_install
from sw.files import reason
from sw.network.host_turns import check_turns, inner_graphs
from sw.protobuf_size import check_fields

MOST_BYTES = (1 << 31) - 1  # of a model, as protobuf has it
MOST_MEMORY = 1 << 32  # bytes of all models together
MOST_ELEMENTS = 1 << 28  # of an input or output
MOST_AXES = 16
DEEPEST = 8  # graphs inside each other
OLDEST_OPSET = 7
LARGEST_WHOLE = 1 << 24  # float32 holds all whole numbers below
TYPES: dict[int, type[np.generic]] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
FLOAT = 1
# Those that run a graph as often as a value has elements, or are not a function of their inputs.
REPEATS = {"Scan", "SequenceMap"}
REFUSED = REPEATS | {
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("Bernoulli", "Multinomial", "ImageDecoder"),
}


@dataclass(frozen=True)
class HostInput:
    """What a model takes.

    name : in the model.
    shape : the model's, with its axis of the batch.
    dtype : of its elements.
    """

    name: str
    shape: tuple[int, ...]
    dtype: type[np.generic]


@dataclass(frozen=True)
class HostModel:
    """What a model says of itself.

    output : the shape of its one result, float32.
    operators : how many of each kind, those in branches included.
    """

    inputs: tuple[HostInput, ...]
    output: tuple[int, ...]
    operators: Counter[str]


@lru_cache(maxsize=1024)
def describe(model: bytes) -> HostModel:
    """What a model takes and makes; EieError unless it may be run."""
    onnx = package("onnx")
    if len(model) > MOST_BYTES:
        raise EieError(f"the model of a host's part must have at most {MOST_BYTES} bytes, got {len(model)}")
    check_fields(model, onnx.ModelProto.DESCRIPTOR)
    try:
        parsed = onnx.load_model_from_string(model)
    except Exception as error:  # whatever the installed protobuf raises
        raise EieError(f"the model of a host's part must be a whole ONNX model: {reason(error)}") from error
    check_model(onnx, parsed)
    graph = parsed.graph
    constants = {tensor.name for tensor in graph.initializer}
    if len(graph.output) != 1:
        raise EieError(f"the model of a host's part must have one output, it has {len(graph.output)}")
    output = _declared(graph.output[0])
    if output.dtype is not np.float32:
        raise EieError(f"the output of a host's part must be float32, it is {output.dtype.__name__}")
    return HostModel(
        inputs=tuple(_declared(value) for value in graph.input if value.name not in constants),
        output=output.shape,
        operators=Counter(node.op_type for node in _nodes(graph, 0)),
    )


def package(name: str) -> Any:
    """An optional package; EieError, with what to install, if it is not there."""
    try:
        return import_module(name)
    except ImportError as error:
        raise EieError(f"parts of this network are the host's, in onnxruntime: {pip_install('host')}") from error


def check_model(onnx: Any, model: Any) -> None:
    """EieError for a model of which something must not be run."""
    opsets = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    if len(opsets) != 1 or opsets[0] < OLDEST_OPSET:
        raise EieError(f"an ONNX model must use one opset, {OLDEST_OPSET} or newer, got {opsets[:8]}")
    if len(model.functions) or len(model.training_info):
        raise EieError("an ONNX model whose parts the host runs must have no functions and no training of its own")
    for node in _nodes(model.graph, 0):
        if node.domain not in ("", "ai.onnx"):
            raise EieError(f"operator {_short(node.domain)}.{_short(node.op_type)} is not ONNX's own: it is not run")
        if node.op_type in REFUSED:
            why = "it repeats a graph" if node.op_type in REPEATS else "it is not a function of its inputs"
            raise EieError(f"operator {node.op_type} of node {_short(node.name)} is not run: {why}")
        for attribute in node.attribute:
            axes = [attribute.i, *attribute.ints] if attribute.name in ("axis", "axes") else []
            if any(not -MOST_AXES <= axis < MOST_AXES for axis in axes):
                raise EieError(f"operator {node.op_type} of node {_short(node.name)} must have axes, got {axes[:8]}")
    check_turns(model.graph, {}, 1)
    for tensor in _tensors(model.graph, 0):
        if len(tensor.external_data) or tensor.data_location != onnx.TensorProto.DEFAULT:
            raise EieError(f"constant {_short(tensor.name)} of a host's part must be in the model, it is outside")


def session(model: bytes) -> Any:
    """An onnxruntime session of one thread, without words on the error stream; EieError if there can be none."""
    runtime = package("onnxruntime")
    _limit_memory()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # what onnxruntime raises has no common class
        raise EieError(f"onnxruntime must be able to run the host's parts: {_words(error)}") from error


def run_session(opened: Any, outputs: Sequence[str] | None, feeds: dict[str, NDArray[Any]]) -> list[Any]:
    """The outputs, all without names; EieError if there are none."""
    try:
        return opened.run(outputs, feeds)
    except Exception as error:  # the same
        raise EieError(f"onnxruntime must be able to run the host's parts: {_words(error)}") from error


_session = lru_cache(maxsize=1024)(session)


def run_host_model(model: bytes, sources: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """(n, ..) values, each with the elements of its input, to (n, *output) float32 without NaN, one after another."""
    found, opened = describe(model), _session(model)
    feeds = [_fed(wanted, source) for wanted, source in zip(found.inputs, sources, strict=True)]
    count = len(sources[0]) if sources else 1
    made = np.empty((count, *found.output), np.float32)
    for number in range(count):
        own = {wanted.name: np.asarray(feed[number]) for wanted, feed in zip(found.inputs, feeds, strict=True)}
        (result,) = run_session(opened, None, own)
        if result.shape != found.output:
            raise EieError(f"the result of a host's part must have shape {found.output}, it has {result.shape}")
        made[number] = result
    if np.isnan(made).any():
        raise EieError("the result of a host's part must be numbers, got NaN")
    return made


def _fed(wanted: HostInput, source: NDArray[Any]) -> NDArray[Any]:
    """(n, *shape) of the input's type; whole numbers and truth values must be such."""
    values = source.reshape(len(source), *wanted.shape)
    dtype: np.dtype[Any] = np.dtype(wanted.dtype)
    is_whole = bool((values == np.rint(values)).all() and np.abs(values).max(initial=0) < LARGEST_WHOLE)
    if dtype.kind in "ib" and not is_whole:
        raise EieError(f"the host's part takes whole numbers below {LARGEST_WHOLE}, it gets others")
    with np.errstate(over="ignore"):
        return values.astype(dtype)


@lru_cache(maxsize=1)
def _limit_memory() -> None:
    """One allocator for all sessions of this process, with an end."""
    runtime = package("onnxruntime")
    runtime.set_default_logger_severity(4)
    arena = runtime.OrtMemoryInfo("Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT)
    exactly = 1  # as large as asked for, instead of the next power of two
    limits = runtime.OrtArenaCfg({"max_mem": MOST_MEMORY, "arena_extend_strategy": exactly})
    runtime.create_and_register_allocator(arena, limits)


def _declared(value: Any) -> HostInput:
    """An input or output whose type and sizes are stated."""
    tensor = value.type.tensor_type
    sizes = tuple(size.dim_value for size in tensor.shape.dim)
    if tensor.elem_type not in TYPES or not tensor.HasField("shape"):
        raise EieError(f"value {_short(value.name)} of a host's part must be a tensor of numbers and of known sizes")
    if len(sizes) > MOST_AXES or any(size < 1 for size in sizes) or prod(sizes) > MOST_ELEMENTS:
        raise EieError(f"value {_short(value.name)} of a host's part must have known sizes, got {sizes[:8]}")
    return HostInput(value.name, sizes, TYPES[tensor.elem_type])


def _nodes(graph: Any, depth: int) -> Iterator[Any]:
    """Those of a graph and of the graphs in it."""
    if depth > DEEPEST:
        raise EieError(f"graphs must be at most {DEEPEST} deep inside each other")
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for each in inner_graphs(attribute):
                yield from _nodes(each, depth + 1)


def _tensors(graph: Any, depth: int) -> Iterator[Any]:
    """All constants."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for each in inner_graphs(attribute):
                yield from _tensors(each, depth + 1)


def _short(text: Any) -> str:
    return "".join(each if each.isprintable() else "?" for each in str(text)[:80])


def _words(error: Exception) -> str:
    """What onnxruntime says, without its prefix."""
    text = " ".join(str(error).split())
    return text.rpartition(": ")[2][:160] if len(text) > 160 else text
