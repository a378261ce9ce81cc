"""What a run took on an array: every figure there is, in the order in which tables have them.

A new figure is a method here with `@figure`; it is then in the tables of `eie simulate`, `eie bench`, `eie report` and
`eie sweep`, in their JSON and CSV and in the documentation's list of figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from model.config import ArrayConfig
from sim.energy.area import array_area
from sim.energy.components import COMPONENTS, Component
from sim.energy.events import Events
from sim.energy.model import Energy, EnergyModel
from sim.energy.technology import Technology
from sim.metrics.figure import Figure, figure

__all__ = ["FIGURES", "Metrics"]


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """A layer, a network or a layer of the paper on an array; every figure is the mean over the inputs.

    Parameters
    ----------
    config : the array that ran it, with its clock.
    events : what happened.
    technology : what that costs.
    """

    config: ArrayConfig
    events: Events
    technology: Technology

    @figure("vectors", tables=())
    def vectors(self) -> float:
        """Vectors that the array was given: inputs of a layer, positions of a convolution, steps of an LSTM."""
        return self.events.vectors

    @figure("compute", "cycles", tables=("run",))
    def compute_cycles(self) -> float:
        """Cycles from the start of a layer until its last column is broadcast."""
        return self.events.compute_cycles

    @figure("drain", "cycles", tables=("run",))
    def drain_cycles(self) -> float:
        """Cycles from there until all queues are empty."""
        return self.events.drain_cycles

    @figure("write-back", "cycles", tables=("run",))
    def write_back_cycles(self) -> float:
        """Cycles in which the outputs are written back, the pipeline's flush included."""
        return self.events.write_back_cycles

    @figure("cycles", "cycles", term="latency", tables=("run", "bench", "page"))
    def cycles(self) -> float:
        """Cycles from start to done."""
        return self.events.cycles

    @figure("us", "us", 2, term="latency")
    def microseconds(self) -> float:
        """Time from start to done at the array's clock."""
        return self.events.cycles / self.config.clock_mhz

    @figure("broadcasts", term="nonzero activations", tables=("page",))
    def broadcasts(self) -> float:
        """Active columns: those that were broadcast, since their activation is not zero."""
        return self.events.broadcasts

    @figure("stalls", "cycles", tables=("run", "bench", "page"))
    def stalls(self) -> float:
        """Cycles in which a broadcast waited for a full queue."""
        return self.events.stalls

    @figure("entries", term="stored operations", tables=("run", "bench", "page"))
    def entries(self) -> float:
        """Stored entries of active columns, fillers included."""
        return self.events.entries

    @figure("fillers", term="padding zeros", tables=("run", "bench", "page"))
    def fillers(self) -> float:
        """Entries of active columns that hold a zero, where a run of zeros was longer than an index can say."""
        return self.events.fillers

    @figure("useful", "%", 1, term="utilisation")
    def useful_efficiency(self) -> float:
        """Nonzero weights of active columns over the cycles of all PEs."""
        return self.events.useful_macs / (self.config.pes * self.events.cycles)

    @figure("balance", "%", 1, term="load balance", tables=("run", "bench", "page"))
    def balance(self) -> float:
        """Cycles in which a PE had an entry or an empty slice in its queue over the cycles of all PEs."""
        return self.events.busy_cycles / (self.config.pes * self.events.cycles)

    @figure("ideal", "cycles", tables=("run", "bench"))
    def ideal_cycles(self) -> float:
        """Entries over PEs: what perfect balance without any waiting would take."""
        return self.events.entries / self.config.pes

    @figure("cycles/ideal", "", 2, tables=("run", "bench", "page"))
    def cycles_over_ideal(self) -> float | None:
        """What imbalance, waiting and the fixed cost of a layer cost: 1 is the ideal."""
        return self.cycles / self.ideal_cycles if self.events.entries else None

    @cached_property
    def _model(self) -> EnergyModel:
        return EnergyModel.of_array(self.config, self.technology)

    @cached_property
    def energy(self) -> Energy:
        """By component."""
        return self._model.energy(self.events)

    @property
    def energy_remarks(self) -> Sequence[str]:
        """A sentence for every memory of the array unlike any that was measured for the technology."""
        return self._model.remarks

    @figure("total nJ", "nJ", 1, group="energy", tables=("energy", "front"))
    def energy_nj(self) -> float:
        """Energy from start to done, all components."""
        return self.energy.total_nj

    @figure("mW", "mW", 1, group="energy", tables=("energy", "front"), term="mean power")
    def milliwatts(self) -> float:
        """Mean power from start to done."""
        return self.energy.milliwatts

    @figure("pJ/useful MAC", "pJ", 1, group="energy", tables=("energy",))
    def pj_per_useful_mac(self) -> float | None:
        """Energy over nonzero weights of active columns; none without such a weight."""
        return self.energy.pj_per_useful_mac

    @figure("image nJ", "nJ", 1, group="energy", tables=("energy",))
    def image_nj(self) -> float:
        """DRAM energy of reading the image, in no other figure.

        Once for any number of inputs, or for every input if the memories do not hold it at once.
        """
        return self.energy.image_nj

    @figure("mm2", "mm2", 2, tables=("front",), largest=True)
    def area_mm2(self) -> float:
        """Estimated area of the array."""
        return array_area(self.config, self.technology).mm2

    @figure("nJ x us", "nJ us", 0, group="energy", tables=("front",), term="energy-delay product")
    def energy_delay_nj_us(self) -> float:
        """Energy times time."""
        return self.energy_nj * self.microseconds

    @property
    def each_vector(self) -> "Metrics":
        """The same of one vector, in the mean."""
        share = 1 / self.events.vectors
        return replace(self, events=Events(**{name: value * share for name, value in vars(self.events).items()}))

    def payload(self) -> dict[str, Any]:
        """All figures as JSON; those of energy in an object of their own, with the components."""
        energy = {figure.name: figure.get(self) for figure in FIGURES if figure.group == "energy"}
        return {
            **{figure.name: figure.get(self) for figure in FIGURES if figure.group == "work"},
            "energy": {"nanojoules": dict(self.energy.nanojoules), **energy},
        }


def _component(component: Component) -> Figure[float]:
    """The energy of a component; `sim.energy` declares them."""
    return Figure(
        lambda metrics: metrics.energy.nanojoules[component.name],
        name="_".join(component.name.replace("/", " ").replace("-", " ").split()) + "_nj",
        meaning=f"Energy of the component {component.name}.",
        heading=component.heading,
        unit="nJ",
        decimals=1,
        term="",
        group="component",
        tables=("energy",),
        largest=False,
    )


_OWN = [cast("Figure[Any]", value) for value in vars(Metrics).values() if isinstance(value, Figure)]
FIGURES: tuple[Figure[Any], ...] = (
    *(figure for figure in _OWN if figure.group == "work"),
    *map(_component, COMPONENTS.values()),
    *(figure for figure in _OWN if figure.group == "energy"),
)
