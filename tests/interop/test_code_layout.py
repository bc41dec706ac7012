"""The code of a schedule is laid out as a person would write it, and has nothing that it does not need."""

import math
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from code_cases import WIDE, recorded, written

from stepsize import Constant, Cosine, Knots, Linear, MultiStep, Schedule, inverse_sqrt, sgdr, wsd
from stepsize.interop import to_code

INF = math.inf
WARMUP_COSINE = '''\
import math


def learning_rate(step: int) -> float:
    """Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)."""
    if step < 500:
        return 0.3 * step / 500
    if step < 10_000:
        return 0.01 + 0.145 * (1 + math.cos(math.pi * (step - 500) / 9500))
    return 0.01
'''
WSD_IN_JAX = '''\
import jax
import jax.numpy as jnp


def learning_rate(step: jax.Array) -> jax.Array:
    """Linear(0.0, 0.0003, 2000) >> Constant(0.0003, 78000)
    >> OneMinusSqrt(0.0003, 0.0, 20000).
    """
    return jnp.select(
        [step < 2000, step < 80_000, step < 100_000],
        [
            0.0003 * step / 2000,
            0.0003,
            0.0003 * (1 - jnp.sqrt(jnp.maximum((step - 80_000) / 20_000, 0))),
        ],
        0.0,
    )
'''
STEPS_PER_EPOCH_FOR_TORCH = '''\
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def learning_rate(step: int) -> float:
    """MultiStep(0.1, 0.1, (30, 60, 90)).every(1563)."""
    epoch = step // 1563
    if epoch < 30:
        return 0.1
    if epoch < 60:
        return 0.01
    if epoch < 90:
        return 0.001
    return 0.0001


def scheduler_of(optimizer: Optimizer) -> LambdaLR:
    """The scheduler of an optimizer whose groups have one rate."""
    base_lr = optimizer.param_groups[0]["lr"]
    return LambdaLR(optimizer, lambda step: learning_rate(step) / base_lr)
'''
WARM_RESTARTS = '''\
import math


def learning_rate(step: int) -> float:
    """Cosine(0.1, 0.0, 10).repeat(inf, 1.0, 2.0)."""
    t = step
    length = 10
    while t >= length:
        t -= length
        length *= 2
    z = t / length
    return 0.05 * (1 + math.cos(math.pi * z))
'''
DIVIDED_BY_ROOTS = '''\
import jax
import jax.numpy as jnp


def learning_rate(step: jax.Array) -> jax.Array:
    """Linear(0.0, 0.2, 100) >> InversePower(0.2, 0.01)."""
    return jnp.where(step < 100, 0.2 * step / 100, 0.2 * jnp.sqrt(100 / step))
'''


@pytest.mark.parametrize(
    ("schedule", "language", "code"),
    [
        (Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500), "python", WARMUP_COSINE),
        (wsd(3e-4, 2000, 78_000, 20_000, shape="1-sqrt"), "jax", WSD_IN_JAX),
        (MultiStep(0.1, 0.1, (30, 60, 90)).every(1563), "torch", STEPS_PER_EPOCH_FOR_TORCH),
        (sgdr(0.1, 10, INF, stretch=2.0), "python", WARM_RESTARTS),
        (inverse_sqrt(0.2, 100), "jax", DIVIDED_BY_ROOTS),
    ],
    ids=[
        "warmup and cosine",
        "wsd in JAX",
        "steps per epoch for PyTorch",
        "warm restarts",
        "inverse square root in JAX",
    ],
)
def test_the_code_is_what_a_person_would_write(schedule: Schedule, language: str, code: str) -> None:
    assert to_code(schedule, language) == code


STARTS = """\
cycle = jnp.searchsorted(STARTS[1:-1], step, side="right")
z = (step - STARTS[cycle]) / (STARTS[cycle + 1] - STARTS[cycle])
"""
BODIES = [
    ("python", "Piecewise((0.3, 0.3, 0.1), (4, 9))", "if step < 9:\n    return 0.3\nreturn 0.1\n"),
    ("python", "Constant(0.3).every(5)", "return 0.3\n"),
    ("jax", "Constant(0.3).every(5)", "return jnp.full(jnp.shape(step), 0.3)\n"),
    ("python", "Linear(0.3, 0.3, 9)", "return 0.3\n"),
    ("python", "InversePower(0.3, 0.3, 0)", "return 0.3\n"),
    (
        "jax",
        "(Constant(0.1, 4) >> Exponential(1.0, 0.5).every(5)) * Piecewise((1.0, 2.0), (6,))",
        "epoch = (step - 4) // 5\nreturn jnp.select([step < 4, step < 6], [0.1, 0.5**epoch], 2.0 * 0.5**epoch)\n",
    ),
    ("python", "Linear(0.1, 0.2, 5).tail(5).warp(2.0)", "return 0.2\n"),
    (
        "python",
        "Constant(0.3, 5) >> Linear(0.3, 0.1, 1) >> Constant(0.2)",
        "if step < 6:\n    return 0.3\nreturn 0.2\n",
    ),
    ("python", "Linear(0.1, 0.3, 3).stretch(1)", "if step < 1:\n    return 0.1\nreturn 0.3\n"),
    (
        "python",
        "Cosine(0.1, 0.4, 9)",
        "if step < 9:\n    return 0.1 + 0.15 * (1 - math.cos(math.pi * step / 9))\nreturn 0.4\n",
    ),
    (
        "python",
        "Geometric(0.3, 0.1, 9)",
        "if step < 9:\n    return 0.3 * 0.333333333333333 ** (step / 9)\nreturn 0.1\n",
    ),
    ("python", "Staircase(0.3, 0.5, 9999)", "return 0.3 * 0.5 ** (step // 9999)\n"),
    ("python", "Staircase(0.3, 0.5, 10_000)", "return 0.3 * 0.5 ** (step // 10_000)\n"),
    ("python", "Linear(0.1, 0.3, 5) + 0.2 - 0.1", "if step < 5:\n    return 0.2 + 0.2 * step / 5\nreturn 0.4\n"),
    ("python", "Linear(0.1, 0.3, 5) * 0.1", "if step < 5:\n    return 0.01 + 0.02 * step / 5\nreturn 0.03\n"),
    (
        "python",
        "Linear(0.3, 0.1, 5) * -2.0",
        "if step < 5:\n    return -0.2 - 0.4 * (5 - step) / 5\nreturn -0.2\n",
    ),
    ("python", "Exponential(0.7, 0.9) * Exponential(0.1, 0.8)", "return 0.07 * 0.9**step * 0.8**step\n"),
    ("jax", "Exponential(0.3, 0.9)", "return 0.3 * jnp.exp(math.log(0.9) * step)\n"),
    ("jax", "Exponential(0.3, 0.5)", "return 0.3 * 0.5**step\n"),
    ("jax", "InversePower(0.3, 0.3, 0.7)", "return 0.3 * (1 / (1 + 0.3 * step)) ** 0.7\n"),
    ("python", "InversePower(0.3, 0.1)", "return 0.3 * math.sqrt(10 / (step + 10))\n"),
    ("python", "InversePower(0.3, 0.1001)", "return 0.3 * math.sqrt(1 / (1 + 0.1001 * step))\n"),
    (
        "python",
        "maximum(Exponential(0.3, 0.5), Exponential(0.3, 0.5), 0.1, 0.2)",
        "return max(0.3 * 0.5**step, 0.2)\n",
    ),
    ("jax", "maximum(Exponential(0.3, 0.5), 0.1, 0.2)", "return jnp.maximum(0.3 * 0.5**step, 0.2)\n"),
    ("python", "minimum(Exponential(0.3, 0.5), 0.1, 0.2)", "return min(0.3 * 0.5**step, 0.1)\n"),
    ("python", "Exponential(0.3, 0.5).clip(0.1)", "return max(0.3 * 0.5**step, 0.1)\n"),
    ("jax", "Exponential(0.3, 0.5).clip(0.1)", "return jnp.maximum(0.3 * 0.5**step, 0.1)\n"),
    ("python", "Exponential(0.3, 0.5).clip(0.1, 0.2)", "return min(max(0.3 * 0.5**step, 0.1), 0.2)\n"),
    ("jax", "Exponential(0.3, 0.5).clip(0.1, 0.2)", "return jnp.clip(0.3 * 0.5**step, 0.1, 0.2)\n"),
    (
        "python",
        f"{' * '.join(f'Exponential(0.1, 0.{base})' for base in range(12345, 12350))} + InversePower(0.3, 0.3, 1)",
        "return (\n    1e-05\n    * 0.12345**step\n    * 0.12346**step\n    * 0.12347**step\n"
        "    * 0.12348**step\n    * 0.12349**step\n    + 0.3 * 1 / (1 + 0.3 * step)\n)\n",
    ),
    (
        "python",
        "Linear(0, 1, 4).repeat(inf, 1, 1.5)",
        "cycle = 0\nt = step\nlength = 4\nwhile t >= length:\n    t -= length\n    cycle += 1\n"
        "    length = math.floor(4 * 1.5**cycle + 0.5)\nz = t / length\nreturn z\n",
    ),
    ("jax", "Linear(0, 1, 4).repeat(inf, 1, 2)", f"{STARTS}return z\n"),
    ("jax", "Linear(0, 1, 4).repeat(inf, 0.5, 2)", f"{STARTS}return z * 0.5**cycle\n"),
    ("python", "Linear(0, 1, 4).repeat(inf)", "t = step % 4\nreturn t / 4\n"),
    (
        "python",
        "(Linear(0, 1, 4) >> Constant(1, 2)).repeat(inf)",
        "t = step % 6\nif t < 4:\n    return t / 4\nreturn 1.0\n",
    ),
]


@pytest.mark.parametrize(("language", "text", "body"), BODIES)
def test_the_body_of_a_function_is_as_short_as_that_of_a_person(language: str, text: str, body: str) -> None:
    _, _, lines = to_code(text, language).rpartition('"""\n')
    assert dedent(lines) == body


def test_up_to_eight_knots_are_cases_and_more_are_a_list() -> None:
    points = [(2 * i, 0.1 * (i % 2)) for i in range(9)]
    assert "STEPS" not in to_code(Knots(points[:8]))
    assert "STEPS = [0, 2, 4, 6, 8, 10, 12, 14, 16]\n" in to_code(Knots(points))


@pytest.mark.parametrize("language", ["python", "jax"])
def test_lines_have_at_most_88_characters_as_ruff_has_them(language: str, tmp_path: Path) -> None:
    for number, schedule in enumerate(WIDE):
        code = to_code(schedule, language)
        assert max(map(len, code.splitlines())) <= 88
        (tmp_path / f"code_{number}.py").write_text(code)
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--no-cache", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("language", ["python", "jax"])
def test_the_code_of_every_shape_and_operator_is_as_recorded(language: str) -> None:
    theirs = {head: code for head, code in recorded().items() if head.startswith(language)}
    found = written(language)
    assert list(found) == list(theirs)
    for head, code in found.items():
        assert code == theirs[head], head


@pytest.mark.parametrize("digits", range(1, 16))
def test_a_docstring_has_one_line_if_its_quotes_fit_within_88_characters(digits: int) -> None:
    schedule = Linear(0.123456789, 0.9876543, 777) >> Constant(0.987654321, 10**digits)
    first = to_code(schedule).splitlines()[1]
    line = f'    """{schedule}."""'
    assert (first == line) == (len(line) <= 88)
