"""Small networks of torch, one for every kind of operator, and their export to ONNX by either exporter."""

import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SIZE = 64  # rows and columns of torchvision's networks here


def _build() -> tuple[Any, Mapping[str, tuple[Callable[[], Any], tuple[tuple[int, ...], ...]]]]:
    torch: Any = pytest.importorskip("torch", reason="exports networks")
    nn, functional = torch.nn, torch.nn.functional

    class Recurrent(nn.Module):
        def __init__(self, kind: str, both: bool, layers: int, take: str):
            super().__init__()
            self.cell = getattr(nn, kind)(5, 6, num_layers=layers, bidirectional=both, batch_first=True)
            self.out, self.take = nn.Linear(6 * (1 + both), 3), take

        def forward(self, x: Any) -> Any:
            every, last = self.cell(x)
            last = last[0] if isinstance(last, tuple) else last
            if self.take == "h":
                return self.out(last[-1] if self.out.in_features == 6 else torch.cat([last[-2], last[-1]], -1))
            return self.out(every if self.take == "every" else every[:, -1])

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.d = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
            self.n, self.f = nn.BatchNorm2d(4), nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.c(x))
            x = functional.relu(self.n(self.d(x)) + x)
            return self.f(functional.adaptive_avg_pool2d(x, 1).flatten(1))

    class Before(nn.Module):
        """A batch normalisation before its convolution, dilation, slopes by channel, a transposed convolution."""

        def __init__(self) -> None:
            super().__init__()
            self.n, self.c, self.p = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=2, dilation=2), nn.PReLU(4)
            self.d = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
            self.g = nn.GroupNorm(2, 6)

        def forward(self, x: Any) -> Any:
            return self.g(self.d(self.p(self.c(functional.relu(self.n(x)))))).flatten(1)

    class Unet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(6, 3, 3, padding=1)

        def forward(self, x: Any) -> Any:
            y = functional.max_pool2d(functional.leaky_relu(self.a(x)), 2)
            y = functional.interpolate(y, scale_factor=2, mode="nearest")
            return torch.softmax(self.b(torch.cat([y, x], 1)), 1)

    class Audio(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.n = nn.Conv1d(4, 8, 5, stride=2, padding=2), nn.BatchNorm1d(8)
            self.b = nn.Conv1d(8, 8, 3, groups=8, dilation=2)
            self.cell, self.f = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 2)

        def forward(self, x: Any) -> Any:
            x = self.b(functional.relu(self.n(self.a(x))))
            x = functional.avg_pool1d(x, 2, padding=1, count_include_pad=False)
            return self.f(self.cell(x.transpose(1, 2))[0][:, -1])

    class Excite(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.a, self.b = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Linear(8, 4), nn.Linear(4, 8)

        def forward(self, x: Any) -> Any:
            x = functional.hardswish(self.c(x))
            gate = torch.sigmoid(self.b(functional.relu(self.a(x.mean((2, 3))))))[:, :, None, None]
            return (x * gate).amax((2, 3))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0)
            self.t, self.out = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.t(x).mean(1))

    class Two(nn.Module):
        """Two inputs and two outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 5), nn.Linear(6, 5), nn.Linear(5, 2)

        def forward(self, x: Any, y: Any) -> Any:
            z = torch.tanh(self.a(x) + self.b(y))
            return self.c(z), z

    functions = {
        "relu6": nn.ReLU6(), "hardswish": nn.Hardswish(), "silu": nn.SiLU(), "gelu": nn.GELU(),
        "tanh gelu": nn.GELU("tanh"), "elu": nn.ELU(), "selu": nn.SELU(), "celu": nn.CELU(0.7), "mish": nn.Mish(),
        "hardtanh": nn.Hardtanh(-0.5, 0.7),
        "log_softmax": nn.LogSoftmax(1), "layer_norm": nn.LayerNorm(12), "batch_norm": nn.BatchNorm1d(12),
        "hardsigmoid": nn.Hardsigmoid(), "softsign": nn.Softsign(),
    }  # fmt: skip
    modules: dict[str, tuple[Callable[[], Any], tuple[tuple[int, ...], ...]]] = {
        f"function {name}": (
            lambda function=function: nn.Sequential(nn.Linear(10, 12), function, nn.Linear(12, 4)),
            ((2, 10),),
        )
        for name, function in functions.items()
    }
    for kind, both, layers, take in (
        ("LSTM", False, 2, "h"), ("LSTM", True, 1, "last"), ("GRU", False, 1, "last"), ("GRU", True, 2, "h"),
        ("RNN", True, 1, "every"), ("GRU", False, 2, "every"),
    ):  # fmt: skip
        name = f"{kind.lower()}{' both' * both} {take}"
        modules[name] = (lambda own=(kind, both, layers, take): Recurrent(*own), ((2, 7, 5),))
    modules |= {
        "residual": (Residual, ((1, 3, 8, 8),)),
        "before": (Before, ((2, 3, 8, 8),)),
        "u-net": (Unet, ((1, 2, 8, 8),)),
        "audio": (Audio, ((2, 4, 30),)),
        "excite": (Excite, ((2, 3, 16, 16),)),
        "attention": (Attention, ((2, 6, 16),)),
        "two": (Two, ((1, 4), (1, 6))),
    }
    return torch, modules


MODULES = (
    *(f"function {name}" for name in ("relu6", "hardswish", "silu", "gelu", "tanh gelu", "elu", "selu", "celu")),
    *(f"function {name}" for name in ("mish", "hardtanh", "log_softmax", "layer_norm", "batch_norm")),
    *(f"function {name}" for name in ("hardsigmoid", "softsign")),
    "lstm h", "lstm both last", "gru last", "gru both h", "rnn both every", "gru every",
    "residual", "before", "u-net", "audio", "excite", "attention", "two",
)  # fmt: skip


def _torchvision(torch: Any) -> Any:
    """torchvision's networks, which use nothing of its compiled part.

    Packages of PyPI have that for CUDA; torch without CUDA cannot load it, and importing torchvision then misses
    operators, which are declared here.
    """
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision, networks that people have, is not installed")
    try:
        return import_module("torchvision.models")
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return import_module("torchvision.models")


def export(name: str, exporter: str, path: Path) -> dict[str, tuple[int, ...]]:
    """Write the network to an ONNX file; the shapes of its inputs by name, with the batch first.

    Weights and the statistics of batch normalisations are random, so that nothing is left out unseen.
    """
    torch, modules = _build()
    if exporter == "dynamo":
        pytest.importorskip("onnxscript", reason="torch's default exporter")
    torch.manual_seed(0)
    if name.startswith("torchvision."):
        module, shapes = getattr(_torchvision(torch), name.partition(".")[2])(weights=None), ((1, 3, SIZE, SIZE),)
    else:
        make, shapes = modules[name]
        module = make()
    module.eval()
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 1.5)
    names = [f"x{place}" for place in range(len(shapes))]
    inputs = tuple(torch.randn(*shape) for shape in shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            more = {"verbose": False} if exporter == "dynamo" else {}
            torch.onnx.export(module, inputs, path, input_names=names, dynamo=exporter == "dynamo", **more)
        finally:
            logging.disable(logging.NOTSET)
    return dict(zip(names, shapes, strict=True))
