"""Which arrays for a network fit on an FPGA, and how fast they run it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from sim.simulation.image_run import run_image
from sim.synthesis.devices import Device
from sim.synthesis.memories import array_block_rams
from sw.image.build import build_image
from sw.image.fitting import fitting_array
from sw.network.compressed import CompressedNetwork

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64)
FILLED = 0.9  # share of the lookup tables beyond which nothing routes


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One array as `eie fpga --device ecp5-85k` measured it, docs/fpga: what others are estimated from.

    comb_pe, comb_shared : lookup tables of a PE, and of what the PEs share.
    fmax_mhz : at speed grade 6.
    """

    pes: int
    comb_pe: int
    comb_shared: int
    fmax_mhz: float


MEASURED = (
    Measured(pes=1, comb_pe=956, comb_shared=1216, fmax_mhz=117.32),
    Measured(pes=4, comb_pe=928, comb_shared=1354, fmax_mhz=110.85),
    Measured(pes=16, comb_pe=905, comb_shared=2167, fmax_mhz=87.09),
)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """An array sized for a network, on a device.

    config : its memories hold the network, and no more.
    block_rams, multipliers : counted, as yosys maps them.
    comb, clock_mhz : estimated from `MEASURED`.
    cycles : mean per input from start to done; 0 for an array that does not fit.
    misfits : what is missing, a sentence each; empty for an array that fits.
    """

    config: ArrayConfig
    block_rams: int
    multipliers: int
    comb: int
    clock_mhz: float
    cycles: float
    misfits: tuple[str, ...]

    @property
    def per_second(self) -> float:
        """Inputs per second, loading of the next not counted."""
        return 1e6 * self.clock_mhz / self.cycles if self.cycles else 0.0


def fits(
    network: CompressedNetwork,
    inputs: NDArray[np.float32],
    base: ArrayConfig,
    device: Device,
    sizes: Sequence[int] = SIZES,
    measured: Sequence[Measured] = MEASURED,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Fit]:
    """Every size of array in turn; `advance` is told when one is done."""
    for pes in sizes:
        config = fitting_array(network, base.with_(name=f"{base.name.rstrip('0123456789_')}_{pes}", pes=pes))
        pe, shared = array_block_rams(config)
        comb, clock_mhz = estimate(pes, measured)
        needs = (
            ("block RAMs (DP16KD)", pes * pe + shared, device.block_rams),
            ("multipliers (MULT18X18D)", pes, device.multipliers),
            (f"lookup tables (estimated; {FILLED:.0%} can be routed)", comb, math.floor(FILLED * device.comb)),
        )
        misfits = tuple(
            f"{pes} PEs need {needed:,} {what}, {device.name} has {available:,}"
            for what, needed, available in needs
            if needed > available
        )
        cycles = 0.0 if misfits else run_image(build_image(network, config, resident=True), inputs).cycles_per_input
        yield Fit(
            config=config.with_(clock_mhz=clock_mhz),
            block_rams=pes * pe + shared,
            multipliers=pes,
            comb=comb,
            clock_mhz=clock_mhz,
            cycles=cycles,
            misfits=misfits,
        )
        advance(1)


def estimate(pes: int, measured: Sequence[Measured] = MEASURED) -> tuple[int, float]:
    """Lookup tables and clock of so many PEs.

    Lookup tables: of the nearest measured size, per PE and shared. Clock: on a straight line over log2(PEs) between
    measured sizes; beyond the largest it falls on as between the last two, at most to half.
    """
    rows = sorted(measured, key=lambda row: row.pes)
    nearest = min(rows, key=lambda row: abs(math.log2(row.pes / pes)))
    sizes = [math.log2(row.pes) for row in rows]
    clocks = [row.fmax_mhz for row in rows]
    at = math.log2(pes)
    clock = float(np.interp(at, sizes, clocks))
    if at > sizes[-1] and len(rows) > 1:
        slope = min(0.0, (clocks[-1] - clocks[-2]) / (sizes[-1] - sizes[-2]))
        clock = max(clocks[-1] / 2, clocks[-1] + slope * (at - sizes[-1]))
    return pes * nearest.comb_pe + nearest.comb_shared, clock
