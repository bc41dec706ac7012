"""The environment of a comparison, on which its numbers depend: versions, processor, device; and its cores."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import stepsize
from stepsize.errors import ArgumentError

THREADS = 1  # of PyTorch in each process: on small networks several processes do more than several threads
DECISIVE = ("python", "torch", "numpy", "system", "cpu_capability", "device", "threads")  # for the last bits
OF_STEPSIZE = ("stepsize", "revision")


def environment(device: str) -> dict[str, str]:
    """The time, the versions and the machine."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "stepsize": stepsize.__version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "system": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": str(THREADS),
    }


def differing(before: dict[str, str], now: dict[str, str], keys: Iterable[str] = DECISIVE) -> list[str]:
    """How two environments differ in these keys: `torch: 2.13.0, and here 2.14.0`."""
    return [
        f"{key}: {before.get(key)}, and here {now[key]}"
        for key in keys
        if _decisive(key, before.get(key, "")) != _decisive(key, now[key])
    ]


def _decisive(key: str, value: str) -> str:
    """The part of a value that decides the bits; the patch level of a kernel does not."""
    return re.sub(r"^(Linux-\d+\.\d+)[^-]*(-\d[^-]*)*", r"\1", value) if key == "system" else value


def _revision() -> str:
    """The commit of stepsize's source, with "-dirty" if it was changed since; "" outside a checkout."""
    git = ["git", "-C", str(Path(stepsize.__file__).parent)]
    try:
        # An installed copy may lie within the checkout of another project, which does not track it.
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", "__init__.py"], capture_output=True, timeout=10, check=True
        )
        describe = [*git, "describe", "--always", "--dirty", "--abbrev=40"]
        return subprocess.run(describe, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def resolved_device(name: str | torch.device, owner: str = "Experiment") -> str:
    """The device that `name` means here: "auto" is a GPU if there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, ValueError):  # PyTorch raises one of them, depending on what is missing
        gpu = torch.cuda.is_available()
        available = '"auto", "cpu" or "cuda"' if gpu else '"auto" or "cpu" on this machine'
        raise ArgumentError(owner, "device", available, str(name)) from None
    return str(name)


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
