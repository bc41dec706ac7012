"""The scheduler against PyTorch's own, a step each, with one group and with a thousand, and a hand-written loop.

Left out: the optimizer's own update. PyTorch's schedulers are used as their documentation shows them.
"""

from collections.abc import Callable

import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

import stepsize as ss
from measure import ratio, seconds
from stepsize.pytorch import Scheduler

WARMUP, TOTAL, ROUNDS = 1000, 1_000_000, 9
PLAN = ss.Linear(0.003, 0.3, WARMUP) >> ss.Cosine(0.3, 0.0, TOTAL - WARMUP)


def optimizer(groups: int, tensors: bool) -> SGD:
    """An optimizer with this many groups."""
    rate = (lambda: torch.tensor(0.3)) if tensors else (lambda: 0.3)
    made = SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": rate()} for _ in range(groups)], lr=0.3)
    return made


def times(step: Callable[[], object], number: int) -> list[float]:
    """Seconds a step, in rounds of `number` steps, after a round that is not counted."""
    return [seconds(lambda: [step() for _ in range(number)]) / number for _ in range(ROUNDS + 1)][1:]


def main() -> None:
    mine, theirs = optimizer(1, False), optimizer(1, False)
    scheduler = Scheduler(mine, PLAN)
    parts = [LinearLR(theirs, 0.01, 1.0, WARMUP), CosineAnnealingLR(theirs, TOTAL - WARMUP)]
    sequence = SequentialLR(theirs, parts, [WARMUP])
    mine.step()
    theirs.step()
    a, b = times(scheduler.step, 5000), times(sequence.step, 5000)
    ratio("one group, a step, times SequentialLR's", a, b, "<= 0.3")
    watched, decaying = optimizer(1, False), optimizer(1, False)
    with_horizon = Scheduler(watched, PLAN, horizon=ss.Horizon(TOTAL, 1, 1))
    with_decay = Scheduler(decaying, PLAN, weight_decay=ss.Linear(0.1, 0.0, TOTAL))
    watched.step()
    decaying.step()
    ratio("the same with a horizon", times(with_horizon.step, 5000), b, "none")
    ratio("the same with a schedule of the weight decay too", times(with_decay.step, 5000), b, "none")

    for tensors in (False, True):
        mine, theirs = optimizer(1000, tensors), optimizer(1000, tensors)
        scheduler, cosine = Scheduler(mine, PLAN), CosineAnnealingLR(theirs, TOTAL)
        mine.step()
        theirs.step()
        kind = "tensor" if tensors else "float"
        a, b = times(scheduler.step, 200), times(cosine.step, 20)
        ratio(f"a thousand groups of {kind} rates, a step, times CosineAnnealingLR's", a, b, "<= 0.1")
        if not tensors:
            values, groups = [0.1] * 1000, mine.param_groups

            def by_hand(groups: list[dict[str, object]] = groups, values: list[float] = values) -> None:
                for group, value in zip(groups, values, strict=True):
                    group["lr"] = value

            ratio("the same, times a loop that writes precomputed values", a, times(by_hand, 200), "<= 1.8")


if __name__ == "__main__":
    main()
