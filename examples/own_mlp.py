import gzip
import os
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

import eie


def mnist(which: str) -> tuple[torch.Tensor, torch.Tensor]:  # own data: a file's numbers follow 16 and 8 bytes
    files = sorted(Path(os.environ["EIE_DATA"], "mnist").glob(f"{which}-*-ubyte.gz"))  # images, labels
    x, y = (torch.frombuffer(bytearray(gzip.decompress(file.read_bytes())), dtype=torch.uint8) for file in files)
    return x[16:].view(-1, 784) / 256, y[8:].long()


seed = torch.manual_seed(int(os.environ.get("SEED", "0"))).initial_seed()
x, y = mnist("train")
held = len(x) // 12
loader = DataLoader(TensorDataset(x[held:], y[held:]), batch_size=128, shuffle=True)
validation, test = [(x[:held], y[:held])], [mnist("t10k")]
net = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
optimizer = torch.optim.Adam(net.parameters())
for inputs, labels in (batch for _ in range(10) for batch in loader):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net(inputs), labels).backward()
    optimizer.step()
network = eie.train.compress(net, loader, validation=validation, seed=seed, progress=print)
ratio = eie.save(network, "own.eie").ratio
print(f"error {eie.train.error(net, test):.2%} dense, {eie.train.error(network, test):.2%} compressed {ratio:.1f}x")
