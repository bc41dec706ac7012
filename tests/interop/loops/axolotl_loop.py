"""axolotl's schedulers, as its trainer creates them, stepped after each update."""

import random
import sys
import types

from measuring import Case, without_init

PACKAGE = "axolotl"


def _case(name: str = "cosine", total: int = 10, updates: int = 0, of: str = "lr", **config: object) -> Case:
    config = {"lr_scheduler": name, "learning_rate": 0.3, "max_steps": total, **config}
    return Case(config, updates or (total if name == "one_cycle" else 3 * total + 2), of=of)


CASES = [
    _case(warmup_steps=4),
    _case(total=100),
    _case(total=5000, updates=200),
    _case(warmup_steps=1),
    _case(warmup_ratio=0.25),
    _case(learning_rate="3e-1", warmup_steps=4),
    _case(warmup_steps=4, lr_quadratic_warmup=True, cosine_min_lr_ratio=0.1),
    _case(warmup_steps=4, cosine_min_lr_ratio=0.1),
    _case(warmup_steps=3, cosine_min_lr_ratio=0.1, cosine_constant_lr_ratio=0.8),
    _case(warmup_steps=9, cosine_min_lr_ratio=0.1, cosine_constant_lr_ratio=0.8),
    _case(warmup_steps=9, cosine_min_lr_ratio=0.1, cosine_constant_lr_ratio=0.7),
    _case("rex", warmup_steps=3),
    _case("rex", warmup_steps=0, cosine_min_lr_ratio=0.1),
    _case("rex", warmup_steps=10, cosine_min_lr_ratio=0.1),
    _case("one_cycle", warmup_steps=3),
    _case("one_cycle", warmup_steps=0, lr_scheduler_kwargs={"anneal_strategy": "linear", "div_factor": 10.0}),
    _case("one_cycle", warmup_steps=3, of="betas"),
    _case("linear", warmup_steps=4),
    _case("cosine_with_min_lr", warmup_steps=4, lr_scheduler_kwargs={"min_lr_rate": 0.1}),
    _case("rex", 50, warmup_steps=3, jagged_restart_steps=20, jagged_restart_warmup_steps=4),
    _case("cosine", 50, warmup_steps=3, jagged_restart_steps=20, jagged_restart_anneal_steps=5),
]


def random_case(rng: random.Random) -> Case:
    total = rng.randint(2, 40)
    name = rng.choice(["cosine", "cosine", "rex", "one_cycle", "linear", "constant_with_warmup"])
    config: dict[str, object] = {"warmup_steps": rng.choice([0, 1, rng.randint(0, total)])}
    if rng.random() < 0.3:
        config = {} if rng.random() < 0.3 else {"warmup_ratio": rng.random()}
    if rng.random() < 0.6:
        config["cosine_min_lr_ratio"] = rng.random()
    if rng.random() < 0.4:
        config["cosine_constant_lr_ratio"] = rng.random()
    if rng.random() < 0.2:
        config["lr_quadratic_warmup"] = True
    if rng.random() < 0.2 and name != "one_cycle":
        ways = {"jagged_restart_warmup_steps": rng.randint(1, 6), "jagged_restart_anneal_steps": rng.randint(1, 6)}
        config |= {"jagged_restart_steps": rng.randint(12, 20), **ways}
    return _case(name, total, **config)


def rates(case: Case) -> list[float]:
    import torch

    without_init("axolotl", "axolotl.core", "axolotl.core.trainers", "axolotl.core.trainers.mixins")
    plugins = types.SimpleNamespace(create_lr_scheduler=lambda **kwargs: None)
    manager = types.SimpleNamespace(get_instance=lambda: plugins)
    sys.modules["axolotl.integrations.base"] = types.SimpleNamespace(PluginManager=manager)
    from axolotl.core.trainers.mixins.scheduler import SchedulerMixin
    from transformers import TrainingArguments

    class Arguments(types.SimpleNamespace):
        get_warmup_steps = TrainingArguments.get_warmup_steps

    config, total = case.config, case.config["max_steps"]
    alternate = config["lr_scheduler"] if config["lr_scheduler"] in ("one_cycle", "rex") else None
    optional = ("lr_quadratic_warmup", "cosine_min_lr_ratio", "cosine_constant_lr_ratio", "jagged_restart_steps")
    ways = ("jagged_restart_warmup_steps", "jagged_restart_anneal_steps")
    trainer = object.__new__(SchedulerMixin)
    trainer.args = Arguments(
        learning_rate=float(config["learning_rate"]),
        lr_scheduler_type="cosine" if alternate else config["lr_scheduler"],
        alternate_lr_scheduler_type=alternate,
        lr_scheduler_kwargs=config.get("lr_scheduler_kwargs", {}),
        warmup_steps=_warmup(config, total),
        **{name: config.get(name) for name in (*optional, *ways)},
    )
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=trainer.args.learning_rate)
    trainer.lr_scheduler = None
    scheduler = trainer.create_scheduler(total, optimizer)
    found = []
    for _ in range(case.updates):
        value = optimizer.param_groups[0][case.of]
        found.append(value[0] if case.of == "betas" else value)
        optimizer.step()
        if len(found) < case.updates:
            scheduler.step()
    return found


def _warmup(config: dict[str, object], total: int) -> int:
    """What axolotl/core/builders/base.py makes of the warmup; the file cannot be imported without axolotl's plugins."""
    if "warmup_steps" in config:
        steps = config["warmup_steps"]
    else:
        steps = int(config["warmup_ratio"] * total) if "warmup_ratio" in config else min(int(0.03 * total), 100)
    return 2 if steps == 1 else steps
