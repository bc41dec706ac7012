"""Loss curves from paths: each path has tables, each table the log of a run, and each log makes a curve."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import abspath
from pathlib import Path

from stepsize.curves.formats import tables_at
from stepsize.curves.log import Log, log_of
from stepsize.curves.loss_curve import MOST_UPDATES, Floats, LossCurve
from stepsize.curves.rates import jumps_in, largest_change, rates_of
from stepsize.curves.read_options import Branches, ReadOptions, Schedules
from stepsize.errors import ArgumentError, DataError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon

MOST_UPDATES_IN_ALL = 50_000_000


def read_curves(
    paths: Path | str | Iterable[Path | str],
    *,
    step: str | None = None,
    lr: str | None = None,
    loss: str | None = None,
    means: bool | None = None,
    horizon: Horizon | None = None,
    schedule: Schedules = None,
    after: Branches = None,
    warmup_steps: int | None = None,
    jumps: Sequence[int] = (),
) -> tuple[LossCurve, ...]:
    """Read the loss curves in the logs at these paths.

    The content of each path decides its format, which may be: a store of the lab, TensorBoard's event files, JSON of
    one record or list to a run, a record on each line, NumPy's archive, or a table of cells such as CSV, of one run or
    several, also as a panel of Weights & Biases. Runs that a store marks as diverged are left out. A log that two paths
    lead to counts once. Runs of one name have their path added to it. A file with rates alone, such as a second panel,
    gives them to the runs of its names.

    Columns are chosen by their usual names: training losses come before losses on other samples, and what counts
    updates before epochs, samples and tokens. `curve.notes` says what was chosen and what else is worth knowing.

    If steps fall back, as after a resume, the later rows count. Between logged rates the rate is a straight line. An
    abrupt change between two rows is refused until `jumps` or `schedule` says what happened there.

    Args:
        paths: one or several.
        step: the name of the column of steps, `lr` of rates, `loss` of losses; the part up to a "/" may be left out.
        means: what a row at step s contains. False: the loss and the rate of update s, the first of which is 0. True:
            the row was written when s updates were done, and has the mean loss since the row before, which is placed at
            the middle of these updates, and the rate of the last one. None: as the format does.
        horizon: of the runs, for logs that count epochs, samples, tokens or micro-batches.
        schedule: of the runs without one of their own, or a mapping from names of runs to schedules; logged rates must
            agree with it.
        after: the log of the run that the others branch from, and the number of updates before the branch; or a mapping
            from names of runs to such pairs. Steps that begin again are counted from there.
        warmup_steps: the length of a linear warmup from 0, or 0 if there was none, for logs that begin later. Up to the
            first row the rate was then held, or fell as it falls between the first two rows.
        jumps: the steps at which a logged rate jumps; each must be in one of the logs or of those in `after`.

    Raises:
        DataError: a path is no log; a column is missing or could be several; a loss is not finite; rates are unknown at
            some updates, or disagree with the schedule; there is no jump at one of `jumps`.
        ArgumentError: a path is given twice, or a schedule or a branch for an unknown run.

    Example:
        >>> import pathlib, tempfile
        >>> from stepsize.curves import read_curves
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "run.csv"
        ...     _ = path.write_text("global_step,lr,train/loss\\n0,0.3,4.0\\n2,0.2,3.0\\n4,0.1,2.5\\n")
        ...     (curve,) = read_curves(path)
        >>> curve.rates, curve.notes
        (array([0.3 , 0.25, 0.2 , 0.15, 0.1 ]), ('step = global_step, lr = lr, loss = train/loss',))
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    options = ReadOptions(step, lr, loss, means, horizon, schedule, after, warmup_steps, jumps)
    found, errors = readings(places, options)
    raise_together(errors)
    return tuple(each.curve for each in found if each.curve is not None)


@dataclass(frozen=True)
class Reading:
    """A log at a path, the name of its format, and its curve: None if the log leaves open what a curve needs."""

    place: Path
    format: str
    log: Log
    curve: LossCurve | None = None


def readings(places: Sequence[Path], options: ReadOptions) -> tuple[list[Reading], list[StepsizeError]]:
    """The logs at the paths, with names that differ, and why others could not be read or gave no curve."""
    errors: list[StepsizeError] = []
    found: list[Reading] = []
    for place, times in Counter(places).items():
        if times > 1:
            errors.append(ArgumentError("read_curves", "paths", "different from one another", place))
        with gathered(errors):
            found += _logs_at(place, options, errors)
    found = _with_rates_of_other_files(_once(found))
    logs = [each.log for each in found]
    if not errors:
        errors += options.unknown_runs([log.name for log in logs])
    _refuse_too_many_updates(logs)
    read: list[Reading] = []
    for each, name in zip(found, _distinct_names(found), strict=True):
        curve = None
        with gathered(errors):
            trunk, rates = _trunk(each, options)
            logs += trunk
            curve = replace(_curve_of(each.log, options, rates), name=name)
        read.append(replace(each, log=replace(each.log, name=name), curve=curve))
    jumping = {jump for log in logs for jump, _ in jumps_in(log.rates, options.jumps)}
    for jump in options.jumps if not errors else ():
        if jump not in jumping:
            reason = "the rows on both sides have about the same rate, or one side has no rows"
            where = f"the rate does not jump at step {jump} in any log"
            errors.append(DataError(f"{where}: {reason}", largest_change(logs)))
    return read, [*{str(error): error for error in errors}.values()]  # those of a trunk come once for each branch


def _logs_at(place: Path, options: ReadOptions, errors: list[StepsizeError]) -> list[Reading]:
    """The logs at a path; the errors of those that cannot be read are added to the others."""
    found: list[Reading] = []
    for form, table in tables_at(place):
        with gathered(errors):
            found.append(Reading(place, form, log_of(table, options)))
    return found


def _once(found: Sequence[Reading]) -> list[Reading]:
    """The logs; one that two paths lead to, such as a folder and a file in it, counts at the last of them."""
    last = {abspath(each.log.source): each.place for each in found}
    return [each for each in found if last[abspath(each.log.source)] == each.place]


def _with_rates_of_other_files(found: list[Reading]) -> list[Reading]:
    """The logs; those of a file without losses give their rates to the logs of their names that have none."""
    for place in dict.fromkeys(each.place for each in found if each.log.no_losses is not None):
        rates = {each.log.name: each.log for each in found if each.place == place and each.log.no_losses is not None}
        if any(each.log.name in rates and each.log.no_rates is not None for each in found):
            kept = [each for each in found if each.place != place or each.log.no_losses is None]
            found = [_with_rates(each, rates) for each in kept]
    return found


def _with_rates(reading: Reading, rates: Mapping[str, Log]) -> Reading:
    log, other = reading.log, rates.get(reading.log.name)
    if other is None or log.no_rates is None:
        return reading
    notes = (*log.notes, *other.notes)
    return replace(reading, log=replace(log, rates=other.rates, held=other.held, no_rates=None, notes=notes))


def _refuse_too_many_updates(logs: Sequence[Log]) -> None:
    """Refuse logs whose curves would not fit into memory, as each holds the rate of every update."""
    lasts = [float(log.losses.steps[-1]) for log in logs if log.losses.size]
    total = sum(last for last in lasts if last <= MOST_UPDATES)  # longer ones are refused with the name of their log
    if total > MOST_UPDATES_IN_ALL:
        reason = f"the {len(lasts)} runs have {total:,.0f} updates in all, and at most {MOST_UPDATES_IN_ALL:,} are read"
        raise DataError(reason, "read some of them at a time")


def _distinct_names(found: Sequence[Reading]) -> list[str]:
    """The names of the runs; one that is there twice has its path added, or its source if the path is the same."""
    at_place = Counter((each.log.name, each.place) for each in found)
    names = Counter(each.log.name for each in found)

    def distinct(log: Log, place: Path) -> str:
        if names[log.name] == 1:
            return log.name
        return f"{log.name}, {place if at_place[log.name, place] == 1 else log.source}"

    return [distinct(each.log, each.place) for each in found]


def _trunk(reading: Reading, options: ReadOptions) -> tuple[list[Log], Floats | None]:
    """The log of the run that a run branches from, and the rates of the updates before; none if it does not."""
    branch = options.branch_of(reading.log.name)
    if branch is None or Path(branch[0]) == reading.place:
        return [], None
    errors: list[StepsizeError] = []
    trunks = _logs_at(Path(branch[0]), options, errors)
    raise_together(errors)
    if len(trunks) != 1:
        raise ArgumentError("read_curves", "after", f"the log of one run, and this has {len(trunks)}", branch[0])
    log, at = trunks[0].log, int(branch[1])
    rates = _curve_of(log, options, None).rates
    if at > rates.size:
        raise ArgumentError("read_curves", "after", f"at a step of the log, at most {rates.size}", at)
    return [log], rates[:at]


def _curve_of(log: Log, options: ReadOptions, trunk: Floats | None) -> LossCurve:
    """The curve of a log; `trunk` has the rates before the run branches from another one."""
    if log.no_losses is not None:
        raise log.no_losses
    if not log.losses.size:
        raise DataError(f"{log.source} has no rows with a step and a loss")
    if trunk is not None and min(rows.steps[0] for rows in (log.losses, log.rates) if rows.size) < trunk.size:
        log = log.later(trunk.size)
    last = int(log.losses.steps[-1])
    if last > MOST_UPDATES:
        reason = f"{log.source} has a row at step {last}, which is more updates than a run makes"
        advice = "if it counts tokens or samples, name the column of the updates with {step}"
        raise DataError(reason, advice, step=...)
    rates, notes = rates_of(log, last, options, trunk)
    return LossCurve(log.name, log.losses.steps, log.losses.values, rates, (*log.notes, *notes))
