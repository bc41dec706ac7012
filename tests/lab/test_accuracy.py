"""Accuracy is shown only if it means something, and a plateau that waits for it gets it."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

import stepsize as ss
from stepsize.errors import RunError
from stepsize.lab import Task, train
from stepsize.pytorch import Plateau, Scheduler

N = 64
X = torch.linspace(-1.0, 1.0, N)[:, None]


def trained(model, targets, loss, lr=0.1, **more):
    torch.manual_seed(0)
    task, network = Task(model, (X, targets), (X, targets), loss, **more), model()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    return train(network, task, optimizer, lr, epochs=2, batch_size=16)


NONE = {
    "binary logits": (lambda: nn.Linear(1, 1), (X > 0).float(), functional.binary_cross_entropy_with_logits),
    "regression": (lambda: nn.Linear(1, 1), X, functional.mse_loss),
    "regression of several numbers": (lambda: nn.Linear(1, 3), X.expand(N, 3), functional.mse_loss),
    "one flat logit": (
        lambda: nn.Sequential(nn.Linear(1, 1), nn.Flatten(0)),
        (X[:, 0] > 0).float(),
        functional.binary_cross_entropy_with_logits,
    ),
}


@pytest.mark.parametrize("name", NONE)
def test_what_has_no_classes_has_no_accuracy(name):
    log = trained(*NONE[name])
    assert all(math.isnan(record.train_accuracy) for record in [*log.points, *log.epochs])
    assert all(math.isnan(record.test_accuracy) for record in log.epochs)


def test_classes_of_pixels_count_by_share():
    targets = torch.stack([(X[:, 0] > 0).long()] * 5, dim=1)
    model = lambda: nn.Sequential(nn.Linear(1, 10), nn.Unflatten(1, (2, 5)))  # noqa: E731
    log = trained(model, targets, functional.cross_entropy, lr=1.0)
    assert 0.8 < log.epochs[-1].test_accuracy <= 1.0


def test_a_count_above_the_number_of_samples_is_refused():
    with pytest.raises(RunError, match=r"right of (16|64) samples"):
        trained(*NONE["regression"], correct=lambda outputs, targets: torch.tensor(100.0))


@pytest.mark.parametrize("theirs", [True, False])
def test_a_plateau_in_mode_max_gets_the_accuracy(theirs):
    torch.manual_seed(0)
    model = nn.Linear(1, 2)
    task = Task(lambda: model, (X, (X[:, 0] > 0).long()), (X, (X[:, 0] > 0).long()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    if theirs:
        scheduler = ReduceLROnPlateau(optimizer, mode="max", patience=50)
    else:
        scheduler = Scheduler(optimizer, ss.Constant(0.3), feedback=Plateau(mode="max", patience=50))
    log = train(model, task, optimizer, scheduler, epochs=3, batch_size=16)
    accuracies = [record.test_accuracy for record in log.epochs]
    best = scheduler.best if theirs else scheduler.feedback.state_dict()["best"]
    assert best == pytest.approx(max(accuracies), abs=1e-4)


def test_a_plateau_in_mode_max_is_refused_without_an_accuracy():
    model = nn.Linear(1, 1)
    task = Task(lambda: model, (X, X), (X, X), functional.mse_loss)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = Scheduler(optimizer, ss.Constant(0.1), feedback=Plateau(mode="max"))
    with pytest.raises(RunError, match=r'mode="max".*has none'):
        train(model, task, optimizer, scheduler, epochs=2, batch_size=16)
