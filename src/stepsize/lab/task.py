"""A task as one value: a network to train, its data, its loss and its accuracy."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy
from torch.nn.parameter import is_lazy

from stepsize.arguments import Whole
from stepsize.errors import ArgumentError, RunError, StepsizeError, concerning, gathered, raise_together, shown
from stepsize.horizon import Horizon
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.pytorch.range_sweep import are_crossed
from stepsize.schedules import Plan

if TYPE_CHECKING:
    from stepsize.lab.experiment import Experiment

Examples = tuple[Tensor, Tensor]
"""Inputs and targets, with a row for each sample."""

Loss = Callable[[Tensor, Tensor], Tensor]


def held_out_of(samples: int) -> int:
    """How many training samples are held out to judge on: one of five.

    Raises:
        ArgumentError: there are fewer than two samples.
    """
    if samples < 2:
        raise ArgumentError("held_out", "", "used with at least 2 training samples", samples)
    return max(1, samples // 5)


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train, its training and test samples, and its loss.

    Args:
        model: makes the network; called with the random states of Python, NumPy and PyTorch seeded.
        train: inputs and targets, tensors on the CPU with a row for each sample.
        test: inputs and targets that are not trained on.
        loss: (outputs, targets) to the mean loss over the samples, a scalar.
        correct: (outputs, targets) to the number of right samples, which may be a sum of fractions; None if there is no
            accuracy. "auto" counts right classes if the outputs are class scores (n, classes, ...) and the targets
            whole numbers (n, ...), and right signs of single logits if the loss is PyTorch's binary cross-entropy;
            otherwise there is no accuracy.
        name: its name in messages and reports.
        source: a sentence that says where the data came from.

    Raises:
        ArgumentError: the data are not tensors, inputs and targets differ in number, or there are none; or `correct` is
            not a function.

    Example:
        >>> import torch
        >>> from stepsize.lab import Task
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> line = Task(lambda: torch.nn.Linear(1, 1), (x, 2 * x), (x, 2 * x), torch.nn.functional.mse_loss, None)
        >>> line.samples
        64
    """

    model: Callable[[], nn.Module]
    train: Examples
    test: Examples
    loss: Loss = cross_entropy
    correct: Callable[[Tensor, Tensor], Tensor] | Literal["auto"] | None = "auto"
    name: str = "task"
    source: str = field(default="The data are the task's own.", kw_only=True)
    _given: WeakValueDictionary[int, nn.Parameter] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.correct is None or self.correct == "auto" or callable(self.correct)):
            raise ArgumentError("Task", "correct", 'a function, "auto" or None', self.correct)
        for part, given in (("train", self.train), ("test", self.test)):
            pair: Any = given
            if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(x, Tensor) for x in pair)):
                raise ArgumentError("Task", part, "two tensors, inputs and targets", given)
            lengths = len(pair[0]), len(pair[1])
            if not lengths[0] == lengths[1] > 0:
                rule = f"as many targets as inputs ({lengths[0]}), and at least one"
                raise ArgumentError("Task", part, rule, lengths[1])

    @property
    def samples(self) -> int:
        """The number of training samples."""
        return len(self.train[1])

    def horizon(self, experiment: "Experiment") -> Horizon:
        """The horizon of a run of the experiment."""
        return experiment.horizon(self.samples)

    def check(self, experiment: "Experiment", specs: Sequence[RunSpec]) -> None:
        """Make the network, the optimizer and the schedulers, before anything is written.

        Raises:
            ArgumentError: the experiment's optimizer, or a Plan, does not fit the network.
            RunError: the task gives the same network twice.
        """
        seeds = experiment.seeds
        model, _ = (self.initial_model(seed) for seed in (seeds[0], seeds[-1]))
        experiment_optimizer(experiment, model)
        errors: list[StepsizeError] = []
        for spec in specs:
            if isinstance(spec.schedule, Plan):
                with gathered(errors), concerning(f"schedules[{spec.name!r}]"):
                    spec.scheduler(experiment_optimizer(experiment, model))
        raise_together(errors)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """A line for each tensor of the data: its shape, its type, and 16 digits of the BLAKE2b hash of its bytes.

        Example:
            >>> from stepsize.lab import load_task
            >>> load_task("digits").digests[0]
            'train inputs: 1437 x 1 x 8 x 8 float32 d1bfa3681d359576'
        """
        parts = {"train": self.train, "test": self.test}
        return tuple(
            f"{part} {what}: {_digest(tensor)}"
            for part, pair in parts.items()
            for what, tensor in zip(("inputs", "targets"), pair, strict=True)
        )

    def held_out(self) -> "Task":
        """The task with a fifth of its training samples as its test set, trained on the others.

        The choice depends on the number of samples alone. The test set is not used.

        Raises:
            ArgumentError: there are fewer than two samples.

        Example:
            >>> from stepsize.lab import load_task
            >>> digits = load_task("digits")
            >>> digits.samples, digits.held_out().samples, len(digits.held_out().test[1])
            (1437, 1150, 287)
        """
        order = sample_order(self.samples, seed=0, epoch=0)
        number = held_out_of(self.samples)
        (held, left), (inputs, targets) = (order[:number].sort().values, order[number:].sort().values), self.train
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

    def mean_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss as a tensor of shape ().

        Raises:
            RunError: it compares each output with every target, is not one number, or does not depend on the weights
                although gradients are needed.
        """
        if are_crossed(self.loss, outputs, targets):
            raise RunError(
                f"the outputs of the task {self.name!r} have shape {tuple(outputs.shape)} and the targets "
                f"{tuple(targets.shape)}, so the loss compares each output with every target",
                "give both one shape, as by outputs.squeeze(1)",
            )
        loss: Any = self.loss(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            given = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else shown(loss)
            raise RunError(
                f"the loss of the task {self.name!r} must be a tensor of shape (), got {given}",
                "take the mean over the samples",
            )
        if outputs.requires_grad and not loss.requires_grad:
            raise RunError(
                f"the loss of the task {self.name!r} has no gradient",
                "remove what cuts it off from the outputs, such as .detach(), .item() or torch.no_grad()",
            )
        return loss.reshape(())

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The number of right samples, as a tensor of shape (); None if there is no accuracy.

        Raises:
            RunError: `correct` does not return one number.
        """
        if self.correct is None:
            return None
        if self.correct == "auto":
            return usual_right(self.loss, outputs.detach(), targets)
        right: Any = self.correct(outputs.detach(), targets)
        if not isinstance(right, Tensor) or right.numel() != 1:
            raise RunError(
                f"`correct` of the task {self.name!r} must return the number of right samples as a tensor of shape (), "
                f"got {shown(right)}"
            )
        return right.reshape(())


def usual_right(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor | None:
    """How many samples are right, judged by the shapes, the types and the loss; None if they have no accuracy.

    Class scores (n, classes, ...) with whole-number targets (n, ...) and at least two classes are right if the highest
    score is at the target. Outputs (n,) or (n, 1, ...) with targets of their shape are right if they are on the
    target's side of the threshold and the loss is PyTorch's binary cross-entropy, with or without logits. A sample
    with several targets, such as the pixels of an image, counts by its fraction of right ones.

    Example:
        >>> import torch
        >>> scores, classes = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
        >>> usual_right(torch.nn.functional.cross_entropy, scores, classes)
        tensor(1)
        >>> usual_right(torch.nn.functional.mse_loss, scores, scores) is None
        True
    """
    whole = not (targets.is_floating_point() or targets.is_complex())
    classes = outputs.shape[1] if outputs.dim() > 1 else 1
    if whole and classes > 1 and targets.shape == outputs.shape[:1] + outputs.shape[2:]:
        right = outputs.argmax(dim=1) == targets
    elif (threshold := _threshold(loss)) is not None and classes == 1 and targets.shape == outputs.shape:
        right = (outputs > threshold) == (targets > 0.5)
    else:
        return None
    return right.sum() if right.dim() == 1 else right.flatten(1).float().mean(dim=1).sum()


def _threshold(loss: Loss) -> float | None:
    """The output between the two classes of a binary loss."""
    if loss is binary_cross_entropy_with_logits or isinstance(loss, nn.BCEWithLogitsLoss):
        return 0.0
    return 0.5 if loss is binary_cross_entropy or isinstance(loss, nn.BCELoss) else None


def _digest(tensor: Tensor) -> str:
    content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)  # NumPy has no bfloat16
    shape, kind = " x ".join(map(str, tensor.shape)), str(tensor.dtype).removeprefix("torch.")
    return f"{shape} {kind} {hashlib.blake2b(content.numpy().data, digest_size=8).hexdigest()}"
