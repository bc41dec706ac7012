"""PyTorch's schedulers that are made of others: one after another, and all at once."""

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Length, Many, Rule
from stepsize.errors import ArgumentError, StateError
from stepsize.pytorch.lr_scheduler.base import with_parts
from stepsize.pytorch.lr_scheduler.following import Following, Reading
from stepsize.pytorch.lr_scheduler.state import Saved


class _OfParts(Following):
    """Moves its parts, and leaves the rates to them."""

    _position_fields: ClassVar[Sequence[str]] = ("last_epoch",)
    _schedulers: Any

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """Each group's base rate."""
        return [float(group.setdefault("initial_lr", float(group["lr"]))) for group in self.optimizer.param_groups]

    def _join_groups(self) -> None:
        """The parts see to it."""

    def _shared(self, index: int) -> Hashable:
        return index

    def _reading(self) -> Reading:
        self._read = None  # it depends on the parts
        return super()._reading()

    def _clock(self, least: int) -> Rule:
        return Length(least)

    def _told_ahead(self) -> bool:
        """Whether every part has a course."""
        return all(
            part._told_ahead() if isinstance(part, _OfParts) else isinstance(part, Following) and not part._own_code
            for part in self._schedulers
        )

    def _ours(self, what: str) -> list[Following]:
        """The parts, all of this package: those of PyTorch cannot be told where to stand."""
        for part in self._schedulers:
            if not isinstance(part, Following):
                raise ArgumentError(
                    f"{what} needs parts of stepsize.pytorch.lr_scheduler, and {type(part).__name__} is PyTorch's own; "
                    "import it from there"
                )
        return list(self._schedulers)

    def _go(self, position: float) -> None:
        self._ours("seek")
        super()._go(position)

    # State.

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_schedulers": [part.state_dict() for part in self._schedulers]}

    def _checked(self, form: Any, part: bool = False) -> Saved:
        saved = super()._checked(form, part)
        states = form.get("_schedulers")
        if not isinstance(states, list) or len(states) != len(self._schedulers):
            many = len(states) if isinstance(states, list) else "no"
            raise StateError(
                f"the state is of {many} parts, and this {type(self).__name__} has {len(self._schedulers)}"
            )
        saved.fields["_schedulers"] = [
            each._checked(state, part=True) if isinstance(each, Following) else state
            for each, state in zip(self._schedulers, states, strict=True)
        ]
        return saved

    def _take(self, saved: Saved) -> None:
        changed = bool(saved.changed)
        for part, state in zip(self._schedulers, saved.fields["_schedulers"], strict=True):
            if isinstance(part, Following):
                part._take(state)
                changed |= bool(state.changed) and part._on_change == "keep"
            else:
                part.load_state_dict(state)
        self._take_fields(saved)
        self._rates.settled = True
        if changed and self._told_ahead():
            self._go(self._position)
        elif self._told_ahead():
            self._rates.write(self._exact(saved))
        else:
            self._rates.write(saved.rates)


class SequentialLR(_OfParts, torch_schedulers.SequentialLR):
    """One scheduler after another, each from its milestone on and on its own clock.

        f(t) = f_i(t - m_i)  for  m_i <= t < m_{i+1},    m_0 = 0

    Parts may be sequences and chains themselves. PyTorch's own schedulers may be parts, too, though not sequences or
    chains; then there is no `seek`.

    Args:
        optimizer: the optimizer.
        schedulers: the parts, made for the same optimizer.
        milestones: the step at which each part but the first begins.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other milestones: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: the milestones do not rise.
        ValueError: there are not as many parts as is meant, or one cannot be a part.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=5)
        >>> decay = lr_scheduler.CosineAnnealingLR(optimizer, T_max=95)
        >>> lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[5]).group_schedules
        (Linear(0.1, 0.4, 5).head(5) >> Cosine(0.4, 0.0, 95),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("_milestones",)

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            if len(milestones):
                Many(Length(0), rising="weakly")("SequentialLR", "milestones", milestones)
            for part in schedulers:
                _refuse_pytorchs_own(part, "SequentialLR")
            if len(set(map(id, schedulers))) < len(schedulers):
                raise ArgumentError(
                    "SequentialLR has a scheduler twice among its parts; make another with its arguments"
                )
            super().__init__(optimizer, schedulers, milestones)
            if last_epoch >= 0:
                self.seek(last_epoch + 1)

    def step(self) -> None:  # type: ignore[override]
        """Move on by one step, and write the rates of the next."""
        self._rates.refuse_if_taken(self)
        t = self.last_epoch + 1
        k = bisect_right(self._milestones, t)
        part = self._schedulers[k]
        if k and self._milestones[k - 1] == t:
            part._update_lr(0)
        else:
            part.step()
        self.last_epoch = t
        self._rates.settled = True
        self._last_lr = list(self._rates.read())

    def _initial_step(self) -> None:
        """Start, as a part of another scheduler."""
        self.last_epoch = 0
        self._schedulers[bisect_right(self._milestones, 0)]._initial_step()

    def _update_lr(self, epoch: float | None = None) -> None:
        self._go(self.last_epoch + 1 if epoch is None else epoch)

    def _place(self, position: float) -> None:
        starts = (0, *self._milestones)
        now = bisect_right(self._milestones, position)
        parts = self._ours("seek")
        for k in (*range(len(parts) - 1, now, -1), *range(now + 1)):  # the last to write a momentum is the one there
            part, gone = parts[k], (*starts, math.inf)[k + 1] - starts[k]
            if k > now or gone == 0:
                part._place(0)
                part.last_epoch = -1
            elif k < now:
                part._place(gone - 1)
            else:
                if k:
                    part._enter([schedule(starts[k] - 1) for schedule in self.group_schedules])
                part._place(position - starts[k])
        self.last_epoch = position  # type: ignore[assignment]


class ChainedScheduler(_OfParts, torch_schedulers.ChainedScheduler):
    """Several schedulers at once: each multiplies what the one before it made of the rate.

    The product of the parts where all of them only multiply; a part that writes its value whatever the rate was
    (LambdaLR, CyclicLR, OneCycleLR, CosineAnnealingWarmRestarts) undoes those before it, as in PyTorch. Otherwise
    `seek(t)` and `schedules` fold the parts' steps one after another, in O(t) time.

    Args:
        schedulers: the parts, made for the same optimizer.
        optimizer: their optimizer; the first part's if left out.

    Raises:
        ValueError: there is no part, or one cannot be a part.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> constant = lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=4)
        >>> decay = lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
        >>> scheduler = lr_scheduler.ChainedScheduler([constant, decay])
        >>> scheduler.seek(1)
        >>> scheduler.get_last_lr()
        [0.18000000000000002]

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _position_fields = ()

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ArgumentError("ChainedScheduler(schedulers=...) needs at least one scheduler, got none")
        with self._construction(optimizer or schedulers[0].optimizer, "refuse"):
            for part in schedulers:
                _refuse_pytorchs_own(part, "ChainedScheduler")
            super().__init__(schedulers, optimizer)

    @property
    def last_epoch(self) -> int:
        """The parts' step."""
        return int(self._schedulers[0].last_epoch)

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        for part in self._schedulers:
            part.last_epoch = value

    def step(self) -> None:  # type: ignore[override]
        """Move every part on by one step, or none."""
        self._rates.refuse_if_taken(self)
        rates, stood = self._rates.read(), [(each, dict(each.__dict__)) for each in with_parts(self)]
        try:
            for part in self._schedulers:
                part.step()
        except Exception:
            for each, fields in stood:
                each.__dict__.clear()
                each.__dict__.update(fields)
            self._rates.write(rates)
            raise
        self._rates.settled = True
        self._last_lr = list(self._rates.read())

    def _initial_step(self) -> None:
        """Start, as a part of another scheduler."""
        for part in self._schedulers:
            part._initial_step()

    def _update_lr(self, epoch: float | None = None) -> None:
        self._go(self.last_epoch + 1 if epoch is None else epoch)

    def _place(self, position: float) -> None:
        for part in self._ours("seek"):
            part._place(position)


def _refuse_pytorchs_own(part: LRScheduler, whole: str) -> None:
    made_of_others = isinstance(part, torch_schedulers.SequentialLR | torch_schedulers.ChainedScheduler)
    if made_of_others and not isinstance(part, _OfParts):
        raise ArgumentError(
            f"a {type(part).__name__} of PyTorch's own cannot be stepped rightly within a {whole}; import it from "
            "stepsize.pytorch.lr_scheduler"
        )
