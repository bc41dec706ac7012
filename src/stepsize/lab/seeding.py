"""Seeding: the order of the samples, and random draws during training."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from stepsize.pytorch.random_states import random_states, restore_random_states, seed_random_states

CPU = torch.device("cpu")


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch: a permutation, int64, that depends on these three alone."""
    return torch.randperm(samples, generator=torch.Generator().manual_seed(_hashed(seed, epoch)))


@contextmanager
def seeded_draws(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Inside this context, draws from Python, NumPy and PyTorch (dropout) depend on `seed` alone.

    The random states are restored afterwards.
    """
    devices = cuda_only(device)
    before = random_states(devices)
    seed_random_states(_hashed(seed), devices)
    try:
        yield
    finally:
        restore_random_states(before, devices)


def cuda_only(device: torch.device) -> list[torch.device]:
    """The devices with a random state of their own: a GPU, or none on the CPU."""
    return [device] if device.type == "cuda" else []


def _hashed(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence(int(seed), spawn_key=key).generate_state(1, np.uint64)[0])
