"""A plan bound to the parameter groups that it is written into; made anew when either changes."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from weakref import ref

from torch import Tensor
from torch.optim import Optimizer

from stepsize.pytorch.assignment import Group
from stepsize.pytorch.plan import Plan
from stepsize.pytorch.writers import Writer, writers_for
from stepsize.schedules.maths import SCALAR


class Binding:
    """Which value goes where, for the groups as they are now; `factors` are what each group's rate is multiplied by."""

    def __init__(self, plan: Plan, optimizers: Sequence[Optimizer], factors: Sequence[float]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._writers = writers_for(plan.assignments, groups, factors)
        self._bound = [(ref(each), each.param_groups, len(each.param_groups)) for each in optimizers]
        self._tensors = [{key: group[key] for key in plan.keys if _holds_tensor(group.get(key))} for group in groups]

    @cached_property
    def quick(self) -> Callable[[int], bool] | None:
        """For one group with one scheduled float: writes its value at a position, or returns False and writes nothing.

        It is False where there is something to find out or to refuse. None where more than one thing is written.
        """
        if len(self._writers) > 1 or len(self._bound) > 1 or not isinstance(writer := self._writers[0], Writer):
            return None
        if len(writer.floats) != 1 or writer.tensors or writer.place is not None:
            return None
        (reference, groups, number), (group, factor) = self._bound[0], writer.floats[0]
        key, largest = writer.key, writer.largest
        lowest = 0.0 if key == "lr" else -largest
        at = writer.schedule._at  # a call of the schedule would check what is known here: a whole step >= 0

        def write(position: int) -> bool:
            optimizer = reference()
            if optimizer is None or optimizer.param_groups is not groups or len(groups) != number:
                return False
            value = at(position, SCALAR)
            if not lowest <= value <= largest:
                return False
            group[key] = value * factor
            return True

        return write

    def is_stale(self) -> bool:
        """Whether groups have come, or the list of them is another."""
        for reference, groups, number in self._bound:
            if (optimizer := reference()) is None or optimizer.param_groups is not groups or len(groups) != number:
                return True
        return False

    def write(self, position: int) -> None:
        """Write the values there, all or none.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite.
        """
        values = [writer.value(position) for writer in self._writers]
        for writer, value in zip(self._writers, values, strict=True):
            writer.write(value)

    def put_tensors_back(self, groups: Sequence[Group]) -> None:
        """Give the groups the tensors that they had, after others were put in their place."""
        for group, tensors in zip(groups, self._tensors, strict=False):
            group.update(tensors)


def _holds_tensor(value: Any) -> bool:
    return any(isinstance(item, Tensor) for item in (value if isinstance(value, tuple | list) else (value,)))
