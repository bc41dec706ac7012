"""What a seed decides: the order of the samples, and what is drawn while training."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from stepsize.arguments import Whole
from stepsize.pytorch.random_states import random_states, restore_random_states, seed_random_states

CPU = torch.device("cpu")


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch, which depends on nothing but these three: a permutation, int64."""
    return torch.randperm(samples, generator=torch.Generator().manual_seed(_word(seed, epoch)))


@contextmanager
def seeded_draws(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Inside this context, draws from Python, NumPy and PyTorch (dropout) depend on `seed` alone.

    The random states are restored afterwards.
    """
    word, devices = _word(seed), cuda_only(device)
    before = random_states(devices)
    seed_random_states(word, devices)
    try:
        yield
    finally:
        restore_random_states(before, devices)


def cuda_only(device: torch.device) -> list[torch.device]:
    """The devices with a random state of their own: a GPU, or none on the CPU."""
    return [device] if device.type == "cuda" else []


def _word(seed: int, *key: int) -> int:
    stream = np.random.SeedSequence(int(Whole(0)("lab", "seed", seed)), spawn_key=key)
    return int(stream.generate_state(1, np.uint64)[0])
