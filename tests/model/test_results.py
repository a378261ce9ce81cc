import operator
from functools import reduce

import numpy as np
import pytest

from model.engine import Engine
from tests.support.images.random_images import random_activations, random_network_image, small_config


@pytest.mark.parametrize("skip", [False, True])
def test_sums_over_a_batch_are_the_sums_of_its_inputs(skip: bool):
    rng = np.random.default_rng(3)
    image = random_network_image(rng, small_config(skip_empty_slices=skip), [12, 9, 5], 0.4)
    batch = np.stack([random_activations(rng, image, 0.5) for _ in range(7)])
    engine = Engine(image)
    runs = engine.run(batch)
    for number, layer in enumerate(engine.run_layers(batch)):
        total, each = layer.total(), [run.layers[number] for run in runs]
        assert total.inputs == 7
        assert layer.cycles.tolist() == [result.cycles for result in each]
        for summed in (total, reduce(operator.add, each)):
            assert summed.counters.tolist() == np.sum([result.counters for result in each], axis=0).tolist()
            assert summed.busy_cycles.tolist() == np.sum([result.busy_cycles for result in each], axis=0).tolist()
            for figure in ("compute_cycles", "drain_cycles", "write_back_cycles", "broadcasts", "stalls", "cycles"):
                assert getattr(summed, figure) == sum(getattr(result, figure) for result in each), figure
            assert summed.ideal_cycles == pytest.approx(sum(result.ideal_cycles for result in each))
            assert summed.nonzeros_active == sum(result.nonzeros_active for result in each)
