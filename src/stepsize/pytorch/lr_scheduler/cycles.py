"""PyTorch's schedulers that move the rate up and down, and the momentum against it: CyclicLR and OneCycleLR."""

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.arguments import Choice, Length, Maybe
from stepsize.errors import StepError
from stepsize.pytorch.lr_scheduler.cycle_shapes import corner_rates, cycle_bounds, one_cycle, unit_cycle
from stepsize.pytorch.lr_scheduler.functions import held
from stepsize.pytorch.lr_scheduler.momentum import WithMomentum
from stepsize.pytorch.lr_scheduler.state import FieldsOf, Saved, of_state
from stepsize.schedules import Schedule

Rate = float | list[float]


class CyclicLR(WithMomentum, torch_schedulers.CyclicLR):
    """Up and down between two rates, again and again.

        f(t) = base_lr + (max_lr - base_lr) k s,    k up from 0 to 1 in step_size_up steps, down in step_size_down

    s is 1 ("triangular"), 1/2^(cycles done) ("triangular2"), gamma^t ("exp_range"), or what `scale_fn` gives. The
    momentum goes the other way, from `max_momentum`.

    Args:
        optimizer: the optimizer; its rates become `base_lr`.
        base_lr: the lowest rate, or a list of one for each group.
        max_lr: the highest rate, or a list.
        step_size_up: how many steps a way up takes.
        step_size_down: how many a way down takes; as many if left out.
        mode: "triangular", "triangular2" or "exp_range"; without effect beside `scale_fn`.
        gamma: the factor of "exp_range".
        scale_fn: a function of the cycle, counted from 1, or of the step.
        scale_mode: what `scale_fn` is given: "cycle" or "iterations".
        cycle_momentum: whether momentum (or the first beta) is moved, too.
        base_momentum: the lowest momentum, or a list.
        max_momentum: the highest momentum, or a list.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: a step size is no whole number, or `step_size_up` is less than 1.
        ValueError: the mode is not known, or there is no momentum to move.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4, momentum=0.9)
        >>> scheduler = lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=4)
        >>> scheduler.group_schedules[0]([0, 2, 4, 8])
        array([0.1, 0.3, 0.5, 0.1])

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186 (2015).
    """

    _plan_fields = (
        *("base_lrs", "max_lrs", "total_size", "step_ratio", "mode", "gamma", "scale_mode"),
        *("cycle_momentum", "base_momentums", "max_momentums"),
    )
    _own_fields = ("base_momentums", "max_momentums")  # PyTorch's class has them only where they move

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Rate,
        max_lr: Rate,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Rate = 0.8,
        max_momentum: Rate = 0.9,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        self.base_momentums: list[float] = []
        self.max_momentums: list[float] = []
        with self._construction(optimizer, on_change):
            self._lows = of_groups(optimizer, base_lr)
            for name, size, least in (("step_size_up", step_size_up, 1), ("step_size_down", step_size_down, 0)):
                Maybe(Length(least))("CyclicLR", name, size)
            super().__init__(
                optimizer,
                base_lr,
                max_lr,
                step_size_up,
                step_size_down,
                mode,
                gamma,
                scale_fn,
                scale_mode,
                cycle_momentum,
                base_momentum,  # type: ignore[arg-type]  # PyTorch takes lists, too
                max_momentum,  # type: ignore[arg-type]
                last_epoch,
            )
            self.base_lrs = list(self._lows)
            del self._lows  # PyTorch's constructor has the rates of an earlier scheduler in their place

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_scale_fn_custom": held(self._scale_fn_custom)}

    def _checked(self, form: Any, part: bool = False) -> Saved:
        saved = super()._checked(form, part)
        held_then = form.get("_scale_fn_custom")
        saved.fields["_scale_fn_custom"] = of_state(FieldsOf(self._scale_fn_custom), "_scale_fn_custom", held_then)
        return saved

    def _take_fields(self, saved: Saved) -> None:
        if saved.fields["_scale_fn_custom"]:
            self._scale_fn_custom.__dict__.update(saved.fields["_scale_fn_custom"])
        super()._take_fields(saved)

    def _in_words(self, plan: dict[str, Any]) -> dict[str, Any]:
        names = {"max_lrs": "max_lr", "base_momentums": "base_momentum", "max_momentums": "max_momentum"}
        words = {names.get(name, name): value for name, value in plan.items()}
        words["base_lr"], total, ratio = (words.pop(name) for name in ("base_lrs", "total_size", "step_ratio"))
        return {**words, "step_size_up": total * ratio, "step_size_down": total * (1.0 - ratio)}

    def _shared(self, index: int) -> Hashable:
        return cycle_bounds(self, index)

    def _momentum_bounds(self) -> list[tuple[float, float]]:
        return list(zip(self.base_momentums, self.max_momentums, strict=True))

    def _momentum(self, low: float, high: float) -> Schedule:
        return high - (high - low) * unit_cycle(self)


class OneCycleLR(WithMomentum, torch_schedulers.OneCycleLR):
    """Up to `max_lr`, and down to almost nothing; where it ends it stays.

        through (0, max_lr / div_factor), (pct_start T - 1, max_lr), (T - 1, max_lr / div_factor / final_div_factor)

    along half cosine waves or straight lines, T being `total_steps`; three phases go by way of
    (2 pct_start T - 2, max_lr / div_factor). The momentum goes the other way.

    Args:
        optimizer: the optimizer; its own rates do not matter.
        max_lr: the highest rate, or a list of one for each group.
        total_steps: the length; or
        epochs: so many times
        steps_per_epoch: so many steps.
        pct_start: the part of the steps, a fraction from 0 to 1, in which the rate goes up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum (or the first beta) is moved, too.
        base_momentum: the lowest momentum, or a list.
        max_momentum: the highest momentum, or a list.
        div_factor: max_lr over the first rate.
        final_div_factor: the first rate over the last.
        three_phase: down to the first rate as fast as up, then to the last.
        last_epoch: -1 for a start; n to go on after step n.
        past_end: "hold" stays at the last rate, and warns once from step `total_steps` + 1 on, where PyTorch's raises;
            "torch" goes one step beyond the end and then raises StepError.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: an argument is not in its range, or there is no momentum to move.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4, momentum=0.9)
        >>> lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=100).group_schedules
        (Cosine(0.02, 0.5, 29) >> Cosine(0.5, 2e-06, 70),)

    Reference: Smith and Topin, "Super-Convergence", arXiv 1708.07120 (2017).
    """

    _plan_fields = ("base_lrs", "total_steps", "_schedule_phases", "_anneal_func_type", "cycle_momentum", "_in_groups")
    _group_fields = ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
    _own_fields = ("_in_groups",)
    _read_fields = ("past_end",)

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rate,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rate = 0.85,
        max_momentum: Rate = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        *,
        past_end: Literal["hold", "torch"] = "hold",
        on_change: str = "refuse",
    ) -> None:
        self.past_end = Choice(("hold", "torch"))("OneCycleLR", "past_end", past_end)
        with self._construction(optimizer, on_change):
            super().__init__(
                optimizer,
                max_lr,
                total_steps,
                epochs,
                steps_per_epoch,
                pct_start,
                anneal_strategy,
                cycle_momentum,
                base_momentum,
                max_momentum,
                div_factor,
                final_div_factor,
                three_phase,
                last_epoch,
            )

    def _in_words(self, plan: dict[str, Any]) -> dict[str, Any]:
        words = super()._in_words(plan)
        phases, groups = words.pop("schedule_phases"), words.pop("in_groups")
        words["anneal_strategy"] = words.pop("anneal_func_type")
        # A damaged state may have no phases.
        words["pct_start"] = (phases[0]["end_step"] + 1) / words["total_steps"] if phases else None
        words["three_phase"] = len(phases) == 3
        names = {"max_lr": "max_lr", "initial_lr": "max_lr / div_factor", "min_lr": "the last rate"}
        for name in self._group_fields:
            if all(name in group for group in groups):
                words[names.get(name, name)] = [group[name] for group in groups]
        return words

    def _key(self) -> list[Any]:
        names = [name for name in self._group_fields if name in self.optimizer.param_groups[0]]
        return [*super()._key(), list(map(itemgetter(*names), self.optimizer.param_groups))]

    def _shared(self, index: int) -> Hashable:
        return corner_rates(self, index)

    def _momentum_bounds(self) -> list[tuple[float, float]]:
        groups = self.optimizer.param_groups
        return [(float(group["base_momentum"]), float(group["max_momentum"])) for group in groups]

    def _momentum(self, low: float, high: float) -> Schedule:
        return one_cycle(self, {"base_momentum": low, "max_momentum": high}, ("start_momentum", "end_momentum"))

    @property
    def _end(self) -> float:  # type: ignore[override]
        return self.total_steps

    def _past_end_warning(self, position: float) -> str:
        return (
            f"OneCycleLR(total_steps={self.total_steps}) is past its end at step {position:g}: the rate stays where it "
            'is, where PyTorch\'s raises; write past_end="torch" for that'
        )

    def _refuse_step(self, position: float) -> None:
        if self.past_end == "torch" and position > self.total_steps:
            raise StepError(f"OneCycleLR(total_steps={self.total_steps}) cannot be stepped to {position:g}")


def of_groups(optimizer: Optimizer, rate: Rate) -> list[float]:
    """A rate, or a list of them, for the groups of the optimizer."""
    given = rate if isinstance(rate, list | tuple) else [rate] * len(optimizer.param_groups)
    return [float(item) for item in given]
