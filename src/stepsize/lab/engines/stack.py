"""Networks of one shape as one: every parameter stacked along a first dimension, in which each run has a row."""

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from stepsize.lab.accuracy import shares
from stepsize.lab.engines.grouped import GroupedNetwork
from stepsize.lab.samples import EVALUATION_BATCH, Samples, Tally
from stepsize.lab.task import Task

Named = dict[str, Tensor]


class Stack:
    """The networks of some runs on one device, each with the weights that its seed gives it.

    A chain of convolutions and dense layers is computed as a `GroupedNetwork`, any other network by `torch.func.vmap`.

    Args:
        task: makes the networks, and says what a loss is.
        seeds: one a row. Where it is the same for all, they share their samples.
        device: where they compute.
        precision: as for `train`.
    """

    def __init__(self, task: Task, seeds: Sequence[int], device: torch.device, precision: str = "fp32") -> None:
        made = {seed: task.initial_model(seed) for seed in set(seeds)}
        rows = [made[seed] for seed in seeds]
        self.seeds = tuple(seeds)
        self.shared = len(made) == 1
        """Whether inputs and targets are (batch, ...), the same for all rows, and not (rows, batch, ...)."""
        self._task = task
        self._model = copy.deepcopy(rows[0]).to(device)  # its form is used; its values are not
        self._grouped = GroupedNetwork.of(self._model)
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
        values: list[Named] = [{**dict(row.named_parameters()), **dict(row.named_buffers())} for row in rows]
        stacked = {name: _stacked([row[name].detach() for row in values]).to(device) for name in values[0]}
        learning = {name for name, value in values[0].items() if value.requires_grad}
        self.parameters: Named = {name: value for name, value in stacked.items() if name in learning}
        """What is trained, each (rows, ...)."""
        self.buffers: Named = {name: value for name, value in stacked.items() if name not in learning}
        """What is not: buffers, which a forward pass may change in place, and frozen parameters."""

    def gradients(self, inputs: Tensor, targets: Tensor, tally: Tally, training: bool = True) -> Named:
        """The gradient of each row's mean loss over its own samples, or over those that all share."""
        self._model.train(training)
        parameters = {name: value.detach().requires_grad_() for name, value in self.parameters.items()}
        with self._autocast, _vectorised():
            noted = self._noted(parameters, inputs, targets, self.shared)
        # A row's loss depends on its own parameters alone.
        gradients = torch.autograd.grad(noted["loss"].sum(), list(parameters.values()), materialize_grads=True)
        _add(tally, noted, targets.shape[0 if self.shared else 1])
        return dict(zip(parameters, gradients, strict=True))

    def measure(self, samples: Samples) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each row, in evaluation mode, over all samples."""
        self._model.eval()
        tally = Tally()
        with torch.no_grad(), _vectorised():
            for inputs, targets in samples.batches(EVALUATION_BATCH):
                _add(tally, self._noted(self.parameters, inputs, targets, shared=True), len(targets))
        return row_means(tally)

    def _noted(self, parameters: Named, inputs: Tensor, targets: Tensor, shared: bool) -> Named:
        """What each row makes of its samples: its mean loss, and how many are right if the task says."""

        def judged(outputs: Tensor, targets: Tensor) -> Named:
            noted = {"loss": self._task.mean_loss(outputs, targets)}
            right = self._task.right(outputs, targets)
            return noted if right is None else {**noted, "correct": right}

        each = vmap(judged, in_dims=(0, None if shared else 0), randomness="different")
        return each(self._outputs(parameters, inputs, shared), targets)

    def _outputs(self, parameters: Named, inputs: Tensor, shared: bool) -> Tensor:
        """The outputs (rows, batch, ...)."""
        if self._grouped is not None:
            return self._grouped({**parameters, **self.buffers}, inputs, shared)

        def called(parameters: Named, buffers: Named, inputs: Tensor) -> Tensor:
            return functional_call(self._model, (parameters, buffers), (inputs,))  # type: ignore[no-any-return]

        each = vmap(called, in_dims=(0, 0, None if shared else 0), randomness="different")
        return each(parameters, self.buffers, inputs)


def _stacked(values: Sequence[Tensor]) -> Tensor:
    """One tensor with a row for each; kernels lie in channels-last memory format."""
    if values[0].dim() != 4:
        return torch.stack(list(values))
    return torch.stack([value.movedim(1, -1) for value in values]).movedim(-1, 2)


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
    return list(zip((total / samples).tolist(), shares(right, samples).tolist(), strict=True))


def _add(tally: Tally, noted: Named, size: int) -> None:
    tally.losses.append(noted["loss"].detach())
    if "correct" in noted:
        tally.correct.append(noted["correct"])
    tally.sizes.append(size)


@contextmanager
def _vectorised() -> Iterator[None]:
    """Attention as plain products, since the fused ones would run row by row; what does so anyway is only slower."""
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        yield
