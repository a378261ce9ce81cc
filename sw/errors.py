"""The one exception of the compressor."""


class EieError(ValueError):
    """Bad input; the message is one sentence that says what was wanted and what came."""
