"""MMEngine's param_scheduler: schedulers that each work on what the others have left, in windows from begin to end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import MaybeSteps, Phase, Switch
from stepsize.errors import ArgumentError
from stepsize.interop.config import bind, chosen, section, settings_of
from stepsize.interop.mmengine_shapes import SHAPES
from stepsize.interop.mmengine_windows import INFINITE, Window, combined
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule
from stepsize.schedules import Plan, Schedule

LENGTHS = ("T_max", "step_size", "milestones", "total_steps", "periods")
"""Settings that count epochs until `convert_to_iter_based` makes them updates."""


def from_mmengine(config: Any, *, horizon: AnyHorizon = None, base_lr: float | None = None) -> Schedule | Plan:
    """The schedule that MMEngine's runner follows.

    A window of n steps has n - 1 changes: a CosineAnnealingLR ends one step before its minimum. `milestones` count
    from `begin`. Windows that overlap multiply. A warmup reaches its end if the next window begins one step before.

    Args:
        config: a whole config, its `param_scheduler`, or one scheduler of it.
        horizon: the run, for the length of an epoch and the `end` that a scheduler leaves out.
        base_lr: the optimizer's rate; that of the config's optim_wrapper if None.

    Raises:
        ArgumentError: a scheduler is unknown or follows a metric, settings are missing or not allowed, or schedulers
            overlap whose effects do not multiply.

    Example:
        >>> warmup = {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "begin": 0, "end": 4}
        >>> cosine = {"type": "CosineAnnealingLR", "by_epoch": False, "begin": 4, "end": 10}
        >>> from_mmengine([warmup, cosine], base_lr=0.3)
        Linear(0.03, 0.3, 3) >> Constant(0.3, 1) >> Cosine(0.3, 0.0, 6).head(5)

    Source: mmengine/optim/scheduler of MMEngine 0.10.7 (2025).
    """
    return read(config, Run.of("from_mmengine", horizon, base_lr)).value


def read(config: Any, run: Run) -> ToolSchedule:
    """The schedule of a list of schedulers."""
    settings: Mapping[str, Any] = {}
    if isinstance(config, str) or not isinstance(config, Sequence):
        settings = settings_of(run.owner, config)
        config = settings.get("param_scheduler", settings)
    entries = [config] if isinstance(config, Mapping) else list(config)
    if not entries or not all(isinstance(each, Mapping) and "type" in each for each in entries):
        raise ArgumentError(run.owner, "config", 'a scheduler with a "type", or a list of them', config)
    wrapper = section(run.owner, settings, "optim_wrapper")
    run = run.with_lr(section(run.owner, wrapper, "optimizer").get("lr"))
    training = section(run.owner, settings, "train_cfg")
    windows = [_window(run, each, i, training) for i, each in enumerate(entries)]
    one_cycle = next((each.settings["eta_max"] for each in windows if each.kind == "OneCycle"), None)
    lows = [each.low for each in windows if each.low]
    if one_cycle is not None and (len(windows) > 1 or windows[0].begin):
        raise ArgumentError(run.owner, "param_scheduler", "a OneCycleLR alone, from update 0 on", config)
    if run.base_lr is None and lows:
        raise ArgumentError(run.owner, "base_lr", "given: eta_min is a rate, and not a factor of it", None)
    warmups = [each for each in windows if each.kind in ("Constant", "Linear") and each.begin == 0]
    last = windows[-1]
    mends = {"rise": f"T_max={last.n}", "minimum": f"T_max={last.n - 1}"} if last.kind == "CosineAnnealing" else {}
    if mends and entries[-1].get("convert_to_iter_based"):  # its T_max counts epochs
        mends = {"minimum": ""}
    if last.settings.get("eta_min_ratio"):
        mends.pop("minimum", None)
    return ToolSchedule(
        name=", ".join(f"{each.kind}LR" for each in windows),
        rates=combined(run.unit, sorted(windows, key=lambda each: each.begin)),
        peak=run.unit if one_cycle is None else one_cycle,
        minimum=lows[-1] if lows else None,
        warmup_steps=max((each.end for each in warmups), default=0),
        total_steps=max(each.end for each in windows),
        relative=run.base_lr is None and one_cycle is None,
        mends=mends,
    )


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The settings that all schedulers share."""

    begin: Phase = 0
    end: MaybeSteps = None
    by_epoch: Switch = True
    convert_to_iter_based: Switch = False


def _window(run: Run, entry: Mapping[str, Any], place: int, train: Mapping[str, Any]) -> Window:
    """The window of a scheduler's config; an end that it leaves out is that of the run."""
    name = chosen(run.owner, "type", entry["type"], [f"{kind}LR" for kind in SHAPES])
    kind = name.removesuffix("LR")
    given = {key: value for key, value in entry.items() if key not in ("type", "_scope_", "verbose")}
    timing = Timing(**bind(name, Timing, given, others=True))
    own = {key: value for key, value in given.items() if key not in Timing.__dataclass_fields__}
    settings = bind(name, SHAPES[kind], own)
    each, longest = (run.epoch_steps("by_epoch"), "max_epochs") if timing.by_epoch else (1, "max_iters")
    end = timing.end or train.get(longest) or run.steps("end") // each
    if end <= timing.begin:
        raise ArgumentError(name, "end", f"larger than begin = {timing.begin}", end)
    n = end - timing.begin if end < INFINITE else INFINITE
    if not timing.convert_to_iter_based:
        return Window(kind, settings, timing.begin * each, n, each, (timing.by_epoch, place))
    settings = {key: _times(value, each) if key in LENGTHS else value for key, value in settings.items()}
    return Window(kind, settings, timing.begin * each, n * each, 1, (False, place))


def _times(counted: Any, each: int) -> Any:
    return tuple(n * each for n in counted) if isinstance(counted, tuple) else counted and counted * each
