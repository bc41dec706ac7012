"""A thousand descents as one array against torch.optim: in a loop over the starts, and as one tensor.

The loop is timed on a few starts and multiplied: its cost a start is the same for all. PyTorch's best setting here is
one tensor of a start's coordinates, `foreach=False`, gradients set by hand from the same formula, no autograd. What
nobody need loop over, all starts as one tensor of PyTorch's, is measured beside it.
"""

import numpy as np
import torch

from measure import ratio, rounds, seconds
from stepsize.descent import SURFACES, Adam, descend

STARTS, STEPS, SAMPLE = 1_000, 1_000, 3
SURFACE = SURFACES["rosenbrock"]
BEGIN = np.random.default_rng(0).uniform(-2.0, 2.0, (STARTS, 2))


def as_one_array(steps: int = STEPS) -> np.ndarray:
    return descend(SURFACE, Adam(), BEGIN, steps, 0.01).points[-1]


def gradient(x: torch.Tensor) -> torch.Tensor:
    above = x[..., 1] - x[..., 0] ** 2
    return torch.stack([-2.0 * (1.0 - x[..., 0]) - 400.0 * x[..., 0] * above, 200.0 * above], dim=-1)


def with_torch(begin: np.ndarray, steps: int = STEPS) -> np.ndarray:
    x = torch.tensor(begin, requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.01, foreach=False)
    for _ in range(steps):
        x.grad = gradient(x.detach())
        optimizer.step()
    return x.detach().numpy()


def a_few_alone() -> np.ndarray:
    return np.stack([with_torch(begin) for begin in BEGIN[:SAMPLE]])


def main() -> None:
    torch.set_num_threads(1)
    # Later on rounding grows in some of the valleys, whoever rounds.
    assert np.allclose(as_one_array(100), with_torch(BEGIN, 100), rtol=1e-9, atol=1e-9)
    taken = rounds({"array": as_one_array, "few": a_few_alone, "tensor": lambda: with_torch(BEGIN)}, 7)
    print(f"{STARTS:,} starts, {STEPS:,} Adam steps as one array: {seconds(as_one_array):.3f} s")
    loop = [t * STARTS / SAMPLE for t in taken["few"]]
    ratio(f"a loop of torch.optim over the starts ({SAMPLE} timed), times as long", loop, taken["array"], ">= 100")
    ratio("torch.optim on one tensor of all starts, times as long", taken["tensor"], taken["array"], "none")


if __name__ == "__main__":
    main()
