"""What a user names as "package.module:function"."""

import importlib
from collections.abc import Callable
from typing import Any

from stepsize.arguments import quoted, shown
from stepsize.errors import ArgumentError


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function of this name, which is to be a task, an optimizer or the like.

    Raises:
        ArgumentError: it cannot be imported, or is no function.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"the {what} {quoted(name)} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:  # what its module does as it is imported
        raise ArgumentError(f"the {what} {quoted(name)} cannot be imported: {shown(error, 200)}") from error
    if not callable(found):
        raise ArgumentError(f"the {what} {quoted(name)} must be a function, got {shown(found)}")
    return found  # type: ignore[no-any-return]
