"""Models of which only parts are layers for an array, as both exporters of torch write them."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest

STEPS, TOKENS = 7, 40


def _modules() -> tuple[Any, dict[str, tuple[Any, Any]]]:
    torch: Any = pytest.importorskip("torch", reason="exports networks")
    nn, functional = torch.nn, torch.nn.functional

    class Norm(nn.Module):
        """An MLP with a layer normalisation, a GELU, and the places of its largest outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.n, self.b = nn.Linear(16, 32), nn.LayerNorm(32), nn.Linear(32, 8)

        def forward(self, x: Any) -> Any:
            y = self.b(functional.gelu(self.n(self.a(x))))
            return y, y.topk(2).values

    class Encoder(nn.Module):
        """Two encoder layers over embedded tokens, whose padding is masked."""

        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.embed, self.layers = nn.Embedding(TOKENS, 16), nn.TransformerEncoder(layer, 2)
            self.out = nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            return self.out(self.layers(self.embed(x), src_key_padding_mask=x == 0).max(1).values)

    class FileType(nn.Module):
        """Bytes as one-hot vectors, a projection, a normalisation over time, a convolution, the largest, a softmax."""

        def __init__(self) -> None:
            super().__init__()
            self.project, self.conv, self.out = nn.Linear(TOKENS, 12), nn.Conv1d(12, 20, 3), nn.Linear(20, 6)

        def forward(self, x: Any) -> Any:
            y = functional.gelu(self.project(functional.one_hot(x, TOKENS).float()))
            y = self.conv((y - y.mean(1, keepdim=True)).transpose(1, 2))
            return self.out(y.max(-1).values).softmax(-1)

    class Voice(nn.Module):
        """A frame of sound and a state: magnitudes of a convolution, an LSTM that goes on, a probability."""

        def __init__(self) -> None:
            super().__init__()
            self.spectrum = nn.Conv1d(1, 18, 16, stride=8, bias=False)
            self.conv, self.cell, self.out = nn.Conv1d(9, 8, 3), nn.LSTMCell(8, 8), nn.Linear(8, 1)

        def forward(self, x: Any, state: Any) -> Any:
            y = self.spectrum(functional.pad(x.unsqueeze(1), (8, 8), mode="reflect"))
            y = functional.relu(self.conv((y[:, :9] ** 2 + y[:, 9:] ** 2).sqrt()))
            h, c = self.cell(y.mean(-1), (state[0], state[1]))
            return self.out(h).sigmoid(), torch.stack([h, c])

    tokens = torch.tensor([[3, 1, 39, 7, 7, 0, 0]])
    return torch, {
        "norm": (Norm, (torch.randn(1, 16),)),
        "encoder": (Encoder, (tokens,)),
        "file type": (FileType, (tokens,)),
        "voice": (Voice, (torch.randn(1, 64), torch.randn(2, 1, 8))),
    }


HOST_PARTS = ("norm", "encoder", "file type", "voice")


def export_parts(name: str, exporter: str, path: Path) -> None:
    """Write one of `HOST_PARTS`."""
    torch, modules = _modules()
    if exporter == "dynamo":
        pytest.importorskip("onnxscript", reason="torch's default exporter")
    torch.manual_seed(0)
    make, inputs = modules[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            more = {"verbose": False} if exporter == "dynamo" else {}
            torch.onnx.export(make().eval(), inputs, path, dynamo=exporter == "dynamo", **more)
        finally:
            logging.disable(logging.NOTSET)


def product(size: int) -> bytes:
    """A part of the host: the elements of two values multiplied."""
    helper: Any = pytest.importorskip("onnx.helper", reason="parts of the host are ONNX models")
    values = [helper.make_tensor_value_info(name, 1, [1, size]) for name in "aby"]
    graph = helper.make_graph([helper.make_node("Mul", ["a", "b"], ["y"])], "part", values[:2], values[2:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
