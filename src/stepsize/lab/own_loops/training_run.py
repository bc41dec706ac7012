"""`TrainingRun`: one run of a comparison, as a training loop of the user's sees it, and its journal."""

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from stepsize.arguments import Whole
from stepsize.errors import ArgumentError, RunError, quoted
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Plan, Schedule


@dataclass(frozen=True)
class RunPlace:
    """What the process of one run needs: the run, the loop, its own folder, its device, and two files of the lab.

    `task` names the function, unless there is a `command` to run. The process appends to `journal`, and is asked to
    stop by the file `stop`. `visible` is the environment variable CUDA_VISIBLE_DEVICES of the process.
    """

    spec: RunSpec
    task: str
    command: str | None
    folder: Path
    journal: Path
    stop: Path
    device: str
    visible: str


class TrainingRun:
    """One run of a comparison, which your function `train(run)` carries out.

    Attributes:
        name: the name of its schedule.
        schedule: the schedule of the rate: `run.schedule(step)` is the rate of the update at each step from 0.
        plan: all that is scheduled; `run.plan["lr"]` is `run.schedule`.
        seed: its seed. Python, NumPy and PyTorch were seeded with it before the call.
        steps: the number of updates to make.
        device: "cpu", or "cuda": the process sees one GPU.
        folder: a folder of this run alone, for whatever the loop writes.
    """

    def __init__(self, place: RunPlace, journal: "Journal") -> None:
        spec = place.spec
        self.name: str = spec.name
        self.schedule: Schedule = spec.rate
        self.plan: Plan = spec.plan
        self.seed: int = spec.seed
        self.steps: int = spec.steps
        self.device: str = place.device
        self.folder: Path = place.folder
        self._stop = place.stop
        self._journal = journal
        self._step = -1
        self._at_step: dict[str, float] = {}

    @property
    def stop(self) -> bool:
        """Whether the lab asks the run to end: save a checkpoint and return; a resume continues from it."""
        return self._stop.exists()

    @property
    def checkpoint(self) -> Path:
        """A path in the folder for a checkpoint, a file or a folder, which only the loop writes.

        If it exists, an earlier process of this run has written it: continue from it. Replace it in one move (write
        another file, then `os.replace`), since the process may be killed at any time.
        """
        self._journal.sync()  # what was logged is on the disk before the checkpoint is
        return self.folder / "checkpoint"

    def log(self, step: int, **metrics: float) -> None:
        """Log metrics by any names.

        `lr`, `train_loss`, `train_accuracy`, `test_loss` and `test_accuracy` are drawn and compared. A loss that is
        not finite ends the run as diverged. After a resume, the first call takes the run back to before its step.

        Args:
            step: the number of updates done; `lr` is the rate of the last of them.
            metrics: numbers, NumPy's or a library's own with one element.

        Raises:
            ArgumentError: the step is not a whole number, or a metric is not a number.
            RunError: the step is lower than that of an earlier call, or has another value of the metric already.
        """
        step = int(Whole(0)("run.log", "step", step))
        values = {name: _number(name, value) for name, value in metrics.items()}
        if step < self._step:
            raise RunError(f"run.log was called with step {step} after step {self._step}", "log steps in rising order")
        before = self._at_step if step == self._step else {}
        for name in values.keys() & before.keys():  # a loop may log its rate in two calls
            if values[name] != before[name]:
                raise RunError(
                    f"{quoted(name)} was logged twice at step {step}: {before[name]:g}, then {values[name]:g}",
                    "log each metric once at a step",
                )
        self._step, self._at_step = step, before | values
        self._journal.write({"step": step, "values": values})


def _number(name: str, value: Any) -> float:
    if not isinstance(value, str | bytes | bool) and value is not None:
        with suppress(TypeError, ValueError, RuntimeError, OverflowError):  # of arrays with several elements
            return float(value.detach() if isinstance(value, Tensor) else value)
    raise ArgumentError("run.log", name, "a number", value)


class Journal:
    """The file to which the process of a run appends a line for each call of `log`, and at last how it ended.

    A line is a mapping with the `seconds` since the process began, and one of: `step` and `values`; `begin`; `notice`;
    `error`, which says why the loop failed, or "" if it returned, and `account`, which has the traceback too.
    A line is out of the process when the call returns, so that a kill does not lose it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._begun = time.perf_counter()
        self.write({"begin": True})

    def write(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps({**entry, "seconds": time.perf_counter() - self._begun})
        os.write(self._file, f"{line}\n".encode())

    def note(self, text: str) -> None:
        self.write({"notice": text})

    def end(self, error: str = "", account: str = "") -> None:
        """Record that the loop has returned, or why it failed."""
        self.write({"error": error, "account": account})

    def sync(self) -> None:
        os.fsync(self._file)


class JournalReader:
    """Reads the lines of a journal that are new; a line that a kill has cut short is skipped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def new(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        with open(self._path, "rb") as file:
            file.seek(self._place)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return []
        self._place += len(whole) + 1
        return [json.loads(line) for line in whole.split(b"\n")]

    def news_at(self) -> float:
        """When the process wrote last, in seconds of the system's clock; -inf if it has not."""
        return self._path.stat().st_mtime if self._path.exists() else -math.inf

    def drop_cut_line(self) -> None:
        """Remove what a killed process has left of its last line, before another process appends."""
        if self._path.exists():
            content = self._path.read_bytes()
            if content and not content.endswith(b"\n"):
                with open(self._path, "r+b") as file:
                    file.truncate(content.rfind(b"\n") + 1)
