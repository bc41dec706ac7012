"""Models, optimizers and loaders that a range test must leave as they were, and what "as they were" means."""

import copy
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

X = torch.linspace(-1.0, 1.0, 48)[:, None]
Y = X**2 + 0.1 * torch.sin(40 * X)


class Counting(nn.Module):
    """A model of the user's own with everything a forward pass may change: draws, statistics, counters, a state."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(1, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.3)
        self.leave = nn.Linear(8, 1)
        self.frozen = nn.Linear(8, 8)
        self.frozen.requires_grad_(False)
        self.frozen.eval()
        self.register_buffer("mean", torch.zeros(8), persistent=False)
        self.calls = 0
        self.hidden = None
        self.history = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.drop(torch.relu(self.norm(self.enter(inputs))))
        self.mean.mul_(0.9).add_(hidden.detach().mean(dim=0))
        self.hidden = hidden.detach()
        self.history.append(float(random.random() + np.random.random()))  # noqa: NPY002
        return self.leave(self.frozen(hidden))


def made(optimizer: str = "sgd", **settings: Any) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The model and an optimizer of torch.optim by name, from one seed."""
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    model = Counting()
    kinds = {kind.lower(): found for kind, found in vars(torch.optim).items()}
    return model, kinds[optimizer]([p for p in model.parameters() if p.requires_grad], lr=0.05, **settings)


def loader(**settings: Any) -> DataLoader:
    return DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, **settings)


def update(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> float:
    inputs, targets = batch
    loss = mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Any, epochs: int = 2) -> list[float]:
    return [update(model, optimizer, batch) for _ in range(epochs) for batch in batches]


def state_of(model: nn.Module, *others: Any) -> Any:
    """All there is, as a tree of values that `same` compares: tensors by their bits and their identity."""
    modules = [{key: value for key, value in vars(module).items() if key != "_modules"} for module in model.modules()]
    gradients = [parameter.grad for parameter in model.parameters()]
    draws = (random.getstate(), np.random.get_state(), torch.get_rng_state().numpy())  # noqa: NPY002
    return frozen([modules, gradients, [vars(other) for other in others], draws])


def frozen(value: Any) -> Any:
    if isinstance(value, Tensor):
        return (id(value), value.dtype, value.requires_grad, value.detach().clone())
    if isinstance(value, dict):
        return [type(value), [(key if isinstance(key, str | int) else id(key), frozen(v)) for key, v in value.items()]]
    if isinstance(value, list | tuple):
        return [type(value), [frozen(item) for item in value]]
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return copy.copy(value) if isinstance(value, int | float | str | bool | None) else id(value)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, Tensor):
        return isinstance(right, Tensor) and left.shape == right.shape and bytes_of(left) == bytes_of(right)
    if isinstance(left, list | tuple):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def bytes_of(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
