"""Chance level: what a classifier reaches that ignores its inputs, and the runs that do no better."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stepsize.errors import first_few, quoted
from stepsize.lab.tasks.judging import binary_threshold
from stepsize.lab.tasks.task import Task
from stepsize.store.run import Logged

MOST_NAMED = 6
STANDARD_ERRORS = 2.0
_OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)


@dataclass(frozen=True)
class Chance:
    """The best results that one prediction for all samples can reach, on the samples that runs are judged on.

    `accuracy` is the share of the most common class, in `samples` samples. `loss` is that of predicting the share of
    each class, the entropy -sum p log p; None if the loss is not a plain cross-entropy.
    """

    accuracy: float
    samples: int
    loss: float | None

    @classmethod
    def of(cls, task: Task) -> "Chance | None":
        """Chance level on the test samples; None if there are not several classes.

        None too for a task of loaders, and if `correct` is the task's own.
        """
        if task.has_loaders:
            return None
        targets: Tensor = task.test[1]
        binary = binary_threshold(task.loss) is not None
        if task.correct != "auto" or not (binary or not (targets.is_floating_point() or targets.is_complex())):
            return None
        left_out = getattr(task.loss, "ignore_index", -1)
        classes = (targets > 0.5).long() if binary else targets[(targets >= 0) & (targets != left_out)]
        _, counts = torch.unique(classes, return_counts=True)
        if counts.numel() < 2:
            return None
        shares = counts.double() / counts.sum()
        entropy = float(-(shares * shares.log()).sum()) if _is_plain(task.loss) else None
        return cls(float(shares.max()), len(targets), entropy)

    @property
    def highest(self) -> float:
        """The highest accuracy that is still at chance level: two standard errors above the most common class."""
        return self.accuracy + STANDARD_ERRORS * math.sqrt(self.accuracy * (1 - self.accuracy) / self.samples)

    def holds(self, run: Logged) -> bool:
        """Whether a run that has finished is at chance level.

        Its last accuracy is not above `highest`, or after no epoch was its loss below `loss`.
        """
        accuracies, losses = run.epoch_column("test_accuracy"), run.epoch_column("test_loss")
        if run.status != "finished" or not accuracies.size or math.isnan(accuracies[-1]):
            return False
        return bool(accuracies[-1] <= self.highest or (self.loss is not None and losses.min() >= self.loss))

    def counts(self, runs: Sequence[Logged]) -> dict[str, int]:
        """How many runs of each schedule are at chance level, without schedules of which none is."""
        return dict(Counter(run.name for run in runs if self.holds(run)))

    def flag(self, runs: Sequence[Logged]) -> str:
        """How many runs of which schedules stayed at chance, as text without a full stop; "" if none did."""
        planned = Counter(run.name for run in runs)
        named = [
            f"{count} of {planned[name]} runs of {quoted(name)}" if planned[name] > 1 else quoted(name)
            for name, count in self.counts(runs).items()
        ]
        return f"{first_few(named, MOST_NAMED)} stayed at chance" if named else ""

    def rule(self, judged_on: str = "test") -> str:
        """What chance level is, in words."""
        accuracy = f"{self.highest:.4f} (the share of the most common class plus two standard errors)"
        if self.loss is None:
            return f"{judged_on} accuracy at most {accuracy}"
        loss = f"{judged_on} loss never below {self.loss:.4f} (that of predicting the share of each class)"
        return f"{judged_on} accuracy at most {accuracy}, or {loss}"

    def notes(self, runs: Sequence[Logged], judged_on: str = "test") -> tuple[str, ...]:
        """A sentence that counts the runs at chance level, with the rule; nothing if there are none."""
        flag = self.flag(runs)
        return (f"{flag}: {self.rule(judged_on)}.",) if flag else ()


def _is_plain(loss: Any) -> bool:
    """Whether it is the mean of -log p of the target."""
    settings = {"reduction": "mean", "weight": None, "pos_weight": None, "label_smoothing": 0.0}
    of_classes = loss in (functional.cross_entropy, functional.nll_loss) or isinstance(loss, _OF_CLASSES)
    known = of_classes or binary_threshold(loss) is not None
    return known and all(getattr(loss, name, default) == default for name, default in settings.items())
