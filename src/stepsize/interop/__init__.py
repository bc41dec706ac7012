"""Schedules of other tools: `from_x` reads what a config really does, `to_x` writes a schedule exactly or refuses.

`__init__.pyi` says which file has each name. A file is loaded when one of its names is first used, and no other tool
is imported to read a config.
"""

from typing import Any

from stepsize.lazy_names import LazyNames

_NAMES = LazyNames(__file__)

__all__ = list(_NAMES.all)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    return _NAMES.load(__name__, name)
