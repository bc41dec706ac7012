"""The table of tools: what each is called, and what its configs are recognized by."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, DataError
from stepsize.interop.config import settings_of
from stepsize.interop.tool_schedule import Run, ToolSchedule


@dataclass(frozen=True)
class Framework:
    """A tool whose configs can be read; its file in this package has `read` and perhaps `source`.

    `marks` are settings by which a config is recognized: it has all settings of one of them. `a.b` is the setting b
    inside a.
    """

    name: str
    title: str
    marks: tuple[str, ...]

    def read(self, config: Any, run: Run) -> ToolSchedule:
        """What the config means."""
        read: Callable[[Any, Run], ToolSchedule] = importlib.import_module(f"stepsize.interop.{self.name}").read
        return read(config, run)

    def has(self, config: Mapping[str, Any]) -> bool:
        """Whether a config has the marks of this tool."""
        return any(all(_has(config, setting) for setting in mark.split()) for mark in self.marks)


FRAMEWORKS = (Framework("deepspeed", "DeepSpeed", ("scheduler.type scheduler.params",)),)
"""Every tool that can be read."""


def framework(owner: str, name: str) -> Framework:
    """The framework of this name.

    Raises:
        ArgumentError: there is none; the error has the nearest.
    """
    by_name = {each.name: each for each in FRAMEWORKS}
    if name not in by_name:
        raise ArgumentError(owner, "tool", "a tool's name", name, nearest(name, by_name) or listed(by_name))
    return by_name[name]


def recognized(owner: str, config: Any) -> Framework:
    """The framework whose marks a config has; a text such as "optax.linear_schedule(...)" names its own.

    Raises:
        DataError: the config has the marks of none, or of several.
    """
    if isinstance(config, str) and not config.lstrip().startswith("-"):
        fits = [each for each in FRAMEWORKS if each.name == config.partition(".")[0].strip()]
    else:
        settings = settings_of(owner, config)
        fits = [each for each in FRAMEWORKS if each.has(settings)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = " or ".join(each.name for each in fits)
        raise DataError("this config could be of several tools", f"name it with {{tool}}: {names}", tool=...)
    known = listed(each.name for each in FRAMEWORKS)
    raise DataError("this is the config of no tool that stepsize knows", f"name it with {{tool}}; {known}", tool=...)


def _has(config: Any, setting: str) -> bool:
    for name in setting.split("."):
        if not isinstance(config, Mapping) or name not in config:
            return False
        config = config[name]
    return True
