"""How to read logs, and what is known about their runs besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from stepsize.arguments import Length, Many, Maybe, Whole, apply_rules, nearest
from stepsize.curves.columns import quoted_list
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.horizon import MaybeHorizon
from stepsize.schedules import Schedule

Schedules = Schedule | Mapping[str, Schedule] | None
"""The schedule of every run, or schedules by the names of runs."""
Branch = tuple[Path | str, int]
"""The log of the run that another one branches from, and the number of updates before the branch."""
Branches = Branch | Mapping[str, Branch] | None
"""The branch of every run, or branches by the names of runs."""


def _schedules(owner: str, name: str, value: Any) -> Any:
    for schedule in value.values() if isinstance(value, Mapping) else [value]:
        if not isinstance(schedule, Schedule | None):
            raise ArgumentError(owner, name, "a schedule", schedule, "parse() makes one from a text")
    return value


def _branches(owner: str, name: str, value: Any) -> Any:
    for branch in value.values() if isinstance(value, Mapping) else [value]:
        if branch is None:
            continue
        if not isinstance(branch, tuple | list) or len(branch) != 2 or not isinstance(branch[0], str | Path):
            rule, example = "the log of a run and a step", {name: ("trunk.csv", 20000)}
            raise ArgumentError(owner, name, rule, branch, "write {after}", **example)
        Whole(1)(owner, name, branch[1])
    return value


@dataclass(frozen=True)
class ReadOptions:
    """How to read logs, and what is known about their runs besides: the keywords of `read_curves`."""

    step: str | None = None
    lr: str | None = None
    loss: str | None = None
    means: bool | None = None
    horizon: MaybeHorizon = None
    schedule: Annotated[Schedules, _schedules] = None
    after: Annotated[Branches, _branches] = None
    warmup_steps: Annotated[int | None, Maybe(Length(0))] = None
    jumps: Annotated[Sequence[int], Many(Length(1), empty=True)] = ()

    def __post_init__(self) -> None:
        for name, value in apply_rules("read_curves", ReadOptions, vars(self)).items():
            object.__setattr__(self, name, value)

    def schedule_of(self, run: str, own: Schedule | None) -> Schedule | None:
        """The schedule of a run; its own comes before one that is given for every run."""
        if isinstance(self.schedule, Mapping):
            return self.schedule.get(run, own)
        return own or self.schedule

    def branch_of(self, run: str) -> Branch | None:
        return self.after.get(run) if isinstance(self.after, Mapping) else self.after

    def unknown_runs(self, runs: Sequence[str]) -> list[StepsizeError]:
        """An error for each name of a run that is none of these."""
        given = [("schedule", self.schedule), ("after", self.after)]
        unknown = [
            (each, name) for each, by_run in given if isinstance(by_run, Mapping) for name in by_run if name not in runs
        ]
        known = f"the runs are {quoted_list(runs)}"
        rule = "given for runs of the logs"
        return [ArgumentError("read_curves", each, rule, name, nearest(name, runs) or known) for each, name in unknown]
