"""Which tool a config is for, and what it means there."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, DataError
from stepsize.interop.config import settings_of
from stepsize.interop.config_files import config_in
from stepsize.interop.frameworks import FRAMEWORKS, Framework
from stepsize.interop.tool_schedule import Run, ToolSchedule

_TYPED = re.compile(rf"(.*\s)?--[A-Za-z]|\s*(tf\.)?({'|'.join(each.name for each in FRAMEWORKS)})\.\w", re.DOTALL)


def is_typed_config(text: str) -> bool:
    """Whether a text is a command line, or a call of another tool, and no schedule."""
    return _TYPED.match(text) is not None


def meaning(config: Any, run: Run, tool: str | None = None) -> ToolSchedule:
    """What a config or the file of one means; `tool` names its tool, or None if the config shows it.

    Raises:
        ArgumentError: there is no such tool, or the config is not allowed.
        DataError: the tool is not recognized, or the file cannot be read.
    """
    if isinstance(config, Path):
        config = config_in(config)
    found = recognized(run.owner, config) if tool is None else framework(run.owner, tool)
    return found.read(config, run)


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
        fits = [each for each in FRAMEWORKS if each.name == config.strip().removeprefix("tf.").partition(".")[0]]
    else:
        in_a_list = isinstance(config, list) and all(isinstance(each, Mapping) for each in config)
        settings = {"param_scheduler": config} if in_a_list else settings_of(owner, config)
        fits = [each for each in FRAMEWORKS if each.has(settings)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        names = " or ".join(each.name for each in fits)
        raise DataError("this config could be of several tools", f"name it with {{tool}}: {names}", tool=...)
    known = listed(each.name for each in FRAMEWORKS)
    raise DataError("this is the config of no tool that stepsize knows", f"name it with {{tool}}; {known}", tool=...)
