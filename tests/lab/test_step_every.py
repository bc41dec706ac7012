"""What `train` does with schedulers, functions and plateaus that count epochs or follow a metric."""

import warnings

import pytest
import torch
from torch import nn
from torch.optim import SGD, lr_scheduler

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.lab import Task, train
from stepsize.pytorch import Plateau, Scheduler

X = torch.linspace(-1.0, 1.0, 64)[:, None]
SIGNS = Task(lambda: nn.Linear(1, 2), (X, (X[:, 0] > 0.3).long()), (X, (X[:, 0] > 0.3).long()), name="signs")
UPDATES = 16  # of an epoch, in batches of 4
PER_EPOCH = {
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 1, 0.5),
    "Scheduler": lambda optimizer: Scheduler(optimizer, ss.Exponential(0.2, 0.5)),
    "function": lambda optimizer: lambda epoch: 0.2 * 0.5**epoch,
    "schedule": lambda optimizer: ss.Exponential(0.2, 0.5),
    "text": lambda optimizer: 'Exponential(0.2, 0.5, "1ep").head("100%")',
    "plan": lambda optimizer: "Plan(lr=Exponential(0.2, 0.5), momentum=0.0)",
}


def trained(make, **settings):
    model = SIGNS.initial_model(0)
    optimizer = SGD(model.parameters(), lr=0.2)
    return train(model, SIGNS, optimizer, make(optimizer), **{"epochs": 3, "batch_size": 4, **settings})


@pytest.mark.parametrize("kind", PER_EPOCH)
def test_with_step_every_epoch_a_rate_lasts_for_an_epoch(kind):
    log = trained(PER_EPOCH[kind], step_every="epoch", log_every=10)
    assert [point.lr for point in log.points] == [0.2] * 2 + [0.1] * 2 + [0.05] * 2


@pytest.mark.parametrize("kind", ["StepLR", "function"])
def test_a_run_that_counts_epochs_goes_on_from_its_checkpoint(kind, tmp_path):
    whole = trained(PER_EPOCH[kind], step_every="epoch", log_every=10)
    seen = []
    stopped = {"checkpoint": tmp_path / "run.pt", "should_stop": lambda: len(seen) >= 4, "observe": seen.append}
    first = trained(PER_EPOCH[kind], step_every="epoch", log_every=10, **stopped)
    assert first.status == "interrupted"
    rest = trained(PER_EPOCH[kind], step_every="epoch", log_every=10, checkpoint=tmp_path / "run.pt")
    assert first.points + rest.points == whole.points
    assert first.epochs + rest.epochs == whole.epochs


def test_a_plateau_of_pytorch_that_counts_epochs_is_stepped_with_the_metric_alone():
    def make(optimizer):
        return lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=1.0)

    by_epoch, by_update = (trained(make, step_every=each, epochs=4).points for each in ("epoch", "update"))
    assert by_epoch == by_update
    assert by_epoch[-1].lr < 0.2


TOO_FAST = {
    "last of the milestones of MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 3]),
    "T_max of CosineAnnealingLR lies within the first epoch": lambda o: lr_scheduler.CosineAnnealingLR(o, 3),
    "total_iters of PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 3),
    "StepLR multiplies the rate by 1e-16": lambda o: lr_scheduler.StepLR(o, 2),
    "ExponentialLR multiplies the rate by 8e-08": lambda o: lr_scheduler.ExponentialLR(o, 0.6),
    "CosineAnnealingLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=1), lr_scheduler.CosineAnnealingLR(o, 2)], [1]
    ),
}


@pytest.mark.parametrize("message", TOO_FAST)
def test_a_scheduler_that_counts_epochs_and_is_stepped_after_each_update_is_pointed_out(message):
    with pytest.warns(UserWarning, match=rf'{message}.* each of the 16 updates .* write step_every="epoch"'):
        trained(TOO_FAST[message], epochs=2)
    trained(TOO_FAST[message], epochs=2, step_every="epoch")  # warnings are errors
    trained(TOO_FAST[message], epochs=1)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: lr_scheduler.MultiStepLR(o, [10, 20]),
        lambda o: lr_scheduler.MultiStepLR(o, [8, 16]),  # as long as an epoch
        lambda o: lr_scheduler.CosineAnnealingLR(o, 32),
        lambda o: lr_scheduler.StepLR(o, 20, 0.5),
        lambda o: lr_scheduler.ExponentialLR(o, 0.99),
        lambda o: lr_scheduler.ExponentialLR(o, 1.001),
        lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=10),
    ],
)
def test_a_scheduler_that_counts_updates_is_not(make):
    with warnings.catch_warnings(record=True) as caught:
        trained(make, epochs=2)
    assert caught == []


class Halving:
    """Feedback of a user's own, which does not say what it follows."""

    def __init__(self):
        self.seen = []

    def observe(self, metric):
        self.seen.append(metric)
        return 0.5 ** len(self.seen)

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


@pytest.mark.parametrize("metric", ["test_loss", "test_accuracy", "train_loss", "train_accuracy"])
def test_the_user_chooses_what_a_scheduler_follows(metric):
    own = Halving()
    log = trained(lambda optimizer: Scheduler(optimizer, 0.2, feedback=own), metric=metric)
    assert own.seen == [getattr(epoch, metric) for epoch in log.epochs]
    kept = {"mode": "max" if "accuracy" in metric else "min", "patience": 0, "threshold": 0.2}
    by_argument = trained(lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, **kept), metric=metric, epochs=8)
    of_plateau = trained(lambda optimizer: Scheduler(optimizer, 0.2, feedback=Plateau(**kept, metric=metric)), epochs=8)
    assert [each.lr for each in of_plateau.points] == pytest.approx([each.lr for each in by_argument.points])
    assert of_plateau.points[-1].lr < 0.2


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (
            lambda o: Scheduler(o, 0.1, feedback=Halving()),
            {},
            r"given for a Halving, which has neither a metric nor a mode.*; write e.g. metric='test_loss'",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o), {"metric": "test_accuracy"}, 'higher one .* write mode="max"'),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o), {"metric": "val_loss"}, 'did you mean "train_loss"'),
        (lambda o: 0.1, {"metric": "test_loss"}, "left out, because lr does not follow a metric"),
        (lambda o: 0.1, {"step_every": "batch"}, '"update" or "epoch", got \'batch\''),
        (lambda o: 0.1, {"device": "abacus"}, r'train\(device=...\) must be "auto" or "cpu" on this machine'),
    ],
)
def test_settings_that_do_not_fit_are_refused(make, settings, message):
    with pytest.raises(ArgumentError, match=message):
        trained(make, **settings)


def test_the_device_is_auto_by_default():
    model = SIGNS.initial_model(0)
    train(model, SIGNS, SGD(model.parameters(), lr=0.1), 0.1, epochs=1)
    assert next(model.parameters()).device.type == ("cuda" if torch.cuda.is_available() else "cpu")
