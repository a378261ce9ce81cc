"""A small array of the stepped model whose loader waits for packets."""

import numpy as np

from model.layouts import LoaderState
from model.stepped.array import SteppedArray
from tests.support.hw.stepped import Host
from tests.support.images.random_images import (
    random_network_image,
    small_config,
)

CONFIG = small_config(pes=2)


def ready_host(config=CONFIG) -> Host:
    """A host whose array has left CLEAR."""
    host = Host(SteppedArray(config))
    for _ in range(config.activation_depth):
        host.tick()
    return host


def small_image(seed=0, sizes=(4, 6)):
    return random_network_image(np.random.default_rng(seed), CONFIG, list(sizes), 0.5)


def state_of(host: Host) -> LoaderState:
    return LoaderState(host.array.debug()[0]["loader_state"])
