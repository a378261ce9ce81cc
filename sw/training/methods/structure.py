"""Layers that a method replaces or makes smaller, and how a module gets the same ones when a run goes on."""

from typing import Any, TypeVar

from torch import nn

from model.errors import EieError

Kind = TypeVar("Kind", bound=nn.Module)
Structure = dict[str, dict[str, Any]]
MADE = (nn.Linear, nn.Conv2d)  # what methods make


def structure(module: nn.Module) -> Structure:
    """Every linear and convolutional layer by its name, as plain values."""
    untyped: Any = module
    return {path: _described(layer) for path, layer in untyped.named_modules() if isinstance(layer, MADE)}


def layers_of(module: nn.Module, kind: type[Kind]) -> dict[str, tuple[str, Kind]]:
    """Every layer of a kind with its name, by the name of its weights."""
    untyped: Any = module
    return {f"{path}.weight": (path, each) for path, each in untyped.named_modules() if isinstance(each, kind)}


def restructure(module: nn.Module, wanted: Structure) -> None:
    """Give a module the layers of a `structure` that was one of it, changed since; their weights are new ones."""
    for path, own in structure(module).items():
        if path not in wanted:
            inside = {name.removeprefix(f"{path}."): each for name, each in wanted.items() if _within(path, name)}
            replace(module, path, _sequential(inside))
        elif wanted[path] != own:
            replace(module, path, _layer(wanted[path]))


def replace(module: nn.Module, path: str, part: nn.Module) -> None:
    """Put `part` in the place of the module called `path`."""
    if not path:
        raise EieError(f"a layer of a module can be replaced, the module itself cannot, got a {type(module).__name__}")
    parent, _, name = path.rpartition(".")
    holder = module.get_submodule(parent)
    part.train(holder.training)
    holder.register_module(name, part)


def _within(path: str, name: str) -> bool:
    return name.startswith(f"{path}.")


def _described(layer: nn.Linear | nn.Conv2d) -> dict[str, Any]:
    bias = "bias" in dict(layer.named_parameters(recurse=False))
    if isinstance(layer, nn.Linear):
        return {"in_features": layer.in_features, "out_features": layer.out_features, "bias": bias}
    return {
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "padding_mode": layer.padding_mode,
        "bias": bias,
    }


def _layer(described: dict[str, Any]) -> nn.Module:
    kind: Any = nn.Linear if "in_features" in described else nn.Conv2d
    return kind(**described)


def _sequential(layers: Structure) -> nn.Sequential:
    made = nn.Sequential()
    for name in dict.fromkeys(path.partition(".")[0] for path in layers):
        inside = {path.removeprefix(f"{name}."): each for path, each in layers.items() if _within(name, path)}
        made.add_module(name, _sequential(inside) if inside else _layer(layers[name]))
    return made
