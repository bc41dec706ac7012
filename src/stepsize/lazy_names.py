"""Names of a package that are loaded when they are first used; the stub of its `__init__` says where each is."""

import ast
import importlib
from pathlib import Path
from typing import Any


class LazyNames:
    """The names that the stub beside `__init__.py` imports from the files of its package."""

    def __init__(self, init: str) -> None:
        self._places = {
            alias.name: statement.module
            for statement in ast.parse(Path(init).with_suffix(".pyi").read_text("utf-8")).body
            if isinstance(statement, ast.ImportFrom) and statement.module
            for alias in statement.names
        }
        self.all = sorted(self._places)

    def load(self, package: str, name: str) -> Any:
        if name not in self._places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(self._places[name]), name)
