"""A plan bound to the parameter groups that it is written into; made anew when either changes."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from weakref import ref

from torch.optim import Optimizer

from stepsize.pytorch import ownership
from stepsize.pytorch.group_values import Group, part_from_defaults, tensors_in
from stepsize.pytorch.plan import Plan
from stepsize.pytorch.writers import Writer, writers_for
from stepsize.schedules.maths import SCALAR


class Binding:
    """Which value goes where, for the groups as they are now; `factors` are what each group's rate is multiplied by."""

    def __init__(self, plan: Plan, optimizers: Sequence[Optimizer], factors: Sequence[float], end: float) -> None:
        """`end` is the position past which the quick way is not to be gone."""
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._writers = writers_for(plan.assignments, groups, factors, ownership.elsewhere(optimizers))
        for optimizer in optimizers:
            part_from_defaults(optimizer, plan.keys)
        self._bound = [
            (ref(each), each.param_groups, len(each.param_groups), each.param_groups[-1]) for each in optimizers
        ]
        self._kept = [
            {key: group[key] for key in plan.keys if any(True for _ in tensors_in(group.get(key)))}
            | ({"name": group["name"]} if "name" in group else {})
            for group in groups
        ]
        self._end = end

    @cached_property
    def quick(self) -> Callable[[int], bool] | None:
        """Writes the values at a position, or returns False and writes nothing: there is something to find out.

        None where more is written than floats.
        """
        writers = [writer for writer in self._writers if isinstance(writer, Writer)]
        if len(writers) < len(self._writers) or any(each.tensors or each.place is not None for each in writers):
            return None
        # A call of a schedule would check what is known here: a whole step >= 0.
        entries = [(each.schedule._at, each.key, each.least, each.largest, each.floats) for each in writers]
        end, is_stale = self._end, self.is_stale

        def write(position: int) -> bool:
            if position > end or is_stale():
                return False
            values = []
            for at, _, lowest, largest, _ in entries:
                value = at(position, SCALAR)
                if not lowest <= value <= largest:
                    return False
                values.append(value)
            for (_, key, _, _, floats), value in zip(entries, values, strict=True):
                for group, factor in floats:
                    group[key] = value * factor
            return True

        if len(entries) > 1 or len(entries[0][-1]) > 1 or len(self._bound) > 1:
            return write
        ((at, key, lowest, largest, ((group, factor),)),) = entries
        ((reference, groups, number, last),) = self._bound

        def write_one(position: int) -> bool:
            """The usual case, which has to be the quickest."""
            optimizer = reference()
            if (
                optimizer is None
                or optimizer.param_groups is not groups
                or len(groups) != number
                or groups[-1] is not last
                or position > end
            ):
                return False
            value = at(position, SCALAR)
            if not lowest <= value <= largest:
                return False
            group[key] = value * factor
            return True

        return write_one

    def is_stale(self) -> bool:
        """Whether groups have come or gone, or are others."""
        for reference, groups, number, last in self._bound:
            if (
                (optimizer := reference()) is None
                or optimizer.param_groups is not groups
                or len(groups) != number
                or groups[-1] is not last
            ):
                return True
        return False

    def values(self, position: int) -> list[Any]:
        """What is to be written at a position, for `write`.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite.
        """
        return [writer.value(position) for writer in self._writers]

    def write(self, values: Sequence[Any]) -> None:
        """Write what `values` gave."""
        for writer, value in zip(self._writers, values, strict=True):
            writer.write(value)

    def put_back(self, groups: Sequence[Group]) -> None:
        """Give the groups the tensors and the names that they had, after others were put in their place."""
        for group, kept in zip(groups, self._kept, strict=False):
            group.update(kept)
