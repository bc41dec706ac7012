"""The circumstances that a result belongs to: versions, processor, device."""

import platform
from datetime import UTC, datetime

import numpy as np
import torch

import stepsize
from stepsize.errors import ArgumentError


def environment(device: str) -> dict[str, str]:
    """What to say beside every number: when, and on what."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "stepsize": stepsize.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "system": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": "1",
    }


def resolved_device(name: str) -> str:
    """The device that `name` means here: "auto" is a GPU if there is one.

    Raises:
        ArgumentError: there is no such device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, ValueError):  # as PyTorch has it, depending on what is missing
        available = "auto, cpu or cuda" if torch.cuda.is_available() else "auto or cpu"
        raise ArgumentError(f"device {name!r} is not to be had here; write {available}") from None
    return name
