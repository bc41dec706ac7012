"""Moving the momentum with the rate, as CyclicLR and OneCycleLR do."""

from stepsize.pytorch.lr_scheduler.base import of_each_group
from stepsize.pytorch.lr_scheduler.following import Following, Reading
from stepsize.schedules import Schedule


class WithMomentum(Following):
    """Writes a momentum beside the rate, where `cycle_momentum` is set: the group's own, or the first of its betas."""

    cycle_momentum: bool
    use_beta1: bool
    _made: "tuple[Reading, list[Schedule], list[int]] | None" = None
    """What the momentums were made with, each once, and which of them each group has."""

    def _momentum_bounds(self) -> list[tuple[float, float]]:
        """Each group's lowest and highest momentum; each of the classes keeps them elsewhere."""
        raise NotImplementedError

    def _momentum(self, low: float, high: float) -> Schedule:
        """The momentum between these; each of the classes has its own shape."""
        raise NotImplementedError

    def _place(self, position: float) -> None:
        super()._place(position)
        if not self._own_code:
            self._write_momentum(position)

    def _moved(self, t: float, jump: bool, known: int) -> list[float]:
        rates = super()._moved(t, jump, known)
        if self._own_code:  # PyTorch's get_lr writes the momentum, so it is written where a subclass asks for that
            self._write_momentum(t)
        return rates

    def _write_momentum(self, position: float) -> None:
        if not self.cycle_momentum:
            return
        self._rates.keys.add("betas" if self.use_beta1 else "momentum")
        read, made = self._reading(), self._made
        if made is None or made[0] is not read:
            bounds = self._momentum_bounds()
            places = {each: place for place, each in enumerate(dict.fromkeys(bounds))}
            made = self._made = read, [self._momentum(*each) for each in places], [places[each] for each in bounds]
        values = [schedule(max(position, 0)) for schedule in made[1]]
        for group, k in zip(self.optimizer.param_groups, made[2], strict=True):
            if self.use_beta1:
                self._rates.write_value(group, "betas", 0, values[k])
            else:
                self._rates.write_value(group, "momentum", None, values[k])

    def _join(self, index: int) -> None:
        raise of_each_group(type(self).__name__, "rates", index)
