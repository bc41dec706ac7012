"""Warnings of the schedulers, reported at the user's own line."""

import sys
import warnings
from pathlib import Path

import torch

_INSIDE = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))  # PyTorch's hooks call this package


def caution(message: str) -> None:
    """Warn at the nearest line that is neither in this package nor in PyTorch."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
