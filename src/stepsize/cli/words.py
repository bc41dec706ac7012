"""Errors and notes in the words of the command line: arguments of the library become options of the verb."""

import inspect
from collections.abc import Sequence
from typing import Any

from stepsize.errors import Words, name_and_item, shown
from stepsize.interop.frameworks import WRITTEN

# The parameters of verbs by the arguments of the library that they set, if the names differ; "" is any owner.
OPTIONS = {
    ("design", "warmup_steps"): "warmup",
    ("design", "final_lr"): "lowest",
    ("design", "peak_lr"): "peak",
    ("plan_cooldowns", "starts"): "at",
    ("plan_cooldowns", "final_lr"): "end",
    ("", "total_steps"): "total",
    ("", "target_loss"): "target",
    ("after", "step"): "log_begin",
    ("", "schedule"): "log_schedule",
    ("", "warmup_steps"): "log_warmup",
    ("", "jumps"): "log_jump",
    ("read_curves", "horizon"): "log_horizon",
    ("", "means"): "log_means",
    ("", "smoothed"): "smooth",
    ("", "schedules"): "schedule",
    ("", "optimizer_args"): "optimizer_arg",
    ("", "directory"): "out",
    ("read_curves", "paths"): "runs",
    ("convex_bound", "schedule_or_rates"): "texts",
    ("predict", "schedule_or_rates"): "schedule",
    ("extend", "seeds"): "add_seeds",
    ("paper_style", "size"): "font_size",
    ("extend", "schedules"): "add_schedule",
    **{(f"to_{tool}", "horizon"): "steps" for tool in WRITTEN},
}

# What is typed where Python calls a function of the library.
COMMANDS = {"to_code": "--to python"}

LAWS = {"FunctionalLaw": "functional", "MultiPowerLaw": "multi-power", "MomentumLaw": "momentum"}


class CommandLine(Words):
    """Arguments as parameters of a verb, and as Python writes them if the verb has no such parameter."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self._parameters = {each.name: each for each in parameters}

    def argument(self, owner: str, name: str) -> str:
        """`--steps`; an item that has a name after its option; the items of 0,1,2 share one name."""
        base, item = name_and_item(name)
        parameter = self._parameter(owner, base)
        if parameter is None:
            return super().argument(owner, name)
        if isinstance(item, int):
            return f"each of {_typed(parameter)}" if "," in parameter.metavar else _named(parameter)
        return _named(parameter) if item is None else f"{_named(parameter)} {item}"

    def unknown(self, owner: str, name: str) -> str:
        """`unknown option '--epoch'`."""
        if owner.split()[0] != "stepsize":
            return super().unknown(owner, name)
        return f"unknown {'option' if name.startswith('-') else 'command'} {shown(name)}"

    def value(self, value: Any) -> str:
        """A value as it is typed."""
        if isinstance(value, type):
            return LAWS.get(value.__name__, value.__name__)
        if isinstance(value, tuple | list):
            return ",".join(each if isinstance(each, str) else self.value(each) for each in value)
        return shown(value)

    def got(self, value: Any) -> str:
        """Nothing for an option that was not given, or that has no value."""
        return "" if value is None or value is True else super().got(value)

    def setting(self, owner: str, name: str, value: Any) -> str:
        """`--steps 1000`; a flag alone; the column of a log as `--columns loss=COLUMN`."""
        if inspect.isfunction(value) and value.__name__ in COMMANDS:
            return COMMANDS[value.__name__]
        if name in ("step", "lr", "loss") and "columns" in self._parameters:
            return f"--columns {name}={'COLUMN' if value is ... else value}"
        parameter = self._parameter(owner, name)
        if parameter is None:
            return super().setting(owner, name, value)
        if isinstance(value, bool):
            return str(parameter.opts[0] if value else (parameter.secondary_opts or parameter.opts)[0])
        if value is ... or inspect.isfunction(value):
            return _typed(parameter)
        return f"{_named(parameter)} {value if isinstance(value, str) else self.value(value)}"

    def _parameter(self, owner: str, name: str) -> Any:
        if owner.startswith("stepsize "):  # a verb and its own parameter
            return self._parameters.get(name)
        return self._parameters.get(OPTIONS.get((owner, name)) or OPTIONS.get(("", name), name)) or (
            self._parameters.get(name)
        )


def _named(parameter: Any) -> str:
    option = str(parameter.opts[0])
    return option if option.startswith("-") else str(parameter.metavar)


def _typed(parameter: Any) -> str:
    """The option with a value, or the argument."""
    name = _named(parameter)
    return f"{name} {parameter.metavar or 'VALUE'}" if name.startswith("-") else name
