"""OLMo-core's schedulers, asked for the rate as its trainer does: after it has counted the update."""

import random
import sys
import types
from typing import Any

from measuring import Case, without_init

PACKAGE = "olmo_core"


def _case(kind: str, total: int = 10, **settings: object) -> Case:
    """A run has no updates after its end, at which the schedules are measured."""
    return Case({"type": kind, **settings}, total, total, 0.3)


CASES = [
    _case("constant"),
    _case("constant_with_warmup", warmup=4),
    _case("wsd", warmup=4, decay=4),
    _case("wsd", warmup=0, decay=4, warmup_min_lr=0.01, decay_min_lr=0.02),
    _case("wsd", warmup_fraction=0.25, decay_fraction=0.25),
    _case("wsd", warmup=8, decay=4),
    _case("wsd", 60, warmup=4),
    _case("wsd", 65, warmup=4),
    _case("power_lr", warmup=2, decay=3, decay_min_lr=0.01),
    _case("linear_with_warmup", warmup=4),
    _case("linear_with_warmup", warmup=4, t_max=8, alpha_f=0.0),
    _case("inv_sqrt_with_warmup", warmup=4),
    _case("inv_sqrt_with_warmup", warmup=4, alpha_f=0.0),
    _case("cos_with_warmup", warmup=4),
    _case("cos_with_warmup", warmup_steps=1, alpha_f=0.0),
    _case("cos_with_warmup", warmup=10),
    _case("half_cos_with_warmup", warmup=4),
    _case("cos_with_warmup_and_linear_decay", warmup=2, decay=3),
    _case("exponential", lr_min=1e-4),
    _case("wsds", 14, warmup=2, decay=2, period_lengths=[6, 6]),
    _case("wsds", 14, warmup=2, decay=2, period_lengths=[6, 2, 4], period_lr_multipliers=[1.0, 0.5, 0.25]),
    _case(
        "composable",
        stages=[
            {"duration": 3, "start_lr": 0.0, "end_lr_fraction": 1.0},
            {"duration": 4, "shape": "cosine", "end_lr": 0.05},
        ],
    ),
    _case(
        "composable",
        stages=[{"duration": 9, "end_lr_fraction": 0.5}],
        override_decay={"start": 4, "duration": 3, "shape": "cosine", "end_lr": 0.0},
    ),
    _case(
        "sequential",
        20,
        schedulers=[{"type": "linear_with_warmup", "warmup": 2}, {"type": "cos_with_warmup", "warmup": 3}],
        schedulers_max=[8],
    ),
    _case(
        "sequential",
        20,
        schedulers=[{"type": "constant_with_warmup", "warmup": 3}, {"type": "cos_with_warmup", "warmup": 0}],
        schedulers_max=[8],
    ),
]


def random_case(rng: random.Random) -> Case:
    total = rng.randint(4, 40)
    kinds = ["constant_with_warmup", "wsd", "power_lr", "linear_with_warmup", "inv_sqrt_with_warmup", "cos_with_warmup"]
    kind = rng.choice([*kinds, "half_cos_with_warmup", "cos_with_warmup_and_linear_decay", "exponential", "wsds"])
    if kind == "exponential":
        return _case(kind, total, lr_min=rng.uniform(1e-9, 1e-2))
    warmup = rng.randint(1, total - 1)
    settings: dict[str, Any] = {"warmup": warmup} if rng.random() < 0.6 else {"warmup_fraction": rng.uniform(0.1, 1.0)}
    settings["warmup_min_lr"] = rng.choice([0.0, 0.01])
    if kind in ("wsd", "power_lr", "cos_with_warmup_and_linear_decay"):
        settings |= (
            {"decay": rng.randint(1, total - 1)} if rng.random() < 0.5 else {"decay_fraction": rng.uniform(0.2, 1)}
        )
        settings["decay_min_lr"] = rng.choice([0.0, 1e-4])
    if kind.endswith("with_warmup") and not kind.startswith("constant"):
        settings["alpha_f"] = rng.choice([0.0, rng.random()])
    if kind in ("linear_with_warmup", "cos_with_warmup", "half_cos_with_warmup") and rng.random() < 0.4:
        settings["t_max"] = rng.randint(1, 2 * total)
    if kind == "wsds":
        settings = {"warmup": rng.randint(0, 4), "decay": rng.randint(1, 4)}
        settings["period_lengths"] = [rng.randint(8, 12), *(rng.randint(4, 12) for _ in range(rng.randint(0, 3)))]
    return _case(kind, total, **settings)


def rates(case: Case) -> list[float]:
    sys.modules["cached_path"] = types.SimpleNamespace(cached_path=None)
    without_init("olmo_core", "olmo_core.optim", "olmo_core.distributed")
    sys.modules["olmo_core.optim.config"] = types.SimpleNamespace(INITIAL_LR_FIELD="initial_lr", LR_FIELD="lr")
    sys.modules["olmo_core.distributed.utils"] = types.SimpleNamespace(get_rank=lambda: 0)
    from olmo_core.optim.scheduler import Scheduler

    trainer = types.SimpleNamespace(global_step=0, max_steps=case.horizon)
    group = {"lr": case.base_lr}
    scheduler = _made(Scheduler, case.config)
    found = []
    for _ in range(case.updates):
        trainer.global_step += 1
        found.append(scheduler.set_lr(group, trainer))
    return found


def _made(base: Any, config: dict[str, Any]) -> Any:
    from olmo_core.optim import scheduler as module

    settings = dict(config)
    cls = base.get_registered_class(settings.pop("type"))
    if "decay" in settings and cls is not module.WSDS:
        settings["decay_fraction"] = None
    if "schedulers" in settings:
        settings["schedulers"] = [_made(base, each) for each in settings["schedulers"]]
    if "stages" in settings:
        settings["stages"] = [module.ComposableSchedulerStage(**each) for each in settings["stages"]]
    if "override_decay" in settings:
        settings["override_decay"] = module.OverrideDecay(**settings["override_decay"])
    return cls(**settings)
