"""Networks of one shape computed as one: every parameter has a first dimension with a row for each network."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from stepsize.lab.engines.grouped import GroupedNetwork
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import EvaluationSet, Tally

Named = dict[str, Tensor]


class Stack:
    """The networks of several runs on one device, each with the initial weights of its seed.

    A chain of convolutions and dense layers is computed as a `GroupedNetwork`, any other network by `torch.func.vmap`.
    `seeds` has one for each row; if all are equal, the rows share their samples.
    """

    def __init__(self, task: Task, seeds: Sequence[int], device: torch.device, precision: str = "fp32") -> None:
        networks = {seed: task.initial_model(seed) for seed in set(seeds)}
        rows = [networks[seed] for seed in seeds]
        self.seeds = tuple(seeds)
        self.device = device
        self._task = task
        self._shared = len(networks) == 1
        self._model = copy.deepcopy(rows[0]).to(device)  # its values are not used
        self._grouped = GroupedNetwork.of(self._model)
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
        values: list[Named] = [{**dict(row.named_parameters()), **dict(row.named_buffers())} for row in rows]
        stacked = {name: _stacked([row[name].detach() for row in values]).to(device) for name in values[0]}
        trained = {name for name, value in values[0].items() if value.requires_grad}
        # The parameters that are trained, and what is not: frozen parameters, and buffers, which a forward pass may
        # change in place.
        self.parameters: Named = {name: value for name, value in stacked.items() if name in trained}
        self.buffers: Named = {name: value for name, value in stacked.items() if name not in trained}

    def gradients(self, inputs: Tensor, targets: Tensor, training: bool = True) -> tuple[Named, Tensor, Tensor | None]:
        """The gradient of each row's mean loss, the losses, and how many samples each has right.

        Samples are (rows, batch, ...), or (batch, ...) if the rows share them.
        """
        self._model.train(training)
        parameters = {name: value.detach().requires_grad_() for name, value in self.parameters.items()}
        with self._autocast, _vectorised():
            losses, right = self._judged(parameters, inputs, targets, self._shared)
        # A row's loss depends on its own parameters alone.
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()), materialize_grads=True)
        return dict(zip(parameters, gradients, strict=True)), losses.detach(), right

    def measure(self, samples: EvaluationSet) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each row, in evaluation mode, over all samples."""
        self._model.eval()
        tally = Tally()
        with torch.no_grad(), _vectorised():
            for batch in samples.batches():
                tally.add(*self._judged(self.parameters, batch.inputs, batch.targets, shared=True), batch.size)
        return tally.means()

    def state(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "buffers": self.buffers}

    def load(self, state: dict[str, Any]) -> None:
        for own, values in ((self.parameters, state["parameters"]), (self.buffers, state["buffers"])):
            if {name: value.shape for name, value in own.items()} != {
                name: each.shape for name, each in values.items()
            }:
                raise ValueError("the parameters differ in their names or shapes")
            for name, value in own.items():
                value.copy_(values[name])

    def _judged(self, parameters: Named, inputs: Tensor, targets: Tensor, shared: bool) -> tuple[Tensor, Tensor | None]:
        """Each row's mean loss, and how many samples it has right if the task has an accuracy."""

        def judge(outputs: Tensor, targets: Tensor) -> Named:
            loss, right = self._task.mean_loss(outputs, targets), self._task.right(outputs, targets)
            return {"loss": loss} if right is None else {"loss": loss, "right": right}

        each = vmap(judge, in_dims=(0, None if shared else 0), randomness="different")
        judged = each(self._outputs(parameters, inputs, shared), targets)
        return judged["loss"], judged.get("right")

    def _outputs(self, parameters: Named, inputs: Tensor, shared: bool) -> Tensor:
        """The outputs (rows, batch, ...)."""
        if self._grouped is not None:
            return self._grouped({**parameters, **self.buffers}, inputs, shared)

        def call(parameters: Named, buffers: Named, inputs: Tensor) -> Tensor:
            return functional_call(self._model, (parameters, buffers), (inputs,))  # type: ignore[no-any-return]

        each = vmap(call, in_dims=(0, 0, None if shared else 0), randomness="different")
        return each(parameters, self.buffers, inputs)


def _stacked(values: Sequence[Tensor]) -> Tensor:
    """One tensor with a row for each value; kernels are in channels-last memory format."""
    if values[0].dim() != 4:
        return torch.stack(list(values))
    return torch.stack([value.movedim(1, -1) for value in values]).movedim(-1, 2)


@contextmanager
def _vectorised() -> Iterator[None]:
    """Compute attention as plain products, since the fused kernels would run row by row."""
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        yield
