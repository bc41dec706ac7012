"""What a seed decides: the initial weights, the order of the samples, and what is drawn while training."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from stepsize.arguments import Whole
from stepsize.lab.data import ImageData
from stepsize.lab.nets import build


def initial_model(data: ImageData, seed: int) -> nn.Module:
    """The network for `data`, on the CPU, with the weights that it gets after `torch.manual_seed(seed)`.

    PyTorch's global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(checked_seed(seed))
        return build(data)


def sample_order(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch, which depends on nothing but these three: a permutation, int64."""
    stream = np.random.SeedSequence(checked_seed(seed), spawn_key=(epoch,))
    return torch.randperm(samples, generator=torch.Generator().manual_seed(_word(stream)))


@contextmanager
def seeded_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, what PyTorch draws (dropout) depends on `seed` alone; afterwards the state is as it was."""
    word = _word(np.random.SeedSequence(checked_seed(seed)))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(word)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(word)
        yield


def checked_seed(seed: int) -> int:
    """`seed` itself. Raises ArgumentError unless it is a whole number from 0 to 2**53."""
    return int(Whole(0)("lab", "seed", seed))


def _word(stream: np.random.SeedSequence) -> int:
    return int(stream.generate_state(1, np.uint64)[0])
