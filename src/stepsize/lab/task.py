"""What is trained: a network, its data and its loss, as one value."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parameter import is_lazy

from stepsize.errors import ArgumentError, RunError, shown
from stepsize.lab.accuracy import usual_right
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.pytorch.range_sweep import are_crossed

Examples = tuple[Tensor, Tensor]
"""Inputs and targets, one of each for every sample along the first dimension."""


def held_out_of(samples: int) -> int:
    """How many of so many training samples are held out, where some are: one of five.

    Raises:
        ArgumentError: there are too few.
    """
    if samples < 2:
        raise ArgumentError(f"to hold some out takes 2 training samples at least, and there is {samples}")
    return max(1, samples // 5)


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train, its training and test samples, and what counts as a loss.

    Args:
        model: makes the network; called with the random states of Python, NumPy and PyTorch seeded.
        train: inputs and targets, tensors on the CPU with one row a sample.
        test: the same, held out.
        loss: (outputs, targets) to the mean loss over the samples, a scalar.
        correct: (outputs, targets) to how many samples are right, which may be a sum of fractions; None if there is no
            accuracy. "auto" counts right classes, if the outputs are class scores (n, classes, ...) and the targets
            whole numbers (n, ...), and right signs of single logits, if the loss is PyTorch's binary cross-entropy;
            otherwise there is no accuracy.
        name: for people.
        source: where the data came from, in a sentence.

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
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    correct: Callable[[Tensor, Tensor], Tensor] | Literal["auto"] | None = "auto"
    name: str = "task"
    source: str = field(default="The data are the task's own.", kw_only=True)
    _given: WeakValueDictionary[int, nn.Parameter] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.correct is None or self.correct == "auto" or callable(self.correct)):
            raise ArgumentError(f'Task(correct=...) must be a function, "auto" or None, got {shown(self.correct)}')
        for part, given in (("train", self.train), ("test", self.test)):
            pair: Any = given
            if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(x, Tensor) for x in pair)):
                raise ArgumentError(f"Task({part}=...) must be two tensors, inputs and targets, got {shown(given)}")
            inputs, targets = given
            if not len(inputs) == len(targets) > 0:
                raise ArgumentError(
                    f"Task({part}=...) must have a target for each input, and one at least, got {len(inputs)} inputs "
                    f"and {len(targets)} targets"
                )

    @property
    def samples(self) -> int:
        """The number of training samples."""
        return len(self.train[1])

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """What the data are, a line for each tensor: its shape, its type, and 16 digits of its bytes' BLAKE2b.

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
        """The task with one of five training samples in the place of its test set, and trained on the others.

        Which ones depends on their number alone; the test set is not looked at.

        Raises:
            ArgumentError: there is only one sample.

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

        What it draws from Python and NumPy depends on `seed` alone too. The states are left as they were.

        Raises:
            RunError: what the task makes is no network, has nothing to train, or is one that it gave before.
        """
        with seeded_draws(seed, torch.device("cpu")):
            torch.default_generator.manual_seed(int(seed))  # the weights that everyone gets under this seed
            try:
                model = self.model()
            except SystemExit as error:
                raise RunError(f"the network of the task {self.name!r} raised {shown(error, 200)}") from error
        if not isinstance(model, nn.Module):
            raise RunError(f"the task {self.name!r} makes no network of PyTorch but {shown(model)}")
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not learning:
            raise RunError(f"the network of the task {self.name!r} has no parameter to train")
        if any(map(is_lazy, model.parameters())):
            raise RunError(
                f"the network of the task {self.name!r} has lazy layers without parameters; call it on one input "
                "within the function that makes it"
            )
        if any(self._given.get(id(parameter)) is parameter for parameter in learning):
            raise RunError(
                f"the task {self.name!r} gave the same network, or a part of it, twice, so that one run would go on "
                "with the weights of another; make it anew within the function"
            )
        self._given.update((id(parameter), parameter) for parameter in learning)
        return model

    def mean_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What `loss` gives, as a tensor of shape ().

        Raises:
            RunError: it compares each output with every target, is not one number, or does not depend on the weights
                although gradients are asked for.
        """
        if are_crossed(self.loss, outputs, targets):
            raise RunError(
                f"the outputs of the task {self.name!r} have shape {tuple(outputs.shape)} and the targets "
                f"{tuple(targets.shape)}, so the loss compares each output with every target; give both one shape, as "
                "by outputs.squeeze(1)"
            )
        loss: Any = self.loss(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            given = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else shown(loss)
            raise RunError(
                f"the loss of the task {self.name!r} must be one number for all samples, a tensor of shape (), and is "
                f"{given}; take the mean over the samples"
            )
        if outputs.requires_grad and not loss.requires_grad:
            raise RunError(
                f"the loss of the task {self.name!r} is cut off from the network's outputs; leave out what does so, "
                "such as .detach(), .item() or torch.no_grad()"
            )
        return loss.reshape(())

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """What `correct` gives; None if there is no accuracy.

        Raises:
            RunError: it is not one number.
        """
        if self.correct is None:
            return None
        if self.correct == "auto":
            return usual_right(self.loss, outputs.detach(), targets)
        right: Any = self.correct(outputs.detach(), targets)
        if not isinstance(right, Tensor) or right.numel() != 1:
            raise RunError(
                f"`correct` of the task {self.name!r} must tell how many of the samples are right, as a tensor of "
                f"shape (), and gave {shown(right)}"
            )
        return right.reshape(())


def _digest(tensor: Tensor) -> str:
    content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)  # NumPy has no bfloat16
    shape, kind = " x ".join(map(str, tensor.shape)), str(tensor.dtype).removeprefix("torch.")
    return f"{shape} {kind} {hashlib.blake2b(content.numpy().data, digest_size=8).hexdigest()}"
