"""`auto=True`: the scheduler counts the updates that are really made, and no others."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch.amp import GradScaler
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
from torch.optim import SGD, AdamW
from torch.optim.optimizer import register_optimizer_step_post_hook

import stepsize as ss
from stepsize.errors import ArgumentError, DriverError, StepError
from stepsize.pytorch import Scheduler

PLAN = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 15)


def sgd(kind=SGD, **more):
    return kind([torch.nn.Parameter(torch.ones(2))], lr=0.1, **more)


def update(optimizer, gradient=1.0):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()


def rate(optimizer):
    return optimizer.param_groups[0]["lr"]


def test_pain_2_each_update_moves_the_schedule_and_step_does_nothing():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    used = []
    for _ in range(25):
        used.append(rate(optimizer))
        update(optimizer)
        scheduler.step()  # as a framework does, once or several times
        scheduler.step()
    assert used == PLAN.sample(25).tolist()
    assert scheduler.position == 25


def test_pain_2_accumulated_micro_batches_count_once():
    optimizer, model = sgd(), torch.ones(2, requires_grad=True)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    for number in range(1, 13):
        (model * 2.0).sum().backward()
        if number % 4 == 0:
            update(optimizer)
    assert scheduler.position == 3


def test_under_auto_a_scheduler_lives_as_long_as_its_optimizer():
    optimizer = sgd()
    scheduler = weakref.ref(Scheduler(optimizer, PLAN, auto=True))
    gc.collect()
    update(optimizer)
    assert rate(optimizer) == PLAN(1)
    gone = weakref.ref(optimizer)
    gc.disable()  # without the collector's help
    try:
        del optimizer
        assert gone() is None
        assert scheduler() is None
    finally:
        gc.enable()


def test_an_error_names_an_optimizer_that_is_gone():
    scheduler = Scheduler(sgd(), PLAN, auto=True)
    gc.collect()
    with pytest.raises(
        DriverError, match="the optimizer of this scheduler is gone; keep a reference to it under auto=True"
    ):
        scheduler.seek(3)


class Inheriting(SGD):
    """An optimizer whose step calls its parent's, as many of other people's do."""

    def step(self, closure=None):
        return super().step(closure)


def test_only_the_outermost_step_of_an_optimizer_counts():
    sgd()  # PyTorch puts its hooks around the parent's step too, once there has been one of the parent's
    optimizer = sgd(kind=Inheriting)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    for _ in range(3):
        update(optimizer)
    assert scheduler.position == 3


def test_a_step_that_raises_leaves_the_count_right():
    class Failing(Inheriting):
        fails = False

        def step(self, closure=None):
            super().step(closure)
            if self.fails:
                raise RuntimeError("no update")

    optimizer = sgd(kind=Failing)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    optimizer.fails = True
    with pytest.raises(RuntimeError):
        update(optimizer)
    optimizer.fails = False
    update(optimizer)
    assert scheduler.position == 2


def test_another_hook_that_raises_leaves_the_count_right():
    optimizer = sgd()

    def failing(*_):
        raise RuntimeError("another hook")

    optimizer.register_step_post_hook(failing)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    everywhere = register_optimizer_step_post_hook(failing)
    try:
        for done in (1, 2, 3):
            with pytest.raises(RuntimeError, match="another hook"):
                update(optimizer)
            assert (scheduler.position, rate(optimizer)) == (done, PLAN(done))
    finally:
        everywhere.remove()


def test_a_warning_raised_as_an_error_leaves_the_count_right():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    optimizer.param_groups[0]["lr"] = 5.0
    with pytest.raises(UserWarning, match="something else has set it"):  # the tests turn warnings into errors
        update(optimizer)
    assert (scheduler.position, rate(optimizer)) == (1, PLAN(1))


def test_a_schedule_that_fails_leaves_the_count_right():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, lambda step: -1.0 if step == 2 else 0.1 * (step + 1), auto=True)
    update(optimizer)
    with pytest.raises(StepError, match="step 2"):
        update(optimizer)
    assert (scheduler.position, rate(optimizer)) == (2, 0.2)
    update(optimizer)
    assert (scheduler.position, rate(optimizer)) == (3, pytest.approx(0.4))


@pytest.mark.parametrize("fused", [False, True])
def test_pain_10_an_update_that_the_grad_scaler_skips_does_not_count(fused):
    optimizer = sgd(kind=AdamW, fused=fused)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    scaler = GradScaler("cpu", init_scale=8.0)
    (parameter,) = optimizer.param_groups[0]["params"]
    counted = []
    for factor in (1.0, float("inf"), 1.0, float("nan"), 1.0):
        optimizer.zero_grad()
        scaler.scale((parameter * factor).sum()).backward()
        before = parameter.detach().clone()
        scaler.step(optimizer)
        scaler.update()
        counted.append(scheduler.position)
        if counted[-1] == len(counted) == 1:
            assert torch.equal(parameter, before)  # the rate was 0
    assert counted == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("tensor", [False, True])
def test_the_dummy_step_of_a_distributed_checkpoint_does_not_count(tensor):
    model = torch.nn.Linear(2, 1)
    optimizer = AdamW(model.parameters(), lr=torch.tensor(0.1) if tensor else 0.1)
    scheduler = Scheduler(optimizer, PLAN, auto=True)  # its first rate is 0, like the dummy's
    get_optimizer_state_dict(model, optimizer)
    assert optimizer.state, "the step was made"
    assert scheduler.position == 0
    model(torch.ones(2)).backward()
    optimizer.step()
    assert (scheduler.position, float(rate(optimizer))) == (1, pytest.approx(PLAN(1)))


def test_several_optimizers_count_one_update_when_each_has_made_one():
    first, second = sgd(), sgd()
    scheduler = Scheduler([first, second], PLAN, auto=True)
    for done in (1, 2, 3):
        update(first)
        assert rate(second) == PLAN(done - 1)
        update(second)
        assert (scheduler.position, rate(first), rate(second)) == (done, PLAN(done), PLAN(done))


def test_a_later_scheduler_takes_over_and_the_earlier_one_warns():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN, auto=True)
    with pytest.warns(UserWarning, match=r"now driven by Scheduler\(lr=0\.5, "):
        second = Scheduler(optimizer, ss.Constant(0.5), auto=True)
    update(optimizer)
    assert (second.position, rate(optimizer)) == (1, 0.5)
    with pytest.raises(DriverError, match="now driven by"):
        first.step()


def test_nothing_is_counted_while_paused():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    with scheduler.paused():
        for trial in (1e-3, 1e-2, 1e-1):
            optimizer.param_groups[0]["lr"] = trial
            update(optimizer)
            scheduler.step()
            assert rate(optimizer) == trial
    assert (scheduler.position, rate(optimizer)) == (1, PLAN(1))
    update(optimizer)
    assert scheduler.position == 2


def test_a_closed_scheduler_no_longer_follows_the_optimizer():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    scheduler.close()
    update(optimizer)
    assert (scheduler.position, rate(optimizer)) == (0, 0.0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"])
def test_a_copied_scheduler_counts_the_updates_of_a_copied_optimizer(copied):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    again = copied(scheduler)
    update(again.optimizer)
    assert (scheduler.position, again.position) == (1, 2)
    assert (rate(optimizer), rate(again.optimizer)) == (PLAN(1), PLAN(2))


def test_the_replays_of_a_cuda_graph_cannot_be_counted(monkeypatch):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_current_stream_capturing", lambda: True)
    with pytest.raises(DriverError) as caught:
        update(optimizer)
    assert scheduler.position == 1
    assert str(caught.value) == (
        "auto=True cannot count the replays of a CUDA graph; "
        "leave auto out, use a tensor for the rate, and call step() after each replay"
    )


def test_tokens_cannot_be_counted_by_updates():
    with pytest.raises(ArgumentError, match="advance"):
        Scheduler(sgd(), PLAN, auto=True, clock="tokens")


class DeepSpeedOptimizer:
    """Stands for a wrapper of DeepSpeed's, which needs a GPU: the module's name is what tells it."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


DeepSpeedOptimizer.__module__ = "deepspeed.runtime.zero.stage_1_and_2"


def test_deepspeeds_wrapper_is_taken_off_and_refused_under_auto():
    optimizer = sgd()
    scheduler = Scheduler(DeepSpeedOptimizer(optimizer), PLAN)
    assert scheduler.optimizer is optimizer
    with pytest.raises(
        ArgumentError, match=r"must be False for the optimizers of DeepSpeed, which .*; call step\(\) after each"
    ):
        Scheduler(DeepSpeedOptimizer(optimizer), PLAN, auto=True)


def test_a_rate_of_zero_in_one_group_makes_no_dummy_step():
    optimizer = SGD([{"params": [torch.nn.Parameter(torch.ones(2))]} for _ in range(2)], lr=0.1)
    scheduler = Scheduler(optimizer, ss.Constant(0.1), auto=True)
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.warns(UserWarning, match="the update used that value, and the next one will use the schedule's$"):
        update(optimizer, gradient=0.0)
    assert scheduler.position == 1


def test_after_a_seek_each_optimizer_makes_an_update_before_the_next_is_counted():
    first, second = sgd(), sgd()
    scheduler = Scheduler([first, second], PLAN, auto=True)
    update(first)
    update(second)
    update(first)
    scheduler.seek(3)
    update(second)
    assert scheduler.position == 3
    update(first)
    assert scheduler.position == 4


def test_a_resume_knows_which_optimizers_have_updated():
    critic, generator = sgd(), sgd()
    scheduler = Scheduler([critic, generator], PLAN, auto=True)

    def round_of(critic, generator):
        for _ in range(5):
            update(critic)
        update(generator)

    with pytest.warns(
        UserWarning,
        match="optimizer 1 of this scheduler has made no update yet, so the updates of the others are counted without "
        "it until its first$",
    ):
        round_of(critic, generator)
    round_of(critic, generator)
    position, state = scheduler.position, scheduler.state_dict()
    critic, generator = sgd(), sgd()
    again = Scheduler([critic, generator], PLAN, auto=True)
    again.load_state_dict(state)
    round_of(critic, generator)
    assert again.position == position + 1


def test_a_wrapper_that_the_inner_optimizer_knows_is_followed_to_its_end():
    class Wrapper:
        def __init__(self, optimizer):
            self.optimizer, optimizer.outer = optimizer, self

        @property
        def param_groups(self):
            return self.optimizer.param_groups

        def step(self):
            self.optimizer.step()

    inner = sgd()
    wrapper = Wrapper(inner)
    scheduler = Scheduler(wrapper, PLAN, auto=True)
    update(wrapper)
    assert scheduler.position == 1


def test_updates_that_bypass_step_cause_one_warning():
    class Manual(SGD):
        @torch.no_grad()
        def second_step(self):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter -= group["lr"]

    optimizer = sgd(Manual)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    scheduler.step()
    optimizer.second_step()
    with pytest.warns(
        UserWarning,
        match=r"has counted no update, but the parameters change, so optimizer.step\(\) does not update them; "
        r"leave auto out, and call scheduler.step\(\) after each update$",
    ):
        scheduler.step()
    for _ in range(2):
        optimizer.second_step()
        scheduler.step()


def test_an_optimizer_that_stops_causes_one_warning():
    first, second = sgd(), sgd()
    scheduler = Scheduler([first, second], PLAN, auto=True)
    update(first)
    update(second)
    for _ in range(99):
        update(first)
    with pytest.warns(
        UserWarning,
        match="optimizer 1 has made no update, and the others 100; the position waits for it. If it has stopped, make "
        "a Scheduler without it$",
    ):
        update(first)
    for _ in range(200):
        update(first)
    assert scheduler.position == 1


def test_a_copy_knows_which_optimizers_have_never_updated():
    critic, generator = sgd(), sgd()
    scheduler = Scheduler([critic, generator], PLAN, auto=True)
    update(critic)
    with pytest.warns(UserWarning, match="optimizer 1 of this scheduler has made no update yet"):
        update(critic)
    again = copy.deepcopy(scheduler)
    update(again.optimizer)
    assert (scheduler.position, again.position) == (2, 3)


def test_a_state_knows_which_optimizers_have_never_updated():
    generator, critic = sgd(), sgd()
    scheduler = Scheduler([generator, critic], PLAN, auto=True)
    update(critic)
    with pytest.warns(UserWarning, match="optimizer 0 of this scheduler has made no update yet"):
        update(critic)
    resumed = [sgd(), sgd()]
    again = Scheduler(resumed, PLAN, auto=True)
    again.load_state_dict(scheduler.state_dict())
    update(resumed[1])
    assert again.position == scheduler.position + 1 == 3
