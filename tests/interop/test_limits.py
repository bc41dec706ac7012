"""The limits of settings: the last value that is allowed gives this schedule, and the next one is refused in words."""

from typing import Any

import pytest

import stepsize.interop
from stepsize.errors import ArgumentError

AXOLOTL = {"learning_rate": 0.1, "lr_scheduler": "rex", "max_steps": 9}
RESTART = {"name": "CosineAnnealingWarmRestartsScheduler", "t_0": "4ba", "t_mult": 0.5}
STAIRS = {"_target_": "MultiStepParamScheduler", "values": [1.0, 0.1]}
FLAT = {"_target_": "ConstantParamScheduler", "value": 0.3}
BOTH = {"_target_": "CompositeParamScheduler", "schedulers": [FLAT, FLAT], "interval_scaling": ["rescaled"] * 2}
LEVANTER = {"learning_rate": 0.3, "min_lr_ratio": 0.0, "warmup": 0, "num_train_steps": 3}
MAXTEXT = {"learning_rate": 0.3, "steps": 10, "lr_schedule_type": "wsd", "warmup_steps_fraction": 0.5}
WINDOW = {"by_epoch": False, "end": 10}
ONE_CYCLE = WINDOW | {"type": "OneCycleLR", "eta_max": 1.0}
PERIODS = WINDOW | {"type": "CosineRestartLR", "periods": [4, 6], "eta_min": 0.1}
STAGE = {"duration": 9, "start_lr_fraction": 0.5}
TWO = {"type": "sequential", "schedulers": [{"type": "constant"}, {"type": "linear_with_warmup", "warmup": 0}]}
THREE = TWO | {"schedulers": [*TWO["schedulers"], {"type": "constant"}]}
TAIL = {"type": "wsd", "warmup": 4}
PERIODIC = {"type": "wsds", "period_lengths": [10, 20], "warmup": 2}
MIXED = {"name": "CosineAnnealingWarmRestarts", "learning_rate": 0.1, "T_0": 5, "T_mult": 3}
RAMP = {"name": "LinearWarmup", "learning_rate": MIXED, "warmup_steps": 5, "start_lr": 0.0, "end_lr": 0.1}
PADDLE = {"name": "PiecewiseDecay", "boundaries": [3]}
RSQRT = {"sched": "rsqrt", "num_epochs": 9, "warmup_lr": 0.0, "step_on_epochs": False, "updates_per_epoch": 1}
WSD = RSQRT | {"sched": "wsd", "warmup_epochs": 2}


def composer(**settings: Any) -> dict[str, Any]:
    return {"scheduler": RESTART, "optimizer": {"lr": 0.3}} | settings


LIMITS = [
    (
        "axolotl",
        (AXOLOTL | {"warmup_steps": 9}, None),
        "Linear(0.011111111111111112, 0.1, 8) >> Constant(0.1, 1) >> Constant(0.0)",
        (AXOLOTL | {"warmup_steps": 10}, None),
        "axolotl(warmup_steps=...) must be at most the 9 updates of the run, got 10",
    ),
    (
        "axolotl",
        (AXOLOTL | {"lr_scheduler": "constant", "jagged_restart_steps": 11}, None),
        "Constant(0.1).tail(1) * (Constant(1.0, 10) >> Linear(1.0, 0.001, 1) >> "
        "(Linear(0.001, 1.0, 10) >> Linear(1.0, 0.001, 1)).repeat(inf)).tail(1)",
        (AXOLOTL | {"lr_scheduler": "constant", "jagged_restart_steps": 10}, None),
        "axolotl(jagged_restart_warmup_steps=...) must be at most 9, since a restart takes 10 updates, got 10",
    ),
    (
        "composer",
        (composer(max_duration="7ba"), None),
        "(Cosine(0.3, 0.0, 4) >> Cosine(0.3, 0.0, 2) >> Cosine(0.3, 0.0, 1)).shift(1)",
        (composer(max_duration="8ba"), None),
        "CosineAnnealingWarmRestartsScheduler(t_mult=...) must be large enough that no cycle has a length of 0 "
        "before the end of the run, got 0.5",
    ),
    (
        "fvcore",
        (STAIRS | {"num_updates": 5}, 10),
        "Piecewise((1.0, 0.1), (6,))",
        (STAIRS, 10),
        "MultiStepParamScheduler(milestones=...) must be given if num_updates is not, got None",
    ),
    (
        "fvcore",
        (STAIRS | {"milestones": [2, 4]}, 10),
        "Piecewise((1.0, 0.1), (5,))",
        (STAIRS | {"milestones": [2, 4], "num_updates": 5}, 10),
        "MultiStepParamScheduler(values=...) must be 3 values, got (1.0, 0.1)",
    ),
    (
        "fvcore",
        (BOTH | {"lengths": [0.5, 0.5009]}, 10),
        "Constant(0.3, 5) >> Constant(0.3)",
        (BOTH | {"lengths": [0.5, 0.5011]}, 10),
        "CompositeParamScheduler(lengths=...) must be a length for each scheduler, which add up to 1, and an "
        "interval_scaling for each, got (0.5, 0.5011)",
    ),
    (
        "fvcore",
        (BOTH | {"lengths": [0.5, 0.5]}, 1_000_000),
        "Constant(0.3, 500000) >> Constant(0.3)",
        (BOTH | {"lengths": [0.5, 0.5]}, 1_000_001),
        "from_fvcore(horizon=...) must be at most a million updates for a composite, got 1000001",
    ),
    (
        "keras",
        ("CosineDecayRestarts(0.3, 5, t_mul=2.0)", None),
        "Cosine(0.3, 0.0, 5).repeat(inf, 1.0, 2.0)",
        ("CosineDecayRestarts(0.3, 5, t_mul=1.5)", None),
        "CosineDecayRestarts(t_mul=...) must be a whole number, or the cycles end between two steps, got 1.5",
    ),
    (
        "keras",
        ("ExponentialDecay(0.3, 5.0, 0.5, staircase=True)", None),
        "Staircase(0.3, 0.5, 5)",
        ("ExponentialDecay(0.3, 5.5, 0.5, staircase=True)", None),
        "ExponentialDecay(decay_steps=...) must be a whole number of at least 1, got 5.5; write 5 or 6",
    ),
    (
        "levanter",
        (LEVANTER | {"cycles": 3}, None),
        "Cosine(0.3, 0.0, 1) >> Cosine(0.3, 0.0, 1) >> Cosine(0.3, 0.0, 1)",
        (LEVANTER | {"cycles": 4}, None),
        "OptimizerConfig(cycles=...) must be at most 3, the updates in all, got 4.0",
    ),
    (
        "levanter",
        (LEVANTER | {"cycles": [1, 3]}, None),
        "Cosine(0.3, 0.0, 1) >> Cosine(0.3, 0.0, 2)",
        (LEVANTER | {"cycles": [1, 4]}, None),
        "OptimizerConfig(cycles=...) must be rising, and at most 3 updates in all, got [1, 4]",
    ),
    (
        "maxtext",
        (MAXTEXT | {"wsd_decay_steps_fraction": 0.5}, None),
        "Linear(0.0, 0.3, 5) >> Linear(0.3, 0.03, 4)",
        (MAXTEXT | {"wsd_decay_steps_fraction": 0.6}, None),
        "MaxText(wsd_decay_steps_fraction=...) must be small enough to end with the schedule, after the warmup, "
        "got 0.6",
    ),
    (
        "maxtext",
        (MAXTEXT | {"steps": 1}, None),
        "Constant(0.3, 1)",
        (MAXTEXT | {"steps": 0}, None),
        "MaxText(steps=...) must be at least 1, got 0",
    ),
    (
        "mmengine",
        (PERIODS | {"restart_weights": [1.0, 0.5]}, None),
        "Cosine(0.3, 0.1, 4) >> Cosine(0.15, 0.1, 6).head(5)",
        (PERIODS, None),
        "CosineRestartLR(restart_weights=...) must be 2 weights, got (1.0,)",
    ),
    (
        "mmengine",
        (ONE_CYCLE | {"total_steps": 10}, None),
        'Knots(((0.0, 0.04), (2.0, 1.0), (9.0, 4e-06)), "cosine")',
        (ONE_CYCLE | {"total_steps": 9}, None),
        "OneCycleLR(total_steps=...) must be at least 10, the steps between begin and end, got 9",
    ),
    (
        "olmo_core",
        ({"type": "constant", "units": "steps"}, 10),
        "Constant(0.3)",
        ({"type": "constant", "units": "tokens"}, 10),
        "from_olmo_core(data_loader.global_batch_size=...) must be given: the units are tokens, got None",
    ),
    (
        "olmo_core",
        ({"type": "composable", "stages": [STAGE | {"end_lr_fraction": 0.25}]}, 10),
        "Linear(0.15, 0.075, 9).tail(1)",
        ({"type": "composable", "stages": [STAGE]}, 10),
        "stages(end_lr=...) must be given, or end_lr_fraction, but not both, got None",
    ),
    (
        "olmo_core",
        ({"type": "composable", "stages": [STAGE | {"start_lr": 0.1, "end_lr": 0.2}]}, 10),
        "Linear(0.1, 0.2, 9).tail(1)",
        ({"type": "composable", "stages": [STAGE | {"end_lr": 0.2, "end_lr_fraction": 0.25}]}, 10),
        "stages(end_lr=...) must be given, or end_lr_fraction, but not both, got 0.2",
    ),
    (
        "olmo_core",
        (TWO | {"schedulers_max": [4]}, 10),
        "(Constant(0.3).head(4) >> Linear(0.3, 0.03, 6)).tail(1)",
        (TWO, 10),
        "sequential(schedulers_max=...) must be a sequence with the length of each scheduler but the last, got None",
    ),
    (
        "olmo_core",
        (THREE | {"schedulers_max": [4, 3]}, 10),
        "(Constant(0.3).head(4) >> Linear(0.3, 0.03, 3).head(3)).tail(1)",
        (THREE | {"schedulers_max": [4]}, 10),
        "sequential(schedulers_max=...) must be a sequence with the length of each scheduler but the last, got (4,)",
    ),
    (
        "olmo_core",
        ({"type": "power_lr", "warmup": 1, "decay": 2, "b": -1.0}, 6),
        "(Linear(0.0, 0.3, 1) >> InversePower(0.3, 1.0, 1.0).head(3) >> Linear(0.075, 0.0, 2)).tail(1)",
        ({"type": "power_lr", "warmup": 0, "decay": 2}, 6),
        "power_lr(warmup=...) must be at least 1, since OLMo-core divides by it, got 0",
    ),
    (
        "olmo_core",
        (PERIODIC | {"decay": 8}, 30),
        "(Linear(0.0, 0.3, 2) >> Linear(0.3, 0.0, 8) >> Constant(0.0, 1) >> Constant(0.3, 11) >> "
        "Linear(0.3, 0.0, 8)).tail(1)",
        (PERIODIC | {"decay": 9}, 30),
        "wsds(decay=...) must be from 1 to 8 updates, got 9",
    ),
    (
        "olmo_core",
        (PERIODIC | {"period_lengths": [10, 7], "decay": 7}, 17),
        "(Linear(0.0, 0.3, 2) >> Constant(0.3, 1) >> Linear(0.3, 0.0, 7) >> Constant(0.0, 1) >> "
        "Linear(0.3, 0.0, 7).tail(1)).tail(1)",
        (PERIODIC | {"period_lengths": [10, 7], "decay": 8}, 17),
        "wsds(decay=...) must be from 1 to 7 updates, got 8",
    ),
    (
        "olmo_core",
        (PERIODIC | {"period_lengths": [10], "decay_fraction": 0.1}, 10),
        "(Linear(0.0, 0.3, 2) >> Constant(0.3, 7) >> Linear(0.3, 0.0, 1)).tail(1)",
        (PERIODIC | {"period_lengths": [10], "decay_fraction": 0.05}, 10),
        "wsds(decay=...) must be from 1 to 8 updates, got 0",
    ),
    (
        "olmo_core",
        (TAIL | {"decay": 1}, 10),
        "(Linear(0.0, 0.3, 4) >> Constant(0.3, 5) >> Linear(0.3, 0.0, 1)).tail(1)",
        (TAIL | {"decay": 0}, 10),
        "OLMo-core(decay=...) must be at least 1, since OLMo-core divides by it, got 0",
    ),
    (
        "olmo_core",
        (TAIL | {"decay_fraction": 0.3}, 10),
        "(Linear(0.0, 0.3, 4) >> Constant(0.3, 3) >> Linear(0.3, 0.0, 3)).tail(1)",
        (TAIL | {"warmup_fraction": 0.4}, 10),
        "OLMo-core(warmup=...) must be left out, if warmup_fraction is given, got 4",
    ),
    (
        "optax",
        ("linear_schedule(0.0, 0.3, 5, 2)", None),
        "Linear(0.0, 0.3, 5).shift(2)",
        ("linear_schedule(0.0, 0.3, 5, 2, 1)", None),
        "linear_schedule must be called with at most 4 arguments, got 5",
    ),
    (
        "optax",
        ("join_schedules([constant_schedule(0.3), constant_schedule(0.1)], [3])", None),
        "Constant(0.3, 3) >> Constant(0.1)",
        ("join_schedules([constant_schedule(0.3), constant_schedule(0.1)], [3, 5])", None),
        "join_schedules(boundaries=...) must be a sequence of length 1, one less than schedules, got (3, 5)",
    ),
    (
        "optax",
        ("piecewise_constant_schedule(0.3, {5: 0.0, 1: 0.5})", None),
        "Piecewise((0.3, 0.15, 0.0), (1, 5))",
        ("piecewise_constant_schedule(0.3, {0: 0.5})", None),
        "piecewise_constant_schedule(boundaries_and_scales[0]=...) must be a whole number of at least 1, got 0",
    ),
    (
        "optax",
        ("piecewise_constant_schedule(0.3)", None),
        "Constant(0.3)",
        ("piecewise_constant_schedule(0.3, [5])", None),
        "piecewise_constant_schedule(boundaries_and_scales=...) must be a dictionary of steps and factors, "
        "such as {1000: 0.1}, got [5]",
    ),
    (
        "optax",
        ("warmup_cosine_decay_schedule(0.1, 0.3, 9, 10)", None),
        "Linear(0.1, 0.3, 9) >> Cosine(0.3, 0.0, 1)",
        ("warmup_cosine_decay_schedule(0.1, 0.3, 9, 9)", None),
        "warmup_cosine_decay_schedule(decay_steps=...) must be more than warmup_steps = 9, which it includes, got 9",
    ),
    (
        "paddle",
        (RAMP, 605),
        "Linear(0.0, 0.1, 5) >> Cosine(0.1, 0.0, 5).repeat(inf, 1.0, 3.0)",
        (RAMP, 606),
        "CosineAnnealingWarmRestarts(T_mult=...) must be 2 inside a LinearWarmup in a run of this length, got 3; "
        "rounding delays the restart 605 steps after the warmup",
    ),
    (
        "paddle",
        (PADDLE | {"values": [0.3, 0.2, 0.1]}, None),
        "Piecewise((0.3, 0.1), (3,))",
        (PADDLE | {"values": [0.3]}, None),
        "PiecewiseDecay(values=...) must be at least 2 values, got (0.3,)",
    ),
    (
        "pytorch_optimizer",
        ({"name": "cosine_annealing_with_warmup", "first_cycle_steps": 6, "warmup_steps": 5, "gamma": 1.0}, None),
        "(Linear(1e-06, 0.0001, 5) >> Cosine(0.0001, 1e-06, 1)).repeat(inf)",
        ({"name": "cosine_annealing_with_warmup", "first_cycle_steps": 5, "warmup_steps": 5}, None),
        "cosine_annealing_with_warmup(first_cycle_steps=...) must be larger than warmup_steps = 5, got 5",
    ),
    (
        "pytorch_optimizer",
        ({"name": "cosine", "t_max": 6, "max_lr": 1, "warmup_steps": 5}, None),
        "Constant(0.0, 1) >> Linear(0.0, 1.0, 5) >> (Cosine(1.0, 0.0, 1) >> Cosine(0.0, 1.0, 1)).repeat(inf)",
        ({"name": "cosine", "t_max": 5, "max_lr": 1, "warmup_steps": 5}, None),
        "pytorch_optimizer(t_max=...) must be larger than warmup_steps = 5, got 5",
    ),
    (
        "timm",
        (RSQRT | {"stable_timescale": 3}, None),
        "InversePower(0.3, 0.3333333333333333) * Linear(1.0, 0.0, 2).shift(7)",
        (RSQRT, None),
        "create_scheduler_v2(stable_timescale=...) must be given without a warmup, got None",
    ),
    (
        "timm",
        (WSD | {"decay_epochs": 7}, None),
        "Linear(0.0, 0.3, 2) >> OneMinusSqrt(0.3, 0.0, 7)",
        (WSD | {"decay_epochs": 8}, None),
        "create_scheduler_v2(decay_epochs=...) must be at most the epochs after the warmup, got 8.0",
    ),
    (
        "transformers",
        ({"lr_scheduler_type": "linear", "learning_rate": 0.3}, 1),
        "Linear(0.3, 0.0, 1)",
        ({"lr_scheduler_type": "linear", "learning_rate": 0.3}, 0),
        "from_transformers(horizon=...) must be a Horizon, or the number of updates of the run, got 0; "
        "write e.g. horizon=10_000, or Horizon(samples, batch, epochs)",
    ),
]


def read(tool: str, config: Any, horizon: int | None) -> Any:
    reader = getattr(stepsize.interop, f"from_{tool}")
    given = {"horizon": horizon} if horizon is not None else {}
    return reader(config, **given, **({"base_lr": 0.3} if tool in ("mmengine", "olmo_core", "timm") else {}))


@pytest.mark.parametrize(("tool", "inside", "schedule", "outside", "message"), LIMITS)
def test_the_last_value_that_is_allowed_is_read_and_the_next_one_refused(
    tool: str, inside: tuple[Any, Any], schedule: str, outside: tuple[Any, Any], message: str
) -> None:
    assert str(read(tool, *inside)) == schedule
    with pytest.raises(ArgumentError) as caught:
        read(tool, *outside)
    assert str(caught.value) == message


@pytest.mark.parametrize("horizon", [True, 1.5, -1, "100"])
def test_a_horizon_that_is_no_number_of_updates_is_refused(horizon: Any) -> None:
    with pytest.raises(ArgumentError, match="must be a Horizon, or the number of updates of the run, got"):
        stepsize.interop.from_levanter({}, horizon=horizon)
