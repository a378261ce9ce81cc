"""What a simulation says: outputs, and every figure of each layer and of the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import Cut
from sim.energy.events import Events, total_events
from sim.energy.model import Energy, EnergyModel
from sim.energy.technology import Technology
from sim.metrics.metrics import Metrics
from sim.metrics.tables import columns, headings, rows
from sim.simulation.ranges import Ranges
from sw.html import html_table


@dataclass(frozen=True)
class Pass:
    """Layers and column tiles that the array holds at once.

    layers : their names.
    load_cycles : in which they are loaded, if the host always offers a word.
    image_bits : read from DRAM for that.
    cycles : of their runs, mean per input.
    """

    layers: tuple[str, ...]
    load_cycles: int
    image_bits: float
    cycles: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What an array does with a batch of inputs.

    Parameters
    ----------
    config : of the array.
    technology : that `layers` and `total` are priced with.
    outputs : (inputs, *output shape) float32, in the network's units.
    overflow : (inputs,) bool, whether an accumulator left its range.
    saturated : (inputs,) bool, whether the input has a value beyond the bits of an activation.
    cycles : (inputs,) int64 from start to done; None where an input is several starts.
    events : of each layer by name, in execution order, mean per input; a layer cut into column tiles is several.
    load_cycles : in which an input is loaded, or all vectors that it becomes, if the host always offers a word.
    passes : what the array holds at once, one after the other; none where the host hands it vectors.
    by_host : whether the host hands the array one vector after another, and does what has no weights.
    cuts : layers that are made in parts, because a memory does not hold them whole.
    """

    config: ArrayConfig
    technology: Technology
    outputs: NDArray[np.float32]
    overflow: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    cycles: NDArray[np.int64] | None
    events: Mapping[str, Events]
    load_cycles: float
    passes: tuple[Pass, ...]
    by_host: bool
    cuts: tuple[Cut, ...] = ()

    @property
    def inputs(self) -> int:
        """How many were run."""
        return len(self.outputs)

    @cached_property
    def layers(self) -> dict[str, Metrics]:
        """Every figure of each layer, by name, in execution order."""
        return {name: self._metrics(events) for name, events in self.events.items()}

    @cached_property
    def total(self) -> Metrics:
        """Every figure of the network."""
        return self._metrics(total_events(list(self.events.values())))

    @property
    def ranges(self) -> Ranges:
        """How many inputs left a range."""
        return Ranges.of(self.saturated, self.overflow, self.config, self.cycles)

    @property
    def reload_cycles(self) -> int:
        """Of loading the second and later passes between the runs of one input."""
        return sum(each.load_cycles for each in self.passes[1:])

    def energy(self, technology: Technology | None = None) -> Energy:
        """Of the network, by component; for another technology than the run's if one is given."""
        if technology is None:
            return self.total.energy
        return EnergyModel.of_array(self.config, technology).energy(self.total.events)

    def _repr_html_(self) -> str:
        figures = columns("run", Metrics.energy_nj, Metrics.milliwatts)
        body, total = rows(self.layers, figures, self.total)
        title = (
            f"{self.config.name}, {self.config.pes} PEs at {self.config.clock_mhz:g} MHz, mean of {self.inputs} inputs"
        )
        return html_table(title, ["layer", *headings(figures)], [*body, total])

    def _metrics(self, events: Events) -> Metrics:
        return Metrics(config=self.config, events=events, technology=self.technology)
