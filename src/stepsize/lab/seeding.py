"""What a seed decides: the order of the samples, and what is drawn while training."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from stepsize.arguments import Whole
from stepsize.pytorch.random_states import random_states, restore_random_states, seed_random_states


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch, which depends on nothing but these three: a permutation, int64."""
    stream = np.random.SeedSequence(checked_seed(seed), spawn_key=(epoch,))
    return torch.randperm(samples, generator=torch.Generator().manual_seed(_word(stream)))


@contextmanager
def seeded_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Inside this context, draws from Python, NumPy and PyTorch (dropout) depend on `seed` alone.

    The random states are restored afterwards.
    """
    word = _word(np.random.SeedSequence(checked_seed(seed)))
    devices = cuda_only(device)
    before = random_states(devices)
    seed_random_states(word, devices)
    try:
        yield
    finally:
        restore_random_states(before, devices)


def cuda_only(device: torch.device) -> list[torch.device]:
    """The device whose random state a run uses beside the CPU's: none if the run is on the CPU."""
    return [device] if device.type == "cuda" else []


def checked_seed(seed: int) -> int:
    """`seed` itself. Raises ArgumentError unless it is a whole number from 0 to 2**53."""
    return int(Whole(0)("lab", "seed", seed))


def _word(stream: np.random.SeedSequence) -> int:
    return int(stream.generate_state(1, np.uint64)[0])
