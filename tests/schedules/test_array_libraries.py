"""Schedules called with steps of JAX, MLX and PyTorch: the values of NumPy, in single precision, compiled or not."""

import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import mlx.core as mx
import numpy as np
import pytest
import torch
from array_cases import GRID, MANY, PARTS, PLAN, around_boundaries, chain, close
from hypothesis import given, settings
from hypothesis import strategies as st

import stepsize as ss
from strategies import RECIPES, SHAPES, trees

EAGER = {
    "jax": lambda plan, steps: plan(jnp.asarray(steps, jnp.int32)),
    "mlx": lambda plan, steps: plan(mx.array(steps)),
    "torch": lambda plan, steps: plan(torch.tensor(steps)),
}
MAKE = {"jax": jnp.asarray, "mlx": mx.array, "torch": torch.tensor}
in_each_library = pytest.mark.parametrize("called", EAGER.values(), ids=EAGER)

each_part = pytest.mark.parametrize("plan", PARTS.values(), ids=PARTS)


# JAX compiles every operation outside a jit anew, which takes far longer than one program.
in_each_library_jax_under_jit = pytest.mark.parametrize(
    "called", [lambda plan, steps: jax.jit(plan)(jnp.asarray(steps)), EAGER["mlx"], EAGER["torch"]], ids=EAGER
)


@in_each_library_jax_under_jit
@each_part
def test_every_shape_and_operator_has_numpys_values_around_its_boundaries(called, plan):
    steps = around_boundaries(plan)
    close(called(plan, steps.astype(np.int32)), plan, steps)


@in_each_library_jax_under_jit
@each_part
def test_every_shape_and_operator_has_numpys_values_between_whole_steps(called, plan):
    steps = np.append(np.arange(480) / 4, [200.75, 1000.25, 4999.5])
    close(called(plan, steps.astype(np.float32)), plan, steps, 3e-5)


@in_each_library
def test_whole_steps_are_exact_beyond_single_precision(called):
    plan = PARTS["beyond single precision"]
    assert called(plan, [20_000_001])[0].item() == pytest.approx(0.999, rel=1e-7)
    assert called(PARTS["stretch"], [5_999_999, 6_000_000, 15_999_999, 16_000_000]).tolist() == [1.0, 0.5, 0.5, 0.25]


@in_each_library
@settings(max_examples=25)
@given(plan=trees)
def test_random_trees_have_numpys_values(called, plan):
    want = plan(GRID)
    # Differences cancel, and single precision has no numbers below 1e-38, so the error is measured by the terms.
    np.testing.assert_allclose(np.asarray(called(plan, GRID), np.float64), want, atol=3e-5 * max(1.0, abs(want).max()))


@pytest.mark.parametrize(
    "drawn", [*(row.drawn for row in SHAPES.values()), *RECIPES.values()], ids=[*map(str, SHAPES), *RECIPES]
)
@settings(max_examples=5)
@given(data=st.data())
def test_every_shape_and_recipe_takes_steps_of_jax(drawn, data):
    plan = data.draw(drawn)
    np.testing.assert_allclose(np.asarray(plan(jnp.asarray(GRID, jnp.int32))), plan(GRID), rtol=2e-5, atol=1e-5)


@in_each_library
@pytest.mark.parametrize("decay", [ss.Exponential(1.0, 0.99999), ss.Staircase(1.0, 0.99999, 1)], ids=str)
def test_a_factor_near_one_is_exact_after_a_million_steps(called, decay):
    assert called(decay, [1_000_000])[0].item() == pytest.approx(0.99999**1_000_000, rel=2e-6)


@in_each_library
def test_the_result_is_an_array_of_the_library_in_its_own_float_type_and_shape(called):
    result = called(PLAN, [[0, 1], [500, 20_000]])
    assert type(result).__module__.partition(".")[0] in ("jaxlib", "mlx", "torch")
    assert tuple(result.shape) == (2, 2)
    assert str(result.dtype).endswith("float32")


def test_fractional_and_negative_steps():
    for step in (jnp.float32(250.5), mx.array(250.5), torch.tensor(250.5)):
        assert float(PLAN(step)) == pytest.approx(PLAN(250.5), rel=1e-6)
    for step in (jnp.int32(-3), mx.array(-3), torch.tensor(-3.5)):  # a traced step cannot be refused
        assert float((PLAN + 1.0)(step)) == 1.0


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_steps_that_are_no_numbers_or_not_finite(make):
    for step in ([True, False], [1j]):
        with pytest.raises(ss.errors.StepError, match="a step is a finite number >= 0"):
            PLAN(make(step))
    for kind in (jnp.float32, mx.float32, torch.float32, torch.nn.Identity()):
        with pytest.raises(ss.errors.StepError, match="a step is a finite number >= 0"):
            PLAN(kind)
    for plan in (PLAN, PARTS["long table"], PARTS["repeat with growth"]):
        expected = [plan(0), plan(plan.steps), plan(plan.steps)]
        assert plan(make([math.nan, 1e30, math.inf])).tolist() == pytest.approx(expected, rel=1e-6)
    assert tuple(PLAN(make([])).shape) == (0,)


def test_unsigned_steps_do_not_wrap_around():
    assert float(PLAN(mx.array(3, mx.uint64))) == pytest.approx(PLAN(3), rel=1e-6)
    assert float(PLAN(jnp.uint32(3))) == pytest.approx(PLAN(3), rel=1e-6)
    assert float(PLAN(jnp.uint32(2**31 + 3))) == pytest.approx(0.01)
    assert float(PLAN(torch.tensor(3, dtype=torch.uint64))) == pytest.approx(PLAN(3), rel=1e-6)
    assert float(PLAN(torch.tensor(3, dtype=torch.uint8))) == pytest.approx(PLAN(3), rel=1e-6)


# JAX


@each_part
def test_vmap_over_the_steps(plan):
    steps = around_boundaries(plan)[:9]
    close(jax.jit(jax.vmap(plan))(jnp.asarray(steps, jnp.int32)), plan, steps)


def test_a_scan_over_the_steps():
    _, rates = jax.lax.scan(lambda step, _: (step + 1, MANY(step)), jnp.int32(0), None, 300)
    close(rates, MANY, np.arange(300))


def test_optax_takes_a_schedule_as_the_rate():
    import optax

    def descend(optimizer, rates):
        def update(carry, _):
            x, state = carry
            updates, state = optimizer.update(jnp.ones_like(x), state, x)
            return (optax.apply_updates(x, updates), state), rates(state)

        x = jnp.zeros(())
        return jax.jit(lambda: jax.lax.scan(update, (x, optimizer.init(x)), None, 12))()

    plan = ss.Linear(0.0, 1.0, 4) >> ss.Cosine(1.0, 0.0, 6)
    (x, _), _ = descend(optax.sgd(plan), lambda state: 0.0)
    assert float(x) == pytest.approx(-plan.sample(12).sum(), rel=1e-6)
    injected = optax.inject_hyperparams(optax.adamw)(learning_rate=plan, b1=0.95 - 0.1 * plan)
    _, (rates, b1) = descend(injected, lambda state: (state.hyperparams["learning_rate"], state.hyperparams["b1"]))
    np.testing.assert_allclose(rates, plan.sample(12), rtol=1e-6)
    np.testing.assert_allclose(b1, 0.95 - 0.1 * plan.sample(12), rtol=1e-6)


def test_a_chain_of_hundreds_compiles_to_a_few_formulas():
    small, large = (len(jax.make_jaxpr(plan)(jnp.int32(0)).eqns) for plan in (chain(10), chain(300)))
    assert large <= small + 60  # a binary search takes one more round for twice as many parts


def test_double_precision_if_jax_has_it_enabled():
    with jax.enable_x64(True):
        rate = jax.jit(PLAN)(jnp.int64(2**24 + 1))
        assert rate.dtype == jnp.float64
        assert float(jax.jit(PLAN)(501)) == PLAN(501)


# MLX


def test_an_optimizer_of_mlx_in_a_compiled_step():
    import mlx.nn as nn
    import mlx.optimizers

    plan = ss.Linear(0.0, 1.0, 4) >> ss.Cosine(1.0, 0.0, 6)
    model, optimizer = nn.Linear(1, 1, bias=False), mlx.optimizers.SGD(learning_rate=plan)
    model.update({"weight": mx.zeros((1, 1))})
    state = [model.state, optimizer.state]

    def step():
        optimizer.update(model, {"weight": mx.ones((1, 1))})
        return optimizer.learning_rate

    compiled = mx.compile(step, inputs=state, outputs=state)
    rates = [compiled().item() for _ in range(12)]
    np.testing.assert_allclose(rates, plan.sample(12), rtol=1e-6)
    assert model.weight.item() == pytest.approx(-plan.sample(12).sum(), rel=1e-6)


# PyTorch


COMPILED = {name: PARTS[name] for name in ("repeat with growth", "knots", "stretch", "long table")}


@pytest.mark.parametrize("plan", [*COMPILED.values(), chain(8)], ids=[*COMPILED, "chain of many"])
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torch_compile_takes_a_schedule_into_one_graph(plan):
    torch._dynamo.reset()
    plan = ss.parse(str(plan))  # so that nothing was computed before
    compiled = torch.compile(lambda step: plan(step), fullgraph=True, backend="aot_eager")
    steps = around_boundaries(plan)[:80]
    close(compiled(torch.tensor(steps)), plan, steps)
    assert compiled(torch.tensor(5)).shape == ()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchs_default_compiler_has_numpys_values():
    for plan in (PLAN, PARTS["repeat with growth"], PARTS["reclock"], PARTS["warp"], chain(8)):
        torch._dynamo.reset()
        steps = around_boundaries(plan)
        for some in (steps, steps[:37]):  # a length that is no multiple of a vector's
            close(torch.compile(lambda step: plan(step), fullgraph=True)(torch.tensor(some)), plan, some)  # noqa: B023


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_optimizer_whose_tensor_rate_is_set_within_the_step():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=torch.tensor(0.0))
    plan = ss.Linear(0.0, 1.0, 4) >> ss.Cosine(1.0, 0.0, 6)

    def update(step):
        optimizer.param_groups[0]["lr"].copy_(plan(step))
        optimizer.step()

    compiled = torch.compile(update, backend="aot_eager")
    for step in range(12):
        weight.grad = torch.ones(1)
        compiled(torch.tensor(step))
    assert weight.item() == pytest.approx(-plan.sample(12).sum(), rel=1e-6)


def test_torch_keeps_the_device_and_follows_the_default_type():
    assert PLAN(torch.zeros(3, dtype=torch.int32, device="meta")).device.type == "meta"
    torch.set_default_dtype(torch.float64)
    try:
        assert PLAN(torch.tensor(501)).item() == PLAN(501)
    finally:
        torch.set_default_dtype(torch.float32)


# Functions


def halves(t):
    return 0.1 * 0.5 ** (t / 10)


def at_ten(t):
    return 0.1 if t < 10 else 0.01


@in_each_library
def test_a_function_has_its_own_values_outside_a_compiler(called):
    for function in (halves, at_ten):
        plan = ss.Linear(0.0, 1.0, 3) >> ss.Function(function)
        close(called(plan, GRID[:40]), plan, GRID[:40])


def test_a_function_that_traces_is_traced():
    plan = ss.Linear(0.0, 1.0, 3) >> ss.Function(halves)
    torch._dynamo.reset()
    close(jax.jit(plan)(jnp.asarray(GRID, jnp.int32)), plan, GRID)
    assert mx.compile(plan)(mx.array(13)).item() == pytest.approx(0.05)
    compiled = torch.compile(lambda step: plan(step), fullgraph=True, backend="eager")
    assert compiled(torch.tensor(13)).item() == pytest.approx(0.05)


def test_a_function_is_traced_if_a_tensor_has_no_value_or_wants_a_gradient():
    plan = ss.Function(halves)
    close(torch.func.vmap(plan)(torch.arange(5)), plan, np.arange(5))
    slope = torch.func.grad(plan)(torch.tensor(10.0))
    assert slope.item() == pytest.approx(0.05 * np.log(0.5) / 10)
    assert plan(torch.tensor(10.0, requires_grad=True)).requires_grad
    assert plan(torch.tensor(10, device="meta")).shape == ()
    with pytest.raises(ss.StepsizeError, match="cannot trace"):
        torch.func.vmap(ss.Function(at_ten))(torch.arange(5))


@pytest.mark.parametrize("call", [lambda plan: jax.jit(plan)(jnp.int32(5)), lambda plan: mx.compile(plan)(mx.array(5))])
def test_a_function_that_does_not_trace_is_one_clear_error(call):
    with pytest.raises(ss.StepsizeError) as caught:
        call(ss.Function(at_ten))
    assert str(caught.value).startswith("a compiler cannot trace Function(<function at_ten at ")
    advice = "; write it with the functions of that library, such as where, or combine shapes"
    assert str(caught.value).endswith(advice)
    assert "\n" not in str(caught.value)


class Counting:
    """A function that may keep state."""

    def __init__(self):
        self.calls = 0

    def __call__(self, step):
        self.calls += 1
        return 0.1


@pytest.mark.parametrize("call", [lambda plan: jax.jit(plan)(jnp.int32(5)), lambda plan: mx.compile(plan)(mx.array(5))])
def test_a_function_that_may_keep_state_is_not_traced(call):
    with pytest.raises(
        ss.StepsizeError, match=r"may keep state, so a compiler cannot trace it; write it with the func"
    ):
        call(ss.Function(Counting()))


def test_no_array_library_is_imported_for_a_schedule():
    libraries = {"jax", "keras", "mlx", "tensorflow", "torch"}
    code = f"import sys, stepsize as ss; ss.Linear(0, 1, 3)([1, 2]); print(sorted({libraries} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
