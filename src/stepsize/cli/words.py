"""Errors and notes in the words of the command line: arguments of the library become options of the verb."""

import inspect
from collections.abc import Sequence
from typing import Any

from typer.core import TyperOption

from stepsize.errors import Words, name_and_item, shown

# The parameters of verbs by the arguments of the library that they set, if the names differ; "" is any owner.
OPTIONS = {
    ("design", "warmup_steps"): "warmup",
    ("design", "final_lr"): "lowest",
    ("design", "peak_lr"): "peak",
    ("plan_cooldowns", "starts"): "at",
    ("plan_cooldowns", "final_lr"): "end",
    ("after", "step"): "log_begin",
    ("", "schedule"): "log_schedule",
    ("", "warmup_steps"): "log_warmup",
    ("", "jumps"): "log_jump",
    ("", "means"): "log_means",
    ("", "smoothed"): "smooth",
    ("", "schedules"): "schedule",
    ("", "optimizer_args"): "optimizer_arg",
    ("", "directory"): "out",
}

# The arguments of the library that are arguments of a verb without an option.
ARGUMENTS = {("read_curves", "paths"): "RUNS", ("convex_bound", "schedule_or_rates"): "TEXT"}

LAWS = {"MultiPowerLaw": "multi-power", "MomentumLaw": "momentum"}


class CommandLine(Words):
    """Arguments as options of a verb with these parameters, and as Python writes them if it has no such option."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self._parameters = {each.name: each for each in parameters if isinstance(each, TyperOption)}

    def argument(self, owner: str, name: str) -> str:
        """`--steps`; an item of several is named after the option."""
        base, item = name_and_item(name)
        if owner == "Horizon" and "horizon" in self._parameters:
            return f"--horizon {name}"
        option = self._option(owner, base)
        if option is None:
            return ARGUMENTS.get((owner, base)) or super().argument(owner, name)
        return option.opts[0] if item is None else f"{option.opts[0]} {item}"

    def value(self, value: Any) -> str:
        """A value as it is typed."""
        return LAWS.get(value.__name__, value.__name__) if isinstance(value, type) else shown(value)

    def got(self, value: Any) -> str:
        """Nothing for None, which is an option that was not given."""
        return "" if value is None else super().got(value)

    def setting(self, owner: str, name: str, value: Any) -> str:
        """`--steps 1000`; a flag alone; the column of a log as `--columns loss=COLUMN`."""
        if name in ("step", "lr", "loss") and "columns" in self._parameters:
            return f"--columns {name}={'COLUMN' if value is ... else value}"
        option = self._option(owner, name)
        if option is None:
            return super().setting(owner, name, value)
        if isinstance(value, bool):
            return option.opts[0] if value else (option.secondary_opts or option.opts)[0]
        if value is ... or inspect.isfunction(value):
            return f"{option.opts[0]} {option.metavar or 'VALUE'}"
        several = value if isinstance(value, tuple | list) else [value]
        typed = ",".join(each if isinstance(each, str) else self.value(each) for each in several)
        return f"{option.opts[0]} {typed}"

    def _option(self, owner: str, name: str) -> TyperOption | None:
        parameter = OPTIONS.get((owner, name)) or OPTIONS.get(("", name), name)
        return self._parameters.get(parameter) or self._parameters.get(name)
