"""One run: equal to the plain loop in every bit, and the effect of every setting."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_loop import plain_loop
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

import stepsize as ss
from stepsize import Horizon
from stepsize.errors import ArgumentError, ParseError, RunError, StepError
from stepsize.lab.tasks.images import DEBIAN_FOLDER, digits, digits_net, fashion_mnist, lenet
from stepsize.lab.training.loop import train
from stepsize.pytorch import Plateau, Scheduler
from stepsize.store.run import Epoch, Point

pytestmark = pytest.mark.usefixtures("one_thread")

TASK = digits()


def first(task, samples):
    """The task with only its first training and test images."""
    train, test = (tuple(part[:samples] for part in pair) for pair in (task.train, task.test))
    return dataclasses.replace(task, train=train, test=test)


SMALL = first(TASK, 100)


def run(lr=0.1, task=SMALL, model=None, optimizer=None, **settings):
    """A short run of the digits' network with SGD."""
    model = model or task.initial_model(0)
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.7)
    return train(model, task, optimizer, lr, **{"epochs": 2, "batch_size": 16, "log_every": 3} | settings)


def losses(log):
    return [point.train_loss for point in log.points] + [epoch.test_loss for epoch in log.epochs]


def rows(records):
    return [dataclasses.astuple(record) for record in records]


def falling(step):
    return 0.4 / (1 + 0.1 * step)


def assert_equals_plain_loop(network, task, seed, batch_size, log_every):
    model = task.initial_model(seed)
    log = train(
        model,
        task,
        torch.optim.SGD(model.parameters(), lr=1.0),
        falling,
        epochs=2,
        batch_size=batch_size,
        seed=seed,
        log_every=log_every,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        points, epochs = plain_loop(network(), task, falling, seed, 2, batch_size, log_every)
    assert rows(log.points) == points
    assert rows(log.epochs) == epochs
    assert len(points) > 4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_run_on_digits_equals_the_plain_loop_bit_for_bit(seed):
    assert_equals_plain_loop(digits_net, TASK, seed, batch_size=32, log_every=10)


@pytest.mark.skipif(not Path(DEBIAN_FOLDER).is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_a_run_on_fashion_mnist_equals_the_plain_loop_bit_for_bit():
    assert_equals_plain_loop(lenet, first(fashion_mnist(), 3000), 0, batch_size=256, log_every=5)


def test_the_small_network_learns_the_digits():
    model = TASK.initial_model(0)
    log = train(model, TASK, torch.optim.Adam(model.parameters()), 0.003, epochs=12, batch_size=64)
    assert log.epochs[-1].test_accuracy > 0.96
    assert log.status == "finished"
    assert log.diverged_at is None
    assert log.seconds > 0


def test_points_come_every_so_many_updates_of_an_epoch_and_at_its_last():
    log = run(batch_size=10, log_every=4)
    assert [point.step for point in log.points] == [4, 8, 10, 14, 18, 20]
    assert [epoch.step for epoch in log.epochs] == [10, 20]


def test_no_point_is_logged_twice_where_the_epoch_ends_on_one():
    assert [point.step for point in run(batch_size=10, log_every=5).points] == [5, 10, 15, 20]


def test_the_rate_of_step_t_is_asked_once_and_written_before_update_t():
    asked, used = [], []

    def rate(step):
        asked.append(step)
        return falling(step)

    model = SMALL.initial_model(0)
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD([{"params": parameters[:2], "lr": 5.0}, {"params": parameters[2:], "lr": 6.0}])
    optimizer.register_step_pre_hook(
        lambda optimizer, *_: used.append([group["lr"] for group in optimizer.param_groups])
    )
    log = run(rate, model=model, optimizer=optimizer)
    assert asked == list(range(14))
    assert used == [[falling(step)] * 2 for step in asked]
    assert [point.lr for point in log.points] == [falling(point.step - 1) for point in log.points]


def test_a_rate_kept_in_a_tensor_is_filled_in_place():
    model = SMALL.initial_model(0)
    rate = torch.tensor(0.7, dtype=torch.float64)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    run(lambda step: 0.25, model=model, optimizer=optimizer)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == 0.25


def test_an_attached_scheduler_trains_as_the_function_of_the_step_does():
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    log = run(LambdaLR(optimizer, lambda step: 2 * falling(step)), model=model, optimizer=optimizer)
    assert rows(log.points) == rows(run(falling).points)


PLATEAU = {"factor": 0.5, "patience": 0, "threshold": 0.2}


def test_a_scheduler_that_follows_a_metric_gets_the_test_loss_of_each_epoch():
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    log = run(ReduceLROnPlateau(optimizer, **PLATEAU), model=model, optimizer=optimizer, epochs=5)
    judge = ReduceLROnPlateau(torch.optim.SGD([torch.zeros(1)], lr=0.5), **PLATEAU)
    expected = [0.5]
    for epoch in log.epochs[:-1]:
        judge.step(epoch.test_loss)
        expected += judge.get_last_lr()
    ends = {epoch.step: rate for epoch, rate in zip(log.epochs, expected, strict=True)}
    assert [point.lr for point in log.points if point.step in ends] == list(ends.values())
    assert len(set(expected)) > 2

    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    ours = Scheduler(optimizer, 0.5, feedback=Plateau(**PLATEAU))
    assert rows(run(ours, model=model, optimizer=optimizer, epochs=5).points) == rows(log.points)


def test_a_number_is_a_constant_rate():
    assert rows(run(0.1).points) == rows(run(lambda step: 0.1).points)


def test_a_text_has_units_of_this_run_and_a_plan_schedules_the_rest():
    text = 'Linear(0.1, 0.3, "1ep") >> Cosine(0.3, 0.0, "rest")'
    log = run(text)
    assert rows(log.points) == rows(run(ss.parse(text, Horizon(samples=100, batch=16, epochs=2))).points)
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.7)
    run(f"Plan(lr={text}, momentum=Linear(0.5, 0.9, 14))", model=model, optimizer=optimizer)
    assert optimizer.param_groups[0]["momentum"] == ss.Linear(0.5, 0.9, 14)(13)


def test_each_update_runs_backward_optimizer_scheduler_zero_grad_in_this_order(monkeypatch):
    calls = []
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = LambdaLR(optimizer, lambda step: 1.0)

    def noted(name, function):
        return lambda *args, **kwargs: (calls.append(name), function(*args, **kwargs))[1]

    monkeypatch.setattr(torch.Tensor, "backward", noted("backward", torch.Tensor.backward))
    optimizer.register_step_post_hook(lambda *_: calls.append("step"))
    monkeypatch.setattr(scheduler, "step", noted("scheduler", scheduler.step))
    monkeypatch.setattr(optimizer, "zero_grad", noted("zero_grad", optimizer.zero_grad))
    run(scheduler, model=model, optimizer=optimizer, batch_size=50, epochs=1)
    assert calls == ["zero_grad"] + ["backward", "step", "scheduler", "zero_grad"] * 2


def test_gradients_left_from_before_the_run_do_not_count():
    model = SMALL.initial_model(0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert rows(run(model=model).points) == rows(run().points)


def test_accumulated_micro_batches_make_the_update_of_one_large_batch():
    whole = SMALL.initial_model(0)
    parts = SMALL.initial_model(0)
    large = run(falling, model=whole, batch_size=64, log_every=1)
    # 100 samples: updates of 64 and of 36, the last micro-batch of which has 4 samples
    small = run(falling, model=parts, batch_size=16, accumulation=4, log_every=1)
    assert [point.step for point in small.points] == [point.step for point in large.points] == [1, 2, 3, 4]
    np.testing.assert_allclose(losses(small), losses(large), rtol=1e-5)
    for part, of_whole in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(part, of_whole, rtol=1e-4, atol=1e-6)


def test_the_order_of_the_samples_does_not_depend_on_the_schedule_or_on_other_draws():
    class Watched(nn.Flatten):
        def forward(self, images):
            seen.append(images.sum(dim=(1, 2, 3)))
            torch.rand(len(seen))
            return super().forward(images)

    orders = []
    for lr in (0.0, falling):
        seen = []
        run(lr, model=nn.Sequential(Watched(), nn.Linear(64, 10)))
        orders.append(torch.cat(seen))
    assert torch.equal(*orders)


def test_the_order_changes_from_epoch_to_epoch_and_from_seed_to_seed():
    first_epoch, second_epoch = (points.train_loss for points in run(0.0, log_every=1).points[::7])
    assert first_epoch != second_epoch
    assert rows(run(seed=0).points) != rows(run(seed=1).points)


def dropout_run(training=True):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)).train(training)
    return model, run(model=model)


def test_dropout_depends_on_the_seed_alone_and_the_callers_random_state_is_untouched():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    _, one = dropout_run()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    _, two = dropout_run()
    assert rows(one.points) == rows(two.points)


def test_the_test_set_is_measured_in_evaluation_mode_and_training_goes_on_in_training_mode():
    model, log = dropout_run()
    assert model.training
    model.eval()
    images, labels = SMALL.test
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(images), labels)
    assert log.epochs[-1].test_loss == pytest.approx(loss.item(), rel=1e-6)


def test_a_model_left_in_evaluation_mode_is_trained_in_training_mode():
    assert rows(dropout_run(training=False)[1].points) == rows(dropout_run()[1].points)


def test_observe_gets_every_point_and_epoch_as_it_is_logged():
    seen = []
    log = run(batch_size=50, log_every=1, observe=seen.append)
    assert [type(record) for record in seen] == [Point, Point, Epoch] * 2
    assert [record for record in seen if isinstance(record, Point)] == list(log.points)
    assert [record for record in seen if isinstance(record, Epoch)] == list(log.epochs)


def test_should_stop_ends_the_run_at_a_point_and_keeps_what_was_logged():
    answers = iter([False, True])
    log = run(should_stop=lambda: next(answers))
    assert log.status == "interrupted"
    assert [point.step for point in log.points] == [3, 6]
    assert log.epochs == ()
    assert log.diverged_at is None


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged():
    log = run(1e20, epochs=50)
    assert log.status == "diverged"
    assert log.diverged_at == log.points[-1].step == 3
    assert not math.isfinite(log.points[-1].train_loss)


def test_a_loss_that_is_infinite_and_none_that_is_high_ends_the_run():
    for added, status in ((math.inf, "diverged"), (1e30, "finished")):
        task = dataclasses.replace(SMALL, loss=lambda a, b, added=added: nn.functional.cross_entropy(a, b) + added)
        assert run(task=task).status == status


def test_a_plateau_hears_nothing_of_an_epoch_that_diverged():
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.7)
    scheduler = Scheduler(optimizer, lambda step: 1e30 if step == 6 else 0.1, feedback=Plateau())
    log = run(scheduler, model=model, optimizer=optimizer, epochs=1)
    assert (log.status, log.diverged_at) == ("diverged", 7)


def test_a_last_update_that_ruins_the_weights_is_diverged_too():
    log = run(lambda step: 1e30 if step == 6 else 0.1, epochs=1)
    assert math.isfinite(log.points[-1].train_loss)
    assert not math.isfinite(log.epochs[-1].test_loss)
    assert (log.status, log.diverged_at) == ("diverged", 7)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_rate_that_is_negative_or_not_finite_is_refused_and_the_step_named(bad):
    with pytest.raises(StepError, match=r"at step 4"):
        run(lambda step: bad if step == 4 else 0.1)


def test_a_rate_that_is_not_a_number_is_refused_and_the_step_named():
    with pytest.raises(StepError, match="got None at step 0"):
        run(lambda step: None)


@pytest.mark.parametrize("factor", [np.array([0.1, 0.2]), math.nan])
def test_a_rate_of_an_attached_scheduler_that_is_not_a_finite_number_is_refused(factor):
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with pytest.raises(RunError, match=r"lr gave (array.*|nan) at step 2; a rate is a finite number that is not neg"):
        run(LambdaLR(optimizer, lambda step: factor if step == 2 else 1.0), model=model, optimizer=optimizer)


def test_a_negative_rate_of_an_attached_scheduler_is_refused_too():
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with pytest.raises(RunError, match=r"^lr gave -0\.5 at step 2; a rate is a finite number that is not negative$"):
        run(LambdaLR(optimizer, lambda step: 1 - step), model=model, optimizer=optimizer)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "accumulation", "log_every"])
@pytest.mark.parametrize("value", [0, 2.5])
def test_a_setting_that_is_not_a_count_is_refused_by_name(name, value):
    with pytest.raises(ArgumentError, match=rf"{name}=\.\.\.\) must be a whole number of at least 1, got {value}"):
        run(**{name: value})


@pytest.mark.parametrize("seed", [-1, 0.5, "0", 2**64])
def test_an_invalid_seed_is_refused(seed):
    with pytest.raises(ArgumentError, match="seed="):
        run(seed=seed)


def test_an_lr_that_cannot_give_rates_is_refused():
    model = SMALL.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    kinds = "a schedule, its text, a function of the step, a number, a Plan or a PyTorch scheduler"
    with pytest.raises(ArgumentError, match=rf"train\(lr=\.\.\.\) must be {kinds}, got \[0\.1\]"):
        run([0.1])
    with pytest.raises(ParseError, match="must be a finite number, got inf"):
        run("inf")
    with pytest.raises(ArgumentError, match="attached to the run's optimizer, got 'LambdaLR'"):
        run(LambdaLR(optimizer, lambda step: 1.0))
