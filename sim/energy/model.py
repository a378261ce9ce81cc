"""The energy of a run, from its event counts and a technology, in the units of the EIE paper's Table II."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.config import ArrayConfig
from sim.energy.components import COMPONENTS, Priced, parts_of
from sim.energy.events import Events
from sim.energy.memories import POINTER_BANKS, PeMemories, array_memories
from sim.energy.technology import Sram, Technology

NARROW = "a product of 8 x 16 bits is assumed to take half the energy of one of 16 x 16"


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of `Events`.

    Parameters
    ----------
    nanojoules : by component, in the order of `COMPONENTS`.
    microseconds : that it took.
    useful_macs : see `Events`.
    image_nj : nJ to read the image from DRAM, in no other figure.
    """

    nanojoules: Mapping[str, float]
    microseconds: float
    useful_macs: float
    image_nj: float

    @property
    def total_nj(self) -> float:
        return sum(self.nanojoules.values())

    @property
    def milliwatts(self) -> float:
        """Mean power from start to done."""
        return self.total_nj / self.microseconds

    @property
    def pj_per_useful_mac(self) -> float | None:
        """None without a useful multiply-accumulate."""
        return 1000 * self.total_nj / self.useful_macs if self.useful_macs else None


@dataclass(frozen=True)
class Cost:
    """An action of a run, and what it costs.

    Parameters
    ----------
    component : of `COMPONENTS`, in which its energy is reported.
    part : what did it: a memory, by its name in `PeMemories`, or a piece of logic.
    name : what it did.
    count : how often, all PEs together, mean per input.
    picojoules : of each.
    """

    component: str
    part: str
    name: str
    count: float
    picojoules: float


class EnergyModel:
    """Prices the events of an array.

    Parameters
    ----------
    memories : of each PE.
    pes : processing elements.
    clock_mhz : turns cycles into the time over which memories leak.
    technology : what an event costs.
    pointer_copies : pairs of pointer banks in a PE.
    maps : whether the array has address stages.
    activation_bits : with 8 a multiplication takes half of one of 16 bits, which a remark says.
    """

    def __init__(
        self,
        memories: PeMemories,
        *,
        pes: int,
        clock_mhz: float,
        technology: Technology,
        pointer_copies: int = 1,
        maps: bool = False,
        activation_bits: int = 16,
    ):
        self._maps = maps
        self.remarks: list[str] = []  # a sentence for every memory unlike any that was measured, and what is assumed
        srams: dict[str, Sram] = {}
        for name, memory in vars(memories).items():
            sram, measured = technology.sram(memory.bytes, memory.bits)
            srams[name] = sram
            if not measured:
                what = f"{name.replace('_', ' ')} memory: {memory.bytes:,.0f} bytes, {memory.bits} bits wide"
                self.remarks.append(
                    f"{what}, lies outside the memories measured for {technology.name}; the nearest between them "
                    f"stands for it: {sram.bytes:,.0f} bytes, {sram.bits:.0f} bits"
                )
        self._array = Priced(
            pes=pes,
            clock_mhz=clock_mhz,
            technology=technology,
            srams=srams,
            pointer_banks=POINTER_BANKS * pointer_copies,
            activation_bits=activation_bits,
        )
        if activation_bits == 8:
            self.remarks.append(NARROW)

    @classmethod
    def of_array(cls, config: ArrayConfig, technology: Technology) -> "EnergyModel":
        """For the memories of `docs/contract/architecture.md`, section 3."""
        return cls(
            array_memories(config),
            pes=config.pes,
            clock_mhz=config.clock_mhz,
            technology=technology,
            pointer_copies=config.broadcasts_per_cycle,
            maps=config.maps,
            activation_bits=config.activation_bits,
        )

    def actions(self, events: Events) -> tuple[Cost, ...]:
        """Every action that has a price, by component."""
        return tuple(
            Cost(
                component.name,
                part.name,
                action.name,
                action.count(events, self._array),
                action.picojoules(self._array),
            )
            for component in COMPONENTS.values()
            for part in parts_of(component, self._maps)
            for action in part.actions
        )

    def energy(self, events: Events) -> Energy:
        """By component: the sum of its actions."""
        picojoules: dict[str, float] = dict.fromkeys(COMPONENTS, 0.0)
        for action in self.actions(events):
            picojoules[action.component] += action.count * action.picojoules
        return Energy(
            nanojoules={component: value / 1000 for component, value in picojoules.items()},
            microseconds=events.cycles / self._array.clock_mhz,
            useful_macs=events.useful_macs,
            image_nj=events.image_bits * self._array.technology.event("dram_bit") / 1000,
        )
