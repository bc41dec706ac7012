"""Moving the momentum with the rate, as CyclicLR and OneCycleLR do."""

from collections.abc import Hashable
from typing import Any

from stepsize.pytorch.lr_scheduler.driver import of_each_group
from stepsize.pytorch.lr_scheduler.following import Following
from stepsize.schedules import Schedule


class WithMomentum(Following):
    """Writes a momentum beside the rate, where `cycle_momentum` is set: the group's own, or the first of its betas."""

    cycle_momentum: bool
    use_beta1: bool
    _made: tuple[Any, list[Schedule]]
    """The courses, and the momentums that were made with them."""

    def _momentums(self) -> list[Schedule]:
        """One for each group."""
        raise NotImplementedError

    def _place(self, position: float) -> None:
        super()._place(position)
        if not self.cycle_momentum:
            return
        self._rates.keys.add("betas" if self.use_beta1 else "momentum")
        courses, made = self._courses(), self.__dict__.get("_made")
        if made is None or made[0] is not courses:
            made = self._made = courses, self._momentums()
        for group, schedule in zip(self.optimizer.param_groups, made[1], strict=True):
            momentum = schedule(max(position, 0))
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _shared(self, index: int) -> Hashable:
        return index

    def _join(self, index: int) -> None:
        raise of_each_group(type(self).__name__, "rates", index)
