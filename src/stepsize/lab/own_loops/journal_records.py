"""The journal of a run as records: merged step by step, written to the store and shown, with what is odd about them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsize.errors import quoted
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.training_run import JournalReader
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.standings import RunWatcher
from stepsize.lab.statistics.findings import METRICS
from stepsize.store import Store
from stepsize.store.run import Epoch, Point, Record, Value

NOTICE = "notice"  # the kind of the events that reports show
_AGREEMENT = 1e-6  # relative: rates may have been rounded to 32 bits
_NEARLY_ALL = 0.9  # of the steps, after which a run may log for the last time
_OF_POINTS = ("lr", "train_loss", "train_accuracy")
_OF_EPOCHS = ("test_loss", "test_accuracy")


class JournalRecords:
    """The records of one run. Each is stored when a later step is logged, since calls of one step are merged.

    `error` and `account` say how the loop ended: "" if it returned, None if it has not. `seconds` are those of all
    processes of the run.
    """

    def __init__(
        self, number: int, spec: RunSpec, path: Path, experiment: Experiment, store: Store, watcher: RunWatcher
    ) -> None:
        self.journal = JournalReader(path)
        self.journal.drop_cut_line()
        self.error: str | None = None
        self.account = ""
        self.diverged_at: int | None = None
        self.last_step = 0
        self._number, self._spec, self._experiment = number, spec, experiment
        self._store, self._watcher = store, watcher
        self._before, self._session = 0.0, 0.0
        self._returned = True  # whether the next step may go back, as it comes from a new process
        self._step, self._values = -1, dict[str, float]()
        self._last: dict[str, float] = {}
        self._rate_seen, self._wrong_rate = False, ""
        self._records: list[Record] = []
        store.rewind(number, -1)  # the journal has everything that the run has logged

    @property
    def seconds(self) -> float:
        return self._before + self._session

    def read(self) -> None:
        """Take what is new in the journal, until the run diverges."""
        for entry in self.journal.new():
            if self.diverged_at is None:
                self._take(entry)
        self._write()

    def close(self) -> None:
        """Take the rest, as the process has ended; a run without a test gets an Epoch at its end."""
        self.read()
        self._complete_step()
        if not self._last.keys() & {*_OF_EPOCHS} and self.last_step:
            self._records.append(Epoch(self.last_step, *self._train(), math.nan, math.nan))
        self._write()

    def unjudged(self) -> str:
        """Why there is nothing to judge the run on, or ""."""
        logged, asked = [name for name, value in self._last.items() if math.isfinite(value)], self._experiment.metric
        if asked in logged or (asked is None and {each.field for each in METRICS} & {*logged}):
            return ""
        known = quoted(asked) if asked else "test_accuracy, test_loss or train_loss to judge it on"
        advice = "" if asked else "; log one of these, or name another metric and its mode"
        return f"it logged no {known}; it logged {', '.join(map(quoted, logged)) or 'nothing'}{advice}"

    def note_oddities(self) -> None:
        """Record what the reports should say about a run that has finished."""
        last, steps = self.last_step, self._spec.steps
        if self._wrong_rate:
            self._notice(self._wrong_rate)
        elif not self._rate_seen:
            self._notice("logged no lr, so whether it follows run.schedule could not be checked")
        if not _NEARLY_ALL * steps <= last <= steps:
            self._notice(f"logged for the last time at step {last}, but run.steps is {steps}")

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "begin" in entry:
            self._before, self._returned = self._before + self._session, True
            self.error = None
        self._session = entry["seconds"]
        if "notice" in entry:
            self._notice(entry["notice"])
        if "error" in entry:
            self.error, self.account = entry["error"], entry["account"]
        if "step" in entry:
            self._log(entry["step"], entry["values"])

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        if self._returned and step <= self._step:
            self._write()
            self._store.rewind(self._number, step - 1)
            self._values = {}
        elif step > self._step:
            self._complete_step()
        self._returned = False
        self._step = self.last_step = step
        self._values |= values
        self._last |= values
        losses = [values[name] for name in ("train_loss", "test_loss") if name in values]
        if not all(math.isfinite(loss) and loss <= self._experiment.loss_limit for loss in losses):
            self.diverged_at = step
            self._complete_step()  # nothing follows

    def _complete_step(self) -> None:
        step, values, self._values = self._step, self._values, {}
        if not values:
            return
        if "lr" in values:
            self._check_rate(step, values["lr"])
        self._records.append(Point(step, *(values.get(name, math.nan) for name in _OF_POINTS)))
        if values.keys() & {*_OF_EPOCHS}:
            tests = (values.get(name, math.nan) for name in _OF_EPOCHS)
            self._records.append(Epoch(step, *self._train(), *tests))
        for name in values.keys() - {*_OF_POINTS, *_OF_EPOCHS}:
            self._records.append(Value(step, name, values[name]))

    def _train(self) -> tuple[float, float]:
        return self._last.get("train_loss", math.nan), self._last.get("train_accuracy", math.nan)

    def _write(self) -> None:
        if self._records:
            self._store.log(self._number, self._records)
            for record in self._records:
                self._watcher.logged(self._number, record)
            self._records = []

    def _check_rate(self, step: int, rate: float) -> None:
        """Compare a logged rate with the schedule, on both sides of the update."""
        self._rate_seen = True
        expected = [self._spec.rate(max(step - 1, 0)), self._spec.rate(step)]
        if not self._wrong_rate and not any(math.isclose(rate, each, rel_tol=_AGREEMENT) for each in expected):
            self._wrong_rate = (
                f"ignores run.schedule: it logged lr {rate:.6g} at step {step}, but the schedule has {expected[0]:.6g}"
            )

    def _notice(self, text: str) -> None:
        self._store.event(NOTICE, text, self._number)
