"""Networks of one shape computed as one: every parameter has a first dimension with a row for each network.

A chain of convolutions and dense layers is one network with a group of channels for each row.
"""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import conv2d

from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import EvaluationSet, Tally

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")  # which have no public name
# Layers that treat each value by itself, so that its place does not matter.
_ELEMENTWISE = (nn.Dropout, nn.ELU, nn.GELU, nn.Identity, nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Tanh)


class GroupedNetwork:
    """A chain of layers, computed for every row of stacked parameters at once.

    Images (rows, batch, channels, height, width) are put side by side: (batch, rows * channels, height, width). The
    convolutions of all rows are then one, with a group for each row, and other layers work on more channels at a time
    without a copy. Dense layers are a batch of products.
    """

    @classmethod
    def of(cls, model: nn.Module) -> "GroupedNetwork | None":
        """The grouped form of a model; None if it is not a chain of known layers."""
        layers, names = _chain(model), dict(model.named_parameters())
        tied = len(names) < len(list(model.named_parameters(remove_duplicate=False)))
        return cls(layers) if layers and not tied else None

    def __init__(self, layers: list[tuple[str, nn.Module]]) -> None:
        self._layers = layers
        first = layers[0][1]
        self._convolves_first = isinstance(first, nn.Conv2d) and first.groups == 1

    def __call__(self, values: Mapping[str, Tensor], inputs: Tensor, shared: bool) -> Tensor:
        """Outputs (rows, batch, ...), given parameters (rows, ...) by name and inputs (rows, batch, ...).

        Inputs are (batch, ...) if they are shared by all rows.
        """
        rows = len(next(iter(values.values())))
        x, beside = inputs, int(shared and self._convolves_first)  # rows side by side; 1 if all share the images
        if shared and not beside:
            x = x.expand(rows, *x.shape).contiguous()  # layers may work in place
        for prefix, layer in self._layers:
            if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d):
                if not beside:
                    x, beside = _side_by_side(x), rows
                if isinstance(layer, nn.Conv2d):
                    x, beside = _convolved(x, layer, prefix, values, beside), rows
                else:
                    x = layer(x)
            elif isinstance(layer, nn.Flatten | nn.Linear):
                if beside:
                    x, beside = _row_by_row(x, rows), 0
                x = _multiplied(x, prefix, values) if isinstance(layer, nn.Linear) else x.flatten(2)
            else:
                x = layer(x)
        return _row_by_row(x, rows) if beside else x


def _chain(model: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]] | None:
    """The layers in order, each with the prefix of its parameters' names; None if one is not known."""
    if any(getattr(model, kind) for kind in _HOOKS):
        return None
    if not (isinstance(model, nn.Sequential) and type(model).forward is nn.Sequential.forward):
        return [(prefix, model)] if _is_known(model) else None
    layers: list[tuple[str, nn.Module]] = []
    names = {child: name for name, child in model.named_children()}  # a layer that occurs twice has its first name
    for child in model:
        part = _chain(child, f"{prefix}{names[child]}.")
        if part is None:
            return None
        layers += part
    return layers


def _is_known(layer: nn.Module) -> bool:
    # Not isinstance: a subclass may compute something else.
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros"
    if type(layer) is nn.Flatten:
        return layer.start_dim == 1 and layer.end_dim == -1
    if type(layer) is nn.MaxPool2d:
        return not layer.return_indices
    return type(layer) in (nn.AvgPool2d, nn.Linear, *_ELEMENTWISE)


def _convolved(x: Tensor, layer: nn.Conv2d, prefix: str, values: Mapping[str, Tensor], beside: int) -> Tensor:
    """Convolve the images of `beside` rows, or one set of images that all rows share, with the kernels of each row."""
    kernels, bias = values[f"{prefix}weight"], values.get(f"{prefix}bias")
    return conv2d(
        x,
        kernels.movedim(2, -1).flatten(0, 1).movedim(-1, 1),  # channels-last, also for one channel
        None if bias is None else bias.flatten(),
        layer.stride,
        layer.padding,
        layer.dilation,
        groups=layer.groups * beside,
    )


def _multiplied(x: Tensor, prefix: str, values: Mapping[str, Tensor]) -> Tensor:
    """Multiply vectors (rows, ..., inputs) by the matrix of their row."""
    x = torch.einsum("r...i,roi->r...o", x, values[f"{prefix}weight"])
    bias = values.get(f"{prefix}bias")
    return x if bias is None else x + bias.reshape(len(x), *(1,) * (x.dim() - 2), -1)


def _side_by_side(x: Tensor) -> Tensor:
    """(rows, batch, channels, height, width) to (batch, rows * channels, height, width), in channels-last format."""
    return x.permute(1, 3, 4, 0, 2).flatten(3).permute(0, 3, 1, 2)


def _row_by_row(x: Tensor, rows: int) -> Tensor:
    """The inverse: (batch, rows * channels, ...) to (rows, batch, channels, ...)."""
    return x.reshape(len(x), rows, -1, *x.shape[2:]).transpose(0, 1)


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
