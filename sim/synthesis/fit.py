"""Which arrays for a network fit on an FPGA, and how fast they run it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from sim.simulation.image_run import run_image
from sim.synthesis.family import Device, Flow, Measured
from sim.synthesis.memories import array_block_rams, pe_multipliers
from sw.image.build import build_image
from sw.image.fitting import fitting_array
from sw.network.compressed import CompressedNetwork

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64)
FILLED = 0.9  # share of the lookup tables beyond which nothing routes


@dataclass(frozen=True, kw_only=True)
class Fit:
    """An array sized for a network, on a device.

    config : its memories hold the network, and no more.
    block_rams, multipliers : counted, as yosys maps them; block_rams 0 for an array that cannot hold the network.
    comb, clock_mhz : estimated from the arrays of the family that were measured; clock_mhz None where nothing places
        and routes the family, and `config` then keeps the clock of the array asked for.
    cycles : mean per input from start to done; 0 for an array that does not fit.
    misfits : what is missing, a sentence each; empty for an array that fits.
    """

    config: ArrayConfig
    block_rams: int
    multipliers: int
    comb: int
    clock_mhz: float | None
    cycles: float
    misfits: tuple[str, ...]

    @property
    def per_second(self) -> float:
        """Inputs per second, loading of the next not counted; 0 where no clock is known."""
        return 1e6 * self.clock_mhz / self.cycles if self.cycles and self.clock_mhz else 0.0

    @property
    def rank(self) -> float:
        """The larger the faster: inputs per second, or per cycle where no clock is known."""
        return self.per_second or (1 / self.cycles if self.cycles else 0.0)


def fits(
    network: CompressedNetwork,
    inputs: NDArray[np.float32],
    base: ArrayConfig,
    flow: Flow,
    device: Device,
    sizes: Sequence[int] = SIZES,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Fit]:
    """Every size of array in turn; `advance` is told when one is done.

    An array with `maps` of a size that cannot hold the network says why instead of figures. EieError for a family of
    which no array, with `maps` or without as the one asked for, was measured.
    """
    measured = [row for row in flow.measured if row.maps == base.maps and not base.functions]
    if not measured:
        which = "array with functions" if base.functions else "array with maps" if base.maps else "array"
        raise EieError(f"what fits on {device.name} is not known: no {which} was measured on its family")
    others = [row for row in flow.measured if row.maps != base.maps]
    _, _, block_ram, multiplier, *_ = flow.headings
    for pes in sizes:
        config = base.with_(name=f"{base.name.rstrip('0123456789_')}_{pes}", pes=pes)
        comb, clock_mhz = estimate(pes, measured, others)
        multipliers = pes * pe_multipliers(base)
        try:
            config = fitting_array(network, config)
        except EieError as error:
            if not base.maps:
                raise
            yield Fit(
                config=_clocked(config, clock_mhz),
                block_rams=0,
                multipliers=multipliers,
                comb=comb,
                clock_mhz=clock_mhz,
                cycles=0.0,
                misfits=(f"{pes} PEs: {error}",),
            )
            advance(1)
            continue
        pe, shared = array_block_rams(config, flow.block_rams)
        needs = (
            (f"block RAMs ({block_ram})", pes * pe + shared, device.block_rams),
            (f"multipliers ({multiplier})", multipliers, device.multipliers),
            (f"lookup tables (estimated; {FILLED:.0%} can be routed)", comb, math.floor(FILLED * device.comb)),
        )
        misfits = tuple(
            f"{pes} PEs need {needed:,} {what}, {device.name} has {available:,}"
            for what, needed, available in needs
            if needed > available
        )
        cycles = 0.0 if misfits else run_image(build_image(network, config, resident=True), inputs).cycles_per_input
        yield Fit(
            config=_clocked(config, clock_mhz),
            block_rams=pes * pe + shared,
            multipliers=multipliers,
            comb=comb,
            clock_mhz=clock_mhz,
            cycles=cycles,
            misfits=misfits,
        )
        advance(1)


def _clocked(config: ArrayConfig, clock_mhz: float | None) -> ArrayConfig:
    return config if clock_mhz is None else config.with_(clock_mhz=clock_mhz)


def estimate(pes: int, measured: Sequence[Measured], others: Sequence[Measured] = ()) -> tuple[int, float | None]:
    """Lookup tables and clock of so many PEs; None for the clock of a family in which none was measured.

    Lookup tables: of the nearest measured size, per PE and shared. Clock: on a straight line over log2(PEs) between
    measured sizes; beyond the largest it falls on as between the last two, at most to half. Of one measured size alone
    it falls in the ratio in which that of the `others` of the family does.
    """
    rows = sorted(measured, key=lambda row: row.pes)
    nearest = min(rows, key=lambda row: abs(math.log2(row.pes / pes)))
    comb = pes * nearest.comb_pe + nearest.comb_shared
    return comb, _clock(pes, rows, sorted(others, key=lambda row: row.pes))


def _clock(pes: int, rows: Sequence[Measured], others: Sequence[Measured]) -> float | None:
    """Of rows by growing size."""
    clocks = [row.fmax_mhz for row in rows if row.fmax_mhz is not None]
    if len(clocks) < len(rows):
        return None
    sizes = [math.log2(row.pes) for row in rows]
    at = math.log2(pes)
    clock = float(np.interp(at, sizes, clocks))
    if at > sizes[-1] and len(rows) > 1:
        slope = min(0.0, (clocks[-1] - clocks[-2]) / (sizes[-1] - sizes[-2]))
        clock = max(clocks[-1] / 2, clocks[-1] + slope * (at - sizes[-1]))
    if len(rows) == 1 and others:
        here, there = _clock(pes, others, ()), _clock(rows[0].pes, others, ())
        clock *= here / there if here and there else 1.0
    return clock
