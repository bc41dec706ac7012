"""Where random draws come from: the states of generators, kept, given back and seeded."""

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

Restore = Callable[[], object]
GENERATORS = (torch.Generator, random.Random, np.random.RandomState, np.random.Generator)


def kept_draws() -> Restore:
    """What puts the random states of Python, NumPy, PyTorch and CUDA, where it is in use, back to where they are."""
    python, numpy, own = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002  (the global one, which others draw from)
        torch.set_rng_state(own)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def seed_draws(seed: int, sources: Iterable[Any] = ()) -> None:
    """Seed all of them, and PyTorch's generators on the given; CUDA where it is in use, as it would remember it."""
    for source in sources:
        for generator in getattr(source, "__dict__", {}).values():
            if isinstance(generator, torch.Generator):
                generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


def kept_generator(value: Any) -> Restore | None:
    """What puts a generator of random numbers back to where it is now; None for what is no generator."""
    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):  # which has no state
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.RandomState):
        return partial(value.set_state, value.get_state())
    if isinstance(value, np.random.Generator):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None
