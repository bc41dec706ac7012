"""Pictures: functions that draw on axes and return them, that write files, and that draw in a terminal.

`__init__.pyi` says which file has each name. A file is loaded when one of its names is first used: pictures in a
terminal need no matplotlib. Without matplotlib the others raise `MissingExtraError`.
"""

from typing import Any

from stepsize.errors import MissingExtraError
from stepsize.lazy_names import LazyNames

_NAMES = LazyNames(__file__)

__all__ = list(_NAMES.all)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    try:
        return _NAMES.load(__name__, name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError.naming("matplotlib", "plots") from None
