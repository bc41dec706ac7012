"""A task as one value: a network to train, its data, its loss and its accuracy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map

from stepsize.arguments import Choice, Maybe, Whole
from stepsize.errors import ArgumentError, RunError, StepsizeError, concerning, gathered, quoted, raise_together, shown
from stepsize.horizon import Horizon
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.lab.statistics.findings import KNOWN
from stepsize.lab.tasks.judging import Loss, mean_loss, right_of, usual_accuracy, usual_right
from stepsize.lab.tasks.loaders import (
    check_loader,
    divisible,
    is_stream,
    loader_horizon,
    one_pass,
    part_of,
    samples_of,
    size_in_words,
)
from stepsize.lab.tasks.sample_forms import are_examples, check_examples, digest, outputs_of, samples_in
from stepsize.schedules import Plan

if TYPE_CHECKING:
    from stepsize.lab.experiment import Experiment


def held_out_of(samples: int) -> int:
    """How many training samples are held out to judge on: one of five."""
    if samples < 2:
        raise ArgumentError("held_out", "", "used with at least 2 training samples", samples)
    return max(1, samples // 5)


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train, its training and test samples, and its loss.

    The samples are two tensors, or a loader: a re-iterable of batches, such as a DataLoader or a list. A batch is a
    tuple or a list, a mapping, or a tensor, and may be nested. The network is called as `model(inputs)`, or with a
    loader as `model(*batch[:-1])`, `model(**batch)` or `model(batch)`.

    Args:
        model: makes the network; called with the random states of Python, NumPy and PyTorch seeded.
        train: inputs and targets, tensors on the CPU with a row for each sample; or a loader.
        test: the same, not trained on.
        loss: (outputs, targets), or (outputs, batch) with a loader, to the mean loss over the samples, a scalar. A loss
            of PyTorch's own gets the last part of a batch as targets. The default is cross entropy; if batches are
            mappings or tensors it is the `loss` of the outputs.
        correct: (outputs, targets), or (outputs, batch), to the number of right samples, which may be a sum of
            fractions; None if there is no accuracy. "auto" counts right classes if the outputs are class scores
            (n, classes, ...) and the targets whole numbers (n, ...), and right signs of single logits if the loss is
            PyTorch's binary cross-entropy; otherwise, or if batches are not pairs of tensors or have a `weight`, there
            is no accuracy. Other targets, such as those of `ignore_index`, are left out.
        weight: (batch) to how much its mean loss weighs, such as the number of its tokens that are not padding; these
            are then what `correct` counts. By default the number of samples.
        name: its name in messages and reports.
        source: a sentence that says where the data came from.
        metric: the metric on which its runs are judged first if the experiment names none: "test_accuracy",
            "test_loss", "train_accuracy" or "train_loss". By default the test accuracy, or the test loss if there is
            none.

    Raises:
        ArgumentError: the data are neither tensors nor loaders, inputs and targets differ in number, or there are none;
            or `correct` or `weight` is not a function.

    Example:
        >>> import torch
        >>> from stepsize.lab import Task
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> line = Task(lambda: torch.nn.Linear(1, 1), (x, 2 * x), (x, 2 * x), torch.nn.functional.mse_loss, None)
        >>> line.samples
        64
    """

    model: Callable[[], nn.Module]
    train: Any
    test: Any
    loss: Loss = cross_entropy
    correct: Callable[[Any, Any], Tensor] | Literal["auto"] | None = "auto"
    name: str = "task"
    weight: Callable[[Any], float] | None = field(default=None, kw_only=True)
    source: str = field(default="The data are the task's own.", kw_only=True)
    metric: str | None = field(default=None, kw_only=True)
    _given: WeakValueDictionary[int, nn.Parameter] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    def __post_init__(self) -> None:
        errors: list[StepsizeError] = []
        correct: Any = self.correct
        if not (correct is None or correct == "auto" or callable(correct)):
            errors.append(ArgumentError("Task", "correct", 'a function, "auto" or None', correct))
        weight: Any = self.weight
        if weight is not None and not (callable(weight) and self.has_loaders):
            errors.append(ArgumentError("Task", "weight", "a function of the batch of a loader", weight))
        with gathered(errors):
            Maybe(Choice(tuple(KNOWN)))("Task", "metric", self.metric)
        check = check_loader if self.has_loaders else check_examples
        for part, given in (("train", self.train), ("test", self.test)):
            with gathered(errors):
                check("Task", part, given)
        raise_together(errors)

    @property
    def has_loaders(self) -> bool:
        """Whether the samples are in loaders, and not in tensors."""
        return not (are_examples(self.train) or are_examples(self.test))

    @property
    def reads_a_stream(self) -> bool:
        """Whether the training samples are an IterableDataset, which need not give the same ones again."""
        return is_stream(self.train)

    @property
    def samples(self) -> int | None:
        """The number of training samples; None if the loader does not say."""
        return samples_of(self.train) if self.has_loaders else len(self.train[1])

    def horizon(self, experiment: "Experiment") -> Horizon:
        """The horizon of a run of the experiment.

        Raises:
            ArgumentError: a setting does not fit the samples.
        """
        if not self.has_loaders:
            return experiment.horizon(self.samples)
        loader, e, errors = self.train, experiment, list[StepsizeError]()
        with gathered(errors):
            loader = self.for_experiment(experiment).train
        with gathered(errors):
            horizon = loader_horizon(loader, "Experiment", e.epochs, e.steps, e.accumulation, e.batch_size, e.drop_last)
        raise_together(errors)
        return horizon

    def for_experiment(self, experiment: "Experiment") -> "Task":
        """The task with the training samples and the test set of the experiment.

        Raises:
            ArgumentError: they cannot be chosen from a loader.
        """
        task = self if experiment.samples is None else self.first(experiment.samples)
        return task.held_out() if experiment.held_out else task

    def check(self, experiment: "Experiment", specs: Sequence[RunSpec]) -> None:
        """Make the network, the optimizer and the schedulers, before anything is written.

        Raises:
            ArgumentError: the experiment's optimizer, or a Plan, does not fit the network; or a setting is one for
                training loops of the user's own.
            RunError: the task gives the same network twice.
        """
        errors: list[StepsizeError] = []
        if experiment.metric is not None and experiment.metric not in KNOWN:
            rule = f"{' or '.join(map(quoted, KNOWN))} for a task with data"
            errors.append(ArgumentError("Experiment", "metric", rule, experiment.metric))
        if experiment.timeout is not None:
            rule = "left out for a task with data"
            errors.append(ArgumentError("Experiment", "timeout", rule, experiment.timeout))
        with gathered(errors):
            model, _ = (self.initial_model(seed) for seed in (experiment.seeds[0], experiment.seeds[-1]))
            experiment_optimizer(experiment, model)
            for spec in specs:
                if isinstance(spec.schedule, Plan):
                    with gathered(errors), concerning(f"schedules[{spec.name!r}]"):
                        spec.scheduler(experiment_optimizer(experiment, model))
        raise_together(errors)

    @property
    def headline(self) -> dict[str, str]:
        """The metric on which the runs are judged first, as a setting of an experiment, if the task names one."""
        return {} if self.metric is None else {"metric": self.metric}

    @cached_property
    def network(self) -> str:
        """The name of the function or class that makes the network; of a lambda, the class of what it makes.

        Example:
            >>> from stepsize.lab import load_task
            >>> load_task("digits").network
            'digits_net'
        """
        name = getattr(self.model, "__name__", "<lambda>")
        return type(self.initial_model(0)).__name__ if name == "<lambda>" else name

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """A line for each part of the data.

        For a tensor, its shape, its type, and 16 digits of the BLAKE2b hash of its bytes. For a loader, its size.

        Example:
            >>> from stepsize.lab import load_task
            >>> load_task("digits").digests[0]
            'train inputs: 1437 x 1 x 8 x 8 float32 d1bfa3681d359576'
        """
        parts = {"train": self.train, "test": self.test}
        if self.has_loaders:
            return tuple(f"{part} batches: {size_in_words(loader)}" for part, loader in parts.items())
        return tuple(
            f"{part} {what}: {digest(tensor)}"
            for part, pair in parts.items()
            for what, tensor in zip(("inputs", "targets"), pair, strict=True)
        )

    def first(self, samples: int) -> "Task":
        """The task with this many training samples, from the first on.

        Raises:
            ArgumentError: they cannot be chosen from the loader.
        """
        if self.has_loaders:
            loader, size = divisible(self.train, "samples", samples)
            return replace(self, train=part_of(loader, range(min(samples, size))))
        return replace(self, train=tuple(part[:samples] for part in self.train))

    def held_out(self) -> "Task":
        """The task with a fifth of its training samples as its test set, trained on the others.

        The choice depends on the number of samples alone. The test set is not used.

        Raises:
            ArgumentError: there are fewer than two samples, or they cannot be chosen from the loader.

        Example:
            >>> from stepsize.lab import load_task
            >>> digits = load_task("digits")
            >>> digits.samples, digits.held_out().samples, len(digits.held_out().test[1])
            (1437, 1150, 287)
        """
        loader, samples = divisible(self.train, "held_out", True) if self.has_loaders else (None, len(self.train[1]))
        order, number = sample_order(samples, seed=0, epoch=0), held_out_of(samples)
        held, left = order[:number].sort().values, order[number:].sort().values
        if loader is not None:
            test = part_of(loader, held.tolist(), training=False)
            return replace(self, train=part_of(loader, left.tolist()), test=test)
        inputs, targets = self.train
        return replace(self, train=(inputs[left], targets[left]), test=(inputs[held], targets[held]))

    def initial_model(self, seed: int) -> nn.Module:
        """The network, on the CPU, with the weights that it gets after `torch.manual_seed(seed)`.

        What it draws from Python and NumPy depends on `seed` alone too. The random states are restored.

        Raises:
            ArgumentError: the seed is not a whole number, or is negative.
            RunError: the task does not make a network, the network has nothing to train, or shares parameters with
                one that the task made before.
        """
        seed = int(Whole(0)("Task.initial_model", "seed", seed))
        with seeded_draws(seed):
            torch.default_generator.manual_seed(seed)
            try:
                model = self.model()
            except SystemExit as error:
                raise RunError(f"the network of the task {self.name!r} raised {shown(error, 200)}") from error
        if not isinstance(model, nn.Module):
            raise RunError(f"the task {self.name!r} must make a PyTorch network, got {shown(model)}")
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trained:
            raise RunError(f"the network of the task {self.name!r} has no parameter to train")
        if any(map(is_lazy, model.parameters())):
            raise RunError(
                f"the network of the task {self.name!r} has lazy layers without parameters",
                "call it on one input within the function that makes it",
            )
        if any(self._given.get(id(parameter)) is parameter for parameter in trained):
            raise RunError(
                f"the task {self.name!r} gave the same network, or a part of it, twice, so one run would start with "
                "the weights of another",
                "make a new network within the function",
            )
        self._given.update((id(parameter), parameter) for parameter in trained)
        return model

    def outputs(self, model: nn.Module, inputs: Any) -> Any:
        """The outputs of a network; `inputs` are the whole batch of a loader."""
        return outputs_of(model, inputs) if self.has_loaders else model(inputs)

    def weight_of(self, batch: Any) -> float:
        """How much the mean loss of a loader's batch weighs.

        Raises:
            RunError: the batch has another form, or its weight is not a positive number.
        """
        samples = samples_in(batch)
        weight = samples if self.weight is None else float(self.weight(batch))
        if not (math.isfinite(weight) and weight > 0):
            raise RunError(f"`weight` of the task {self.name!r} must return a finite number above 0, got {weight:g}")
        return weight

    def mean_loss(self, outputs: Any, targets: Any) -> Tensor:
        """The loss as a tensor of shape (); `targets` are the whole batch of a loader.

        Raises:
            RunError: `loss` does not take these arguments, compares each output with every target, does not return one
                number, or returns one that does not depend on the weights although gradients are needed.
        """
        return mean_loss(self.name, self.loss, outputs, targets, self.has_loaders)

    def right(self, outputs: Any, targets: Any) -> Tensor | None:
        """The number of right samples, as a tensor of shape (); None if there is no accuracy.

        Raises:
            RunError: `correct` does not return one number.
        """
        if self.correct is None:
            return None
        outputs = tree_map(lambda part: part.detach() if isinstance(part, Tensor) else part, outputs)
        if self.correct != "auto":
            return right_of(self.name, self.correct, outputs, targets)
        if self.has_loaders:
            targets = targets[1] if are_examples(targets) and self.weight is None else None
        both = isinstance(outputs, Tensor) and isinstance(targets, Tensor)
        return usual_right(self.loss, outputs, targets) if both else None

    @cached_property
    def accuracy(self) -> str:
        """What counts as right, in words. If the shapes decide, the network is run on two test samples.

        Example:
            >>> from stepsize.lab import load_task
            >>> load_task("digits").accuracy
            'highest of 10 class scores'
        """
        if self.correct != "auto":
            return "none: the task has correct=None" if self.correct is None else "counted by the task's own function"
        batch: Any = next(one_pass(self.test, 0, 0), None) if self.has_loaders else self.test
        if not are_examples(batch) or self.weight is not None:
            return f"none: the task counts none in {'batches with a weight' if self.weight else 'such batches'}"
        inputs, targets = (part[:2] for part in batch)
        try:
            with torch.no_grad(), seeded_draws(0):
                outputs: Any = self.initial_model(0).eval()(inputs.clone())
            return usual_accuracy(self.loss, outputs, targets)
        except (Exception, SystemExit):  # its runs fail too, and say why
            return "unknown, since the network does not take the test samples"
