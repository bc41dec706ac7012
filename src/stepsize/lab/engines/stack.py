"""Networks of one shape as one: every parameter stacked along a first dimension, in which each run has a row."""

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from stepsize.lab.samples import EVALUATION_BATCH, Samples, Tally
from stepsize.lab.task import Task

Named = dict[str, Tensor]


class Stack:
    """The networks of some runs on one device, each with the weights that its seed gives it.

    Args:
        task: makes the networks, and says what a loss is.
        seeds: one a row.
        device: where they compute.
        precision: as for `train`.
    """

    def __init__(self, task: Task, seeds: Sequence[int], device: torch.device, precision: str = "fp32") -> None:
        made = {seed: task.initial_model(seed) for seed in set(seeds)}
        rows = [made[seed] for seed in seeds]
        self._task = task
        self._model = copy.deepcopy(rows[0]).to(device)  # its form is used; its values are not
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
        values: list[Named] = [{**dict(row.named_parameters()), **dict(row.named_buffers())} for row in rows]
        stacked = {name: torch.stack([row[name].detach() for row in values]).to(device) for name in values[0]}
        learning = {name for name, value in values[0].items() if value.requires_grad}
        self.parameters: Named = {name: value for name, value in stacked.items() if name in learning}
        """What is trained, each (rows, ...)."""
        self.buffers: Named = {name: value for name, value in stacked.items() if name not in learning}
        """What is not: buffers, which a forward pass may change in place, and frozen parameters."""

    def gradients(self, inputs: Tensor, targets: Tensor, tally: Tally) -> Named:
        """The gradient of each row's mean loss over its own samples: inputs and targets (rows, batch, ...)."""
        self._model.train()

        def loss_of(parameters: Named, buffers: Named, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Named]:
            with self._autocast:
                outputs = functional_call(self._model, (parameters, buffers), (inputs,))
                loss = self._task.loss(outputs, targets)
            return loss, self._noted(loss, outputs, targets)

        with _vectorised():
            each = vmap(grad(loss_of, has_aux=True), randomness="different")
            gradients, noted = each(self.parameters, self.buffers, inputs, targets)
        _add(tally, noted, targets.shape[1])
        return gradients  # type: ignore[no-any-return]

    def measure(self, samples: Samples) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each row, in evaluation mode, over all samples."""
        self._model.eval()

        def measured(parameters: Named, buffers: Named, inputs: Tensor, targets: Tensor) -> Named:
            outputs = functional_call(self._model, (parameters, buffers), (inputs,))
            return self._noted(self._task.loss(outputs, targets), outputs, targets)

        tally = Tally()
        with torch.no_grad(), _vectorised():
            for inputs, targets in samples.batches(EVALUATION_BATCH):
                each = vmap(measured, in_dims=(0, 0, None, None), randomness="different")
                _add(tally, each(self.parameters, self.buffers, inputs, targets), len(targets))
        return row_means(tally)

    def _noted(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> Named:
        noted = {"loss": loss.detach()}
        if self._task.correct is not None:
            noted["correct"] = self._task.correct(outputs.detach(), targets)
        return noted


def row_means(tally: Tally) -> list[tuple[float, float]]:
    """`Tally.means` for each row of a tally whose losses are (rows,)."""
    losses = torch.stack(tally.losses).double().cpu().numpy()
    total = np.zeros(losses.shape[1])
    for row, size in zip(losses, tally.sizes, strict=True):
        total += row * size
    samples = sum(tally.sizes)
    if not tally.correct:
        return [(loss, math.nan) for loss in (total / samples).tolist()]
    right = torch.stack(tally.correct).double().sum(dim=0).cpu().numpy()
    return list(zip((total / samples).tolist(), (right / samples).tolist(), strict=True))


def _add(tally: Tally, noted: Named, size: int) -> None:
    tally.losses.append(noted["loss"])
    if "correct" in noted:
        tally.correct.append(noted["correct"])
    tally.sizes.append(size)


@contextmanager
def _vectorised() -> Iterator[None]:
    """Attention as plain products, since the fused ones would run row by row; what does so anyway is only slower."""
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        yield
