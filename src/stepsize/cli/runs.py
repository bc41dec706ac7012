"""Runs as arguments of the command line: where they are, how their logs are read, and the law fitted to them."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stepsize.arguments import Choice, Count, Many, Whole, refuse_unknown
from stepsize.cli.options import numeric
from stepsize.cli.schedules import assignments, named
from stepsize.cli.words import LAWS, CommandLine
from stepsize.curves import LossCurve
from stepsize.curves.log import ReadOptions
from stepsize.curves.read_curves import curves_at
from stepsize.errors import ArgumentError, ParseError, StepsizeError, raise_together
from stepsize.schedules import Schedule, parse

if TYPE_CHECKING:
    from stepsize.laws import Fit

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUNS",
        help="Finished runs: directories of `stepsize compare`, TensorBoard folders, CSV files, exports of Weights & "
        "Biases.",
    ),
]
LawName = Annotated[
    str,
    typer.Option(
        "--law",
        metavar="auto|functional|multi-power|momentum",
        help="The law to fit; auto: momentum if all runs have one schedule.",
    ),
    Choice(("auto", *LAWS.values())),
]


def _columns(owner: str, name: str, text: str) -> dict[str, str]:
    columns = assignments("--columns", text, "step=update,loss=ce")
    refuse_unknown("--columns", columns, ("step", "lr", "loss"))
    return columns


def _log_schedules(owner: str, name: str, texts: Sequence[str]) -> list[tuple[str, Schedule]]:
    """The rule of [RUN=]TEXT: one schedule without a name for all runs, or schedules by the names of runs."""
    parts = [("" if run == text else run, text) for run, text in map(named, texts)]
    runs = [run for run, _ in parts]
    if "" in runs and len(runs) > 1:
        raise ArgumentError(owner, name, "given once, or as RUN=TEXT for each run", list(texts))
    if len(set(runs)) < len(runs):
        raise ArgumentError(owner, name, "given once for each run", list(texts))
    found, errors = [], list[StepsizeError]()
    for run, text in parts:
        try:
            found.append((run, parse(text)))
        except ParseError as error:
            if "horizon" in error.settings:  # a finished run has none
                error.advice, error.settings = "write the number of steps", {}
            errors.append(error.about(owner, f"{name}[{run!r}]" if run else name))
    raise_together(errors)
    return found


@dataclass(frozen=True)
class LogOptions:
    """How logs are read: the options that `predict`, `design` and `cooldown` share, and the words of the verb."""

    words: CommandLine
    columns: Annotated[
        Any,
        typer.Option(
            parser=str,
            metavar="NAME=COLUMN,...",
            help="Columns of a log with unusual names: step=update,lr=rate,loss=ce",
        ),
        _columns,
    ] = None
    rates: Annotated[
        Path | None,
        typer.Option(
            "--rates", metavar="FILE", help="The Weights & Biases export of the rates, if RUNS has that of the losses."
        ),
    ] = None
    log_schedule: Annotated[
        list[Any] | None,
        typer.Option(
            parser=str,
            metavar="[RUN=]TEXT",
            help="The schedule of the runs whose logs have no rates, or of the run of that name; repeatable.",
        ),
        _log_schedules,
    ] = None
    log_warmup: Annotated[
        int | None, numeric("N", "Warmup steps that a log which begins late leaves out; 0 if none."), Whole(0)
    ] = None
    log_jump: Annotated[
        list[int] | None, numeric("STEP", "A step at which the logged rate jumps; repeatable."), Many(Whole(1))
    ] = None
    log_means: Annotated[
        bool | None,
        typer.Option(
            "--log-means/--no-log-means",
            help="Whether a logged loss is the mean since the row before, logged at the number of updates done. "
            "[default: yes for results of `stepsize compare`]",
        ),
    ] = None
    log_begin: Annotated[int, numeric("STEP", "Ignore what was logged before this step."), Whole(0)] = 0
    smooth: Annotated[Count, numeric("ROWS", "Average each loss over this odd number of neighbouring rows.")] = 1

    def read(self, places: Sequence[Path]) -> list[LossCurve]:
        """The curves of all places, in order."""
        return [curve for _, curve in self._read(places)]

    def read_with_running(self, places: Sequence[Path], running: Path) -> tuple[list[LossCurve], LossCurve]:
        """The same, and the curve of the one run whose log is at `running`, which may be one of the places."""
        found = self._read(tuple(dict.fromkeys([*places, running])))
        going_on = [curve for place, curve in found if place == running]
        if len(going_on) != 1:
            raise ArgumentError("cooldown", "running", f"the log of one run, and this has {len(going_on)}", running)
        return [curve for place, curve in found if place in places], going_on[0]

    def _read(self, places: Sequence[Path]) -> list[tuple[Path, LossCurve]]:
        schedules = dict(self.log_schedule or ())
        options = ReadOptions(
            **(self.columns or {}),
            means=self.log_means,
            schedule=schedules.get("") or schedules or None,
            warmup_steps=self.log_warmup,
            jumps=self.log_jump or (),
            rates=self.rates,
        )
        found = curves_at(places, options)
        return [(place, curve.smoothed(self.smooth).after(self.log_begin)) for place, curve in found]


def with_log_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of `LogOptions` in place of its parameter `logs`."""
    options = dict(inspect.signature(LogOptions).parameters)
    del options["words"]
    own = [each for name, each in inspect.signature(verb).parameters.items() if name != "logs"]

    @functools.wraps(verb)
    def call(context: typer.Context, **given: Any) -> None:
        words = CommandLine(context.command.params)
        verb(logs=LogOptions(words, **{name: given.pop(name) for name in options}), **given)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(each.replace(kind=each.KEYWORD_ONLY) for each in (*own, *options.values()))]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


def fitted(curves: Sequence[LossCurve], law: str, words: CommandLine) -> "Fit":
    """The law of this name, fitted to the runs; prints what it is and what it leaves open."""
    from stepsize import laws  # late: it loads SciPy
    from stepsize.laws.diagnosis import groups_by_schedule

    named_laws = {name: getattr(laws, kind) for kind, name in LAWS.items()}
    why = ""
    if law == "auto":
        several = all(curve.peak_lr for curve in curves) and len(groups_by_schedule(curves)) > 1
        law, why = ("functional", "") if several else ("momentum", " (one schedule determines no more)")
    found = laws.fit(curves, named_laws[law])
    rows = sum(run.steps.size for run in found.runs)
    runs = f"{len(curves)} run{'' if len(curves) == 1 else 's'}"
    print(f"{law} law{why}, fitted to {rows:,} rows of {runs}, which scatter {found.scatter:.2%} around it")
    if found.left_out is not None:
        print(f"each run predicted from the others: off by {found.left_out:.2%}")
    for remark in found.diagnosis:
        print(f"note: {remark.message(words)}")
    print()
    return found
