"""The machine register by register and cycle by cycle, in two phases (docs/contract/architecture.md)."""

from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs, Outputs

__all__ = ["Inputs", "Outputs", "SteppedArray"]
