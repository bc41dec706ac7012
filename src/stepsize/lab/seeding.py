"""What a seed decides: the order of the samples, and what is drawn while training."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stepsize.arguments import Whole


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch, which depends on nothing but these three: a permutation, int64."""
    stream = np.random.SeedSequence(checked_seed(seed), spawn_key=(epoch,))
    return torch.randperm(samples, generator=torch.Generator().manual_seed(_word(stream)))


@contextmanager
def seeded_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, what is drawn from Python, NumPy and PyTorch (dropout) depends on `seed` alone.

    Afterwards the states are as they were.
    """
    stream = np.random.SeedSequence(checked_seed(seed))
    word = _word(stream)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (the global one, which others draw from)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        random.seed(word)
        np.random.seed(stream.generate_state(4))  # noqa: NPY002
        torch.default_generator.manual_seed(word)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(word)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def random_states(device: torch.device) -> dict[str, Any]:
    """Where the random states of Python, NumPy and PyTorch stand, as tensors, numbers and tuples."""
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    keys = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    return {
        "python": random.getstate(),
        "numpy": {**numpy, "state": {**numpy["state"], "key": keys}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_random_states(states: dict[str, Any], device: torch.device) -> None:
    """Put them back where `random_states` found them."""
    random.setstate(states["python"])
    numpy = states["numpy"]
    keys = numpy["state"]["key"].numpy().astype(np.uint32)
    np.random.set_state({**numpy, "state": {**numpy["state"], "key": keys}})  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def checked_seed(seed: int) -> int:
    """`seed` itself. Raises ArgumentError unless it is a whole number from 0 to 2**53."""
    return int(Whole(0)("lab", "seed", seed))


def _word(stream: np.random.SeedSequence) -> int:
    return int(stream.generate_state(1, np.uint64)[0])
