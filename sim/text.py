"""How figures are written for people."""


def count(value: int) -> str:
    """A number of things, with thousands separators."""
    return f"{value:,}"


def mean(value: float) -> str:
    """A mean of counts, with one decimal."""
    return f"{value:,.1f}"


def percent(value: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def ratio(value: float) -> str:
    """A compression ratio."""
    return f"{value:.1f}x"


def than(value: float) -> str:
    """The same as words, for what may have grown."""
    return f"{ratio(value)} smaller than" if value >= 1 else f"{1 / value:.2f}x larger than"
