"""Seeding: the order of the samples, and random draws during training."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator, set_bit_generator
from torch import Tensor

from stepsize.pytorch.random_states import random_states, restore_random_states, seed_random_states

CPU = torch.device("cpu")


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch: a permutation, int64, that depends on these three alone."""
    return torch.randperm(samples, generator=torch.Generator().manual_seed(seed_of(seed, epoch)))


@contextmanager
def seeded_draws(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Inside this context, draws from Python, NumPy and PyTorch (dropout) depend on `seed` alone.

    The random states are restored afterwards.
    """
    devices = cuda_only(device)
    before = random_states(devices)
    seed_random_states(seed_of(seed), devices)
    try:
        yield
    finally:
        restore_random_states(before, devices)


class OwnDraws:
    """Random states for code that draws from Python, NumPy and PyTorch (on the CPU), apart from all other code."""

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.MT19937(np.random.SeedSequence(seed))
        self._torch = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside this context, draws continue from those of the last one; the other states are restored afterwards."""
        python, numpy, pytorch = random.getstate(), get_bit_generator(), torch.get_rng_state()
        random.setstate(self._python)
        set_bit_generator(self._numpy)  # to copy the state would take longer than a small batch
        torch.set_rng_state(self._torch)
        try:
            yield
        finally:
            self._python, self._torch = random.getstate(), torch.get_rng_state()
            random.setstate(python)
            set_bit_generator(numpy)
            torch.set_rng_state(pytorch)


def cuda_only(device: torch.device) -> list[torch.device]:
    """The devices with a random state of their own: a GPU, or none on the CPU."""
    return [device] if device.type == "cuda" else []


def seed_of(seed: int, *key: int) -> int:
    """A whole number from 0 to 2**64 - 1 that depends on all arguments."""
    return int(np.random.SeedSequence(int(seed), spawn_key=key).generate_state(1, np.uint64)[0])
