"""The networks of the Deep Compression paper's MNIST experiments, and a teacher for them."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from model.errors import EieError


def lenet_300_100() -> nn.Sequential:
    """(n, 1, 28, 28) or (n, 784) inputs to 10 outputs: 300 and 100 hidden units with ReLU."""
    return _sequential(
        flatten=nn.Flatten(),
        ip1=nn.Linear(784, 300),
        relu1=nn.ReLU(),
        ip2=nn.Linear(300, 100),
        relu2=nn.ReLU(),
        ip3=nn.Linear(100, 10),
    )


def lenet_5() -> nn.Sequential:
    """(n, 1, 28, 28) inputs to 10 outputs: Caffe's LeNet-5, without ReLU after the convolutions."""
    return _sequential(
        conv1=nn.Conv2d(1, 20, 5),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(20, 50, 5),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        ip1=nn.Linear(800, 500),
        relu1=nn.ReLU(),
        ip2=nn.Linear(500, 10),
    )


def teacher() -> nn.Sequential:
    """(n, 1, 28, 28) inputs to 10 outputs: two convolutions and a hidden layer, batch normalisation and dropout."""
    return _sequential(
        conv1=nn.Conv2d(1, 32, 5),
        pool1=nn.MaxPool2d(2),
        norm1=nn.BatchNorm2d(32),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(32, 64, 5),
        pool2=nn.MaxPool2d(2),
        norm2=nn.BatchNorm2d(64),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        drop1=nn.Dropout(0.3),
        ip1=nn.Linear(1024, 256),
        norm3=nn.BatchNorm1d(256),
        relu3=nn.ReLU(),
        drop2=nn.Dropout(0.3),
        ip2=nn.Linear(256, 10),
    )


NETWORKS = {"lenet-300-100": lenet_300_100, "lenet-5": lenet_5}


def network(name: str) -> nn.Sequential:
    """A network by its name."""
    if name not in NETWORKS:
        raise EieError(f"a network must be one of {', '.join(NETWORKS)}, got {name!r}")
    return NETWORKS[name]()


def parameter_count(name: str) -> int:
    """Weights and biases of a network."""
    untyped: Any = network(name)
    return sum(parameter.numel() for parameter in untyped.parameters())


def load_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put weights into a module; EieError unless they are exactly its own, by name and shape."""
    untyped: Any = module
    wanted = {name: tuple(parameter.shape) for name, parameter in untyped.named_parameters()}
    got = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise EieError(f"{name} must have shape {wanted.get(name, 'none')}, got {got.get(name, 'none')}")
    module.load_state_dict(weights)


def _sequential(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))
