"""Chains of convolutions and dense layers of several runs as one network, with a group of channels for each run."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

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
    if _has_hooks(model):
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


def _has_hooks(module: nn.Module) -> bool:
    """Whether the module has hooks; PyTorch has no public name for them."""
    return any(
        getattr(module, kind)
        for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    )


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
