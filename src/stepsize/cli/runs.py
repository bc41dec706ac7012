"""Runs as arguments of the command line: where they are, how their logs are read, and the law fitted to them."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from stepsize.arguments import Choice, Count, Many, Whole, refuse_unknown
from stepsize.cli.options import numeric, typed
from stepsize.cli.schedules import assignments, horizon_of
from stepsize.cli.words import LAWS, CommandLine
from stepsize.curves import LossCurve
from stepsize.curves.read_curves import Reading, readings
from stepsize.curves.read_options import Branch, ReadOptions
from stepsize.errors import ArgumentError, ParseError, StepsizeError, first_few, raise_together, shown, visible
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse
from stepsize.schedules.named_text import named

if TYPE_CHECKING:
    from stepsize.laws import Fit

T = TypeVar("T")

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUNS",
        help="Finished runs: logs of any training tool, as files or folders; directories of `stepsize compare`.",
    ),
]
LawName = Annotated[
    str,
    typer.Option(
        "--law",
        metavar="auto|functional|multi-power|momentum",
        help="The law to fit; auto: momentum if all runs have the same schedule, else functional.",
    ),
    Choice(("auto", *LAWS.values())),
]


def _columns(owner: str, name: str, text: str) -> dict[str, str]:
    columns = assignments("--columns", text, "step=update,loss=ce")
    refuse_unknown("--columns", columns, ("step", "lr", "loss"))
    return columns


def _log_horizon(owner: str, name: str, text: str) -> Horizon:
    return horizon_of(text, "--log-horizon")


def schedules_by_run(owner: str, name: str, texts: Sequence[str]) -> list[tuple[str, Schedule]]:
    """The rule of [RUN=]TEXT: one schedule with the name "" for all runs, or schedules by the names of runs."""
    return _by_run(owner, name, texts, "TEXT", _schedule)


def branches_by_run(owner: str, name: str, texts: Sequence[str]) -> list[tuple[str, Branch]]:
    """The rule of [RUN=]FILE:STEP: one log that all runs branch from, or logs by the names of runs."""
    return _by_run(owner, name, texts, "FILE:STEP", _branch)


def _schedule(text: str) -> Schedule:
    try:
        return parse(text)
    except ParseError as error:
        if "horizon" in error.settings:  # a finished run has none
            error.advice, error.settings = "write the number of steps", {}
        raise


def _branch(text: str) -> Branch:
    file, _, step = text.rpartition(":")
    if not step.isdecimal() or not Path(file).exists():
        raise StepsizeError(f"{shown(text)} is not the path of a log and a step", "write e.g. trunk.csv:20000")
    return Path(file), int(step)


def _by_run(owner: str, name: str, texts: Sequence[str], form: str, read: Callable[[str], T]) -> list[tuple[str, T]]:
    found, errors = list[tuple[str, T]](), list[StepsizeError]()
    for text in texts:
        run, rest = named(text, read)
        try:
            found.append((run, read(rest)))
        except StepsizeError as error:
            errors.append(error.about(owner, f"{name}[{run!r}]" if run else name))
    runs = [run for run, _ in found]
    if "" in runs and len(texts) > 1:
        errors.append(ArgumentError(owner, name, f"given once, or as RUN={form} for each run", list(texts)))
    elif len({*runs}) < len(runs):
        errors.append(ArgumentError(owner, name, "given once for each run", list(texts)))
    raise_together(errors)
    return found


def for_runs(by_run: Sequence[tuple[str, T]] | None) -> Any:
    """What was given for all runs, or by the names of runs; None if nothing was."""
    found = dict(by_run or ())
    return found.get("") or found or None


@dataclass(frozen=True)
class LogOptions:
    """How logs are read: the options that the verbs with logs share, and the context of the verb."""

    context: typer.Context
    columns: Annotated[
        Any,
        typed("NAME=COLUMN,...", "Columns with unusual names in a log, e.g. step=update,lr=rate,loss=ce."),
        _columns,
    ] = None
    log_horizon: Annotated[
        Any,
        typed(
            "NAME=VALUE,...",
            "The length of a run whose log counts epochs, samples or tokens, e.g. samples=60000,batch=256,epochs=10.",
        ),
        _log_horizon,
    ] = None
    log_schedule: Annotated[
        list[Any] | None,
        typed("[RUN=]TEXT", "The schedule of all runs whose logs have no rates, or only of RUN; repeatable."),
        schedules_by_run,
    ] = None
    after: Annotated[
        list[Any] | None,
        typed(
            "[RUN=]FILE:STEP",
            "All runs, or only RUN, branch at STEP from the run whose log is FILE; repeatable.",
        ),
        branches_by_run,
    ] = None
    log_warmup: Annotated[
        int | None,
        numeric("N", "Length of the warmup in steps, for a log that leaves it out; 0 if there was none."),
        Whole(0),
    ] = None
    log_jump: Annotated[
        list[int] | None,
        numeric("STEP", "A step at which the rate changes abruptly: the first step of the new rate; repeatable."),
        Many(Whole(1)),
    ] = None
    log_means: Annotated[
        bool | None,
        typer.Option(
            "--log-means/--no-log-means",
            help="A logged loss is the mean since the row before, and the step is the number of updates done. "
            "[default: as the tool logs]",
        ),
    ] = None
    log_begin: Annotated[int, numeric("STEP", "Ignore what was logged before this step."), Whole(0)] = 0
    smooth: Annotated[Count, numeric("ROWS", "Average each loss over this odd number of neighbouring rows.")] = 1

    @property
    def words(self) -> CommandLine:
        """The verb's words for errors and notes."""
        return CommandLine(self.context.command.params)

    def read(self, places: Sequence[Path]) -> list[LossCurve]:
        """The curves of all places, in order; prints what is worth knowing about how they were read."""
        return [curve for _, curve in self._read(places)]

    def read_with_running(self, places: Sequence[Path], running: Path) -> tuple[list[LossCurve], LossCurve]:
        """The same, and the curve of the one run whose log is at `running`, which may be one of the places."""
        found = self._read(tuple(dict.fromkeys([*places, running])))
        going_on = [curve for place, curve in found if place == running]
        if len(going_on) != 1:
            raise ArgumentError("cooldown", "running", f"the log of one run, and this has {len(going_on)}", running)
        return [curve for place, curve in found if place in places], going_on[0]

    def _read(self, places: Sequence[Path]) -> list[tuple[Path, LossCurve]]:
        found, errors = self.readings(places)
        raise_together(errors)
        print_notes(found)
        return [(each.place, each.curve) for each in found if each.curve is not None]

    def readings(self, places: Sequence[Path]) -> tuple[list[Reading], list[StepsizeError]]:
        """The logs at all places with their formats and curves, and why some have none."""
        options = ReadOptions(
            **(self.columns or {}),
            means=self.log_means,
            horizon=self.log_horizon,
            schedule=for_runs(self.log_schedule),
            after=for_runs(self.after),
            warmup_steps=self.log_warmup,
            jumps=self.log_jump or (),
        )
        found, errors = readings(places, options)
        return [
            replace(each, curve=each.curve and each.curve.smoothed(self.smooth).after(self.log_begin)) for each in found
        ], errors


def print_notes(found: Sequence[Reading]) -> None:
    """Print what is worth knowing about how logs were read; what holds for several runs is said once."""
    runs: dict[str, list[str]] = {}
    for each in found:
        for note in each.log.notes if each.curve is None else each.curve.notes:
            runs.setdefault(note, []).append(each.log.name)
    for note, names in runs.items():
        print(visible(note if len(names) == len(found) else f"{first_few(names, 3)}: {note}"))


def with_log_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of `LogOptions` in place of its parameter `logs`."""
    options = dict(inspect.signature(LogOptions).parameters)
    del options["context"]
    own = [each for name, each in inspect.signature(verb).parameters.items() if name != "logs"]

    @functools.wraps(verb)
    def call(context: typer.Context, **given: Any) -> None:
        verb(logs=LogOptions(context, **{name: given.pop(name) for name in options}), **given)

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
