"""DeepSpeed's schedulers, stepped after each update as its engine does."""

import random

from measuring import Case

PACKAGE = "deepspeed"


def _case(name: str, updates: int = 32, of: str = "lr", **params: object) -> Case:
    return Case({"type": name, "params": params}, updates, base_lr=0.3, of=of)


WARMUP = {"total_num_steps": 10, "warmup_num_steps": 4}
CYCLE = {"cycle_min_lr": 0.1, "cycle_max_lr": 1.0, "cycle_first_step_size": 4}
DECAY = {"decay_step_size": 2, "decay_lr_rate": 1.0, "decay_mom_rate": 0.1}

CASES = [
    _case("WarmupCosineLR", **WARMUP, cos_min_ratio=0.1, warmup_type="linear"),
    _case("WarmupCosineLR", **WARMUP),
    _case("WarmupCosineLR", total_num_steps=10, warmup_num_steps=1, warmup_type="linear", warmup_min_ratio=0.1),
    *(
        _case("WarmupCosineLR", total_num_steps=n, warmup_num_steps=5, warmup_type=each)
        for n in (4, 5, 6, 7)
        for each in ("log", "linear")
    ),
    _case("WarmupLR", warmup_num_steps=4, warmup_type="linear"),
    _case("WarmupLR", warmup_num_steps=4, warmup_min_lr=0.1, warmup_max_lr=1.0),
    _case("WarmupLR", warmup_max_lr=0.0),
    _case("WarmupDecayLR", 3000, total_num_steps=2000),
    _case("WarmupDecayLR", **WARMUP, warmup_min_lr=0.1, warmup_max_lr=1.0, warmup_type="linear"),
    *(
        _case("WarmupDecayLR", total_num_steps=n, warmup_num_steps=5, warmup_type=each)
        for n in (4, 5, 6, 7)
        for each in ("log", "linear")
    ),
    _case("LRRangeTest", lr_range_test_step_size=4, lr_range_test_step_rate=0.5),
    _case("LRRangeTest", 4100, lr_range_test_staircase=True),
    _case("OneCycle", 8100, cycle_min_lr=0.1, cycle_max_lr=1.0),
    _case("OneCycle", **CYCLE, **DECAY),
    _case("OneCycle", **CYCLE, cycle_second_step_size=0, **DECAY),
    _case("OneCycle", **CYCLE, cycle_second_step_size=6, cycle_first_stair_count=2),
    _case("OneCycle", **CYCLE, cycle_first_stair_count=3, cycle_second_stair_count=7, cycle_second_step_size=10),
    _case("OneCycle", of="betas", **CYCLE, **DECAY),
    _case("OneCycle", **CYCLE, decay_step_size=3),
    _case("OneCycle", of="betas", **CYCLE, decay_step_size=3),
    _case("OneCycle", of="betas", cycle_min_lr=0.1, cycle_max_lr=1.0, cycle_first_step_size=1),
]


def random_case(rng: random.Random) -> Case:
    kind = rng.choice(["log", "linear"])
    total, low, high, ratio = rng.randint(1, 40), rng.random(), rng.random(), rng.random()
    warmup = {"warmup_num_steps": rng.randint(1, 40), "warmup_type": kind}
    rates = {"warmup_min_lr": low, "warmup_max_lr": high}
    match rng.randrange(5):
        case 0:
            return _case("WarmupLR", 64, **warmup, **rates)
        case 1:
            return _case("WarmupDecayLR", 128, total_num_steps=total, **warmup, **rates)
        case 2:
            ratios = {"warmup_min_ratio": low, "cos_min_ratio": ratio}
            return _case("WarmupCosineLR", 128, total_num_steps=total, **warmup, **ratios)
        case 3:
            test = {"min_lr": low, "step_size": total, "step_rate": high, "staircase": rng.random() < 0.5}
            return _case("LRRangeTest", 128, **{f"lr_range_test_{name}": value for name, value in test.items()})
    return _case(
        "OneCycle",
        200,
        rng.choice(["lr", "betas"]),
        cycle_min_lr=low,
        cycle_max_lr=high,
        decay_lr_rate=rng.choice([0.0, rng.random()]),
        cycle_first_step_size=total,
        cycle_second_step_size=rng.choice([None, 0, rng.randint(1, 40)]),
        cycle_first_stair_count=rng.choice([0, rng.randint(1, 45)]),
        cycle_second_stair_count=rng.choice([None, 0, rng.randint(1, 45)]),
        decay_step_size=rng.choice([0, 0.5, rng.randint(1, 10)]),
        decay_mom_rate=rng.choice([0.0, rng.random()]),
    )


def rates(case: Case) -> list[float]:
    import torch
    from deepspeed.runtime import lr_schedules

    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=case.base_lr)
    scheduler = getattr(lr_schedules, case.config["type"])(optimizer, **case.config["params"])
    found = []
    for _ in range(case.updates):
        value = optimizer.param_groups[0][case.of]
        found.append(value[0] if case.of == "betas" else value)
        optimizer.step()
        scheduler.step()
    return found
