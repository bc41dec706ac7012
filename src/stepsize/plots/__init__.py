"""Every picture: functions that take axes and return them, ones that write a file, and ones for a terminal.

`__init__.pyi` says which file each name is from. A file is loaded when one of its names is first used. Pictures in a
terminal need no matplotlib; for the others `MissingExtraError` says how to install it.
"""

import ast
import importlib
from pathlib import Path
from typing import Any

from stepsize.errors import MissingExtraError

_HOMES = {
    alias.name: statement.module
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError.naming("matplotlib", "plots") from None
