"""What a user names as "package.module:function"."""

import importlib
from collections.abc import Callable
from typing import Any

from stepsize.arguments import quoted
from stepsize.errors import ArgumentError


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function of this name, which is to be a task, an optimizer or the like.

    Raises:
        ArgumentError: it cannot be imported.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
    except (ImportError, AttributeError, ValueError) as error:
        raise ArgumentError(f"the {what} {quoted(name)} cannot be imported: {error}") from error
