"""The table of docs/evidence/arrays.md: the error of each schedule in each array library, in single precision.

Every shape, operator and recipe is called at steps around its boundaries, at its end, beyond it, and beyond 2^24, in
the library's own types. The error is the largest |value - NumPy's| / |NumPy's|, with NumPy in float64; if NumPy has 0,
the library must have 0. A run takes some ten minutes, most of them in compilers.
"""

import math
import os
import sys
import warnings
from collections.abc import Callable

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import jax
import jax.numpy as jnp
import mlx.core as mx
import numpy as np
import tensorflow as tf
import torch

import stepsize as ss
from stepsize.schedules import Schedule

INF = math.inf
SHAPES = {
    "Constant": ss.Constant(0.3, 40),
    "Linear": ss.Linear(0.0, 0.3, 1000),
    "Cosine": ss.Cosine(0.3, 0.01, 1000),
    "Polynomial": ss.Polynomial(0.3, 0.0, 1000, 2.0),
    "Geometric": ss.Geometric(0.3, 0.003, 1000),
    "OneMinusSqrt": ss.OneMinusSqrt(0.3, 0.0, 1000),
    "Rex": ss.Rex(0.3, 0.0, 1000, 0.8),
    "Logarithmic": ss.Logarithmic(0.0, 0.3, 1000),
    "Exponential": ss.Exponential(0.3, 0.5, 100.0),
    "Staircase": ss.Staircase(0.3, 0.5, 100),
    "MultiStep": ss.MultiStep(0.3, 0.5, (30, 80, 90)),
    "Piecewise": ss.Piecewise((0.3, 0.1, 0.03), (50, 120)),
    "InversePower": ss.InversePower(0.3, 0.1, 0.5),
    "Triangle": ss.Triangle(0.1, 0.5, 40, 20),
    "Knots": ss.Knots(((0, 0.1), (100.5, 0.3), (200, 0.05)), "cosine"),
    "Table": ss.Table(tuple(0.3 / (i + 1) for i in range(60))),
    "Function": ss.Function(lambda t: 0.3 * 0.5 ** (t / 100)),
}
WAVE, STEPS = ss.Cosine(0.3, 0.03, 500), ss.MultiStep(0.3, 0.5, (30, 80))
OPERATORS = {
    "`>>`": ss.Linear(0.0, 0.3, 100) >> WAVE,
    "`>>`, 300 parts": ss.parse(" >> ".join(f"Linear(0.{9 - i % 9}, 0.0{i % 9 + 1}, {i + 5})" for i in range(300))),
    "`+`": ss.Linear(0.0, 0.3, 100) + WAVE,
    "`-`": 0.4 - WAVE,
    "`*`, `/`": 2 * WAVE * ss.Linear(0.1, 1.0, 300) / 3,
    "`**`": WAVE**1.5,
    "minimum": ss.minimum(WAVE, ss.Linear(0.5, 0.0, 400)),
    "maximum": ss.maximum(WAVE, 0.1),
    "clip": WAVE.clip(0.1, 0.2),
    "shift": WAVE.shift(40),
    "every": ss.Linear(0.3, 0.0, 10).every(70),
    "stretch": STEPS.stretch(16_000_000),
    "warp": WAVE.warp(2.0),
    "repeat": WAVE.repeat(3, 0.5),
    "repeat, growing": WAVE.repeat(INF, 0.9, 2.0),
    "head": WAVE.head(300),
    "tail": WAVE.tail(200),
    "cooldown": WAVE.cooldown(300, 100),
    "reclock": ss.Linear(0.3, 0.0, 30_000).reclock(ss.Piecewise((32, 64, 128), (5000, 15_000))),
}
RECIPES = {
    "warmup": ss.warmup(WAVE, 50),
    "warmup_cosine": ss.warmup_cosine(0.3, 100, 1000, final_lr=0.01),
    "wsd": ss.wsd(0.3, 100, 700, 200, shape="1-sqrt"),
    "wsds": ss.wsds(0.3, 100, (400, 600), (100, 100)),
    "one_cycle": ss.one_cycle(0.3, 1000),
    "one_cycle_momentum": ss.one_cycle_momentum(1000),
    "sgdr": ss.sgdr(0.3, 100, 5, 0.01, 0.9, 1.5),
    "noam": ss.noam(512, 400),
    "inverse_sqrt": ss.inverse_sqrt(0.3, 100),
    "cyclic": ss.cyclic(0.1, 0.3, 50, 50, mode="triangular2"),
    "infinite": ss.infinite(0.3, 0.1, 100, 400, 500, 200),
    "rewarm": ss.rewarm(WAVE, 400, 0.2, 50, 300),
}


def jax_scan(plan: Schedule, steps: np.ndarray) -> object:
    return jax.jit(lambda: jax.lax.scan(lambda carry, step: (carry, plan(step)), 0, jnp.asarray(steps, jnp.int32))[1])()


def torch_compile(plan: Schedule, steps: np.ndarray) -> object:
    torch._dynamo.reset()
    return torch.compile(lambda step: plan(step), fullgraph=True)(torch.tensor(steps))


LIBRARIES: dict[str, Callable[[Schedule, np.ndarray], object]] = {
    "NumPy, one by one": lambda plan, steps: [plan(int(step)) for step in steps],
    "JAX eager": lambda plan, steps: plan(jnp.asarray(steps, jnp.int32)),
    "jit": lambda plan, steps: jax.jit(plan)(jnp.asarray(steps, jnp.int32)),
    "vmap": lambda plan, steps: jax.vmap(plan)(jnp.asarray(steps, jnp.int32)),
    "scan": jax_scan,
    "MLX eager": lambda plan, steps: plan(mx.array(steps)),
    "mx.compile": lambda plan, steps: mx.compile(plan)(mx.array(steps)),
    "PyTorch eager": lambda plan, steps: plan(torch.tensor(steps)),
    "torch.compile": torch_compile,
    "TensorFlow eager": lambda plan, steps: plan(tf.constant(steps)),
    "tf.function": lambda plan, steps: tf.function(plan)(tf.constant(steps)),
}


def around(plan: Schedule) -> np.ndarray:
    """The first 400 steps and those near a boundary of a part, the end, and powers of two to 2^30."""
    starts = np.cumsum([0.0, *(part.steps for part in getattr(plan, "parts", [plan]))])
    middles = [*starts, *(2**power for power in range(31))]
    near = [int(middle) + offset for middle in middles if middle < 2**31 - 2 for offset in (-2, -1, 0, 1, 2)]
    return np.unique([step for step in (*range(400), *near) if step >= 0])


def error(got: object, want: np.ndarray) -> float:
    """The largest relative error; numbers below the smallest of single precision count as 0."""
    tiny = np.finfo(np.float32).tiny
    values, want = (np.where(np.abs(each) < tiny, 0.0, each) for each in (np.asarray(got, dtype=np.float64), want))
    wrong = values != want
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.abs(values - want)[wrong] / np.abs(want)[wrong], initial=0.0))


def main() -> None:
    warnings.filterwarnings("ignore")
    only = sys.argv[1:]
    print(f"JAX {jax.__version__}, MLX {mx.__version__}, PyTorch {torch.__version__}, TensorFlow {tf.__version__}\n")
    print("| | " + " | ".join(LIBRARIES) + " |")
    print("|---" * (len(LIBRARIES) + 1) + "|")
    plans = SHAPES | OPERATORS | RECIPES
    plans["beyond 2^24"] = ss.Constant(0.3, 2**24 + 5) >> ss.Linear(0.3, 0.0, 1000)
    for name, plan in plans.items():
        if only and name not in only:
            continue
        steps = around(plan)
        want = plan(steps)
        errors = [error(call(plan, steps), want) for call in LIBRARIES.values()]
        cells = ["0" if each == 0.0 else f"{each:.0e}".replace("e-0", "e-") for each in errors]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
