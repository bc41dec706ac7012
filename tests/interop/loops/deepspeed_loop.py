"""DeepSpeed's schedulers, stepped after each update as its engine does."""

import random

from measuring import Case

PACKAGE = "deepspeed"


def _cosine(updates: int = 32, **params: object) -> Case:
    return Case({"type": "WarmupCosineLR", "params": params}, updates, base_lr=0.3)


CASES = [
    _cosine(total_num_steps=10, warmup_num_steps=4, cos_min_ratio=0.1, warmup_type="linear"),
    _cosine(total_num_steps=10, warmup_num_steps=1, warmup_type="linear"),
]


def random_case(rng: random.Random) -> Case:
    total = rng.randint(4, 40)
    return _cosine(
        3 * total,
        total_num_steps=total,
        warmup_num_steps=rng.randint(1, total - 2),
        cos_min_ratio=rng.random(),
        warmup_type="linear",
    )


def rates(case: Case) -> list[float]:
    import torch
    from deepspeed.runtime import lr_schedules

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case.base_lr or 1.0)
    scheduler = getattr(lr_schedules, case.config["type"])(optimizer, **case.config["params"])
    found = []
    for _ in range(case.updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found
