"""Names of layers as a reader sees them: the "0" and "2" of a torch Sequential say nothing without their sizes."""

from collections.abc import Mapping, Sequence

from sw.network.compressed import CompressedLayer


def shown_names(layers: Sequence[CompressedLayer]) -> Mapping[str, str]:
    """What stands for each name: a number with its sizes behind it, "0 (784-300)"; any other name as it is."""
    return {layer.name: f"{layer.name} ({_sizes(layer)})" if _is_number(layer.name) else layer.name for layer in layers}


def shown_name(name: str, names: Mapping[str, str]) -> str:
    """The same for a layer of a run, which may be a tile "0 1/2" of one."""
    whole, _, tile = name.rpartition(" ")
    return f"{names[whole]} {tile}" if whole in names and name not in names else names.get(name, name)


def _is_number(name: str) -> bool:
    return name.rpartition(".")[2].isdecimal()


def _sizes(layer: CompressedLayer) -> str:
    if layer.convolution is None:
        return f"{layer.shape[1]}-{layer.shape[0]}"
    outputs, inputs, rows, columns = layer.shape
    return f"{inputs * layer.convolution.groups}-{outputs}, {rows}x{columns}"
