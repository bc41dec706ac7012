"""Megatron's scheduler, stepped by the samples of each update as its training does."""

import random
import types
from typing import Any

from measuring import Case

PACKAGE = "megatron"
DEFAULTS: dict[str, Any] = {
    "min_lr": 0.0,
    "lr_decay_style": "linear",
    "lr_wsd_decay_style": "exponential",
    "lr_warmup_iters": 0,
    "lr_warmup_samples": 0,
    "lr_warmup_init": 0.0,
    "global_batch_size": 8,
    "start_weight_decay": 0.01,
    "end_weight_decay": 0.01,
    "weight_decay_incr_style": "constant",
}
RISING = {"start_weight_decay": 0.03, "end_weight_decay": 0.3}


def _case(updates: int = 32, of: str = "lr", **config: object) -> Case:
    return Case({"lr": 0.3, "min_lr": 0.03, **config}, updates, of=of)


CASES = [
    _case(train_iters=10),
    _case(train_iters=10, lr_warmup_iters=4),
    _case(train_iters=10, lr_warmup_iters=1, lr_decay_style="cosine"),
    _case(train_iters=10, lr_warmup_iters=9, lr_decay_style="cosine", lr_warmup_init=0.01),
    _case(train_iters=10, lr_decay_iters=14, lr_warmup_iters=12),
    _case(train_iters=10, lr_warmup_iters=4, lr_decay_style="constant"),
    _case(train_iters=10, lr_decay_style="constant"),
    _case(train_iters=10, lr_warmup_iters=4, lr_decay_style="inverse-square-root"),
    _case(train_iters=10, lr_decay_style="inverse-square-root", global_batch_size=8),
    _case(train_iters=90, lr_warmup_iters=4, min_lr=0.1, lr_decay_style="inverse-square-root", updates=100),
    _case(train_iters=10, lr_warmup_iters=4, lr_decay_style="WSD", lr_wsd_decay_iters=4),
    _case(train_iters=10, lr_warmup_iters=4, lr_decay_style="WSD", lr_wsd_decay_iters=8, lr_wsd_decay_style="linear"),
    _case(train_iters=10, lr_decay_style="WSD", lr_wsd_decay_iters=12, lr_wsd_decay_style="minus_sqrt"),
    _case(train_iters=10, lr_decay_style="WSD", lr_wsd_decay_iters=4, lr_wsd_decay_style="cosine"),
    _case(train_iters=10, lr_warmup_fraction=0.25, lr_decay_style="cosine"),
    _case(train_iters=10, lr=0.0, min_lr=0.0, lr_warmup_iters=4),
    _case(train_samples=83, lr_warmup_samples=30, global_batch_size=8, lr_decay_style="cosine"),
    _case(train_samples=300, lr_warmup_samples=30, global_batch_size=16, rampup_batch_size=[4, 4, 100]),
    _case(train_iters=10, of="weight_decay", weight_decay_incr_style="linear", **RISING),
    _case(train_iters=20, lr_decay_iters=8, of="weight_decay", weight_decay_incr_style="linear", **RISING),
    _case(train_samples=83, of="weight_decay", weight_decay_incr_style="cosine", **RISING, global_batch_size=8),
]


def random_case(rng: random.Random) -> Case:
    total, by_samples = rng.randint(2, 40), rng.random() < 0.4
    if by_samples:
        total *= 5
    unit = "samples" if by_samples else "iters"
    style = rng.choice(["constant", "linear", "cosine", "inverse-square-root", "WSD"])
    config = {f"train_{unit}": total, "lr_decay_style": style, "global_batch_size": 8}
    decay = rng.choice([total, rng.randint(2, 2 * total)])
    config |= {f"lr_decay_{unit}": decay} if decay != total else {}
    if rng.random() < 0.3:
        config["lr_warmup_fraction"] = rng.randint(10, 99) / 100
    else:
        config[f"lr_warmup_{unit}"] = rng.choice([0, rng.randint(0, decay - 1)])
    if style == "WSD":
        config[f"lr_wsd_decay_{unit}"] = rng.randint(1, 2 * total)
        config["lr_wsd_decay_style"] = rng.choice(["exponential", "linear", "cosine", "minus_sqrt"])
    if by_samples and rng.random() < 0.5:
        config["rampup_batch_size"] = [rng.choice([2, 4]), 2, rng.randint(1, 100)]
    config["lr_warmup_init"] = rng.choice([0.0, rng.random() / 5])
    return _case(100 if by_samples else 3 * total, **config)


def rates(case: Case) -> list[float]:
    import torch
    from megatron.core import num_microbatches_calculator as batches
    from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

    config = types.SimpleNamespace(**DEFAULTS | case.config)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config.lr)
    scheduler = OptimizerParamScheduler(
        optimizer,
        config.lr_warmup_init,
        config.lr,
        config.min_lr,
        start_wd=config.start_weight_decay,
        end_wd=config.end_weight_decay,
        wd_incr_style=config.weight_decay_incr_style,
        lr_decay_style=config.lr_decay_style,
        lr_wsd_decay_style=config.lr_wsd_decay_style,
        **_lengths(config),
    )
    rampup = getattr(config, "rampup_batch_size", None)
    batches.unset_num_microbatches_calculator()
    batches.init_num_microbatches_calculator(0, rampup, config.global_batch_size, 1, 1, False)
    found, samples = [], 0
    for _ in range(case.updates):
        batches.update_num_microbatches(samples)
        found.append(optimizer.param_groups[0][case.of])
        optimizer.step()
        scheduler.step(batches.get_num_microbatches())
        samples += batches.get_num_microbatches()
    return found


def _lengths(config: types.SimpleNamespace) -> dict[str, Any]:
    """What megatron/training/training.py makes of the lengths; it is not part of the package."""
    unit, samples = ("samples", 1) if hasattr(config, "train_samples") else ("iters", config.global_batch_size)
    total = getattr(config, f"train_{unit}")
    decay = getattr(config, f"lr_decay_{unit}", total) * samples
    fraction, wsd = getattr(config, "lr_warmup_fraction", None), getattr(config, f"lr_wsd_decay_{unit}", None)
    return {
        "lr_decay_steps": decay,
        "lr_warmup_steps": getattr(config, f"lr_warmup_{unit}") * samples if fraction is None else fraction * decay,
        "wsd_decay_steps": None if wsd is None else wsd * samples,
        "wd_incr_steps": total * samples,
    }
