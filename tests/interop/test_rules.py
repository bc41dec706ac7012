"""What a setting may be: values that are just allowed are read, and those just beyond are refused by its name."""

from typing import Any

import pytest

import stepsize.interop
from stepsize import Horizon
from stepsize.errors import ArgumentError

RUN = Horizon(samples=20, batch=2, epochs=1)  # of 10 updates
X = object()
"""The place of the value in a config."""

FLAT = {"_target_": "ConstantParamScheduler", "value": 0.3}
BOTH = {"_target_": "CompositeParamScheduler", "schedulers": [FLAT, FLAT], "interval_scaling": ["rescaled", "fixed"]}
MULTI = {"_target_": "MultiStepParamScheduler", "values": [0.3, 0.2, 0.1], "num_updates": 9}
WINDOW = {"by_epoch": False, "end": 10}
PERIODS = {"type": "CosineRestartLR", "restart_weights": [1.0, 0.5]} | WINDOW
WSDS = {"type": "wsds", "warmup": 0, "decay": 1}
WARMUP = {"train_module": {"scheduler": {"type": "constant_with_warmup", "warmup": 0, "units": "tokens"}}}
SEQUENCE = {"type": "sequential", "schedulers": [{"type": "constant"}, {"type": "constant"}]}
RAMP = {"name": "LinearWarmup", "warmup_steps": 4, "start_lr": 0.0, "end_lr": 0.1}
TITAN = {"lr_scheduler": {"warmup_steps": 0}}
RULES: list[tuple[str, Any, str, list[Any], list[Any]]] = [
    (
        "composer",
        {"scheduler": {"name": "LinearScheduler"}, "max_duration": "9ba", "scale_schedule_ratio": X},
        "scale_schedule_ratio",
        [0.5, 1e6],
        [0.0, -1.0, 1.1e6],
    ),
    ("deepspeed", {"scheduler": {"type": "WarmupLR"}, "optimizer": {"params": {"lr": X}}}, "lr", [0.0, 0.1], [-0.1]),
    ("fvcore", MULTI | {"milestones": X}, "milestones", [[1, 2], []], [[0, 2], [2, 2], [2, 1]]),
    ("fvcore", BOTH | {"lengths": X}, "lengths", [[0.1, 0.9]], [[0.0, 1.0], [-0.1, 1.1]]),
    ("fvcore", BOTH | {"lengths": [0.5, 0.5], "interval_scaling": X}, "interval_scaling", [["fixed"] * 2], [["x"] * 2]),
    (
        "keras",
        {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": X, "values": [0.3, 0.2, 0.1]}},
        "boundaries",
        [[0, 1], [0.0, 1.5]],
        [[-1, 1], [1, 1], [2, 1]],
    ),
    (
        "keras",
        {
            "class_name": "CosineDecayRestarts",
            "config": {"initial_learning_rate": 0.3, "first_decay_steps": 4, "t_mul": X},
        },
        "t_mul",
        [1, 2.0],
        [0.5, 0],
    ),
    ("levanter", {"num_train_steps": X}, "num_train_steps", [1, 2], [0, -1]),
    ("levanter", {"cycles": X}, "cycles", [1, [1], [1, 5]], [0, -1, [0]]),
    ("levanter", {"cycle_length": X}, "cycle_length", [0.5, 1, [1, 2]], [0, -1, [0, 2]]),
    ("maxtext", {"steps": X}, "steps", [-1, 1], [-2, 0]),
    ("maxtext", {"learning_rate_schedule_steps": X}, "steps", [-1, 1], [-2, 0]),
    (
        "megatron",
        {"lr": 0.3, "train_samples": 40, "global_batch_size": 4, "rampup_batch_size": X},
        "rampup_batch_size",
        [[1, 1, 9], [2, 2, 1]],
        [[0, 1, 9], [1, 1, 0]],
    ),
    ("mmengine", {"type": "LinearLR", "start_factor": X} | WINDOW, "start_factor", [1e-9, 1.0], [0.0, -0.5, 1.1]),
    ("mmengine", {"type": "LinearLR", "end_factor": X} | WINDOW, "end_factor", [0.0, 1.0], [-0.1, 1.1]),
    ("mmengine", {"type": "ConstantLR", "factor": X} | WINDOW, "factor", [1e-9, 1.0], [0.0, 1.1]),
    ("mmengine", {"type": "MultiStepLR", "milestones": X} | WINDOW, "milestones", [[0], [3, 1]], [[-1], []]),
    ("mmengine", PERIODS | {"periods": X}, "periods", [[1, 9]], [[0, 9]]),
    ("olmo_core", WARMUP | {"data_loader": {"global_batch_size": X}}, "global_batch_size", [1, 2], [0, 0.5]),
    (
        "olmo_core",
        WARMUP | {"data_loader": {"global_batch_size": 1}, "trainer": {"max_duration": {"value": X, "unit": "tokens"}}},
        "max_duration.value",
        [1, 2],
        [0, 0.5],
    ),
    ("olmo_core", SEQUENCE | {"schedulers_max": X}, "schedulers_max", [[1], [9]], [[0]]),
    ("olmo_core", WSDS | {"period_lengths": X}, "period_lengths", [[1], [2, 8]], [[0], [2, 0]]),
    (
        "olmo_core",
        WSDS | {"period_lengths": [10], "period_lr_multipliers": X},
        "period_lr_multipliers",
        [[1e-9], [2.0]],
        [[0.0], [-0.5]],
    ),
    (
        "paddle",
        {"name": "PiecewiseDecay", "values": [3, 2, 1], "boundaries": X},
        "boundaries",
        [[1, 2]],
        [[0, 2], [2, 2]],
    ),
    ("paddle", {"name": "MultiStepDecay", "learning_rate": 1, "milestones": X}, "milestones", [[1, 2]], [[0], [2, 2]]),
    ("paddle", RAMP | {"learning_rate": X}, "learning_rate", [0, 0.1], [-0.1]),
    ("timm", {"sched": "multistep", "num_epochs": 9, "decay_milestones": X}, "milestones", [[0, 0, 3]], [[-1], [3, 1]]),
    ("timm", {"num_epochs": 9, "cycle_mul": X}, "cycle_mul", [1.0, 2.0], [0.5]),
    ("timm", {"num_epochs": 9, "step_on_epochs": False, "updates_per_epoch": X}, "updates_per_epoch", [1, 2], [-1]),
    ("torchtitan", TITAN | {"training": {"steps": X}}, "steps", [1, 2], [0]),
    ("torchtitan", TITAN | {"optimizer": {"lr": X}}, "lr", [0.0, 0.1], [-0.1]),
    ("transformers", {"max_steps": X}, "max_steps", [-1, 0, 1], [-2]),
]


def filled(config: Any, value: Any) -> Any:
    """The config with the value in its place."""
    if isinstance(config, dict):
        return {name: filled(each, value) for name, each in config.items()}
    return value if config is X else config


@pytest.mark.parametrize(("tool", "config", "setting", "inside", "outside"), RULES)
def test_a_setting_is_allowed_up_to_its_limits(
    tool: str, config: Any, setting: str, inside: list[Any], outside: list[Any]
) -> None:
    read = getattr(stepsize.interop, f"from_{tool}")
    for value in inside:
        assert read(filled(config, value), horizon=RUN)(0) is not None
    for value in outside:
        with pytest.raises(ArgumentError, match=rf"{setting}(\[\d\])?=\.\.\.\) must be"):
            read(filled(config, value), horizon=RUN)


JOINED = "join_schedules([constant_schedule(0.3), constant_schedule(0.2), constant_schedule(0.1)], {})"
CALLS = [
    (JOINED, "boundaries", ["[0, 4]", "[4, 4]"], ["[-1, 4]", "[4, 3]"]),
    (
        "piecewise_constant_schedule(0.3, {})",
        "boundaries_and_scales",
        ["{1: 0.0}", "{1: 2.0}"],
        ["{0: 1.0}", "{1: -0.5}"],
    ),
    ("exponential_decay(0.3, {}, 0.5)", "transition_steps", ["0", "1"], ["-1", "0.5"]),
    ("polynomial_schedule(0.3, 0.1, {}, 9)", "power", ["0.5", "2"], ["0", "-1"]),
    ("cosine_decay_schedule(0.3, {})", "decay_steps", ["1", "2"], ["0", "0.5"]),
]


@pytest.mark.parametrize(("call", "argument", "inside", "outside"), CALLS)
def test_an_argument_of_optax_is_allowed_up_to_its_limits(
    call: str, argument: str, inside: list[str], outside: list[str]
) -> None:
    for value in inside:
        assert stepsize.interop.from_optax(call.replace("{}", value))(0) >= 0
    for value in outside:
        with pytest.raises(ArgumentError, match=rf"{argument}(\[\d\])?=\.\.\.\) must be"):
            stepsize.interop.from_optax(call.replace("{}", value))
