import math

import loader_tasks
import own_tasks
import pytest
import torch

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Task, find_rate, load_task, train, train_grid
from stepsize.lab.finding import Grid
from stepsize.lab.optimizers import make_optimizer


def test_the_losses_are_the_first_of_a_run_with_the_same_seed():
    """Network, order and random draws are those of the run: the same rates give the same losses, with dropout too."""
    task = own_tasks.dropping()
    for seed in (0, 3):
        test = find_rate(task, batch_size=16, seeds=[seed], start_lr=1e-4, end_lr=0.1, steps=8, device="cpu")
        model = task.initial_model(seed)
        optimizer = make_optimizer("sgd", model.parameters(), 0.1)
        log = train(model, task, optimizer, test.schedule, epochs=2, batch_size=16, seed=seed, log_every=1)
        assert [point.train_loss for point in log.points] == list(test.runs[0].losses)
        assert test.runs[0].seed == seed


@pytest.mark.parametrize(
    "task", [own_tasks.line(), loader_tasks.task_of(loader_tasks.drawing())], ids=["samples", "loaders"]
)
def test_every_update_is_observed_with_its_rate_and_its_loss(task):
    seen = []
    test = find_rate(task, steps=9, seeds=(0, 5), end_lr=0.01, device="cpu", observe=lambda *each: seen.append(each))
    rates = test.rates.tolist()
    assert seen == [(step, rates[step], run.losses[step]) for run in test.runs for step in range(9)]


def test_the_losses_of_a_loader_are_the_first_of_a_run_with_the_same_seed():
    def noisy():
        return loader_tasks.task_of(loader_tasks.drawing())  # its data set keeps a generator of its own

    test = find_rate(noisy(), seeds=[3], start_lr=1e-4, end_lr=0.1, steps=8, device="cpu")
    task = noisy()
    model = task.initial_model(3)
    log = train(
        model, task, make_optimizer("sgd", model.parameters(), 0.1), test.schedule, epochs=2, seed=3, log_every=1
    )
    assert [point.train_loss for point in log.points] == list(test.runs[0].losses)
    with pytest.raises(ArgumentError, match=r"find_rate\(batch_size=...\) must be left out"):
        find_rate(task, batch_size=16)


def test_each_seed_has_its_network_and_the_random_state_is_unchanged():
    before = torch.get_rng_state()
    test = find_rate(load_task("digits"), "adamw", batch_size=64, seeds=(0, 1, 2), steps=40)
    assert torch.equal(torch.get_rng_state(), before)
    assert len({run.losses[0] for run in test.runs}) == 3
    assert (test.band[0] < test.band[1]).all()


class Counted(torch.nn.Module):
    """A loss that grows with its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, outputs, targets):
        self.calls += 1
        targets = targets[-1] if isinstance(targets, list) else targets  # the whole batch of a loader
        return self.calls * torch.nn.functional.mse_loss(outputs, targets)


@pytest.mark.parametrize("loader", [False, True], ids=["samples", "loader"])
def test_the_state_of_the_loss_is_restored_after_each_seed(loader):
    loss, samples = Counted(), torch.utils.data.TensorDataset(X, Y[:, None])
    train = torch.utils.data.DataLoader(samples, 16) if loader else (X, Y[:, None])
    task = Task(lambda: torch.nn.Linear(3, 1), train, train, loss, None)
    both = find_rate(task, seeds=(0, 1), steps=5, end_lr=0.01, device="cpu")
    assert loss.calls == 0
    assert both.runs[1] == find_rate(task, seeds=(1,), steps=5, end_lr=0.01, device="cpu").runs[0]


class TooLong(list):
    """A loader that says a higher number of batches than it gives."""

    def __len__(self):
        return 7


def test_a_pass_may_have_another_number_of_batches_than_the_loader_says():
    batches = [(own_tasks.X, own_tasks.X), (own_tasks.X, own_tasks.X)]
    test = find_rate(loader_tasks.task_of(TooLong(batches)), steps=9, end_lr=0.01, device="cpu")
    assert len(test.losses) == 9


def test_a_small_training_set_is_repeated_in_another_order():
    test = find_rate(own_tasks.line(), batch_size=64, steps=30, start_lr=1e-9, end_lr=1e-8)
    assert len(test.losses) == 30
    assert test.losses == pytest.approx([test.losses[0]] * 30, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 0}, "find_rate\\(batch_size=...\\) must be a whole number of at least 1"),
        ({"seeds": ()}, "at least one item"),
        ({"seeds": (0, 0)}, "find_rate\\(seeds=...\\) must be different from one another"),
        ({"optimizer": "addam"}, "did you mean"),
        ({"start_lr": 1.0, "end_lr": 0.1}, "below the last rate"),
        ({"closure": print}, "find_rate has no argument 'closure'; the task has its own"),
        ({"loss_fn": print, "batches": []}, "(?s)has no argument 'loss_fn'.*has no argument 'batches'"),
    ],
)
def test_invalid_arguments_are_refused(settings, words):
    with pytest.raises(ArgumentError, match=words):
        find_rate(own_tasks.line(), **settings)


X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(dim=1)


def test_a_lazy_network_is_refused():
    task = Task(lambda: torch.nn.LazyLinear(1), (X, Y[:, None]), (X, Y[:, None]), torch.nn.functional.mse_loss, None)
    with pytest.raises(RunError, match="has lazy layers without parameters; call it on one input within the function"):
        find_rate(task)


def test_outputs_that_broadcast_against_the_targets_are_refused():
    task = Task(lambda: torch.nn.Linear(3, 1), (X, Y), (X, Y), torch.nn.functional.mse_loss, None)
    with pytest.raises(RunError, match=r"the outputs of the task 'task' have shape \(64, 1\) and the targets \(64,\)"):
        find_rate(task)


def test_a_network_of_3d_convolutions_is_tested():
    images, net = X.reshape(3, 1, 4, 4, 4), lambda: torch.nn.Sequential(torch.nn.Conv3d(1, 1, 4), torch.nn.Flatten())
    task = Task(net, (images, Y[:3, None]), (images, Y[:3, None]), torch.nn.functional.mse_loss, None)
    assert len(find_rate(task, steps=3, end_lr=1e-5, device="cpu").losses) == 3


def test_rates_that_agree_in_six_digits_are_one_rate(tmp_path, in_process):
    grid = train_grid([0.1, 0.1 + 1e-12], tmp_path / "out", task="own_tasks:line", epochs=1)
    assert list(grid.losses) == [grid.best] == pytest.approx([0.1])


def test_a_grid_is_a_comparison_on_held_out_samples(tmp_path, in_process):
    grid = train_grid(
        [10.0, 0.1, 0.001, 0.1], tmp_path / "out", task="own_tasks:line", epochs=3, batch_size=16, seeds=(0, 1)
    )
    assert list(grid.losses) == [0.001, 0.1, 10.0]
    assert grid.comparison.experiment.held_out
    assert grid.best == 0.1
    for run in grid.comparison.runs:
        assert run.epochs[-1].test_loss in grid.losses[float(run.name)]


def test_a_rate_that_diverges_after_some_epochs_has_no_loss(tmp_path, in_process):
    grid = train_grid([0.1, 10.0], tmp_path / "out", task="own_tasks:line", epochs=30, batch_size=16)
    assert grid.comparison.runs[1].epochs
    assert math.isnan(grid.losses[10.0][0])
    assert grid.best == 0.1


def test_a_rate_that_diverges_with_any_seed_is_not_the_best():
    losses = {0.1: (1.0, 1.0), 1.0: (0.1, math.nan), 10.0: (math.nan, math.nan)}
    assert Grid(losses, None).best == 0.1
    assert Grid({0.1: (1.0, 1.0), 1.0: (0.1, 3.0)}, None).best == 0.1, "the mean counts, not the best seed"
    assert Grid({1.0: (math.nan,)}, None).best is None


@pytest.mark.parametrize(
    ("rates", "settings", "words"),
    [
        ([], {}, "at least one item"),
        ([0.1, 0.0], {}, "> 0"),
        ([0.1], {"schedules": {}}, "has no argument 'schedules'; the rates are its schedules"),
    ],
)
def test_invalid_grids_are_refused(rates, settings, words):
    with pytest.raises(ArgumentError, match=words):
        train_grid(rates, **settings)


def test_the_suggested_rate_trains_the_digits():
    task = load_task("digits")
    rate = find_rate(task, "adamw", batch_size=64).suggest().rate
    model = task.initial_model(0)
    log = train(model, task, make_optimizer("adamw", model.parameters(), rate), rate, epochs=5, batch_size=64)
    assert log.epochs[-1].test_accuracy > 0.9
