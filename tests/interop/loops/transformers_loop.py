"""transformers' schedulers, stepped after each update as its Trainer does."""

import random
from types import SimpleNamespace

from measuring import Case

PACKAGE = "transformers"


def _case(name: str, warmup: float = 4, total: int = 10, peak: float = 0.3, **kwargs: object) -> Case:
    config = {"lr_scheduler_type": name, "learning_rate": peak, "warmup_steps": warmup, "max_steps": total}
    return Case({**config, "lr_scheduler_kwargs": kwargs}, 3 * total + 2)


CASES = [
    _case("constant"),
    _case("constant_with_warmup"),
    _case("linear"),
    _case("linear", warmup=0),
    _case("linear", warmup=10),
    _case("linear", warmup=12),
    _case("linear", warmup=0.25),
    _case("linear", peak=0.0),
    _case("cosine"),
    _case("cosine", warmup=0),
    _case("cosine", warmup=1),
    _case("cosine", warmup=10),
    _case("cosine", num_cycles=1),
    _case("cosine", num_cycles=0.7),
    _case("cosine_with_restarts"),
    _case("cosine_with_restarts", num_cycles=2),
    _case("cosine_with_restarts", num_cycles=4),
    _case("cosine_with_restarts", warmup=10, num_cycles=2),
    _case("polynomial", lr_end=0.03, power=2.0),
    _case("polynomial"),
    _case("polynomial", warmup=12),
    _case("inverse_sqrt"),
    _case("inverse_sqrt", warmup=0),
    _case("inverse_sqrt", timescale=7),
    _case("cosine_with_min_lr", min_lr_rate=0.1),
    _case("cosine_with_min_lr", min_lr=0.02, num_cycles=1.5),
    _case("cosine_warmup_with_min_lr", min_lr_rate=0.1),
    _case("cosine_warmup_with_min_lr", warmup=0, min_lr_rate=0.1),
    _case("cosine_warmup_with_min_lr", warmup=1, min_lr_rate=0.1),
    _case("cosine_warmup_with_min_lr", warmup=1, min_lr_rate=0.1, warmup_lr_rate=0.2),
    _case("cosine_warmup_with_min_lr", min_lr=0.02, warmup_lr_rate=0.2),
    _case("warmup_stable_decay", num_decay_steps=4, min_lr_ratio=0.1),
    _case("warmup_stable_decay", num_decay_steps=8, min_lr_ratio=0.1),
    _case("warmup_stable_decay", num_decay_steps=0, min_lr_ratio=0.1),
    _case("warmup_stable_decay", warmup=12, num_decay_steps=2),
    _case("warmup_stable_decay", num_decay_steps=3, num_stable_steps=2, warmup_type="1-sqrt", decay_type="1-sqrt"),
    _case("warmup_stable_decay", num_decay_steps=4, warmup_type="cosine", decay_type="linear"),
    _case("warmup_stable_decay", num_decay_steps=4, num_cycles=1.3),
]


def random_case(rng: random.Random) -> Case:
    total = rng.randint(2, 40)
    warmup = rng.choice([0, 1, rng.randint(0, total + 2), rng.random()])
    ways = ("linear", "cosine", "1-sqrt")
    cycles = {"num_cycles": rng.choice([0.5, 1, 1.5, rng.randint(1, 9) / 10])} if rng.random() < 0.5 else {}
    minimum = {"min_lr": rng.random()} if rng.random() < 0.5 else {"min_lr_rate": rng.random()}
    decay = rng.randint(0, total)
    kwargs = {
        "constant": {},
        "constant_with_warmup": {},
        "cosine": cycles,
        "cosine_warmup_with_min_lr": minimum
        | cycles
        | ({"warmup_lr_rate": rng.random()} if rng.random() < 0.5 else {}),
        "cosine_with_min_lr": minimum | cycles,
        "cosine_with_restarts": {"num_cycles": rng.randint(1, 5)},
        "inverse_sqrt": {"timescale": rng.choice([None, rng.randint(1, 50)])},
        "linear": {},
        "polynomial": {"lr_end": rng.random() / 10, "power": rng.choice([1.0, 3 * rng.random()])},
        "warmup_stable_decay": {
            "num_decay_steps": decay,
            "num_stable_steps": rng.choice([None, rng.randint(0, 10)]),
            "warmup_type": rng.choice(ways),
            "decay_type": rng.choice(ways),
            "min_lr_ratio": rng.choice([0, rng.random()]),
            **cycles,
        },
    }
    name = rng.choice(list(kwargs))
    if name == "polynomial" and warmup == total:  # transformers divides by 0 after the last update
        warmup = 0
    return _case(name, warmup, total, rng.uniform(0.2, 1.0), **kwargs[name])


def rates(case: Case) -> list[float]:
    import torch
    from transformers import TrainingArguments, get_scheduler

    config = case.config
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config["learning_rate"])
    asked = SimpleNamespace(warmup_steps=config["warmup_steps"])
    scheduler = get_scheduler(
        config["lr_scheduler_type"],
        optimizer,
        TrainingArguments.get_warmup_steps(asked, config["max_steps"]),
        config["max_steps"],
        config["lr_scheduler_kwargs"],
    )
    found = []
    for _ in range(case.updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found
