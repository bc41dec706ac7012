"""Tasks that train by themselves: a function `train(run)` in any framework, or a command."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from stepsize.errors import ArgumentError, StepsizeError, raise_together
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

    @property
    def network(self) -> str:
        """Nothing: the lab does not see the network."""
        return ""

    @property
    def source(self) -> str:
        return f"Each run is made by {'the command ' if self.is_command else ''}{self.name}, with data of its own."

    @property
    def digests(self) -> tuple[str, ...]:
        """Nothing: the lab does not see the data."""
        return ()

    def horizon(self, experiment: "Experiment") -> Horizon:
        return experiment.horizon(None)

    def check(self, experiment: "Experiment", specs: Sequence[RunSpec]) -> None:
        """Refuse settings that the loop would not get, and a command that cannot make different runs."""
        what = "a command" if self.is_command else "a training loop of your own"
        errors: list[StepsizeError] = []
        for each in fields(experiment):
            value = getattr(experiment, each.name)
            if each.name in OF_OUR_LOOP and value != each.default:
                errors.append(ArgumentError("Experiment", each.name, f"left out for {what}, which sets its own", value))
        if experiment.steps is not None and experiment.samples is not None:
            rule = "left out beside steps"
            errors.append(ArgumentError("Experiment", "samples", rule, experiment.samples))
        if experiment.tune_peak:
            rule = f"0 for {what}, whose data the lab cannot divide"
            errors.append(ArgumentError("Experiment", "tune_peak", rule, experiment.tune_peak))
        if experiment.engine == "stacked":
            rule = f'"local" or "ray" for {what}, which cannot be stacked'
            errors.append(ArgumentError("Experiment", "engine", rule, experiment.engine))
        if self.is_command:
            errors += _command_errors(self.name, experiment)
        raise_together(errors)


def _command_errors(command: str, experiment: "Experiment") -> list[StepsizeError]:
    used, program = placeholders(command), shlex.split(command)[0]
    errors: list[StepsizeError] = []

    def refuse(rule: str, advice: str = "") -> None:
        errors.append(ArgumentError("Experiment", "command", rule, command, advice))

    if shutil.which(program) is None:
        refuse("one whose program exists", f"no such program: {program}")
    if not used & {"schedule", "rates"}:
        refuse("a command with {schedule} or {rates}, without which all runs are the same")
    if "folder" not in used:
        refuse("a command with {folder}, the folder of the run, where its logs are read")
    if len(experiment.seeds) > 1 and "seed" not in used:
        refuse("a command with {seed}, as there are several seeds")
    return errors
