"""Pictures: functions that draw on axes and return them, that write files, and that draw in a terminal.

`__init__.pyi` says which file has each name. A file is loaded when one of its names is first used: pictures in a
terminal need no matplotlib. Without matplotlib the others raise `MissingExtraError`.
"""

import ast
import importlib
from pathlib import Path
from typing import Any

from stepsize.errors import MissingExtraError

_MODULES = {
    alias.name: statement.module
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError.naming("matplotlib", "plots") from None
