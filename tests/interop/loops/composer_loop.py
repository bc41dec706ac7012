"""Composer's schedulers, stepped before the batch is counted, as its trainer does."""

import random
import sys
import types
from typing import Any

from measuring import Case, without_init

PACKAGE = "composer"


def _case(name: str, duration: str = "10ba", scale: float = 1.0, updates: int = 14, **settings: object) -> Case:
    config = {"scheduler": {"name": name, **settings}, "max_duration": duration, "scale_schedule_ratio": scale}
    horizon = {"samples": 40, "batch": 8, "epochs": 2, "tokens_per_sample": 16}
    return Case(config, updates, horizon, 0.3)


CASES = [
    _case("StepScheduler", step_size="3ba"),
    _case("MultiStepScheduler", milestones=["2ba", "1ep", "0.8dur"], gamma=0.5),
    _case("ConstantScheduler"),
    _case("ConstantScheduler", alpha=0.5, t_max="5ba"),
    _case("LinearScheduler", alpha_i=0.2, t_max="1ep"),
    _case("ExponentialScheduler", gamma=0.5),
    _case("CosineAnnealingScheduler", "2ep", alpha_f=0.1),
    _case("CosineAnnealingScheduler", "80sp", alpha_f=0.1),
    _case("CosineAnnealingScheduler", "1280tok", t_max="1000tok"),
    _case("CosineAnnealingWarmRestartsScheduler", t_0="3ba", t_mult=2.0, updates=30),
    _case("CosineAnnealingWarmRestartsScheduler", "30ba", t_0="5ba", t_mult=1.5, alpha_f=0.1, updates=30),
    _case("PolynomialScheduler", power=2.0, alpha_f=0.1),
    _case("MultiStepWithWarmupScheduler", t_warmup="3ba", milestones=["2ba", "6ba"]),
    _case("MultiStepWithWarmupScheduler", t_warmup="7ba", milestones=["2ba", "6ba"]),
    _case("ConstantWithWarmupScheduler", t_warmup="4ba", alpha=0.5),
    _case("LinearWithWarmupScheduler", t_warmup="0.25dur", alpha_i=0.5, alpha_f=0.1),
    _case("CosineAnnealingWithWarmupScheduler", t_warmup="4ba", alpha_f=0.1),
    _case("CosineAnnealingWithWarmupScheduler", t_warmup="0ba", t_max="14ba"),
    _case("CosineAnnealingWithWarmupScheduler", t_warmup="12ba", updates=20),
    _case("CosineAnnealingWithWarmupScheduler", "1280tok", t_warmup="500tok"),
    _case("CosineAnnealingWithWarmupScheduler", scale=2.0, t_warmup="4ba", scale_warmup=True, updates=24),
    _case("CosineAnnealingWithWarmupScheduler", scale=0.5, t_warmup="2ba"),
    _case("PolynomialWithWarmupScheduler", t_warmup="1ep", t_max="3ep"),
]


several = CASES[0].config | {"schedulers": [CASES[16].config["scheduler"], CASES[4].config["scheduler"]]}
CASES.append(Case(several, 14, CASES[0].horizon, 0.3))


def random_case(rng: random.Random) -> Case:
    total, scale = rng.randint(4, 40), rng.choice([1.0, 1.0, 0.5, 1.7])
    warmup = rng.choice([f"{rng.randint(0, total)}ba", f"{rng.randint(1, 100) / 100}dur", "1ep"])
    alpha, power = rng.choice([0.0, rng.random()]), 3 * rng.random()
    ends = rng.choice(["1dur", f"{rng.randint(total, 2 * total)}ba"]) if scale >= 1 else "1dur"
    milestones = [f"{rng.randint(1, 30)}ba" for _ in range(3)]
    warm = {"t_warmup": warmup, "scale_warmup": rng.random() < 0.3}
    settings: dict[str, dict[str, Any]] = {
        "StepScheduler": {"step_size": f"{rng.randint(2, 9)}ba", "gamma": rng.random()},
        "MultiStepScheduler": {"milestones": milestones, "gamma": rng.random()},
        "ConstantScheduler": {"alpha": alpha, "t_max": ends},
        "LinearScheduler": {"alpha_i": rng.random(), "alpha_f": alpha, "t_max": ends},
        "ExponentialScheduler": {"gamma": rng.uniform(0.1, 1)},
        "CosineAnnealingScheduler": {"alpha_f": alpha, "t_max": ends},
        "CosineAnnealingWarmRestartsScheduler": {
            "t_0": f"{rng.randint(2, 9)}ba",
            "t_mult": rng.choice([1.0, 2.0, 3.0]),
        },
        "PolynomialScheduler": {"power": power, "alpha_f": alpha, "t_max": ends},
        "MultiStepWithWarmupScheduler": {"milestones": milestones, "gamma": rng.random(), **warm},
        "ConstantWithWarmupScheduler": {"alpha": alpha, "t_max": ends, **warm},
        "LinearWithWarmupScheduler": {"alpha_i": rng.random(), "alpha_f": alpha, "t_max": ends, **warm},
        "CosineAnnealingWithWarmupScheduler": {"alpha_f": alpha, "t_max": ends, **warm},
        "PolynomialWithWarmupScheduler": {"power": power, "alpha_f": alpha, "t_max": ends, **warm},
    }
    name = rng.choice(list(settings))
    return _case(name, f"{total}ba", scale, int(total * scale), **settings[name])


def rates(case: Case) -> list[float]:
    import torch

    without_init("composer", "composer.core", "composer.utils", "composer.optim")
    from composer.utils.string_enum import StringEnum

    sys.modules["composer.utils"].StringEnum = StringEnum
    from composer.core.time import Time, Timestamp, TimeUnit

    sys.modules["composer.core"].__dict__.update(State=object, Time=Time, TimeUnit=TimeUnit)
    from composer.optim import scheduler as module

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case.base_lr or 1.0)
    samples, batch = case.horizon["samples"], case.horizon["batch"]
    scale = case.config["scale_schedule_ratio"]
    state = types.SimpleNamespace(
        timestamp=Timestamp(),
        max_duration=Time.from_timestring(case.config["max_duration"]),
        dataloader_len=samples // batch,
        optimizers=[optimizer],
    )
    compiled = []
    for each in case.config.get("schedulers", [case.config["scheduler"]]):
        scheduler = getattr(module, each["name"])(**{key: value for key, value in each.items() if key != "name"})
        compiled.append(module.compile_composer_scheduler(scheduler, state, scale))
    state.max_duration = state.max_duration * scale
    found = []
    for _ in range(case.updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in compiled:
            scheduler.step()
        state.timestamp = state.timestamp.to_next_batch(samples=batch, tokens=batch * case.horizon["tokens_per_sample"])
    return found
