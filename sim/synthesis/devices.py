"""FPGAs of the open flow (yosys, nextpnr-ecp5, Project Trellis)."""

from dataclasses import dataclass

from model.errors import EieError


@dataclass(frozen=True, kw_only=True)
class Device:
    """An FPGA as nextpnr-ecp5 knows it; the figures are what it says is available.

    Parameters
    ----------
    name : as --device takes it.
    flag : nextpnr's option for the die.
    package : the largest one, for arrays in a harness; three pins are used.
    comb, ff : lookup tables with four inputs, flip-flops.
    block_rams : DP16KD, 18 kbit each.
    multipliers : MULT18X18D.
    """

    name: str
    flag: str
    package: str
    comb: int
    ff: int
    block_rams: int
    multipliers: int


DEVICES = {
    device.name: device
    for device in (
        Device(
            name="ecp5-25k",
            flag="--25k",
            package="CABGA381",
            comb=24288,
            ff=24288,
            block_rams=56,
            multipliers=28,
        ),
        Device(
            name="ecp5-45k",
            flag="--45k",
            package="CABGA554",
            comb=43848,
            ff=43848,
            block_rams=108,
            multipliers=72,
        ),
        Device(
            name="ecp5-85k",
            flag="--85k",
            package="CABGA756",
            comb=83640,
            ff=83640,
            block_rams=208,
            multipliers=156,
        ),
    )
}
SPEEDS = (6, 7, 8)  # grades, 8 is the fastest


def device_named(name: str) -> Device:
    """The device of that name; EieError names those there are."""
    if name not in DEVICES:
        raise EieError(f"no device {name!r}; devices: {', '.join(DEVICES)}")
    return DEVICES[name]
