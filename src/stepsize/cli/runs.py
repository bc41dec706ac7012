"""Runs as arguments of the command line: where they are, how they are read, and the law that is learned from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.arguments import nearest
from stepsize.cli.schedules import named
from stepsize.cli.wording import in_options
from stepsize.curves import LossCurve
from stepsize.curves.log import Filling
from stepsize.curves.read_curves import curves_at
from stepsize.errors import ArgumentError, ParseError, quoted
from stepsize.schedules import Schedule, parse

if TYPE_CHECKING:
    from stepsize.laws import Fit, Law

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUNS",
        help="Finished runs: directories of `stepsize compare`, TensorBoard's folders, CSV files, exports of Weights & "
        "Biases.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=COLUMN,...",
        help="What a log calls things, where it is not the usual: step=update,lr=rate,loss=ce",
    ),
]
RatesFile = Annotated[
    Path | None,
    typer.Option(
        "--rates", metavar="FILE", help="The Weights & Biases export of the rates, where RUNS has that of the losses."
    ),
]
LogSchedule = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[RUN=]TEXT",
        help="The schedule of the runs whose log has no rates, or of the run of that name; repeatable.",
    ),
]
LogWarmup = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="The warmup that logs beginning late left out, in steps; 0 if there was none."
    ),
]
LogJump = Annotated[
    list[int] | None,
    typer.Option(min=1, metavar="STEP", help="A step from which on a logged rate was suddenly another; repeatable."),
]
LogBegin = Annotated[int, typer.Option(min=0, metavar="STEP", help="Leave out what was logged before this step.")]
LogMeans = Annotated[
    bool | None,
    typer.Option(
        "--log-means/--no-log-means",
        help="Whether a logged loss is the mean since the row before, at the step where so many updates were done. "
        "[default: for what `stepsize compare` wrote]",
    ),
]
Smooth = Annotated[
    int, typer.Option(min=1, metavar="ROWS", help="Average each loss over so many neighbouring rows, an odd number.")
]
LawName = Annotated[
    str,
    typer.Option(
        "--law", metavar="auto|multi-power|momentum", help="The law to learn; auto: momentum of one schedule alone."
    ),
]


@dataclass(frozen=True)
class Reading:
    """How logs are to be read: what the options of these names say."""

    columns: str | None
    rates: Path | None
    log_schedule: Sequence[str] | None
    log_warmup: int | None
    log_jump: Sequence[int] | None
    log_means: bool | None
    log_begin: int
    smooth: int

    def of(self, places: Sequence[Path]) -> list[LossCurve]:
        """The curves of all places, in order."""
        return [curve for _, curve in self._at(places)]

    def with_running(self, places: Sequence[Path], running: Path) -> tuple[list[LossCurve], LossCurve]:
        """The same, and that of the one run whose log so far is at `running`, which may be one of the places."""
        found = self._at(tuple(dict.fromkeys([*places, running])))
        going_on = [curve for place, curve in found if place == running]
        if len(going_on) != 1:
            raise ArgumentError(f"--running takes the log of one run, and {running} has {len(going_on)}")
        return [curve for place, curve in found if place in places], going_on[0]

    def _at(self, places: Sequence[Path]) -> list[tuple[Path, LossCurve]]:
        filling = Filling(_schedules(self.log_schedule or ()), self.log_warmup, self.log_jump or ())
        found = curves_at(places, self.rates, _columns(self.columns), self.log_means, filling)
        return [(place, curve.smoothed(self.smooth).after(self.log_begin)) for place, curve in found]


def learned(curves: Sequence[LossCurve], law: str) -> "Fit":
    """The law of this name as fitted to the runs; says what it is and what it leaves open."""
    from stepsize.laws import MomentumLaw, MultiPowerLaw, fit  # late: they load SciPy
    from stepsize.laws.plans import plans_of

    laws: dict[str, type[Law]] = {"multi-power": MultiPowerLaw, "momentum": MomentumLaw}
    if law not in ("auto", *laws):
        raise ArgumentError(f"--law must be auto, multi-power or momentum, got {quoted(law)}")
    why = ""
    if law == "auto":
        several = all(curve.peak_lr for curve in curves) and len(plans_of(curves)) > 1
        law, why = ("multi-power", "") if several else ("momentum", " (one schedule determines no more)")
    found = fit(curves, laws[law])
    rows = sum(run.steps.size for run in found.runs)
    print(
        f"{law} law{why}, learned from {rows:,} rows of {_count(len(curves), 'run')}, which lie {found.scatter:.2%} "
        "around it"
    )
    if found.left_out is not None:
        print(f"runs left out in turn and foreseen from the others: off by {found.left_out:.2%}")
    for remark in found.diagnosis:
        print(f"note: {in_options(remark)}")
    print()
    return found


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _columns(text: str | None) -> dict[str, str]:
    columns: dict[str, str] = {}
    for part in (text or "").split(",") if text else ():
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise ArgumentError(f'--columns takes NAME=COLUMN,... such as step=update,loss=ce, got "{part}"')
        if name not in ("step", "lr", "loss"):
            advice = nearest(name, ("step", "lr", "loss")) or "known are step, lr, loss"
            raise ArgumentError(f'--columns has no "{name}"; {advice}')
        columns[name] = column
    return columns


def _schedules(texts: Sequence[str]) -> Schedule | dict[str, Schedule] | None:
    """One schedule of all runs, or schedules by the names of the runs."""
    parts = [named(text) for text in texts]
    unnamed = [text for name, text in parts if name == text]
    if unnamed and len(parts) > 1:
        raise ArgumentError(f"--log-schedule is given {len(parts)} times; name the run of each: RUN={unnamed[0]}")
    found = {name: _parsed(text) for name, text in parts}
    if len(found) < len(parts):
        raise ArgumentError("--log-schedule is given twice for one run")
    return found[unnamed[0]] if unnamed else found or None


def _parsed(text: str) -> Schedule:
    try:
        return parse(text)
    except ParseError as error:
        error.reason = f"--log-schedule: {error.reason}"
        if "horizon" in error.settings:  # a finished run has no horizon
            error.advice, error.settings = "write a number of steps", {}
        raise
