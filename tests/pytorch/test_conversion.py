"""From PyTorch's schedulers to schedules, and back. That the rates are the same is in lr_scheduler/test_values.py."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR

import stepsize as ss
from pytorch.lr_scheduler import drawn
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, as_lambda, from_torch, lr_scheduler
from stepsize.pytorch.lr_scheduler.conversion import lambda_lr


def sgd(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates or (0.1,)]
    return SGD(groups, lr=0.1, momentum=0.9)


def rates_of(scheduler, steps):
    return [row[0] for row in drawn.course(scheduler.optimizer, scheduler, steps)]


@pytest.mark.parametrize(
    ("make", "schedule"),
    [
        (lambda o: StepLR(o, 30, 0.5), ss.Staircase(0.1, 0.5, 30)),
        (lambda o: ExponentialLR(o, 0.9), ss.Exponential(0.1, 0.9)),
        (lambda o: LinearLR(o, 0.5, total_iters=10), ss.Linear(0.05, 0.1, 10)),
        (lambda o: PolynomialLR(o, 10, 2.0), ss.Polynomial(0.1, 0.0, 10, 2.0)),
        (
            lambda o: CosineAnnealingLR(o, 10, 0.01),
            (ss.Cosine(0.1, 0.01, 10) >> ss.Cosine(0.01, 0.1, 10)).repeat(np.inf),
        ),
        (
            lambda o: ChainedScheduler([ExponentialLR(o, 0.9), StepLR(o, 5)]),
            ss.Exponential(0.1, 0.9) * (ss.Staircase(0.1, 0.1, 5) / 0.1),
        ),
        (lambda o: LambdaLR(o, drawn.slope), 0.1 * ss.Function(drawn.slope)),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 10, 0.01), ss.Cosine(0.1, 0.01, 10)),
    ],
)
def test_from_torch_gives_the_schedule_that_one_would_write(make, schedule):
    assert from_torch(make(sgd())) == (schedule,)


def test_each_group_has_its_own_schedule():
    assert from_torch(ExponentialLR(sgd(0.1, 0.2), 0.5)) == (ss.Exponential(0.1, 0.5), ss.Exponential(0.2, 0.5))


def test_pain_17_reading_changes_neither_scheduler_nor_optimizer():
    optimizer = sgd()
    warmup, decay = LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, 20)
    scheduler = SequentialLR(optimizer, [warmup, decay], [5])
    drawn.course(optimizer, scheduler, 8)
    before = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    (schedule,) = from_torch(scheduler)
    schedule.sample(50)
    assert (optimizer.state_dict(), scheduler.state_dict()) == before


def test_a_run_goes_on_under_our_scheduler_where_pytorchs_stopped():
    optimizer = sgd()
    scheduler = SequentialLR(
        optimizer, [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, 20)], [5]
    )
    drawn.course(optimizer, scheduler, 8)
    driver = Scheduler(optimizer, list(from_torch(scheduler)))
    plan = ss.Linear(0.01, 0.1, 5) >> ss.Cosine(0.1, 0.0, 20)
    for position in range(scheduler.last_epoch, 20):
        driver.seek(position)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(plan(position))


def test_past_the_end_it_does_what_pytorch_does():
    scheduler = OneCycleLR(sgd(), 0.5, total_steps=10, anneal_strategy="linear", final_div_factor=2)
    (schedule,) = from_torch(scheduler)
    rates = rates_of(scheduler, 10)
    assert schedule(10) == pytest.approx(rates[10])
    assert rates[10] < 0.0
    assert schedule(500) == schedule(10)  # where PyTorch raises, there is nothing to be like
    assert from_torch(ConstantLR(sgd(), 0.5, 0))[0](9) == 0.05
    assert from_torch(LinearLR(sgd(), 0.5, total_iters=0))[0](9) == 0.05
    assert from_torch(PolynomialLR(sgd(), 0))[0](9) == 0.1


def test_a_cyclic_alone_is_its_cycle():
    (schedule,) = from_torch(CyclicLR(sgd(0.7), 0.25, 0.5, 4))
    assert str(schedule) == "0.25 + 0.25 * Triangle(0.0, 1.0, 4, 4).repeat(inf)"


def test_the_first_rate_of_a_cyclic_after_another_scheduler_is_the_others():
    optimizer = sgd(0.7)
    ExponentialLR(optimizer, 0.5)
    scheduler = CyclicLR(optimizer, 0.1, 0.3, 4)
    (schedule,) = from_torch(scheduler)
    assert schedule.sample(12) == pytest.approx(rates_of(scheduler, 11))


@pytest.mark.filterwarnings("ignore:Detected call of")  # PyTorch steps them at construction
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_sequences_that_pytorch_runs_ahead_within_sequences_are_read_as_they_run(depth):
    optimizer = sgd()
    scheduler = SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 9), ExponentialLR(optimizer, 0.9)], [4])
    for _ in range(depth):
        scheduler = SequentialLR(optimizer, [scheduler, StepLR(optimizer, 3, 0.5)], [8])
    (before,) = from_torch(scheduler)
    rates = rates_of(scheduler, 15)
    (after,) = from_torch(scheduler)
    assert before.sample(16) == pytest.approx(rates)
    assert after.sample(16) == pytest.approx(rates)


def test_weight_averaging_starts_at_the_rate_it_found():
    optimizer = sgd()
    swa = SWALR(optimizer, 0.02, anneal_epochs=5, anneal_strategy="linear")
    optimizer.param_groups[0]["lr"] = 0.07
    assert from_torch(swa) == (ss.Linear(0.07, 0.02, 5),)
    drawn.course(optimizer, swa, 3)
    assert from_torch(swa)[0].sample(5) == pytest.approx(ss.Linear(0.07, 0.02, 5).sample(5))


def test_weight_averaging_may_begin_late_and_may_take_no_time():
    assert from_torch(SWALR(sgd(), 0.02, anneal_epochs=0)) == (ss.Constant(0.02),)
    assert from_torch(SWALR(sgd(), 0.02, anneal_epochs=5)) == (ss.Cosine(0.1, 0.02, 5),)
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 0.1
    swa = SWALR(optimizer, 0.02, anneal_epochs=5, anneal_strategy="linear", last_epoch=9)
    for steps in (0, 3, 9):  # before, during and after
        drawn.course(optimizer, swa, steps)
        assert from_torch(swa) == (ss.Linear(0.1, 0.02, 5).shift(10),)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LinearLR(o, 0.3, 1.0, 7.5),
        lambda o: LinearLR(o, 0.3, 0.0, 7.9),
        lambda o: LinearLR(o, 0.3, 1.0, 0.5),
        lambda o: ConstantLR(o, 0.3, 7.5),
        lambda o: CosineAnnealingLR(o, 7.5),
        lambda o: CosineAnnealingLR(o, 7.3, 0.01),
        lambda o: CosineAnnealingLR(o, 0.7),
        lambda o: CyclicLR(o, 0.1, 0.2, 2.5),
        lambda o: CyclicLR(o, 0.1, 0.2, 2, 2.5),
        lambda o: SequentialLR(o, [LinearLR(o, 0.3, 1.0, 7.5), CosineAnnealingLR(o, 12.6)], [10]),
    ],
)
def test_lengths_that_are_fractions_are_read_as_pytorch_runs_them(make):
    scheduler = make(sgd())
    (schedule,) = from_torch(scheduler)
    rates = rates_of(scheduler, 60)
    assert schedule.sample(61) == pytest.approx(rates, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", [OneCycleLR, lr_scheduler.OneCycleLR])
@pytest.mark.parametrize("pct_start", [0.0, 0.05, 0.09, 1.0])
def test_a_cycle_whose_phase_ends_before_it_begins_is_read_as_pytorch_runs_it(kind, pct_start):
    scheduler = kind(sgd(), 0.5, total_steps=10, pct_start=pct_start)
    (schedule,) = from_torch(scheduler)
    ends = kind is not OneCycleLR or pct_start == 1.0  # PyTorch's class divides by 0 at step 10 of the last
    assert schedule.steps == (9 if ends else 10)
    rates = rates_of(scheduler, schedule.steps)
    assert schedule.sample(schedule.steps + 1) == pytest.approx(rates, rel=1e-9, abs=1e-12)


CHAINED = [
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 10), ss.Cosine(0.1, 0.0, 10) / 0.1),
    (lambda o: ConstantLR(o, 0.5, 4), (ss.Constant(0.05, 4) >> ss.Constant(0.1)) / 0.1),
    (lambda o: CosineAnnealingLR(o, 10), None),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 10, 0.01), None),
    (lambda o: ConstantLR(o, 0.0, 20), None),
]


@pytest.mark.parametrize(("make", "factor"), CHAINED, ids=range(len(CHAINED)))
def test_a_part_of_a_chain_that_multiplies_is_a_factor_and_another_is_replayed(make, factor):
    optimizer = sgd()
    scheduler = ChainedScheduler([StepLR(optimizer, 5, 0.5), make(optimizer)])
    (schedule,) = from_torch(scheduler)
    if factor is None:
        assert isinstance(schedule, ss.Function)
    else:
        assert schedule == ss.Staircase(0.1, 0.5, 5) * factor
    assert schedule.sample(10) == pytest.approx(rates_of(scheduler, 9), rel=1e-9, abs=1e-12)


def test_a_replay_beyond_a_held_end_warns_of_nothing():
    optimizer = sgd()
    parts = [lr_scheduler.StepLR(optimizer, 5, 0.5), lr_scheduler.CosineAnnealingLR(optimizer, 10, 0.01)]
    (schedule,) = from_torch(lr_scheduler.ChainedScheduler(parts))
    assert schedule.sample(15)[10:].tolist() == [0.01] * 5


def test_a_lambdalr_of_a_schedule_keeps_the_ratio_of_a_group_to_the_default_rate():
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.2}, {"params": [torch.zeros(1)]}]
    assert lambda_lr(SGD(groups, lr=0.4), ss.Constant(0.1)).get_last_lr() == [0.05, 0.1]


def test_a_chain_within_a_chain_is_read():
    optimizer = sgd()
    inner = ChainedScheduler([ExponentialLR(optimizer, 0.9), StepLR(optimizer, 5)])
    outer = ChainedScheduler([inner, LinearLR(optimizer, 0.5, total_iters=4)])
    (schedule,) = from_torch(outer)
    assert schedule == ss.Exponential(0.1, 0.9) * (ss.Staircase(0.1, 0.1, 5) / 0.1) * (ss.Linear(0.05, 0.1, 4) / 0.1)
    assert schedule.sample(20) == pytest.approx(rates_of(outer, 19))


class OfNoRates(LRScheduler):
    """A scheduler that computes no rates."""

    def _initial_step(self): ...


class Own(LRScheduler):
    """A scheduler of the user's own."""

    def get_lr(self):
        return [0.1]


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (ReduceLROnPlateau, r"it follows a metric; give Scheduler a schedule and feedback=Plateau\(...\)$"),
        (Own, "Own.get_lr must be PyTorch's own"),
        (
            OfNoRates,
            r"must be of a class of torch.optim.lr_scheduler, got .*; write its rates as Function\(\.\.\.\) of",
        ),
        (lambda o: o, "must be a scheduler of torch.optim.lr_scheduler"),
        (lambda o: Scheduler(o, ss.Constant(0.1)), r"its schedules are in scheduler\.schedules"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 3), ChainedScheduler([StepLR(o, 3)])], [5]),
            "a single scheduler, got .*; PyTorch raises NotImplementedError at the milestone; put its parts into",
        ),
    ],
)
def test_schedulers_without_a_function_of_the_step_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        from_torch(make(sgd()))


def test_a_chain_without_a_common_clock_is_refused():
    optimizer = sgd()
    one, other = StepLR(optimizer, 3), ExponentialLR(optimizer, 0.9)
    drawn.course(optimizer, one, 2)
    with pytest.raises(ArgumentError, match="must be all at the same step"):
        from_torch(ChainedScheduler([one, other]))


def test_a_sequence_whose_part_has_made_steps_of_its_own_is_refused():
    optimizer = sgd()
    parts = [StepLR(optimizer, 3, 0.5), ExponentialLR(optimizer, 0.9)]
    scheduler = SequentialLR(optimizer, parts, [4])
    drawn.course(optimizer, scheduler, 2)
    parts[0].step()
    with pytest.raises(ArgumentError) as caught:
        from_torch(scheduler)
    assert str(caught.value) == (
        "the present part of SequentialLR must be at step 2, by the clock of the sequence, got 3"
    )


def test_as_lambda_gives_a_lambdalr_the_schedules_rates():
    plan = ss.Linear(0.1, 0.4, 5) >> ss.Cosine(0.4, 0.0, 15)
    scheduler = LambdaLR(sgd(0.2, 0.4), [as_lambda(plan, base_lr=0.2), as_lambda(plan, base_lr=0.4)])
    rows = drawn.course(scheduler.optimizer, scheduler, 20)
    np.testing.assert_allclose([row[0] for row in rows], plan.sample(21), rtol=1e-12)
    np.testing.assert_allclose([row[2] for row in rows], plan.sample(21), rtol=1e-12)
    assert as_lambda(ss.Linear(0.0, 1.0, 4))(1) == 0.25


def test_as_lambda_pickles_and_leaves_the_state_as_it_is():
    function = pickle.loads(pickle.dumps(as_lambda(ss.Linear(0.0, 1.0, 4))))
    assert function(2) == 0.5
    assert LambdaLR(sgd(), function).state_dict()["lr_lambdas"] == [{}]
    with pytest.raises(ArgumentError, match="base_lr"):
        as_lambda(ss.Constant(0.1), base_lr=0.0)
    with pytest.raises(ArgumentError, match="a schedule"):
        as_lambda(0.1)
