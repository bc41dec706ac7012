"""The table of tools: what each is called, and what its configs are recognized by."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
        """What the config means."""
        read: Callable[[Any, Run], ToolSchedule] = importlib.import_module(f"stepsize.interop.{self.name}").read
        return replace(read(config, run), tool=self.title)

    def has(self, config: Mapping[str, Any]) -> bool:
        """Whether a config has the marks of this tool."""
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
"""The tools that schedules can be written for; the file of each in `writers` has `source`."""


def _has(config: Any, setting: str) -> bool:
    for name in setting.split("."):
        if not isinstance(config, Mapping) or name not in config:
            return False
        config = config[name]
    return True
