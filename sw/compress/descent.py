"""Saving the most bytes for the least harm: the lower convex hull of each layer's options, and all of them merged."""

from collections.abc import Sequence


def descent(harms: Sequence[float], sizes: Sequence[int]) -> list[int]:
    """Options on the lower convex hull of size over harm, from the least harm to the smallest size.

    Every next option saves the most bytes for its harm; of equal ones the smallest is taken, then the first.
    """
    at = min(range(len(harms)), key=lambda option: (harms[option], sizes[option]))
    path = [at]
    while True:
        smaller = [option for option in range(len(sizes)) if sizes[option] < sizes[at]]
        if not smaller:
            return path
        at = min(smaller, key=lambda option: (price(harms, sizes, path[-1], option), sizes[option]))
        path.append(at)


def price(harms: Sequence[float], sizes: Sequence[int], before: int, after: int) -> float:
    """Harm for a byte that is saved."""
    return (harms[after] - harms[before]) / (sizes[before] - sizes[after])


def merge(
    harms: Sequence[Sequence[float]], sizes: Sequence[Sequence[int]], paths: Sequence[Sequence[int]]
) -> list[int]:
    """The layer that goes one option further on its path, step by step, the cheapest byte first; of equal the first."""
    steps = [
        (price(harms[layer], sizes[layer], path[place], path[place + 1]), layer, place)
        for layer, path in enumerate(paths)
        for place in range(len(path) - 1)
    ]
    # The price rises along a path, so that sorting keeps the order of its steps.
    return [layer for _, layer, _ in sorted(steps, key=lambda step: (step[0], step[2], step[1]))]
