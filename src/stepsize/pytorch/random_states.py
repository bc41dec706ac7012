"""The random states of Python, NumPy, PyTorch and CUDA: read, restored and seeded together."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

# ruff: noqa: NPY002  (NumPy's global generator, which other code draws from)


def random_states(devices: Sequence[torch.device] = ()) -> dict[str, Any]:
    """The present states, in a form that torch.save can write; for CUDA, those of `devices`."""
    numpy: Any = np.random.get_state(legacy=False)
    keys = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    return {
        "python": random.getstate(),
        "numpy": {**numpy, "state": {**numpy["state"], "key": keys}},
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device) for device in devices],
    }


def restore_random_states(states: dict[str, Any], devices: Sequence[torch.device] = ()) -> None:
    """Restore what `random_states(devices)` returned."""
    random.setstate(states["python"])
    numpy = states["numpy"]
    keys = numpy["state"]["key"].numpy().astype(np.uint32)
    np.random.set_state({**numpy, "state": {**numpy["state"], "key": keys}})
    torch.set_rng_state(states["torch"])
    for device, state in zip(devices, states["cuda"], strict=True):
        torch.cuda.set_rng_state(state, device)


def seed_random_states(seed: int, devices: Sequence[torch.device] = ()) -> None:
    """Seed all of them with a whole number from 0 to 2**64 - 1."""
    random.seed(seed)
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    torch.default_generator.manual_seed(seed)
    for device in devices:
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def cuda_devices_in_use() -> list[torch.device]:
    """Every CUDA device, or none if this process has not used CUDA yet."""
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return [torch.device("cuda", index) for index in range(torch.cuda.device_count())] if used else []


def generator_restorer(value: Any) -> Callable[[], object] | None:
    """A function that restores the present state of a random generator; None for anything else."""
    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):  # it has no state
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.RandomState):
        return partial(value.set_state, value.get_state())
    if isinstance(value, np.random.Generator):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None


def seed_generator(value: Any, seed: int) -> None:
    """Seed a random generator; anything else is left alone."""
    if isinstance(value, torch.Generator):
        value.manual_seed(seed)
    elif isinstance(value, random.Random):
        value.seed(seed)
    elif isinstance(value, np.random.RandomState):
        value.seed(np.random.SeedSequence(seed).generate_state(4))
    elif isinstance(value, np.random.Generator):
        kind: Any = type(value.bit_generator)
        value.bit_generator.state = kind(seed).state
