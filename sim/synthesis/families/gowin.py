"""Gowin GW1N: as far as yosys goes."""

from sim.synthesis.family import Family, Inference

FAMILY = Family(
    name="Gowin GW1N",
    inference=Inference(
        command="synth_gowin -family gw1n -run begin:map_gates",
        memories=("DPX9B", "SDPX9B", "SDPB", "DPB"),
        multipliers=("MULT",),
    ),
)
