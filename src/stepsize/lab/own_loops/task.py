"""Tasks that train by themselves: a function `train(run)` in any framework, or a command."""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar

from stepsize.errors import ArgumentError, raise_together
from stepsize.horizon import Horizon
from stepsize.lab.own_loops.command import placeholders
from stepsize.lab.run_spec import RunSpec

if TYPE_CHECKING:
    from stepsize.lab.experiment import Experiment

OF_OUR_LOOP = (
    "optimizer",
    "optimizer_args",
    "clip_norm",
    "precision",
    "held_out",
    "runs_at_once",
    "log_every",
    "feedback",
    "checkpoint_every",
)
"""Settings of our training loop, which another loop does not get."""


@dataclass(frozen=True)
class OwnLoop:
    """A training loop of the user's own, which the lab calls with a `TrainingRun` in a process for each run.

    `name` is that of its function, "module:name" or "file.py:name", or its command. The length of a run is the
    experiment's `steps`, or follows from `samples`, `batch_size` and `epochs`. `headline` has the attributes `metric`
    and `mode` of the function, which take the place of the experiment's if it has none.
    """

    name: str
    is_command: bool = False
    headline: dict[str, str] = field(default_factory=dict)
    network: ClassVar[str] = ""  # the lab does not see it, nor the data
    digests: ClassVar[tuple[str, ...]] = ()

    @property
    def source(self) -> str:
        return f"Each run is made by {'the command ' if self.is_command else ''}{self.name}, with data of its own."

    def horizon(self, experiment: "Experiment") -> Horizon:
        return experiment.horizon(None)

    def check(self, experiment: "Experiment", specs: Sequence[RunSpec]) -> None:
        """Refuse settings that the loop would not get, and a command that cannot make different runs."""
        raise_together([ArgumentError("Experiment", *each) for each in self._errors(experiment)])

    def _errors(self, experiment: "Experiment") -> Iterator[tuple[str, str, object, str]]:
        """The argument, its rule, what was given and the advice."""
        what = "a command" if self.is_command else "a training loop of your own"
        for each in fields(experiment):
            value = getattr(experiment, each.name)
            if each.name in OF_OUR_LOOP and value != each.default:
                yield each.name, f"left out for {what}, which sets its own", value, ""
        if experiment.steps is not None and experiment.samples is not None:
            yield "samples", "left out beside steps", experiment.samples, ""
        if experiment.tune_peak:
            yield "tune_peak", f"0 for {what}, whose data the lab cannot divide", experiment.tune_peak, ""
        if experiment.engine == "stacked":
            yield "engine", f'"local" or "ray" for {what}, which cannot be stacked', experiment.engine, ""
        if not self.is_command:
            return
        used, program = placeholders(self.name), shlex.split(self.name)[0]
        if shutil.which(program) is None:
            yield "command", "one whose program exists", self.name, f"no such program: {program}"
        if not used & {"schedule", "rates"}:
            yield "command", "a command with {schedule} or {rates}, without which all runs are the same", self.name, ""
        if "folder" not in used:
            rule = "a command with {folder}, the folder of the run, where its logs are read"
            yield "command", rule, self.name, ""
        if len(experiment.seeds) > 1 and "seed" not in used:
            yield "command", "a command with {seed}, as there are several seeds", self.name, ""
