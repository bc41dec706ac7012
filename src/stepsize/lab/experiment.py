"""An experiment as a value: its schedules, its task and how to train."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Annotated, Any, TypeVar

from stepsize.arguments import (
    SEEDS,
    Choice,
    Count,
    Flag,
    Many,
    Maybe,
    MaybeCount,
    MaybePositive,
    Whole,
    apply_field_rules,
    listed,
    nearest,
    refuse_unknown,
)
from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, quoted, raise_together
from stepsize.horizon import Horizon
from stepsize.lab import experiment_rules as rules
from stepsize.lab.names import NamedSchedules, named_schedules
from stepsize.lab.optimizers import check_names
from stepsize.lab.own_loops.command import command_rule
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.statistics.differences import Looks
from stepsize.lab.statistics.findings import KNOWN, Metric, Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tasks.task import held_out_of
from stepsize.lab.training.samples import BATCH_SIZE
from stepsize.pytorch.plateau import Plateau
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.plan_text import parse_either, rate_of_plan
from stepsize.schedules.text import parse_entry

SIX_SCHEDULES = {
    "fixed": "Constant(0.3)",
    "square-root": 'InversePower(0.1).every("1ep")',
    "factor": 'Exponential(0.6, 0.8).every("1ep").clip(0.01, 0.6)',
    "multi-factor": 'MultiStep(0.5, 0.5, ("30%", "80%"))',
    "cosine": 'Cosine(0.2, 0.02, "100%")',
    "warmup-cosine": 'Linear(0.0, 0.2, "30%") >> Cosine(0.2, 0.02, "rest")',
}
"""The schedules that are compared by default; their lengths refer to the horizon of the run."""

MOST_UPDATES = 1_000_000_000  # of a run

S = TypeVar("S", bound=Schedule | Plan)


@dataclass(frozen=True)
class Experiment:
    """Schedules compared on equal terms: the same initial weights and order of samples for the same seed.

    Args:
        schedules: the schedules by name, as values or texts; in a text lengths may have units. A `Plan` schedules
            other hyperparameters of the optimizer too.
        task: "fashion-mnist", "digits", "stdlib-lm", a folder with Fashion-MNIST's four files, or
            "package.module:function", an importable function that returns a `Task`, or that is a training loop of
            your own, `train(run)`.
        epochs: passes over the training set.
        steps: updates of a run, for a training loop of your own, a command, or a loader without a length; an epoch is
            then an equal part of them.
        samples: train on this many samples, from the first on; on all if None.
        seeds: one run of every schedule for each.
        batch_size: samples in a micro-batch, 256 if None; a task with loaders has its own.
        accumulation: micro-batches in an update.
        drop_last: leave out the samples at the end of an epoch that do not fill a micro-batch.
        optimizer: the name of an optimizer of torch.optim, or an importable factory, "package.module:function", which
            is called with the parameters and lr=1; groups whose rates differ keep their ratios.
        optimizer_args: further arguments of the optimizer, such as {"momentum": 0.9}.
        weight_decay: a schedule of it, or its text, or a number; the optimizer's own if None. If some parameter groups
            have a weight decay, it changes only those.
        feedback: a `Plateau`, or its text, for each schedule whose rates it multiplies, by its name. It follows its
            `metric` after each epoch.
        clip_norm: bound on the gradient's norm; none if None.
        precision: "fp32", or "bf16" for autocasting.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or another that PyTorch knows.
        engine: how the runs are made: "local", a process for each; "stacked", many in one program; "ray", on a Ray
            cluster; "auto" stacks them if that is possible, and on a CPU if it is faster too.
        runs_at_once: how many runs "stacked" puts in one program; all on a GPU and three on a CPU if None.
        log_every: updates between two logged points.
        checkpoint_every: updates between two checkpoints, from which an experiment is resumed.
        loss_limit: a run whose loss goes beyond it has diverged.
        until_told: add seeds in rounds until each difference to the first schedule is told apart from zero or shown to
            be smaller than `margin`, or until there are `most_seeds`; the seeds added are the next whole numbers.
        most_seeds: the most seeds that `until_told` may use.
        margin: a difference of the metric in which runs are compared that does not matter; None if each does.
        tune_peak: trials to find each schedule's best peak rate before the comparison; 0 compares them as they are.
        metric: the metric on which the runs are judged first, such as "test_loss", or any name that a training loop of
            your own logs. If None, the one that the task names; if it names none, test_accuracy, or test_loss, or
            train_loss.
        mode: whether the "min" or the "max" of the metric is better; needed for a metric of your own.
        command: a command that trains one run, instead of a task, with the placeholders {schedule}, {rates} (a CSV file
            with the rate of every step), {name}, {seed}, {steps} and {folder}.
        timeout: the seconds without a log after which a training loop of your own, or a command, has failed.
        held_out: judge on a fifth of the training samples, which are not trained on, instead of the test set.
        functions: let texts name functions, `Function("package.module:name")`, whose code is imported and run; a
            schedule value that has one sets this.
        digests: digests of the task's data, which `compare` sets, so that no run is made on other data.

    Raises:
        ArgumentError: an argument is not allowed.
        ParseError: texts are not schedules.

    Example:
        >>> from stepsize.lab import Experiment
        >>> experiment = Experiment({"cosine": 'Cosine(0.2, 0.02, "100%")'}, task="digits", epochs=2)
        >>> [str(spec.schedule) for spec in experiment.run_specs(size=1437)]
        ['Cosine(0.2, 0.02, 12)']
    """

    schedules: Annotated[NamedSchedules, named_schedules] = tuple(SIX_SCHEDULES.items())
    task: Annotated[str, rules.word] = "fashion-mnist"
    epochs: Count = 3
    steps: MaybeCount = None
    samples: MaybeCount = None
    seeds: Annotated[tuple[int, ...], SEEDS] = (0,)
    batch_size: MaybeCount = None
    accumulation: Count = 1
    drop_last: Annotated[bool, Flag()] = False
    optimizer: Annotated[str, rules.word] = "sgd"
    optimizer_args: Annotated[tuple[tuple[str, Any], ...], rules.optimizer_args] = ()
    weight_decay: Annotated[Schedule | str | None, Maybe(rules.schedule_or_number)] = None
    feedback: Annotated[tuple[tuple[str, Plateau], ...], rules.named_feedback] = ()
    clip_norm: MaybePositive = None
    precision: Annotated[str, Choice(("fp32", "bf16"))] = "fp32"
    device: Annotated[str, rules.device] = "auto"
    engine: Annotated[str, Choice(("auto", "local", "stacked", "ray"))] = "auto"
    runs_at_once: MaybeCount = None
    log_every: Count = 50
    checkpoint_every: Count = 500
    loss_limit: Annotated[float, rules.limit] = math.inf
    until_told: Annotated[bool, Flag()] = False
    most_seeds: Annotated[int, Whole(2)] = 20
    margin: MaybePositive = None
    tune_peak: Annotated[int, Whole(0)] = 0
    metric: Annotated[str | None, Maybe(rules.word)] = None
    mode: Annotated[str | None, Maybe(Choice(("min", "max")))] = None
    command: Annotated[str | None, Maybe(command_rule)] = None
    timeout: MaybePositive = None
    held_out: Annotated[bool, Flag()] = False
    functions: Annotated[bool, Flag()] = False
    digests: Annotated[tuple[str, ...], Many(rules.word, empty=True)] = field(default=(), repr=False, kw_only=True)

    def __post_init__(self) -> None:
        errors: list[StepsizeError] = []
        with gathered(errors):
            apply_field_rules(self)
        name, arguments = vars(self)["optimizer"], vars(self)["optimizer_args"]
        if isinstance(name, str) and isinstance(arguments, tuple):  # as their rules leave them
            with gathered(errors):
                check_names("Experiment", name, dict(arguments))
        raise_together(errors)
        raise_together([*self._conflicts()])
        named = [(f"schedules[{name!r}]", given) for name, given in self.schedules]
        for argument, given in (*named, ("weight_decay", self.weight_decay)):
            if isinstance(given, Schedule | Plan) and rules.has_functions(argument, given):
                object.__setattr__(self, "functions", True)  # or a resume could not read its text

    def _conflicts(self) -> Iterator[ArgumentError]:
        error, names = partial(ArgumentError, "Experiment"), [name for name, _ in self.schedules]
        for label in (label for label, _ in self.feedback if label not in names):
            advice = nearest(label, names) or listed(names)
            yield error(f"feedback[{label!r}]", "for a schedule of the experiment", label, advice)
        if self.metric is None and self.mode is not None:
            yield error("mode", "left out if no metric is named", self.mode, "write e.g. {metric}", metric="val_loss")
        if self.metric is not None and self.mode is None and self.metric not in KNOWN:
            rule = f'"min" or "max" for {quoted(self.metric)}, whose better values are not known'
            yield error("mode", rule, None, nearest(self.metric, KNOWN))
        if self.command is not None and self.task != "fashion-mnist":
            yield error("task", "left out", self.task, "{command} takes its place", command=...)
        if self.until_told and len(names) < 2:
            yield error("schedules", "at least two, to be told apart", names[0])
        if self.until_told and len(self.seeds) > self.most_seeds:
            yield error("most_seeds", f"at least {len(self.seeds)}, the number of seeds", self.most_seeds)
        if self.margin is not None and not self.until_told:
            rule = "left out, as seeds are not added until a difference is told apart"
            yield error("margin", rule, self.margin, "add {until_told}", until_told=True)

    @property
    def headline(self) -> Metric | None:
        """The metric on which the runs are judged first, if it was named."""
        if self.metric is None:
            return None
        known = KNOWN.get(self.metric, Metric(self.metric, self.metric))
        return known if self.mode is None else replace(known, higher_is_better=self.mode == "max")

    @property
    def judged_on(self) -> str:
        """What the runs are judged on after each epoch: "test" or "held-out"."""
        return "held-out" if self.held_out else "test"

    def terms(self, chance: Chance | None = None, looks: Looks | None = None, logged: Iterable[str] = ()) -> Terms:
        """On what terms the runs are compared; `logged` are the names of metrics of their own."""
        names, others = tuple(name for name, _ in self.schedules), sorted({*logged} - {self.metric})
        metrics = tuple(Metric(name, name, higher_is_better=None) for name in others)
        return Terms(names, len(self.seeds), self.judged_on, self.headline, chance, looks, metrics)

    def horizon(self, samples: int | None) -> Horizon:
        """The horizon of a run on a training set of this size; None if the task has no number of samples.

        Raises:
            ArgumentError: `steps` is given beside a number of samples, or neither is there.
        """
        batch = self.batch_size or BATCH_SIZE
        samples = self.samples if samples is None and self.steps is None else samples
        if samples is None:
            if self.steps is None:
                rule = "given, as the task has no number of samples"
                raise ArgumentError("Experiment", "steps", rule, None, "write {steps}", steps=1000)
            each = math.ceil(self.steps / self.epochs)
            size = each * batch * self.accumulation
            return Horizon(size, batch, self.steps / each, self.accumulation)
        if self.steps is not None:
            rule = f"left out, as the task has {samples} samples"
            raise ArgumentError("Experiment", "steps", rule, self.steps, "write {epochs}", epochs=...)
        samples = min(samples, self.samples or samples)
        if self.held_out:
            samples -= held_out_of(samples)
        return Horizon(samples, batch, self.epochs, self.accumulation, drop_last=self.drop_last)

    def run_specs(self, size: int | Horizon) -> tuple[RunSpec, ...]:
        """The runs, seed by seed, on a training set of this size or over this horizon.

        Raises:
            ArgumentError: the runs have too many updates.
            ParseError: texts are not schedules; names each.
        """
        horizon = size if isinstance(size, Horizon) else self.horizon(size)
        if horizon.steps > MOST_UPDATES:
            rule = f"few enough for runs of at most {MOST_UPDATES:,} updates"
            raise ArgumentError("Experiment", "epochs", rule, self.epochs, f"these have {horizon.steps:,}")
        schedules: dict[str, Schedule | Plan] = {}
        decay: Schedule | None = None
        errors: list[StepsizeError] = []
        for name, given in self.schedules:
            with gathered(errors):
                argument = f"schedules[{name!r}]"
                schedules[name] = self._read(argument, given, horizon, parse_either)
                self._check_plan(argument, schedules[name])
        if self.weight_decay is not None:
            with gathered(errors):
                decay = self._read("weight_decay", self.weight_decay, horizon, parse_entry)
        raise_together(errors)
        feedback = dict(self.feedback)
        return tuple(
            RunSpec(name, schedule, seed, self.epochs, horizon.steps, decay, feedback.get(name))
            for seed in self.seeds
            for name, schedule in schedules.items()
        )

    def _read(self, argument: str, given: S | str, horizon: Horizon, parse: Callable[..., S]) -> S:
        try:
            return parse(given, horizon, functions=self.functions) if isinstance(given, str) else given
        except ParseError as error:
            raise error.about("Experiment", argument) from None

    def _check_plan(self, argument: str, schedule: Schedule | Plan) -> None:
        if isinstance(schedule, Plan):
            rate_of_plan("Experiment", argument, schedule)
            if "weight_decay" in schedule and self.weight_decay is not None:
                rule = "a Plan without weight_decay, as the experiment has one"
                raise ArgumentError("Experiment", argument, rule, schedule)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **values,
            "schedules": {name: str(given) for name, given in self.schedules},
            "seeds": list(self.seeds),
            "digests": list(self.digests),
            "optimizer_args": dict(self.optimizer_args),
            "feedback": {name: str(plateau) for name, plateau in self.feedback},
            "weight_decay": None if self.weight_decay is None else str(self.weight_decay),
            "loss_limit": "inf" if self.loss_limit == math.inf else self.loss_limit,  # JSON has no infinity
        }

    @classmethod
    def of_dict(cls, form: Mapping[str, Any]) -> "Experiment":
        """The experiment that `as_dict` wrote, its schedules as texts.

        Raises:
            ArgumentError: an argument is not allowed, or unknown.
        """
        known = [each.name for each in fields(cls)]
        given: dict[str, Any] = {name: value for name, value in form.items() if name in known}
        errors: list[StepsizeError] = []
        with gathered(errors):
            refuse_unknown("Experiment", form, known)
        with gathered(errors):
            experiment = cls(**given)
        raise_together(errors)
        return experiment
