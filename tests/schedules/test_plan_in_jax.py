"""Plans in JAX: their values under jit, and their entries as optax's injected hyperparameters."""

import pytest

import stepsize as ss
from stepsize import ConstantProduct, Plan

jax = pytest.importorskip("jax", reason="needs stepsize[frameworks]")
optax = pytest.importorskip("optax", reason="needs stepsize[frameworks]")

RATE = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 15)


def test_the_values_of_a_plan_are_a_tree_of_arrays_under_jit():
    plan = Plan(
        lr={"head": RATE, "body": 0.1},
        weight_decay={"head": ConstantProduct(0.01)},
        betas=(ss.Linear(0.85, 0.95, 10), 0.999),
        eps=[1e-8, 1e-6],
    )
    values = jax.jit(plan)
    for step in (0, 1, 7, 40):
        leaves, form = jax.tree.flatten(values(step))
        expected, same_form = jax.tree.flatten(plan(step))
        assert form == same_form
        assert [float(leaf) for leaf in leaves] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_plan_gives_optax_the_hyperparameters_to_inject():
    plan = Plan(learning_rate=RATE, weight_decay=ss.Linear(0.0, 0.1, 10), b1=ss.Linear(0.85, 0.95, 10), b2=0.99)
    optimizer = optax.inject_hyperparams(optax.adamw)(**plan)
    gradient = jax.numpy.array([1.0, -2.0])
    params = other = jax.numpy.ones(2)
    state, inner = optimizer.init(params), optax.adamw(0.1).init(other)

    @jax.jit
    def update(params, state):
        changes, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, changes), state

    for step in range(25):
        params, state = update(params, state)
        changes, inner = optax.adamw(**plan(step)).update(gradient, inner, other)
        other = optax.apply_updates(other, changes)
        assert {key: float(each) for key, each in state.hyperparams.items() if key in plan} == pytest.approx(
            plan(step), rel=1e-5, abs=1e-9
        )
    assert params.tolist() == pytest.approx(other.tolist(), rel=1e-5)
