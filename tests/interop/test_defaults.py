"""A setting that a config leaves out has the default that the tool gives it."""

from collections.abc import Callable
from typing import Any

import pytest
from tool_defaults import defaults_of, is_readable, recorded

from stepsize.interop import (
    axolotl_shapes,
    composer_schedulers,
    deepspeed,
    fvcore_schedulers,
    keras_schedules,
    levanter,
    mmengine,
    mmengine_shapes,
    olmo_core_schedulers,
    optax,
    paddle_schedulers,
    pytorch_optimizer,
    timm,
    torchtitan,
    transformers,
    transformers_schedulers,
)
from stepsize.interop.config import settings_for

_OPTIMIZER = {
    **pytorch_optimizer.CLASSES,
    "get_chebyshev_schedule": "chebyshev",
    "get_wsd_schedule": "warmup_stable_decay",
}
_TRANSFORMERS = {
    "get_cosine_schedule_with_warmup": "cosine",
    "get_cosine_with_hard_restarts_schedule_with_warmup": "cosine_with_restarts",
    "get_cosine_with_min_lr_schedule_with_warmup": "cosine_with_min_lr",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": "cosine_warmup_with_min_lr",
    "get_inverse_sqrt_schedule": "inverse_sqrt",
    "get_polynomial_decay_schedule_with_warmup": "polynomial",
    "get_wsd_schedule": "warmup_stable_decay",
}
_OF_SCHEDULES = ("join_schedules", "sgdr_schedule")  # optax's functions of other schedules, without defaults
SCHEDULERS: dict[str, dict[str, Callable[..., Any]]] = {
    "axolotl": {"OneCycleLR": axolotl_shapes.one_cycle},
    "composer": composer_schedulers.SCHEDULERS,
    "deepspeed": deepspeed.SCHEDULERS,
    "fvcore": fvcore_schedulers.SCHEDULERS,
    "keras": keras_schedules.SCHEDULES,
    "levanter": {"OptimizerConfig": levanter._schedule},
    "mmengine": {f"{kind}ParamScheduler": each for kind, each in mmengine_shapes.SHAPES.items()}
    | {"_ParamScheduler": mmengine.Timing},
    "olmo_core": dict(olmo_core_schedulers.SCHEDULERS.values())
    | {"ComposableSchedulerStage": olmo_core_schedulers._stage},
    "optax": {name: each for name, each in optax.SCHEDULES.items() if name not in _OF_SCHEDULES},
    "paddle": paddle_schedulers.SCHEDULERS,
    "pytorch_optimizer": {name: pytorch_optimizer.SCHEDULERS[each] for name, each in _OPTIMIZER.items()},
    "timm": {"create_scheduler_v2": timm._create_scheduler},
    "torchtitan": {"Config": torchtitan._schedule},
    "transformers": {name: transformers_schedulers.SCHEDULERS[each] for name, each in _TRANSFORMERS.items()}
    | {"TrainingArguments": transformers.training},
}
"""Our function for each scheduler of a tool, by the tool's name for it."""

OTHER = {
    ("deepspeed", "warmup_type"): "None stands for log, so that `check` knows that it was left out",
    ("keras", "name"): "has no effect",
    ("mmengine", "eta_max"): "a peak of 0 is a mistake",
    ("olmo_core", "decay_fraction"): "holds only if no other length is given",
}
"""Settings that have another default than the tool's, and why."""


def compared(tool: str, defaults: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of a tool's defaults that are ours too."""
    found = {}
    for scheduler, function in SCHEDULERS[tool].items():
        names = {each.name for each in settings_for(function) if (tool, each.name) not in OTHER}
        found[scheduler] = {name: each for name, each in sorted(defaults[scheduler].items()) if name in names}
    return {scheduler: settings for scheduler, settings in found.items() if settings}


@pytest.mark.parametrize("tool", SCHEDULERS)
def test_a_setting_that_is_left_out_has_the_default_of_the_tool(tool: str) -> None:
    for scheduler, theirs in recorded()[tool].items():
        ours = {each.name: each.default for each in settings_for(SCHEDULERS[tool][scheduler])}
        ours = {name: list(each) if isinstance(each, tuple) else each for name, each in ours.items()}
        assert {name: ours[name] for name in theirs} == theirs, scheduler


@pytest.mark.parametrize("tool", SCHEDULERS)
def test_the_recorded_defaults_are_those_of_the_installed_tool(tool: str) -> None:
    if not is_readable(tool):
        pytest.skip(f"{tool} is not installed; scripts/peers installs it")
    assert compared(tool, defaults_of(tool)) == recorded()[tool]
