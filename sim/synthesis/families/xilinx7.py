"""Xilinx 7: as far as yosys goes."""

from sim.synthesis.family import Family, Inference

FAMILY = Family(
    name="Xilinx 7",
    inference=Inference(
        command="synth_xilinx -family xc7 -run begin:fine",
        memories=("RAMB18E1", "RAMB36E1"),
        multipliers=("DSP48E1",),
    ),
)
