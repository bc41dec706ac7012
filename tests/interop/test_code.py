"""Code that is written for a schedule: its values, its layout, and what is refused."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from code_cases import SHAPES_AND_OPERATORS
from hypothesis import given

from stepsize import (
    Constant,
    ConstantProduct,
    Cosine,
    Function,
    Horizon,
    InversePower,
    Linear,
    Logarithmic,
    OneMinusSqrt,
    Plan,
    Polynomial,
    Schedule,
    Table,
    parse,
    wsd,
)
from stepsize.errors import ArgumentError
from stepsize.interop import to_code
from stepsize.schedules.formulas import Between
from strategies import trees

INF = math.inf
WARMUP = Linear(0.0, 0.3, 7)
WAVE = Cosine(0.3, 0.01, 12)
each_schedule = pytest.mark.parametrize("schedule", SHAPES_AND_OPERATORS, ids=str)


def made(code: str, name: str = "learning_rate"):
    """The function, from a namespace in which nothing else is."""
    namespace = {}
    exec(code, namespace)
    return namespace[name]


def steps_of(schedule: Schedule) -> np.ndarray:
    return np.arange(3 * int(min(schedule.steps, 60)) + 2)


def compare(schedule: Schedule, values: list[float], within: float) -> None:
    expected = schedule(steps_of(schedule))
    np.testing.assert_allclose(values, expected, rtol=within, atol=within * max(1.0, np.max(np.abs(expected))))


@each_schedule
def test_python_code_has_the_values_of_every_shape_and_operator(schedule: Schedule) -> None:
    rate = made(to_code(schedule))
    compare(schedule, [rate(step) for step in steps_of(schedule).tolist()], 1e-12)


@given(trees)
def test_python_code_has_the_values_of_any_tree(schedule: Schedule) -> None:
    if contains_a_function(schedule):
        with pytest.raises(ArgumentError, match="its code is not in the schedule"):
            to_code(schedule)
        return
    rate = made(to_code(schedule))
    compare(schedule, [rate(step) for step in steps_of(schedule).tolist()], 1e-12)


@pytest.mark.parametrize("lengths", [(up, down) for up in (3, 5, 8, 13) for down in (2, 7, 11, 26)], ids=str)
def test_a_jump_in_stretched_cycles_comes_at_its_step(lengths: tuple[int, int]) -> None:
    up, down = lengths
    schedule = (Constant(1.0, up) >> Constant(2.0, down)).repeat(3, 1.0, 2)
    code = made(to_code(schedule))
    assert [code(step) for step in range(7 * (up + down))] == schedule.sample(7 * (up + down)).tolist()


@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_jump_in_a_warped_schedule_of_a_million_steps_comes_at_its_step(tenths: int) -> None:
    schedule = (Constant(1.0, 10_000 * tenths**2) >> Constant(2.0, 1_000_000 - 10_000 * tenths**2)).warp(2.0)
    code, jump = made(to_code(schedule)), 100_000 * tenths
    assert [code(step) for step in (jump - 1, jump)] == schedule([jump - 1, jump]).tolist() == [1.0, 2.0]


class Mine(Between):
    """A shape of the user's own."""

    def _between(self, z: Any, rest: Any, m: Any) -> Any:
        return self.start + (self.end - self.start) * z * z


def test_a_shape_of_ones_own_is_refused_in_words() -> None:
    with pytest.raises(ArgumentError, match=r"must be made of the shapes of stepsize, got Mine\("):
        to_code(wsd(0.1, 10, 50, 40, shape=Mine))


def contains_a_function(schedule: Schedule) -> bool:
    return isinstance(schedule, Function) or any(map(contains_a_function, schedule._children))


def test_jax_code_has_the_values_of_every_shape_and_operator_under_jit_and_vmap() -> None:
    jax = pytest.importorskip("jax", reason="needs stepsize[frameworks]")
    rates = [made(to_code(schedule, "jax")) for schedule in SHAPES_AND_OPERATORS]
    steps = jax.numpy.arange(max(steps_of(schedule).size for schedule in SHAPES_AND_OPERATORS))
    values = jax.jit(lambda steps: [jax.vmap(rate)(steps) for rate in rates])(steps)
    for schedule, found in zip(SHAPES_AND_OPERATORS, values, strict=True):
        compare(schedule, np.asarray(found)[: steps_of(schedule).size], 1e-6)


def test_jax_code_is_exact_beyond_2_to_the_24_steps_and_runs_in_scan() -> None:
    jax = pytest.importorskip("jax", reason="needs stepsize[frameworks]")
    first = 2**25 + 1
    plan = Constant(0.3, first) >> Linear(0.3, 0.1, 4) >> Polynomial(0.1, 0.0, 4, 0.5)
    rate = made(to_code(plan, "jax"))
    _, values = jax.lax.scan(lambda step, _: (step + 1, rate(step)), first - 1, length=10)
    np.testing.assert_allclose(values, plan(np.arange(first - 1, first + 9)), atol=1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "Linear(0.0, 1.0, 3).repeat(3).stretch(1_000_000_000)",
        "Constant(0.1, 1_000_000_000) >> Linear(0.0, 1.0, 3).repeat(3).stretch(100_000_000)",
    ],
)
def test_a_clock_that_32_bits_cannot_count_is_refused_for_jax(text: str) -> None:
    with pytest.raises(ArgumentError, match="one whose clock JAX can count in 32 bits"):
        to_code(text, "jax")
    assert "1_000_000_000" in to_code(text)


FRACTIONAL = [  # several of their steps make an update, and their clocks are fractions of it
    "Linear(0.0, 1.0, 3).repeat(3).stretch(100_000_000).repeat(inf)",
    "(Linear(0.0, 1.0, 7) >> Cosine(1.0, 0.0, 9)).repeat(50).stretch(333).repeat(inf)",
    "Linear(0.0, 0.3, 100) >> (Linear(0.0, 1.0, 3) >> Cosine(1.0, 0.0, 4)).stretch(2_000_000_000)",
    "Staircase(1.0, 0.5, 3).head(30).stretch(100_000_000)",
    "Staircase(1.0, 0.9, 3).head(210).stretch(2_000_000_000)",
]


@pytest.mark.parametrize("text", FRACTIONAL)
def test_jax_code_of_fractional_clocks_does_not_overflow(text: str) -> None:
    jax = pytest.importorskip("jax", reason="needs stepsize[frameworks]")
    steps = np.random.default_rng(0).integers(0, 2**31 - 1, 300)
    values = jax.vmap(made(to_code(text, "jax")))(jax.numpy.array(steps, dtype="int32"))
    np.testing.assert_allclose(values, parse(text)(steps), rtol=0, atol=1e-5)


def test_jax_code_computes_no_nan_in_the_cases_that_do_not_count() -> None:
    jax = pytest.importorskip("jax", reason="needs stepsize[frameworks]")
    bent = [OneMinusSqrt(0.3, 0.1, 9), Polynomial(0.3, 0.1, 9, 0.5), InversePower(0.3), Logarithmic(0.0, 0.3, 9)]
    with jax.debug_nans(True):
        for schedule in (*bent, WAVE.warp(0.7)):
            made(to_code(Constant(0.3, 9) >> schedule, "jax"))(jax.numpy.array([0, 5000]))


def test_torch_code_drives_a_lambda_lr() -> None:
    import torch

    plan = WARMUP >> WAVE
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.7)
    scheduler = made(to_code(plan, "torch"), "scheduler_of")(optimizer)
    for step in range(25):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(plan(step), abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_torch_code_of_factors_multiplies_the_rate_of_each_group() -> None:
    import torch

    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.25)]
    optimizer = torch.optim.SGD(groups)
    made(to_code(Plan(lr=Linear(0.5, 1.0, 4), relative=True), "torch"), "scheduler_of")(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]


@pytest.mark.parametrize("relative", [False, None])
def test_torch_code_of_a_plan_of_rates_replaces_the_optimizers_rate(relative: bool | None) -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.25)
    made(to_code(Plan(lr=Linear(0.5, 1.0, 4), relative=relative), "torch"), "scheduler_of")(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("language", ["python", "torch", "jax"])
def test_ruff_finds_nothing_to_change(language: str, tmp_path) -> None:
    for number, schedule in enumerate(SHAPES_AND_OPERATORS):
        (tmp_path / f"code_{number}.py").write_text(to_code(schedule, language))
    for command in (["check"], ["format", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", tmp_path],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_text_may_have_units_and_a_function_a_name() -> None:
    code = to_code('warmup_cosine(0.3, "10%", "2ep")', horizon=Horizon(100, 10, 2), name="rate")
    assert made(code, "rate")(2) == 0.3


def test_a_plan_has_a_function_for_each_of_its_schedules() -> None:
    plan = Plan(lr=[WARMUP, WAVE], betas=("Linear(0.8, 0.9, 10)", 0.99), weight_decay={"head": 0.1})
    code = to_code(plan)
    names = ["learning_rate_0", "learning_rate_1", "betas_0", "betas_1", "weight_decay_of_head"]
    assert [made(code, name)(5) for name in names] == pytest.approx([WARMUP(5), WAVE(5), 0.85, 0.99, 0.1])


def test_a_hyperparameter_whose_name_begins_like_that_of_the_rate_keeps_it() -> None:
    code = to_code(Plan(lr=WARMUP, lr_scale=WAVE), name="rate")
    assert [made(code, name)(5) for name in ("rate", "lr_scale")] == pytest.approx([WARMUP(5), WAVE(5)])


@pytest.mark.parametrize("name", ["VALUES", "z", "part"])
def test_a_function_may_have_a_name_that_the_code_uses(name: str) -> None:
    schedule = Table((0.1, 0.3, 0.2)) + WAVE.warp(2.0)
    assert made(to_code(schedule, name=name), name)(1) == pytest.approx(schedule(1), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (0.3 * Function("math:exp"),),
            "Function.*its code is not in the schedule",
        ),
        ((Plan(lr=0.1, weight_decay=ConstantProduct(0.1)),), "a plan whose weight_decay is a schedule, got ConstantP"),
        ((Plan(weight_decay=WARMUP), "torch"), r"a rate for LambdaLR, which changes nothing else.*Plan\(lr=...\)"),
        ((Plan(lr=0.1, momentum=0.9), "torch"), r"a rate for LambdaLR, which changes nothing else.*Plan\(lr=...\)"),
        ((Table(range(201)).warp(2.0),), "at most 200 cases"),
        ((WAVE, "pytorch"), 'did you mean "torch"'),
        ((0.3,), "a schedule, a plan or a text"),
    ],
)
def test_what_cannot_be_code_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        to_code(*arguments)


def test_a_name_that_no_function_can_have_is_refused() -> None:
    with pytest.raises(ArgumentError, match="a name that a function can have, got 'my rate'"):
        to_code(WAVE, name="my rate")


def test_two_hundred_cases_are_written() -> None:
    assert "200" in to_code(Table(range(200)).warp(2.0))
