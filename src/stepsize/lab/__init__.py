"""The lab: schedules compared on real training, on equal terms. It needs the extra `lab` (PyTorch and others).

`__init__.pyi` says which file has each name. A file is loaded when one of its names is first used: processes that train
need few of them.
"""

from typing import Any

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    from stepsize.errors import MissingExtraError

    raise MissingExtraError.naming("PyTorch", "lab") from error

from stepsize.lazy_names import LazyNames

_NAMES = LazyNames(__file__)

__all__ = list(_NAMES.all)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    return _NAMES.load(__name__, name)
