"""What a schedule costs inside a compiled program: JAX against optax's own schedule, PyTorch against a formula by hand.

Both sides are compiled and warm, take the same steps and give the same values. JAX: a jitted call for one step, and a
million steps in one call. PyTorch: a compiled call for one step and for a million. Left out: GPUs, and the time to
compile, which is printed beside.
"""

import math
import time
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

import stepsize as ss
from measure import ratio, rounds

WARMUP, TOTAL, PEAK, FINAL = 2000, 100_000, 3e-4, 3e-5
PLAN = ss.warmup_cosine(PEAK, WARMUP, TOTAL, final_lr=FINAL)
ROUNDS, CALLS, MILLION = 9, 5000, 1_000_000


def by_hand(step: torch.Tensor) -> torch.Tensor:
    progress = torch.clamp((step - WARMUP) / (TOTAL - WARMUP), 0.0, 1.0)
    decay = FINAL + (PEAK - FINAL) * (1.0 + torch.cos(math.pi * progress)) / 2.0
    return torch.where(step < WARMUP, PEAK * step / WARMUP, decay)


def first_call(name: str, call: Callable[[], object]) -> None:
    begun = time.perf_counter()
    call()
    print(f"{name}: the first call, which compiles, takes {time.perf_counter() - begun:.2f} s")


def main() -> None:
    warnings.filterwarnings("ignore")
    ours = jax.jit(PLAN)
    optaxs = jax.jit(optax.warmup_cosine_decay_schedule(0.0, PEAK, WARMUP, TOTAL, FINAL))
    step, steps = jnp.int32(12_345), jnp.arange(MILLION, dtype=jnp.int32) % (TOTAL + 1000)
    np.testing.assert_allclose(ours(steps), optaxs(steps), rtol=1e-3, atol=1e-9)
    first_call("stepsize in JAX", lambda: jax.jit(PLAN)(step).block_until_ready())

    def repeated(function: Callable[[object], object], step: object) -> Callable[[], object]:
        return lambda: [function(step) for _ in range(CALLS)]

    taken = rounds({"ours": repeated(ours, step), "optax": repeated(optaxs, step)}, ROUNDS)
    ratio("a jitted step in JAX, times optax's schedule", taken["ours"], taken["optax"], "<= 1.1")
    contenders = {
        "ours": lambda: [ours(steps).block_until_ready() for _ in range(20)],
        "optax": lambda: [optaxs(steps).block_until_ready() for _ in range(20)],
    }
    taken = rounds(contenders, ROUNDS)
    ratio("a million steps in one jitted call, times optax's", taken["ours"], taken["optax"], "<= 1.1")

    torch.set_num_threads(1)
    compiled, hand = torch.compile(lambda step: PLAN(step)), torch.compile(by_hand)
    step, steps = torch.tensor(12_345), torch.arange(MILLION) % (TOTAL + 1000)
    first_call("stepsize in PyTorch", lambda: compiled(step))
    first_call("the formula in PyTorch", lambda: hand(step))
    torch.testing.assert_close(compiled(steps), hand(steps), rtol=1e-3, atol=1e-9)
    taken = rounds({"ours": repeated(compiled, step), "hand": repeated(hand, step)}, ROUNDS)
    ratio("a compiled step in PyTorch, times a formula by hand", taken["ours"], taken["hand"], "none")
    contenders = {
        "ours": lambda: [compiled(steps) for _ in range(20)],
        "hand": lambda: [hand(steps) for _ in range(20)],
    }
    taken = rounds(contenders, ROUNDS)
    ratio("a million steps in one compiled call, times a formula by hand", taken["ours"], taken["hand"], "none")


if __name__ == "__main__":
    main()
