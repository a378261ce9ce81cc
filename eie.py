"""An open, verified EIE-style accelerator: compress a network and run it on an array, cycle for cycle, in a few lines.

>>> import eie
>>> network = eie.compress("network.safetensors", density=0.1, calibration=inputs)
>>> run = eie.simulate(network, inputs, eie.preset("eie64"))
>>> run.total.cycles

A name is imported when it is first used, from the module where its documentation is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.config import ArrayConfig, preset
    from model.errors import EieError
    from sim.cli import main
    from sim.rtl.places import open_place
    from sim.rtl.verify import verify
    from sim.simulation.bench import bench
    from sim.simulation.simulate import simulate
    from sw.compress.pipeline import compress
    from sw.file.model_file import load, save
    from sw.formats.assumptions import Assumptions
    from sw.host.driver import Accelerator
    from sw.network.calibrate import calibrate
    from sw.training import own_module as train

__all__ = [
    "Accelerator",
    "ArrayConfig",
    "Assumptions",
    "EieError",
    "bench",
    "calibrate",
    "compress",
    "load",
    "main",
    "open_place",
    "preset",
    "save",
    "simulate",
    "train",
    "verify",
]

HOMES = {
    "Accelerator": "sw.host.driver:Accelerator",
    "ArrayConfig": "model.config:ArrayConfig",
    "Assumptions": "sw.formats.assumptions:Assumptions",
    "EieError": "model.errors:EieError",
    "bench": "sim.simulation.bench:bench",
    "calibrate": "sw.network.calibrate:calibrate",
    "compress": "sw.compress.pipeline:compress",
    "load": "sw.file.model_file:load",
    "main": "sim.cli:main",
    "open_place": "sim.rtl.places:open_place",
    "preset": "model.config:preset",
    "save": "sw.file.model_file:save",
    "simulate": "sim.simulation.simulate:simulate",
    "train": "sw.training.own_module",
    "verify": "sim.rtl.verify:verify",
}

# In a wheel this file is the package `eie` and holds the others; in a checkout they stand beside it (setup.py).
INSIDE = f"{__name__}." if __package__ else ""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = HOMES[name].partition(":")
    home = import_module(INSIDE + module)
    value = getattr(home, attribute) if attribute else home
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
