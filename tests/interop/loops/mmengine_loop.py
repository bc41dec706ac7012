"""MMEngine's schedulers, built as its runner builds them, and stepped as its hook does: by update, then by epoch."""

import random
from typing import Any

from measuring import Case

PACKAGE = "mmengine"

RUN = {"samples": 30, "batch": 10, "epochs": 12}
EPOCH_STEPS, EPOCHS = 3, 12


def _case(*schedulers: dict[str, Any], base_lr: float = 0.3) -> Case:
    return Case(list(schedulers), 3 * EPOCH_STEPS * EPOCHS, RUN, base_lr)


def _one(name: str, begin: int = 0, end: int | None = None, by_epoch: bool = False, **settings: Any) -> dict[str, Any]:
    timing = {"begin": begin, "by_epoch": by_epoch} | ({} if end is None else {"end": end})
    return {"type": name, **timing, **settings}


WARMUP = _one("LinearLR", 0, 4, start_factor=0.1)

CASES = [
    _case(WARMUP, _one("CosineAnnealingLR", 4, 10)),
    _case(WARMUP, _one("CosineAnnealingLR", 3, 11, T_max=7, eta_min=0.03)),
    _case(_one("PolyLR", 0, 4, eta_min=0.3), _one("PolyLR", 3, 11, power=2.0, eta_min=0.03), base_lr=0.0),
    _case(_one("MultiStepLR", 0, 1, milestones=[0], gamma=0.5), _one("PolyLR", 0, 10, eta_min=0.03)),
    _case(
        _one("PolyLR", 0, 3, True, eta_min=0.1),
        _one("ExponentialLR", 8, 20, gamma=0.9),
        _one("StepLR", 19, step_size=5),
    ),
    _case(_one("PolyLR", 0, 10)),
    _case(_one("PolyLR", 3, 10, power=0.9, eta_min=0.03), base_lr=0.0),
    _case(_one("LinearLR", 0, 1), _one("ConstantLR", 3, 4), _one("PolyLR", 5, 6), _one("ExponentialLR", 7, gamma=0.9)),
    _case(_one("ConstantLR", 0, 5), _one("CosineAnnealingLR", 8, 30, T_max=5, eta_min=0.03)),
    _case(_one("CosineAnnealingLR", by_epoch=True, eta_min_ratio=0.1)),
    _case(_one("CosineAnnealingLR", end=40, T_max=1)),
    _case(WARMUP, _one("MultiStepLR", 0, 12, True, milestones=[8, 11])),
    _case(WARMUP, _one("CosineAnnealingLR", by_epoch=True), _one("StepLR", 9, step_size=10)),
    _case(_one("LinearLR", 0, 2, True, convert_to_iter_based=True), _one("CosineAnnealingLR", 2, 12, True)),
    _case(_one("LinearLR", 0, 2, True), _one("MultiStepLR", 2, 12, True, milestones=[0, 3, 3, 20])),
    _case(_one("OneCycleLR", eta_max=1.0)),
    _case(_one("OneCycleLR", 0, 30, eta_max=1.0, total_steps=33, anneal_strategy="linear", three_phase=True)),
    _case(_one("CosineRestartLR", periods=[4, 1, 7], restart_weights=[1.0, 0.5, 0.25], eta_min=0.01)),
    _case(_one("CosineRestartLR", 0, 9, periods=[4, 8], restart_weights=[0.5, 2.0], eta_min_ratio=0.01)),
]


def random_case(rng: random.Random) -> Case:
    def scheduler(name: str, begin: int, end: int | None, by_epoch: bool) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        match name:
            case "ConstantLR":
                settings = {"factor": rng.uniform(0.1, 1.0)}
            case "LinearLR":
                settings = {"start_factor": rng.uniform(0.1, 1.0), "end_factor": rng.random()}
            case "StepLR":
                settings = {"step_size": rng.randint(1, 9), "gamma": rng.random()}
            case "MultiStepLR":
                settings = {"milestones": sorted(rng.randint(0, 20) for _ in range(3)), "gamma": rng.random()}
            case "ExponentialLR":
                settings = {"gamma": rng.uniform(0.5, 1.0)}
            case "PolyLR":
                settings = {"eta_min": rng.choice([0.0, 0.1]), "power": rng.uniform(0.3, 3.0)}
            case "CosineAnnealingLR":
                settings = {"T_max": rng.choice([None, rng.randint(1, 15)]), "eta_min": rng.choice([None, 0.1])}
            case "CosineRestartLR":
                periods = [rng.randint(1, 9) for _ in range(3)]
                settings = {"periods": periods, "restart_weights": [rng.random() for _ in periods], "eta_min": 0.1}
            case "OneCycleLR":
                settings = {"eta_max": rng.random(), "pct_start": rng.uniform(0.3, 0.45)}
                settings |= {"three_phase": rng.random() < 0.5, "anneal_strategy": rng.choice(["cos", "linear"])}
        convert = {"convert_to_iter_based": True} if by_epoch and rng.random() < 0.5 else {}
        return _one(name, begin, end, by_epoch, **settings, **convert)

    by_epoch = rng.random() < 0.4
    last = EPOCHS if by_epoch else EPOCHS * EPOCH_STEPS
    factors = ["ConstantLR", "LinearLR", "StepLR", "MultiStepLR", "ExponentialLR"]
    if rng.random() < 0.3:  # windows that overlap
        chosen = [scheduler(rng.choice(factors), rng.randint(0, 5), rng.choice([None, 9]), by_epoch) for _ in range(3)]
        return _case(*chosen)
    first, second = sorted(rng.sample(range(1, last), 2))
    kinds = [*factors, "PolyLR", "CosineAnnealingLR", "CosineRestartLR"]
    if rng.random() < 0.2:
        return _case(scheduler("OneCycleLR", 0, rng.choice([None, 30]), False))
    windows = [(0, first), (rng.randint(first, second), second + 1), (second + 1, rng.choice([None, last + 5]))]
    count = rng.randint(1, 2 if second + 1 >= last else 3)
    if count == 2 and not by_epoch and rng.random() < 0.5:  # windows that share an update
        windows = [(0, first + 1), (first, second + 1)]
    return _case(*(scheduler(rng.choice(kinds), *window, by_epoch) for window in windows[:count]))


def rates(case: Case) -> list[float]:
    import torch
    from mmengine.optim.scheduler.param_scheduler import PARAM_SCHEDULERS

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case.base_lr)
    schedulers = []
    for config in case.config:
        ends = {"end": EPOCHS if config["by_epoch"] else EPOCHS * EPOCH_STEPS}
        given = {"optimizer": optimizer, "epoch_length": EPOCH_STEPS}
        schedulers.append(PARAM_SCHEDULERS.build(ends | config, default_args=given))
    found = []
    for update in range(1, case.updates + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for each in schedulers:
            if not each.by_epoch:
                each.step()
        for each in schedulers:
            if each.by_epoch and update % EPOCH_STEPS == 0:
                each.step()
    return found
