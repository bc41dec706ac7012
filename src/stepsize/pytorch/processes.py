"""What the processes of `torch.distributed` agree on; without a process group, each decides for itself."""

import torch
from torch import distributed


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    if not _are_several():
        return flag
    shared = torch.tensor(float(flag), device=_device())
    distributed.all_reduce(shared, distributed.ReduceOp.MAX)
    return bool(shared)


def of_first_process(number: float) -> float:
    """The first process's number."""
    if not _are_several():
        return number
    shared = torch.tensor(number, dtype=torch.float64, device=_device())
    distributed.broadcast(shared, src=0)
    return float(shared)


def _are_several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _device() -> str:
    return "cuda" if "nccl" in distributed.get_backend() else "cpu"
