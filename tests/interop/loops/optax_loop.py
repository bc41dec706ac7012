"""optax's schedules in `optax.sgd`, with the rate read from the change of a weight whose gradient is 1."""

import random

from measuring import Case

PACKAGE = "optax"

CASES = [
    Case("constant_schedule(0.3)"),
    Case("optax.warmup_cosine_decay_schedule(0, 1, 4, 10, 0.1)"),
    Case("optax.warmup_cosine_decay_schedule(0.1, 1, warmup_steps=0, decay_steps=10, exponent=2)"),
    Case("optax.warmup_cosine_decay_schedule(0, 0, 4, 10)"),
    Case("optax.cosine_onecycle_schedule(10, 1, 0.3)"),
    Case("optax.cosine_onecycle_schedule(2, 1)"),
    Case("optax.cosine_onecycle_schedule(10, 1, pct_start=1.0)"),
    Case("optax.linear_onecycle_schedule(20, 1)"),
    Case("optax.linear_onecycle_schedule(3, 1, 0.5, 0.5)"),
    Case("optax.exponential_decay(1, 4, 0.5, transition_begin=2, staircase=True, end_value=0.2)"),
    Case("optax.exponential_decay(1, 4, 1.5, end_value=2)"),
    Case("optax.exponential_decay(1, 4, 0.5, 3)"),
    Case("optax.exponential_decay(0.1, 4, 0.5, end_value=0.2)"),
    Case("optax.exponential_decay(1, 0, 0.5)"),
    Case("optax.exponential_decay(1, 4, 0)"),
    Case("optax.piecewise_constant_schedule(1, {6: 0.1, 3: 0.5})"),
    Case("optax.piecewise_constant_schedule(1)"),
    Case("optax.piecewise_interpolate_schedule('linear', 1, {3: 0.5, 9: 3})"),
    Case("optax.piecewise_interpolate_schedule('cosine', 1, {3: 0.5, 4: 0, 9: 3})"),
    Case("optax.warmup_exponential_decay_schedule(0, 1, 4, 4, 0.5)"),
    Case("optax.warmup_constant_schedule(0, 1, 4)"),
    Case("optax.warmup_constant_schedule(0.2, 1, 0)"),
    Case("optax.polynomial_schedule(1, 0, 2, 5, transition_begin=2)"),
    Case("optax.polynomial_schedule(1, 0, 2, 0)"),
    Case("optax.linear_schedule(init_value=0.3, end_value=1, transition_steps=7)"),
    Case("optax.cosine_decay_schedule(1, 10, 0.1, exponent=2)"),
    Case(
        "optax.sgdr_schedule([dict(init_value=0, peak_value=1, warmup_steps=2, decay_steps=6, end_value=0.1),"
        " {'init_value': 0.1, 'peak_value': 2, 'warmup_steps': 0, 'decay_steps': 10 // 2}])"
    ),
    Case(
        "optax.join_schedules([optax.constant_schedule(1), optax.linear_schedule(1, 0, 5),"
        " optax.constant_schedule(0.5)], [3, 2 * 3])"
    ),
    Case("optax.join_schedules([optax.linear_schedule(0, 1, 5), optax.constant_schedule(0.5)], [0])"),
    Case("optax.join_schedules([optax.linear_schedule(0, 1, 5), optax.constant_schedule(0.5)], [9])"),
]


def random_case(rng: random.Random) -> Case:
    steps, warmup = rng.randint(1, 12), rng.randint(0, 8)
    a, b, c = (round(rng.uniform(0.0, 2.0), 3) for _ in range(3))
    power, shape = rng.choice([1, 0.5, 2, 3.3]), rng.choice(["linear", "cosine"])
    texts = [
        f"linear_schedule({a}, {b}, {warmup}, {rng.randint(0, 5)})",
        f"polynomial_schedule({a}, {b}, {power}, {steps}, {warmup})",
        f"piecewise_constant_schedule({a}, {{{steps}: {b}, {steps + 4}: {c}}})",
        f"piecewise_interpolate_schedule({shape!r}, {a}, {{{steps}: {b}, {steps + 4}: {c}}})",
        f"exponential_decay({a}, {steps}, {b}, {warmup}, {rng.random() < 0.5}, {rng.choice([None, c])})",
        f"cosine_decay_schedule({a}, {steps}, {b}, {power})",
        f"warmup_cosine_decay_schedule({a}, {b}, {warmup}, {warmup + steps}, {c}, {power})",
        f"warmup_exponential_decay_schedule({a}, {b}, {warmup}, {steps}, {c})",
        f"cosine_onecycle_schedule({steps}, {a}, {round(rng.random(), 2)}, {1 + b})",
        f"linear_onecycle_schedule({steps}, {a}, {round(rng.uniform(0, 0.5), 2)}, {round(rng.uniform(0.5, 1), 2)})",
        "optax.join_schedules([{}, {}], [{}])".format(
            f"optax.linear_schedule({a}, {b}, {steps})", f"optax.cosine_decay_schedule({c}, {steps})", warmup
        ),
    ]
    return Case(rng.choice(texts))


def rates(case: Case) -> list[float]:
    import jax.numpy as jnp
    import optax

    source = case.config if case.config.startswith("optax.") else f"optax.{case.config}"
    optimizer = optax.sgd(eval(source, {"optax": optax}))
    state, weight = optimizer.init(jnp.float32(0.0)), jnp.float32(0.0)
    found = []
    for _ in range(case.updates):
        change, state = optimizer.update(jnp.float32(1.0), state, weight)
        found.append(-float(change))
    return found
