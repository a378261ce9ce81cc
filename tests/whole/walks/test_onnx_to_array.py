"""A user's own convolutional network in ONNX: the array that is recommended for it, and a page of its run."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network is made with torch, the extra `train`")
pytest.importorskip("onnx", reason="and read with onnx, the extra `onnx`")
pytest.importorskip("bokeh", reason="pages need bokeh, the extra `report`")

from tests.whole.walks.conftest import User

OWN = """
import warnings

import numpy as np
import torch

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(6, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 5),
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(net.eval(), (torch.rand(1, 1, 8, 8),), "cnn.onnx", dynamo=False)
np.save("x.npy", torch.rand(4, 1, 8, 8).numpy())
"""


def test_own_convolutions_in_onnx_to_a_recommended_array_and_its_page(user: User, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    user("python own.py")
    said = user("eie compress cnn.onnx -o cnn.eie --density 0.4 --calibrate x.npy")
    assert "bytes on disk, everything included" in said.out
    assert "cnn.eie on eie64, 64 PEs, for one input" in user("eie plan cnn.eie").out

    said = user("eie simulate cnn.eie --input x.npy --preset fit --pes 2")
    (options,) = re.findall(r"^--preset fit is (.*)$", said.err, re.M)
    rest = options.replace("--set pes=2", "").replace("--preset eie64", "")
    said = user(
        f"eie sweep cnn.eie --input x.npy --preset eie64 {rest} --vary pes=2,4,8 --vary queue_depth=4,8 "
        "--best product -o points.csv --jobs 1"
    )
    assert "Pareto front of time, energy and area" in said.out
    (pes, depth) = re.findall(r"Recommended: pes=(\d), queue_depth=(\d)\. Of ", said.out)[0]
    (build,) = re.findall(r"^Build it: (.*)$", said.out, re.M)
    user(build)
    assert (tmp_path / "build" / "verilog" / "eie.f").is_file()

    chosen = f"--preset fit --pes {pes} --set queue_depth={depth}"
    said = user(f"eie report cnn.eie --input x.npy {chosen} -o page.html")
    assert said.out.startswith("page.html: ")
    assert said.out.endswith("Open it in a browser; it needs no network.\n")
    assert f"--pes {pes}" in (tmp_path / "page.html").read_text()
