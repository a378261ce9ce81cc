"""The same seed, the same weights: seeded random numbers and deterministic kernels while a network is trained."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS is deterministic only with a workspace of fixed size


@contextmanager
def reproducible() -> Generator[None]:
    """Deterministic algorithms where torch has them, a warning where not; torch's random state is kept."""
    untyped: Any = torch.random
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get(CUBLAS)
    os.environ[CUBLAS] = workspace or ":4096:8"
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_flush_denormal(True)  # moments of weights that get no gradient fade; denormal numbers are slow
    try:
        with untyped.fork_rng():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        if workspace is None:
            del os.environ[CUBLAS]


def epoch_seed(data: Any, seed: int, epoch: int) -> None:
    """Seed torch, and the loader's own generator if it has one, for one epoch.

    An epoch's random numbers depend on nothing before it, so that a run continues exactly from the end of any epoch.
    """
    value = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    untyped: Any = torch
    untyped.manual_seed(value)
    generators = {id(holder): holder for holder in (getattr(data, "generator", None), _sampler_generator(data))}
    for generator in generators.values():
        if isinstance(generator, torch.Generator):
            generator.manual_seed(value)


def _sampler_generator(data: Any) -> Any:
    return getattr(getattr(data, "sampler", None), "generator", None)
