"""PaddlePaddle's schedulers, stepped after each update. Their module is loaded alone: the package needs much more."""

import random
import sys
import types
from typing import Any

from measuring import Case, without_init

PACKAGE = "paddle"


def _case(name: str, updates: int = 100, **settings: Any) -> Case:
    return Case({"name": name, **settings}, updates, 300)


def _warmup(name: str, updates: int = 100, **settings: Any) -> Case:
    inner = {"name": name, **settings}
    return _case("LinearWarmup", updates, learning_rate=inner, warmup_steps=4, start_lr=0.0, end_lr=0.3)


ONE: dict[str, Any] = {"learning_rate": 0.3}
CYCLE: dict[str, Any] = {"max_learning_rate": 0.3}
TRIANGLE: dict[str, Any] = {"base_learning_rate": 0.1, **CYCLE, "step_size_up": 4}

CASES = [
    _case("NoamDecay", d_model=64, warmup_steps=10),
    _case("NoamDecay", d_model=64, warmup_steps=1, learning_rate=0.0),
    _case("PiecewiseDecay", boundaries=[3, 6], values=[1.0, 0.5, 0.1]),
    _case("PiecewiseDecay", boundaries=[3, 6], values=[1.0, 0.5, 0.2, 0.1]),
    _case("NaturalExpDecay", **ONE, gamma=0.1),
    _case("InverseTimeDecay", **ONE, gamma=0.1),
    _case("PolynomialDecay", **ONE, decay_steps=10, power=2.0),
    _case("PolynomialDecay", **ONE, decay_steps=10, cycle=True),
    _case("PolynomialDecay", **ONE, decay_steps=1, power=0.5, cycle=True),
    _case("ExponentialDecay", **ONE, gamma=0.9),
    _case("MultiStepDecay", **ONE, milestones=[3, 8]),
    _case("StepDecay", **ONE, step_size=3),
    _case("CosineAnnealingDecay", **ONE, T_max=10, eta_min=0.03),
    _case("CosineAnnealingDecay", **ONE, T_max=1),
    _case("CosineAnnealingWarmRestarts", 400, **ONE, T_0=1, T_mult=3, eta_min=0.03),
    _case("LinearLR", **ONE, total_steps=10, start_factor=0.1),
    _case("LinearLR", **ONE, total_steps=1, end_factor=0.1),
    *(
        _case("OneCycleLR", 41, **CYCLE, total_steps=40, anneal_strategy=each, three_phase=three)
        for each in ("cos", "linear")
        for three in (False, True)
    ),
    *(
        _case("CyclicLR", **TRIANGLE, step_size_down=7, mode=each, exp_gamma=0.95)
        for each in ("triangular", "triangular2", "exp_range")
    ),
    _case("CyclicLR", **TRIANGLE),
    _case("LinearWarmup", learning_rate=0.3, warmup_steps=4, start_lr=0.1, end_lr=0.3),
    _case("LinearWarmup", learning_rate=0.0, warmup_steps=1, start_lr=0.1, end_lr=0.3),
    _warmup("CosineAnnealingDecay", **ONE, T_max=10, eta_min=0.03),
    _warmup("CosineAnnealingWarmRestarts", **ONE, T_0=5, T_mult=2),
    _warmup("LinearLR", **ONE, total_steps=10, start_factor=0.1),
]


def random_case(rng: random.Random) -> Case:
    base = {"learning_rate": rng.random()}
    low, decay, steps = rng.random(), rng.uniform(0.01, 0.99), rng.randint(1, 30)
    cases = [
        _case("NoamDecay", **base, d_model=rng.randint(1, 99), warmup_steps=steps),
        _case("PiecewiseDecay", boundaries=[steps, steps + 5], values=[rng.random() for _ in range(3)]),
        _case(rng.choice(["NaturalExpDecay", "InverseTimeDecay", "ExponentialDecay"]), **base, gamma=decay),
        _case("PolynomialDecay", **base, decay_steps=steps, end_lr=low, power=rng.uniform(0.5, 3.0)),
        _case("PolynomialDecay", **base, decay_steps=steps, end_lr=low, power=rng.uniform(0.5, 3.0), cycle=True),
        _case("MultiStepDecay", **base, milestones=sorted(rng.sample(range(1, 50), 3)), gamma=decay),
        _case("StepDecay", **base, step_size=steps, gamma=decay),
        _case("CosineAnnealingDecay", **base, T_max=steps, eta_min=low),
        _case("CosineAnnealingWarmRestarts", **base, T_0=steps, T_mult=rng.randint(1, 3), eta_min=low),
        _case("LinearLR", **base, total_steps=steps, start_factor=decay, end_factor=low),
        _case("OneCycleLR", steps + 11, max_learning_rate=low, total_steps=steps + 10, phase_pct=rng.uniform(0.2, 0.4)),
        _case("CyclicLR", base_learning_rate=low, max_learning_rate=2 * low, step_size_up=steps, step_size_down=9),
    ]
    chosen = rng.choice(cases)
    if rng.random() < 0.3 and chosen.config["name"] != "OneCycleLR":
        settings = {"learning_rate": chosen.config, "warmup_steps": rng.randint(1, 9), "start_lr": low}
        return _case("LinearWarmup", **settings, end_lr=1.5)
    return chosen


def its_module() -> Any:
    if "paddle.optimizer.lr" not in sys.modules:
        without_init("paddle", "paddle.optimizer")
        names = {"": ["Tensor"], ".base": ["core"], ".base.data_feeder": ["check_type"]}
        names |= {".base.framework": ["Variable", "default_main_program", "in_dygraph_mode"]}
        names |= {".base.layer_helper": ["LayerHelper"]}
        for module, members in names.items():
            stand_in = sys.modules.setdefault(f"paddle{module}", types.ModuleType(f"paddle{module}"))
            vars(stand_in).update(dict.fromkeys(members, object))
    from paddle.optimizer import lr

    return lr


def rates(case: Case) -> list[float]:
    lr = its_module()

    def made(config: Any) -> Any:
        if not isinstance(config, dict):
            return config
        settings = {name: made(value) for name, value in config.items() if name != "name"}
        return getattr(lr, config["name"])(**settings)

    scheduler, found = made(case.config), []
    for _ in range(case.updates - 1):
        found.append(scheduler())
        scheduler.step()
    return [*found, scheduler()]
