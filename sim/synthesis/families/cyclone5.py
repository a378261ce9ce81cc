"""Intel Cyclone V: as far as yosys goes."""

from sim.synthesis.family import Family, Inference

FAMILY = Family(
    name="Intel Cyclone V",
    inference=Inference(
        command="synth_intel_alm -family cyclonev -run begin:map_ffs",
        memories=("MISTRAL_M10K",),
        multipliers=("MISTRAL_MUL",),
    ),
)
