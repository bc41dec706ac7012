"""A cooldown on demand: requested by a deadline, a signal or the program, and agreed on by all processes."""

import math
import signal
import threading
import time
from types import FrameType
from typing import Annotated, Any
from weakref import finalize, ref

from stepsize.arguments import Count, Instance, MaybePositive, NonNegative, Steps, apply_rules
from stepsize.errors import ArgumentError, StateError, shown
from stepsize.pytorch.processes import any_process
from stepsize.pytorch.scheduler import Scheduler
from stepsize.schedules.transitions import AnyShape, transition

_KIND = "stepsize.pytorch.CooldownOnDemand"


class CooldownOnDemand:
    """Begins the cooldown of a run on request, at the same step in every process.

        for batch in batches:
            ...
            scheduler.step()
            if cooldown.due():
                break

    Call `due()` after every update, in every process of `torch.distributed`'s default group if there is one. If any
    process has a request, all of them call `scheduler.cool_down(steps, end, shape)`.

    Args:
        scheduler: the scheduler whose rates come down.
        steps: the length of the cooldown, in the scheduler's units: updates, samples, tokens or seconds.
        end: the value at its end, at least 0, in the plan's own units.
        shape: a word, a class or a function, as for `stepsize.wsd`.
        deadline: seconds from now by which it should have ended. It begins once the time left is the average time of
            `steps` steps and of the updates until the processes next agree.
        on_signal: a signal that requests it, such as `signal.SIGUSR1`. Its previous handler is called too, and
            restored once this object is gone. Only the main thread may give one.
        every: the number of updates between two agreements of the processes.

    An argument out of its range raises ArgumentError.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import CooldownOnDemand, Scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Scheduler(optimizer, Constant(1.0))
        >>> cooldown = CooldownOnDemand(scheduler, steps=4)
        >>> rates = []
        >>> for step in range(100):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step(); scheduler.step()
        ...     if step == 1:
        ...         cooldown.request()
        ...     if cooldown.due():
        ...         break
        >>> rates
        [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    def __init__(
        self,
        scheduler: Annotated[Scheduler, Instance(Scheduler, "a stepsize.pytorch.Scheduler")],
        steps: Steps,
        end: NonNegative = 0.0,
        shape: AnyShape = "linear",
        *,
        deadline: MaybePositive = None,
        on_signal: int | None = None,
        every: Count = 1,
    ) -> None:
        given: dict[str, Any] = {"scheduler": scheduler, "steps": steps, "end": end, "shape": shape}
        given |= {"deadline": deadline, "every": every}
        given = apply_rules("CooldownOnDemand", CooldownOnDemand, given)
        transition("CooldownOnDemand", int(steps), ("shape", shape), ("", 1.0), ("end", end))
        _ = scheduler._groups.plan["lr"]  # if no rate is scheduled, it raises now, not when the cooldown begins
        self._scheduler, self._steps, self._end, self._shape = scheduler, int(steps), end, shape
        self._deadline: float | None = given["deadline"]
        self._every = int(given["every"])
        self._made_at = time.monotonic()
        self._first_call = (0.0, 0.0)  # of `due`: the time, and the scheduler's position
        self._calls = 0
        self._requested = False
        self.ends_at: int | None = None
        """The position at which the cooldown ends; None if it has not begun."""
        if on_signal is not None:
            self._listen(on_signal)

    def request(self) -> None:
        """Request the cooldown, in this process; the next `due()` begins it."""
        self._requested = True

    def due(self) -> bool:
        """Begin the cooldown if it has been requested; True once it has ended."""
        self._calls += 1
        if self._calls == 1:
            self._first_call = time.monotonic(), self._scheduler.position
        asked = self.ends_at is None and self._calls % self._every == 0
        if asked and any_process(self._requested or self._short_of_time()):
            self._scheduler.cool_down(self._steps, self._end, self._shape)
            self.ends_at = math.ceil(self._scheduler.position) + self._steps
        return self.ends_at is not None and self._scheduler.position >= self.ends_at

    def state_dict(self) -> dict[str, Any]:
        """Whether it was requested, and where it ends if it has begun; its rates are in the scheduler's state."""
        return {"version": 1, "kind": _KIND, "asked": self._requested, "ends_at": self.ends_at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue a saved cooldown; load the scheduler's state too. StateError if it is a state of another kind."""
        match state:
            case {"version": 1, "kind": str(kind), "asked": bool(asked), "ends_at": None | int() as ends_at} if (
                kind == _KIND and not isinstance(ends_at, bool) and (ends_at or 0) >= 0
            ):
                self._requested, self.ends_at = asked, ends_at
            case _:
                raise StateError(f"this is not a valid state of {_KIND}: {shown(state)}")

    def _short_of_time(self) -> bool:
        """Whether only the cooldown still fits before the deadline, at the pace since the first call."""
        since, first = self._first_call
        steps = self._scheduler.position - first
        if self._deadline is None or self._calls < 2 or steps <= 0:
            return False
        now = time.monotonic()
        until_next_agreement = (self._every - 1) * (now - since) / (self._calls - 1)
        return self._made_at + self._deadline - now <= self._steps * (now - since) / steps + until_next_agreement

    def _listen(self, number: int) -> None:
        try:
            before, me = signal.getsignal(signal.Signals(number)), ref(self)  # the handler must not keep it alive
        except ValueError:
            raise ArgumentError("CooldownOnDemand", "on_signal", "a signal, such as signal.SIGUSR1", number) from None

        def handle(received: int, frame: FrameType | None) -> None:
            if (cooldown := me()) is not None:
                cooldown.request()
            if callable(before):
                before(received, frame)

        def restore() -> None:
            if signal.getsignal(number) is handle and threading.current_thread() is threading.main_thread():
                signal.signal(number, before)

        try:
            signal.signal(number, handle)
        except OSError:
            words = "a signal that a process may handle, such as signal.SIGUSR1"
            raise ArgumentError("CooldownOnDemand", "on_signal", words, number) from None
        finalize(self, restore)
