"""Which updates of the optimizers count as an update of the scheduler, under `auto=True`."""

from collections.abc import Iterable

from torch import Tensor

from stepsize.pytorch.warnings import caution

_LONG_WAIT = 100


class UpdateCount:
    """An update is complete once each optimizer has made one; an optimizer that has never made any is left out.

    The optimizers are known by their indexes.
    """

    def __init__(self, optimizers: int) -> None:
        self._all = set(range(optimizers))
        self._updated: set[int] = set()  # have made an update, at any time
        self.idle: set[int] = set()  # are left out until they do
        self._versions: list[int] | None = None  # of the parameters, when last looked at; [] once warned
        self.begin()

    def begin(self) -> None:
        """Begin the next update."""
        self._waiting_for = self._all - self.idle
        self._waited = 0  # updates since then

    def resume(self, idle: Iterable[int], updated: bool) -> None:
        """Go on from a state; unless no update was made, all but the idle ones have made one."""
        self.idle = self._all & set(idle)
        self._updated = self._all - self.idle if updated else set()
        self.begin()

    def left_out(self, index: int) -> list[int]:
        """An optimizer begins to step: if it is its second update, leave out those that have never made any."""
        if not self._waiting_for or index in self._waiting_for | self.idle or self._waiting_for & self._updated:
            return []
        self.idle |= self._waiting_for
        return sorted(self.idle)

    def completes(self, index: int) -> bool:
        """An optimizer has made an update: whether that completes one of the scheduler's."""
        self._updated.add(index)
        self.idle.discard(index)
        self._waiting_for -= {index}
        self._waited += 1
        if self._waiting_for and self._waited == _LONG_WAIT:
            caution(
                f"the others have made {_LONG_WAIT} updates, and optimizer {', '.join(map(str, self._waiting_for))} "
                "none; the position waits for it. If it has stopped, make a Scheduler without it"
            )
        return not self._waiting_for

    def look_for_uncounted(self, parameters: Iterable[Tensor]) -> None:
        """Warn once if the parameters have changed since the last look, without any update of the optimizers."""
        if self._updated or self._versions == []:
            return
        before, self._versions = self._versions, [parameter._version for parameter in parameters]
        if before is not None and before != self._versions:
            self._versions = []
            caution(
                "auto=True has counted no update, but the parameters change: they are not updated by optimizer.step(); "
                "leave auto out, and call scheduler.step() after each update"
            )
