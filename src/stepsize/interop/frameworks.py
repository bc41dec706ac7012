"""The tools whose configs are read: what each is called, which one a config is for, and what it means there."""

import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, DataError, quoted
from stepsize.interop.config import settings_of
from stepsize.interop.config_files import config_in
from stepsize.interop.tool_schedule import Run, ToolSchedule


@dataclass(frozen=True)
class Framework:
    """A tool whose configs can be read; its file in this package has `read`.

    `marks` are settings by which a config is recognized: it has all settings of one of them. `a.b` is the setting b
    inside a.
    """

    name: str
    title: str
    marks: tuple[str, ...]

    def read(self, config: Any, run: Run) -> ToolSchedule:
        read: Callable[[Any, Run], ToolSchedule] = importlib.import_module(f"stepsize.interop.{self.name}").read
        return replace(read(config, run), tool=self.title)

    def has(self, config: Mapping[str, Any]) -> bool:
        return any(all(_has(config, setting) for setting in mark.split()) for mark in self.marks)

    def nearest_mark(self, config: Mapping[str, Any]) -> tuple[float, str]:
        """The largest share of a mark that a config has, and the settings of this mark as words."""
        shares = [(sum(_has(config, each) for each in mark.split()) / len(mark.split()), mark) for mark in self.marks]
        share, mark = max(shares, key=lambda row: row[0])
        return share, mark.replace(" ", " and ")


TORCHTITAN = ("decay_ratio", "decay_type", "min_lr_factor", "warmup_steps")

FRAMEWORKS = (
    Framework("axolotl", "axolotl", ("learning_rate micro_batch_size", "lr_quadratic_warmup", "cosine_min_lr_ratio")),
    Framework("composer", "Composer", ("scheduler.t_warmup", "scheduler.t_max", "t_warmup", "max_duration scheduler")),
    Framework(
        "deepspeed", "DeepSpeed", ("scheduler.type scheduler.params", "type params", "optimizer.type optimizer.params")
    ),
    Framework("fvcore", "fvcore", ("_target_ schedulers lengths", "_target_ start_value", "_target_ base_value")),
    Framework("keras", "Keras", ("class_name config",)),
    Framework("levanter", "Levanter", ("optimizer.lr_schedule", "optimizer.min_lr_ratio", "lr_schedule min_lr_ratio")),
    Framework("maxtext", "MaxText", ("warmup_steps_fraction", "learning_rate_schedule_steps")),
    Framework("megatron", "Megatron-LM", ("lr_decay_style", "lr train_iters", "lr train_samples")),
    Framework("mmengine", "MMEngine", ("param_scheduler",)),
    Framework("olmo_core", "OLMo-core", ("train_module.scheduler", "_CLASS_", "type warmup", "type warmup_fraction")),
    Framework("optax", "optax", ()),
    Framework(
        "paddle", "PaddlePaddle", ("name learning_rate T_max", "name learning_rate end_lr", "name max_learning_rate")
    ),
    Framework("pytorch_optimizer", "pytorch_optimizer", ("name t_max max_lr", "name first_cycle_steps")),
    Framework("timm", "timm", ("sched epochs", "sched num_epochs")),
    Framework("torchtitan", "torchtitan", tuple(f"lr_scheduler.{name}" for name in TORCHTITAN)),
    Framework("transformers", "transformers", ("lr_scheduler_type", "learning_rate per_device_train_batch_size")),
)
"""Every tool that can be read."""

WRITTEN = ("deepspeed", "megatron", "mlx", "mmengine", "optax", "timm", "transformers")
"""The tools that schedules can be written for; the file of each in `writers` has `to_x`."""

_TYPED = re.compile(rf"(.*\s)?--[A-Za-z]|\s*(tf\.)?({'|'.join(each.name for each in FRAMEWORKS)})\.\w", re.DOTALL)


def is_typed_config(text: str) -> bool:
    """Whether a text is a command line, or a call of another tool, and no schedule."""
    return _TYPED.match(text) is not None


def is_recognized(config: Any) -> bool:
    """Whether a config is a call of a tool, or has the marks of one or of several."""
    with suppress(ArgumentError):
        return bool(_fitting("", config))
    return False


def meaning(config: Any, run: Run, tool: str | None = None) -> ToolSchedule:
    """What a config or the file of one means; `tool` names its tool, or None if the config shows it.

    Raises:
        ArgumentError: there is no such tool, or the config is not allowed.
        DataError: the tool is not recognized or is another than the one named, or the file cannot be read.
    """
    if isinstance(config, Path):
        config = config_in(config)
    if tool is None:
        return recognized(run.owner, config).read(config, run)
    named = framework(run.owner, tool)
    with suppress(ArgumentError):  # a config that has no settings, such as an object, is that of the tool named
        match _fitting(run.owner, config):
            case [other] if other is not named:
                reason = f"this is a config of {other.title}, not of {named.title}"
                raise DataError(reason, "write {tool}", tool=other.name)
    return named.read(config, run)


def framework(owner: str, name: str) -> Framework:
    """The framework of this name."""
    by_name = {each.name: each for each in FRAMEWORKS}
    if name not in by_name:
        raise ArgumentError(owner, "tool", "a tool's name", name, nearest(name, by_name) or listed(by_name))
    return by_name[name]


def recognized(owner: str, config: Any) -> Framework:
    """The framework whose marks a config has, and no other; a text "optax.linear_schedule(...)" names its own."""
    fits = _fitting(owner, config)
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = " or ".join(each.name for each in fits)
        raise DataError("this config could be of several tools", f"name it with {{tool}}: {names}", tool=...)
    known = f"{listed(each.name for each in FRAMEWORKS)}, by settings such as lr_scheduler_type or sched"
    advice = f"name it with {{tool}}; {_near(_settings(owner, config)) or known}"
    raise DataError("this is the config of no tool that stepsize knows", advice, tool=...)


def _fitting(owner: str, config: Any) -> list[Framework]:
    if _is_call(config):
        return [each for each in FRAMEWORKS if each.name == config.strip().removeprefix("tf.").partition(".")[0]]
    settings = _settings(owner, config)
    return [each for each in FRAMEWORKS if each.has(settings)]


def _is_call(config: Any) -> bool:
    return isinstance(config, str) and not config.lstrip().startswith("-")


def _settings(owner: str, config: Any) -> dict[str, Any]:
    if _is_call(config):
        return {}
    in_a_list = isinstance(config, list) and all(isinstance(each, Mapping) and "type" in each for each in config)
    return {"param_scheduler": config} if in_a_list else settings_of(owner, config)


def _near(settings: Mapping[str, Any]) -> str:
    """What settings without marks have of a tool: a section that is its config, or some of the settings of a mark."""
    for name, inside in settings.items():
        for each in FRAMEWORKS:
            if isinstance(inside, Mapping) and each.has(inside):
                return f"its section {quoted(str(name))} alone is a config of {each.title}"
    shares = {each.title: each.nearest_mark(settings) for each in FRAMEWORKS if each.marks}
    most = max(share for share, _ in shares.values())
    return ", ".join(f"a config of {title} has {mark}" for title, (share, mark) in shares.items() if share == most > 0)


def _has(config: Any, setting: str) -> bool:
    name, _, inside = setting.partition(".")
    return isinstance(config, Mapping) and name in config and (not inside or _has(config[name], inside))
