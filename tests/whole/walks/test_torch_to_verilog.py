"""A user's own torch network becomes Verilog: a script of theirs, then commands that earlier ones print."""

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from tests.whole.walks.conftest import User

OWN = """
import numpy as np
import torch

import eie

torch.manual_seed(0)
x = torch.rand(600, 40)
y = (x[:, :20].sum(1) > x[:, 20:].sum(1)).long()
loader = [(x[i : i + 50], y[i : i + 50]) for i in range(0, 500, 50)]
net = torch.nn.Sequential(torch.nn.Linear(40, 24), torch.nn.ReLU(), torch.nn.Linear(24, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for inputs, labels in (batch for _ in range(20) for batch in loader):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net(inputs), labels).backward()
    optimizer.step()
recipe = eie.train.recipe(density=0.3, epochs=8)
network = eie.train.compress(net, loader, recipe, progress=print)
print(f"{eie.save(network, 'own.eie').bytes} bytes, {eie.train.error(network, [(x[500:], y[500:])]):.0%} wrong")
np.save("x.npy", x[500:503].numpy())
"""


def test_own_perceptron_in_torch_to_verilog(user: User, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    said = user("python own.py").out
    assert "prune: epoch 4 of 4, loss" in said
    assert "fine-tune: epoch 2 of 2" in said
    size, wrong = re.findall(r"(\d+) bytes, (\d+)% wrong", said)[0]
    assert int(size) == (tmp_path / "own.eie").stat().st_size
    assert int(wrong) < 20

    said = user("eie simulate own.eie --input x.npy --preset fit --pes 2 -o y.npy")
    (options,) = re.findall(r"^--preset fit is (.*)$", said.err, re.M)
    assert "eie64, 2 PEs, mean of 3 inputs" in said.out

    user(f"eie config {options} -o array.toml")
    said = user("eie verilog --config array.toml -o verilog")
    assert "verilog: eie64, 2 PEs" in said.out
    files = (tmp_path / "verilog" / "eie.f").read_text().split()
    assert {*files, "eie_registers.h", "manifest.json"} == {path.name for path in (tmp_path / "verilog").iterdir()} - {
        "eie.f"
    }
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not here: the Verilog was written, not run")
    user(f"iverilog -g2005 -t null {' '.join(f'verilog/{name}' for name in files)}")
    said = user("eie verify own.eie --input x.npy --config array.toml --sim icarus")
    assert "equal" in said.out
