"""The lab: schedules compared on real training, on equal terms. It needs the extra `lab` (PyTorch and others).

`__init__.pyi` says which file has each name. A file is loaded when one of its names is first used: processes that train
need few of them.
"""

from importlib.util import find_spec
from typing import Any

from stepsize.errors import MissingExtraError
from stepsize.lazy_names import LazyNames

if find_spec("torch") is None:  # names of tasks are checked without importing it
    raise MissingExtraError.naming("PyTorch", "lab")

_NAMES = LazyNames(__file__)

__all__ = list(_NAMES.all)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    return _NAMES.load(__name__, name)
