"""torchtitan's scheduler, stepped after each update as its trainer does."""

import random
import sys
import types

from measuring import Case, without_init

PACKAGE = "torchtitan"


def _case(total: int = 10, updates: int = 32, **settings: object) -> Case:
    return Case({"lr_scheduler": settings, "optimizer": {"lr": 0.3}, "training": {"steps": total}}, updates)


CASES = [
    _case(300, 310),
    _case(warmup_steps=4),
    _case(warmup_steps=0),
    _case(warmup_steps=1),
    _case(warmup_steps=10, updates=10),
    _case(warmup_steps=12, updates=10),
    _case(warmup_steps=2, decay_ratio=0.4, min_lr_factor=0.1),
    _case(warmup_steps=2, decay_ratio=0.25, decay_type="sqrt"),
    _case(warmup_steps=2, decay_ratio=0.4, decay_type="cosine", min_lr_factor=0.1),
    _case(warmup_steps=8, decay_ratio=0.4, decay_type="cosine", total_steps=14),
    _case(warmup_steps=0, decay_ratio=0.4, decay_type="sqrt", min_lr_factor=0.1),
    _case(warmup_steps=0, decay_ratio=0.0, updates=10),
]


def random_case(rng: random.Random) -> Case:
    total = rng.randint(2, 40)
    settings = {
        "warmup_steps": rng.choice([0, 1, rng.randint(0, total)]),
        "decay_type": rng.choice(["linear", "sqrt", "cosine"]),
        "min_lr_factor": rng.choice([0.0, rng.random()]),
    }
    if rng.random() < 0.7:
        settings["decay_ratio"] = rng.random()
    ends = settings["warmup_steps"] == total or round(total * settings.get("decay_ratio", 1)) == 0
    return _case(total, total if ends else 3 * total, **settings)  # without a decay, torchtitan cannot go on


def rates(case: Case) -> list[float]:
    import torch

    without_init("torchtitan", "torchtitan.config", "torchtitan.components", "torchtitan.components.optimizer")
    from torchtitan.config.configurable import Configurable

    sys.modules["torchtitan.config"].Configurable = Configurable
    sys.modules["torchtitan.components.optimizer.optimizer"] = types.SimpleNamespace(OptimizersContainer=list)
    from torchtitan.components.optimizer.lr_scheduler import LRSchedulersContainer

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case.config["optimizer"]["lr"])
    config = LRSchedulersContainer.Config(**case.config["lr_scheduler"])
    scheduler = config.build(optimizers=[optimizer], training_steps=case.config["training"]["steps"])
    found = []
    for _ in range(case.updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found
