"""Writing a plan into optimizers at a position: their hooks, counting updates, and PyTorch's scheduler interface."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.errors import DriverError
from stepsize.pytorch.clock import COUNTED, Clock, position_rule
from stepsize.pytorch.driven_groups import DrivenGroups
from stepsize.pytorch.group_plan import GroupPlan, rate_of
from stepsize.pytorch.optimizer_hooks import Attachment, UpdateCount, is_dummy_step, is_update
from stepsize.pytorch.warnings import caution


class Driver(LRScheduler):
    """Writes the values of a plan into the groups, and knows how many updates have been made.

    It does not call PyTorch's constructor, which would write rates and replace the optimizer's step.
    """

    def __init__(self, attachment: Attachment, plan: GroupPlan, auto: bool, clock: Clock, position: float) -> None:
        self._attachment = attachment
        self._groups = DrivenGroups(attachment, plan)
        self._auto = auto
        self._clock = clock
        self._position = position
        self._expected = clock.end  # where the horizon ends; infinite if it is not known, or once it was exceeded
        self._pauses = 0  # the number of `paused` contexts
        self._stopped: str | None = None  # why it no longer drives its optimizers
        self._unstepped = position == 0  # no optimizer has made an update yet, as far as is known
        self._restored = False  # a state was loaded, and no update has followed
        self._warned_of_overwriting = False
        self._updated_at: dict[int, float] | None = {}  # each optimizer's last update; None after the warning
        self._count = UpdateCount(len(attachment.optimizers))  # under auto
        self._quick: Callable[[float], bool] | None = None  # writes the next values without further checks

    @property
    def position(self) -> float:
        """Updates done (or samples, tokens, seconds): where the schedules are read for the next update."""
        return self._position

    def seek(self, position: float) -> None:
        """Go to any position, forwards or back, and write the rates there."""
        self._write(position_rule(self._clock.name)("seek", "position", position))
        self._clock.restart()
        self._count.begin()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop counting and writing in this context, as for a rate finder; write the rates again at its end."""
        self._refresh()
        self._pauses += 1
        self._quick = None
        try:
            yield
        finally:
            self._pauses -= 1
            self._clock.restart()
            if self._stopped is None and not self._pauses:
                self._rewrite()

    def close(self) -> None:
        """Detach from the optimizer, whose rates stay as they are."""
        self._attachment.release(self)
        self._stopped = f"{self} was closed, so it can no longer be stepped"
        self._quick = None

    # Writing.

    def _write(self, position: float) -> None:
        """Move to a position and write all of its values, or raise and do neither; while paused, only move."""
        self._refuse_if_stopped()
        if self._groups.binding.is_stale():
            self._bind()
        if not self._pauses:
            self._groups.binding.write(position)
            if self._auto:
                self._left = [each.param_groups[0].get("lr") for each in self._attachment.optimizers]
            elif self._clock.name == "steps" and not self._unstepped:
                self._quick = self._groups.binding.quick
        begin, self._position = self._position, position
        if self._updated_at:
            self._updated_at.clear()  # after a seek or a load, an update may be made there again
        if position > begin >= self._expected:
            horizon, self._expected = self._expected, math.inf
            one = COUNTED[self._clock.name]
            caution(
                f"{one} {position} is past the end of the horizon, {horizon} {one}s; check its batch size, "
                "accumulation and processes"
            )

    def _bind(self, loading: bool = False, restore: bool = False) -> None:
        self._quick = None
        self._groups.bind(loading, restore)

    def _rewrite(self, loading: bool = False) -> None:
        self._bind(loading, restore=True)
        self._write(self._position)

    def _refresh(self) -> None:
        """If groups were added, removed or replaced since the last write, write into the groups as they are now."""
        if self._stopped is None and self._groups.binding.is_stale():
            self._write(self._position)

    def _change(self, change: Callable[[], bool | None], position: float) -> bool:
        """Change the groups and write their values there, or undo it all; write nothing if `change` returns False."""
        undo = self._groups.undo()
        try:
            if changed := change() is not False:
                self._bind()
                self._write(position)
        except Exception:
            self._quick = None
            undo()
            raise
        return changed

    def _refuse_if_stopped(self) -> None:
        if self._stopped is not None:
            raise DriverError(self._stopped)

    def _attach(self) -> None:
        self._bind()
        if self._stopped is None:  # a copy of a closed scheduler stays closed
            self._rewrite()
            self._attachment.attach(self, owned=self._auto)

    # Called by the optimizers and by other schedulers.

    def stepping(self, optimizer: Optimizer) -> None:
        """An optimizer's step begins: write into groups that are new or that loading has overwritten."""
        if self._stopped is not None or self._pauses:
            return
        if self._auto and (idle := self._count.left_out(self._attachment.optimizers.index(optimizer))):
            self._count_update()
            which = f"optimizer {idle[0]}" if len(idle) == 1 else f"each of the optimizers {', '.join(map(str, idle))}"
            caution(
                f"{which} of this scheduler has made no update yet, so the updates of the others are counted without "
                "it until its first"
            )
        if self._restored:
            self._rewrite()
        else:
            self._refresh()

    def stepped(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended; under `auto`, count an update once each optimizer has made one."""
        self._unstepped = False
        if self._stopped is not None or self._pauses or (self._auto and not is_update(optimizer)):
            return
        index = self._attachment.optimizers.index(optimizer)
        overwritten = None if self._warned_of_overwriting else self._groups.binding.overwritten()
        # A zero rate that other code has written may belong to a dummy step; a zero of the schedule does not.
        foreign = self._auto and optimizer.param_groups[0].get("lr") is not self._left[index]
        if (foreign or overwritten is not None) and is_dummy_step(optimizer):
            return
        self._restored = False
        if self._updated_at is not None and not self._auto and self._clock.name == "steps":
            self._look_for_missing_step(self._updated_at, index)
        if self._auto and self._count.completes(index):
            self._count_update()
        if overwritten is not None:  # last, as a warning may be an error: the update is counted all the same
            self._warned_of_overwriting = True
            caution(f"{overwritten}; the update used that value, and the next one will use the schedule's")

    def _look_for_missing_step(self, updated_at: dict[int, float], index: int) -> None:
        """Warn once of a second update at one position, if the horizon says that the schedule counts updates."""
        if self._expected < math.inf and updated_at.get(index) == self._position:
            self._updated_at = None
            caution(
                f"two updates were made at step {self._position}; call scheduler.step() after each update, not after "
                "each epoch"
            )
        updated_at[index] = self._position

    def _count_update(self) -> None:
        self._count.begin()
        position = self._clock.after_update(self._position)
        try:
            self._write(position)
        finally:
            self._position = position  # the update was made, even if there is no value for the next

    def loaded(self, optimizer: Optimizer) -> None:
        """A state was loaded into an optimizer, which replaces its groups and their values."""
        if self._stopped is None:
            self._restored = True  # wrappers write into the groups once more after this hook
            self._rewrite(loading=True)

    def driven(self) -> dict[tuple[int, str], str]:
        """The name of what it writes at each place: the id of a group or of a target's holder, and the key there."""
        return self._groups.binding.driven()

    def taken_over(self, key: str, by: "Driver") -> None:
        """Another scheduler writes this hyperparameter now: the next step raises. Under `auto`, warn at once."""
        stopped = f'"{key}" is now driven by {by}, so {self} can no longer be stepped'
        others = " and ".join(other for other in self._groups.plan.assignments if other != key)
        self.close()
        self._stopped = f"{stopped}; nothing drives {others} any more" if others else stopped
        if self._auto:
            caution(self._stopped)

    # PyTorch's scheduler interface, which frameworks use.

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rate that the next update uses, for each group."""
        self._refresh()
        return [rate_of(group) for group in self._attachment.groups()]

    @property
    def _last_lr(self) -> list[float]:  # type: ignore[override]
        return self.get_last_lr()

    @property
    def last_epoch(self) -> int:
        """The position; -1, a fresh start in PyTorch, is 0. Ignite sets it; setting it writes no rates."""
        return int(self._position)

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        self._position = max(int(value), 0)
        self._warned_of_overwriting = True  # the code that sets the position writes the rates too

    @property
    def _step_count(self) -> int:
        return self.last_epoch + 1

    @_step_count.setter
    def _step_count(self, value: int) -> None:
        """Ignore it: Accelerate raises it for micro-batches, which are not updates."""

    def _initial_step(self) -> None:
        self.seek(self._position)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.seek(self._position + 1 if epoch is None else max(int(epoch), 0))

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """The base rate of each group, which a relative plan multiplies."""
        return self._groups.base_rates

    @property
    def optimizer(self) -> Optimizer:  # type: ignore[override]
        return self._attachment.optimizers[0]

    def __copy__(self) -> "Driver":
        """A deep copy: two schedulers cannot drive the same optimizers."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: the optimizers too, but nothing that is registered with them."""
        self._refresh()
        state = {name: value for name, value in vars(self).items() if name not in ("_attachment", "_left", "_quick")}
        return {**state, "optimizers": self._attachment.optimizers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Keep the optimizers alive, even under auto: nothing else holds those of a copy.
        attachment = Attachment(state.pop("optimizers"), keep=True)
        vars(self).update(state, _attachment=attachment, _pauses=0)
        self._groups.attachment = attachment
        self._clock.restart()
        self._attach()
