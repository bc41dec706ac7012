"""Keras's schedules in its SGD on PyTorch, with the rate read from the change of a weight whose gradient is 1."""

import os
import random

from measuring import Case

PACKAGE = "keras"


def _of(name: str, updates: int = 32, horizon: int | None = None, **config: object) -> Case:
    return Case({"class_name": name, "config": config}, updates, horizon)


CASES = [
    Case("CosineDecay(0.0, 10, alpha=.1, warmup_target=1, warmup_steps=4)"),
    Case("keras.optimizers.schedules.CosineDecay(1.0, 10, 0.1)"),
    Case("CosineDecay(0.5, 10, warmup_steps=4)"),
    Case("CosineDecay(0.5, 10, warmup_target=0.3)"),
    Case("PiecewiseConstantDecay([3, 6], [1.0, .5, .1])"),
    Case("CosineDecayRestarts(1.0, 4, 2, .5, alpha=.1)"),
    Case("CosineDecayRestarts(1.0, 5, 1.0)"),
    Case("PolynomialDecay(1.0, 4, 0.0, 1, cycle=True)", 32, 32),
    Case("PolynomialDecay(1.0, 7, 0.1, 2, cycle=True)", 32, 32),
    Case("PolynomialDecay(1.0, 10)"),
    Case("ExponentialDecay(1.0, 4, .5, staircase=True)"),
    Case("ExponentialDecay(1.0, 4, .5)"),
    Case("InverseTimeDecay(1.0, 4, .5)"),
    Case("InverseTimeDecay(1.0, 4, .5, True)"),
]


def random_case(rng: random.Random) -> Case:
    steps = rng.randint(1, 20)
    a, b, c = (round(rng.uniform(0.01, 2.0), 3) for _ in range(3))
    start = {"initial_learning_rate": a}
    stairs, warmup_target = rng.random() < 0.5, rng.choice([None, c])
    boundary = rng.randint(0, 10)
    cases = [
        _of("CosineDecay", **start, decay_steps=steps, alpha=b, warmup_target=warmup_target, warmup_steps=boundary),
        _of("CosineDecayRestarts", **start, first_decay_steps=steps, t_mul=rng.randint(1, 2), m_mul=b, alpha=c / 2),
        _of("ExponentialDecay", **start, decay_steps=steps, decay_rate=b, staircase=stairs),
        _of("InverseTimeDecay", **start, decay_steps=steps, decay_rate=b, staircase=stairs),
        _of("PiecewiseConstantDecay", boundaries=[boundary, boundary + steps], values=[a, b, c]),
        _of("PolynomialDecay", 32, 32, **start, decay_steps=steps, end_learning_rate=b, power=c, cycle=stairs),
    ]
    return rng.choice(cases)


def rates(case: Case) -> list[float]:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    schedules = keras.optimizers.schedules
    if isinstance(case.config, str):
        source = case.config.removeprefix("keras.optimizers.schedules.")
        schedule = eval(source, dict(vars(schedules)))
    else:
        schedule = getattr(schedules, case.config["class_name"])(**case.config["config"])
    weight = keras.Variable(0.0)
    optimizer = keras.optimizers.SGD(schedule)
    found = []
    for _ in range(case.updates):
        weight.assign(0.0)
        optimizer.apply([keras.ops.ones(())], [weight])
        found.append(-float(keras.ops.convert_to_numpy(weight)))
    return found
