"""What this project raises: one root, so that one `except EieError` takes all of it."""


class EieError(ValueError):
    """Bad input; the message is one sentence that says what was wanted and what came."""


class ConfigError(EieError):
    """A configuration that cannot be built; the message says what was wanted and what came."""


class TooSmallError(EieError):
    """An array that does not hold a network which another one would hold; the message says how much there is."""


class SimulatorError(EieError):
    """A simulator that is missing, cannot build the design, or stopped; the message ends with its last output."""
