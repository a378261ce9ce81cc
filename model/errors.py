"""The one exception of the compressor."""


class EieError(ValueError):
    """Bad input; the message is one sentence that says what was wanted and what came."""


class SimulatorError(RuntimeError):
    """A simulator that is missing, cannot build the design, or stopped; the message ends with its last output."""
