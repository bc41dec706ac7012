"""Unusual tasks that are right, and tasks whose mistakes would show late or never."""

import pytest
import torch
from own_tasks import X
from torch import nn

from stepsize.errors import ArgumentError, RunError, StateError
from stepsize.lab import Experiment, Task, compare, train
from stepsize.lab.engines import stacked
from stepsize.lab.engines.stack import Stack

pytestmark = pytest.mark.usefixtures("one_thread")


def task_of(network, **more):
    given = {"train": (X, 2 * X), "test": (X, 2 * X), "loss": nn.functional.mse_loss, "correct": None}
    return Task(network, **(given | more))


def trained(task, **settings):
    model = task.initial_model(0)
    return train(model, task, torch.optim.SGD(model.parameters(), lr=0.1), 0.1, epochs=2, batch_size=16, **settings)


class Shifting(nn.Linear):
    def forward(self, x):
        return super().forward(x.add_(1.0))


def test_a_network_that_works_in_place_leaves_the_samples_as_they_are():
    task = task_of(lambda: Shifting(1, 1))
    before = task.test[0].clone()
    first = trained(task)
    assert torch.equal(task.test[0], before)
    assert [epoch.test_loss for epoch in trained(task).epochs] == [epoch.test_loss for epoch in first.epochs]


def test_volumes_can_be_trained_on():
    x = torch.randn(8, 1, 4, 4, 4)
    net = lambda: nn.Sequential(nn.Conv3d(1, 2, 3), nn.Flatten(), nn.Linear(16, 1))  # noqa: E731
    assert trained(task_of(net, train=(x, x[:, 0, 0, 0, :1]), test=(x, x[:, 0, 0, 0, :1]))).status == "finished"


@pytest.mark.parametrize("name", ["one_for_all", "one_in_all"])
def test_a_network_that_is_returned_twice_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(
        RunError,
        match=r"gave the same network, or a part of it, twice, so one run would start with the weights of another; "
        r"make "
        r"a new network within the function$",
    ):
        compare(Experiment({"flat": "Constant(0.1)"}, f"own_tasks:{name}", device="cpu"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_frozen_part_may_be_shared_by_two_networks():
    frozen = nn.Linear(1, 1).requires_grad_(False)
    task = task_of(lambda: nn.Sequential(frozen, nn.Linear(1, 1)))
    assert task.initial_model(0) is not task.initial_model(0)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            lambda a, b: (a - b) ** 2,
            r"must be a tensor of shape \(\), got a tensor of shape \(16, 1\); take the mean over the samples$",
        ),
        (lambda a, b: 0.5, r"^the loss of the task 'task' must be a tensor of shape \(\), got 0.5"),
        (
            lambda a, b: ((a - b) ** 2).mean().detach(),
            r"^the loss of the task 'task' has no gradient; remove what cuts it off from the outputs, such as "
            r"\.detach\(\)"
            r", \.item\(\) or torch\.no_grad\(\)$",
        ),
    ],
)
def test_a_loss_that_is_not_a_scalar_with_a_gradient_is_refused(loss, words):
    with pytest.raises(RunError, match=words):
        trained(task_of(lambda: nn.Linear(1, 1), loss=loss))


def test_a_loss_of_shape_1_is_accepted():
    log = trained(task_of(lambda: nn.Linear(1, 1), loss=lambda a, b: ((a - b) ** 2).mean(dim=0)))
    assert log.epochs[-1].test_loss < log.epochs[0].test_loss


def test_a_correct_function_that_returns_no_count_is_refused():
    with pytest.raises(
        RunError,
        match=r"`correct` of the task 'task' must return the number of right samples as a tensor of shape \(\), "
        r"got 'all'",
    ):
        trained(task_of(lambda: nn.Linear(1, 1), correct=lambda a, b: "all"))


@pytest.mark.parametrize("name", ["hooked", "with_a_number"])
def test_networks_whose_gradients_differ_in_a_stack_are_refused_by_stacked(name):
    asked = Experiment({"flat": "Constant(0.1)"}, f"own_tasks:{name}", device="cpu", engine="stacked")
    with pytest.raises(
        ArgumentError, match=r"can be stacked \(its gradients differ in a stack, .*; write engine='local'"
    ):
        stacked.check(asked)


def test_a_checkpoint_of_other_stacked_networks_is_refused():
    def stack(width):
        task = task_of(lambda: nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)))
        return Stack(task, (0, 1), torch.device("cpu"), "fp32")

    eight = stack(8)
    eight.load(stack(8).state())
    with pytest.raises(ValueError, match="the parameters differ in their names or shapes"):
        eight.load(stack(9).state())


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    def run(width, stop):
        task = task_of(lambda: nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)))
        model = task.initial_model(0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        settings = {"batch_size": 16, "log_every": 1, "should_stop": stop, "checkpoint": tmp_path / "run.pt"}
        train(model, task, optimizer, 0.1, epochs=2, **settings)

    run(8, lambda: True)
    with pytest.raises(
        StateError, match=r"run.pt is a checkpoint of another network; restore that network in the task, or delete it"
    ):
        run(9, lambda: False)
