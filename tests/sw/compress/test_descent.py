from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sw.compress.descent import descent, merge

OPTIONS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12)


def test_the_cheapest_bytes_first():
    harms, sizes = [0.0, 1.0, 2.0, 8.0, 9.0], [100, 90, 60, 59, 10]
    assert descent(harms, sizes) == [0, 2, 4]


@given(OPTIONS)
def test_a_path_is_convex_and_nothing_lies_below_it(options: list[tuple[int, int]]):
    harms, sizes = ([float(harm) for harm, _ in options], [size for _, size in options])
    path = descent(harms, sizes)
    assert sizes[path[-1]] == min(sizes)
    points = [(harms[at], sizes[at]) for at in path]
    slopes = [(h1 - h0) / (s0 - s1) for (h0, s0), (h1, s1) in pairwise(points)]
    assert slopes == sorted(slopes)
    for (h0, s0), (h1, s1) in pairwise(points):
        for harm, size in options:
            if s1 <= size <= s0:
                assert harm >= h0 + (h1 - h0) * (s0 - size) / (s0 - s1) - 1e-9


@given(st.lists(OPTIONS, min_size=1, max_size=4))
def test_merged_steps_walk_every_path_to_its_end(layers: list[list[tuple[int, int]]]):
    harms = [[float(harm) for harm, _ in options] for options in layers]
    sizes = [[size for _, size in options] for options in layers]
    paths = [descent(*of_layer) for of_layer in zip(harms, sizes, strict=True)]
    steps = merge(harms, sizes, paths)
    assert sorted(steps) == sorted(layer for layer, path in enumerate(paths) for _ in path[1:])
    places = [0] * len(paths)
    prices: list[float] = []
    for layer in steps:
        before, after = paths[layer][places[layer] : places[layer] + 2]
        prices.append((harms[layer][after] - harms[layer][before]) / (sizes[layer][before] - sizes[layer][after]))
        places[layer] += 1
    assert prices == sorted(prices)
