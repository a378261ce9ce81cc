"""The families of FPGAs: every file of this folder that says what its `FAMILY` is."""

from importlib import import_module
from pkgutil import iter_modules

from model.errors import EieError
from sim.synthesis.boards import Board
from sim.synthesis.family import Device, Family, Flow


def _found() -> list[Family]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return sorted((module.FAMILY for module in modules), key=lambda family: (family.flow is None, family.name))


FAMILIES: list[Family] = _found()
FLOWS: dict[str, Flow] = {
    device.name: family.flow for family in FAMILIES if family.flow is not None for device in family.flow.devices
}
BOARDS: dict[str, Board] = {board.name: board for family in FAMILIES for board in family.boards}


def device_named(name: str) -> tuple[Flow, Device]:
    """The device of that name and the flow for it; EieError names those there are."""
    if name not in FLOWS:
        raise EieError(f"no device {name!r}; devices: {', '.join(FLOWS)}")
    (device,) = (device for device in FLOWS[name].devices if device.name == name)
    return FLOWS[name], device


def board_named(name: str) -> Board:
    """The board of that name; EieError names those there are."""
    if name not in BOARDS:
        raise EieError(f"no board {name!r}; boards: {', '.join(BOARDS)}")
    return BOARDS[name]
