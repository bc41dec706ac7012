"""pytorch_optimizer's schedulers, stepped after each update, or each epoch if they count these."""

import random
from typing import Any

from measuring import Case, without_init

PACKAGE = "pytorch_optimizer"

EPOCH = {"samples": 30, "batch": 10, "epochs": 40}
EPOCH_STEPS = 3


def _case(name: str, updates: int = 100, base_lr: float | None = 0.3, **settings: Any) -> Case:
    return Case({"name": name, **settings}, updates, EPOCH, base_lr)


TEN: dict[str, Any] = {"t_max": 10, "max_lr": 1.0, "min_lr": 0.1}
CYCLE: dict[str, Any] = {"first_cycle_steps": 10, "max_lr": 1.0}
WSD: dict[str, Any] = {"num_warmup_steps": 4, "num_stable_steps": 6, "num_decay_steps": 10}

CASES = [
    *(_case(name, **TEN, warmup_steps=4) for name in ("cosine", "linear", "poly")),
    *(_case(name, **TEN, init_lr=0.2) for name in ("cosine", "linear", "poly")),
    *(_case(name, t_max=10, max_lr=0.0, min_lr=0.1, warmup_steps=9) for name in ("cosine", "linear")),
    _case("poly", t_max=10, max_lr=1.0, poly_order=1.5),
    _case("rex", total_steps=10),
    _case("rex", total_steps=1, min_lr=0.1),
    _case("cosine_annealing_with_warmup", first_cycle_steps=10),
    _case("cosine_annealing_with_warmup", **CYCLE, warmup_steps=3, min_lr=0.1, gamma=0.5),
    _case("cosine_annealing_with_warmup", **CYCLE, warmup_steps=3, min_lr=0.0),
    _case("cosine_annealing_with_warmup", **CYCLE, warmup_steps=3, cycle_mult=1.7),
    _case("cosine_annealing_with_warmup", **CYCLE, cycle_mult=0.5),
    *(
        _case("warmup_stable_decay", **WSD, min_lr_ratio=0.1, cooldown_type=each)
        for each in ("cosine", "1-sqrt", "linear", "1-square")
    ),
    _case("warmup_stable_decay", **WSD, num_cycles=2.5, cooldown_type="cosine", min_lr_ratio=0.1),
    _case("warmup_stable_decay", **WSD),
    _case("warmup_stable_decay", base_lr=None, num_warmup_steps=0, num_stable_steps=5, num_decay_steps=0),
    _case("warmup_stable_decay", num_warmup_steps=5, num_stable_steps=0, num_decay_steps=1),
    *(_case("chebyshev", num_epochs=epochs) for epochs in (1, 2, 3, 5, 17, 100)),
    _case("chebyshev", num_epochs=9, is_warmup=True),
]


def random_case(rng: random.Random) -> Case:
    name = rng.choice(["cosine", "linear", "poly", "rex", "cosine_annealing_with_warmup", "warmup_stable_decay"])
    rates = {"max_lr": rng.random(), "min_lr": rng.choice([0.0, rng.random()])}
    steps, warmup = rng.randint(1, 30), rng.choice([0, rng.randint(1, 20)])
    match name:
        case "rex":
            return _case(name, total_steps=steps, **rates)
        case "cosine_annealing_with_warmup":
            settings = {
                "cycle_mult": rng.choice([1.0, rng.uniform(0.5, 3.0)]),
                "gamma": rng.choice([1.0, rng.random()]),
            }
            return _case(name, first_cycle_steps=warmup + steps, warmup_steps=warmup, **settings, **rates)
        case "warmup_stable_decay":
            kind = {
                "cooldown_type": rng.choice(["cosine", "1-sqrt", "linear", "1-square"]),
                "min_lr_ratio": rng.random(),
            }
            lengths = {"num_warmup_steps": warmup, "num_stable_steps": rng.randint(0, 9), "num_decay_steps": steps}
            return _case(name, **lengths, **kind, num_cycles=rng.choice([0.5, 1.0, 1.5]))
    order = {"poly_order": rng.uniform(0.2, 2.0)} if name == "poly" else {}
    return _case(name, t_max=warmup + steps, warmup_steps=warmup, init_lr=rng.random(), **rates, **order)


def rates(case: Case) -> list[float]:
    import torch

    without_init("pytorch_optimizer")
    from pytorch_optimizer.lr_scheduler import load_lr_scheduler

    settings = dict(case.config)
    make = load_lr_scheduler(settings.pop("name"))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0 if case.base_lr is None else case.base_lr)
    scheduler = make(optimizer, **settings)
    every = EPOCH_STEPS if "num_epochs" in settings else 1
    found = []
    for update in range(1, case.updates + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if update % every == 0:
            scheduler.step()
    return found
