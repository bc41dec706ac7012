"""timm's schedulers, stepped as its training script does: after each update, and after each epoch."""

import random
import types
from typing import Any

from measuring import Case, without_init

PACKAGE = "timm"

EPOCH = {"samples": 70, "batch": 10, "epochs": 1}
SHORT_EPOCH = {"samples": 10, "batch": 10, "epochs": 1}
SCRIPT = {  # the defaults of the command line of timm's train.py, which always sets them
    "epochs": 300,
    "decay_epochs": 90.0,
    "decay_milestones": [90, 180, 270],
    "decay_rate": 0.1,
    "warmup_epochs": 5,
    "warmup_lr": 1e-5,
    "min_lr": 0.0,
    "lr_cycle_mul": 1.0,
    "lr_cycle_decay": 0.5,
    "lr_cycle_limit": 1,
    "lr_k_decay": 1.0,
}


def _case(sched: str, updates: int = 64, base_lr: float = 0.3, **arguments: object) -> Case:
    config = {"sched": sched, "step_on_epochs": False, "updates_per_epoch": 1, "warmup_lr": 0.0, **arguments}
    return Case(config, updates, EPOCH, base_lr)


TEN: dict[str, Any] = {"num_epochs": 10, "warmup_epochs": 3}
CYCLES: dict[str, Any] = {"num_epochs": 4, "cycle_limit": 3, "cycle_decay": 0.5}

CASES = [
    _case("cosine", **TEN),
    _case("cosine", **TEN, warmup_prefix=True, min_lr=0.03),
    _case("cosine", num_epochs=10, warmup_epochs=10),
    _case("cosine", num_epochs=10, warmup_epochs=12, min_lr=0.03),
    _case("cosine", num_epochs=1, base_lr=0.0),
    _case("cosine", **CYCLES, cycle_mul=2.0),
    _case("cosine", **CYCLES, min_lr=0.03),
    _case("cosine", 400, num_epochs=1, cycle_mul=3.0, cycle_limit=6, cycle_decay=1.0, min_lr=0.03, k_decay=1.5),
    _case("cosine", num_epochs=5, warmup_epochs=2, step_on_epochs=True, warmup_lr=1e-5),
    _case("poly", num_epochs=10, decay_rate=0.9, k_decay=2.0, warmup_epochs=2),
    _case("poly", **CYCLES, cycle_mul=2.0, min_lr=0.03),
    _case("tanh", num_epochs=10),
    _case("tanh", **TEN, min_lr=0.03),
    _case("tanh", 400, num_epochs=1, cycle_mul=3.0, cycle_limit=6, cycle_decay=0.9),
    _case("step", num_epochs=30, decay_epochs=6, warmup_epochs=4),
    _case("step", num_epochs=30, decay_epochs=2.4, warmup_epochs=4),
    _case("step", num_epochs=30, decay_epochs=2.6),
    _case("step", num_epochs=30, decay_epochs=0.7),
    _case("step", num_epochs=30, decay_epochs=6, warmup_epochs=4, warmup_prefix=True, step_on_epochs=True),
    _case("multistep", decay_milestones=(1, 6, 6, 9), num_epochs=30, decay_rate=0.5),
    _case("multistep", decay_milestones=(1,), num_epochs=30, decay_rate=0.5),
    _case("multistep", updates=300, num_epochs=300),
    _case("multistep", decay_milestones=(0, 3, 9), num_epochs=30, decay_rate=0.5, warmup_epochs=3),
    _case("multistep", decay_milestones=(0, 3, 9), num_epochs=30, warmup_epochs=12),
    _case("constant", num_epochs=10, warmup_epochs=3),
    *(
        _case("wsd", decay_fn=each, decay_epochs=4, **TEN, warmup_prefix=True, min_lr=0.03)
        for each in ("linear", "1-sqrt", "cosine", "power", "exp")
    ),
    _case("wsd", num_epochs=10),
    _case("wsd", num_epochs=10, decay_epochs=10, decay_fn="exp"),
    _case("wsd", num_epochs=10, min_lr=0.5),
    _case("wsd", num_epochs=10, updates_per_epoch=2, decay_epochs=1),
    _case("rsqrt", **TEN, min_lr=0.2),
    _case("rsqrt", **TEN, decay_epochs=4),
    Case({"sched": "cosine", "epochs": 5, "warmup_epochs": 2, "lr_cycle_limit": 2, "opt": "sgd"}, 64, EPOCH, 0.3),
    Case({"sched": "wsd", "epochs": 9, "sched_on_updates": True, "decay_epochs": 2.5}, 64, EPOCH, 0.3),
    *(Case({"sched": each, "epochs": 100}, 110, SHORT_EPOCH, 0.3) for each in ("step", "multistep", "wsd")),
    Case({"sched": "cosine"}, 64, SHORT_EPOCH, 0.3),
    _case("rsqrt", num_epochs=10, stable_timescale=5.0, decay_fn="cosine"),
]


def random_case(rng: random.Random) -> Case:
    sched = rng.choice(["cosine", "tanh", "poly", "step", "multistep", "wsd", "rsqrt", "constant"])
    epochs, warmup = rng.randint(1, 20), rng.choice([0, rng.randint(1, 20)])
    is_wsd = sched in ("wsd", "rsqrt")
    return _case(
        sched,
        200,
        num_epochs=epochs + warmup if is_wsd else epochs,
        decay_epochs=rng.choice([None, rng.randint(1, epochs)]) if epochs > 2 else epochs,
        decay_milestones=sorted(rng.randint(0, 30) for _ in range(rng.randint(1, 4))),
        decay_rate=rng.uniform(0.01, 1.2),
        min_lr=rng.choice([0.0, 0.3 * rng.random()]),
        warmup_lr=rng.random(),
        warmup_epochs=warmup,
        warmup_prefix=rng.random() < 0.5,
        cycle_mul=rng.choice([1.0, 2.0, 3.0]),
        cycle_decay=rng.choice([1.0, rng.random()]),
        cycle_limit=rng.randint(1, 5),
        k_decay=rng.choice([1.0, rng.uniform(0.3, 3.0)]),
        decay_fn=rng.choice([None, "linear", "1-sqrt", "cosine", "power", "exp"]),
        stable_timescale=rng.choice([None, rng.uniform(0.5, 9.0)]) if warmup else 2.0,
        step_on_epochs=rng.random() < 0.2,
        updates_per_epoch=rng.randint(1, 3),
    )


def rates(case: Case) -> list[float]:
    import torch

    without_init("timm")
    from timm.scheduler import scheduler_factory

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case.base_lr)
    epoch_steps = case.horizon["samples"] // case.horizon["batch"]
    if "num_epochs" in case.config:
        scheduler, _ = scheduler_factory.create_scheduler_v2(optimizer, **case.config)
    else:
        arguments = types.SimpleNamespace(**SCRIPT | case.config)
        scheduler, _ = scheduler_factory.create_scheduler(arguments, optimizer, updates_per_epoch=epoch_steps)
    found = []
    for update in range(1, case.updates + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step_update(num_updates=update)
        if update % epoch_steps == 0:
            scheduler.step(update // epoch_steps)
    return found
