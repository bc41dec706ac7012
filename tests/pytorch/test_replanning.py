"""A plan that is changed on the way: replanned, cooled down, continued by a tail."""

import json

import pytest
from driven import PLAN, sgd, weight
from torch.optim import SGD, Adam

import stepsize as ss
from stepsize.errors import ArgumentError, StateError
from stepsize.plots import plot_schedules
from stepsize.pytorch import Scheduler


def test_replanning_keeps_the_past_and_starts_the_new_part_on_its_own_clock():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(10)
    whole = scheduler.replan(ss.Linear(PLAN(10), 0.0, 4))
    assert whole["lr before"] == PLAN
    assert str(whole["lr after"]) == (
        f"Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.01, 15).head(5) >> Linear({PLAN(10)}, 0.0, 4)"
    )
    assert whole["lr after"].sample(14).tolist() == (PLAN.head(10) >> ss.Linear(PLAN(10), 0.0, 4)).sample(14).tolist()
    assert scheduler.get_last_lr() == [PLAN(10)]
    scheduler.seek(12)
    assert scheduler.get_last_lr() == [PLAN(10) / 2]


def test_a_replanned_state_is_taken_over_by_the_program_that_began_with_the_old_plan():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(10)
    scheduler.replan(ss.Linear(PLAN(10), 0.0, 4))
    scheduler.seek(12)
    again = Scheduler(sgd(), PLAN)
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == [PLAN(10) / 2]
    other = Scheduler(sgd(), ss.Constant(0.1))
    with pytest.raises(StateError, match="another plan"):
        other.load_state_dict(scheduler.state_dict())


def test_a_plan_may_be_changed_any_number_of_times():
    scheduler = Scheduler(sgd(), PLAN)
    for epoch in range(1, 300):
        scheduler.seek(10 * epoch)
        scheduler.replan(ss.Constant(0.1 / epoch))
    again = Scheduler(sgd(), PLAN)
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert again.get_last_lr() == [0.1 / 299]
    again.seek(25)
    assert again.get_last_lr() == [0.1 / 2]


def test_a_plan_that_ended_long_ago_holds_its_end_until_the_new_part():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(50)
    plan = scheduler.replan(ss.Constant(0.2))["lr after"]
    assert plan.sample(52).tolist() == (PLAN.head(50) >> ss.Constant(0.2)).sample(52).tolist()


def test_a_changed_plan_with_a_function_that_no_state_can_hold_is_refused():
    scheduler = Scheduler(sgd(), lambda step: 1 / (1 + step))
    scheduler.seek(20)
    scheduler.cool_down(10)
    scheduler.seek(25)
    again = Scheduler(sgd(), lambda step: 1 / (1 + step))
    with pytest.raises(
        StateError,
        match=r"function without a name, which no state can hold; define it in a module as "
        r'Function\("package\.module:name"\), or keep this plan with on_change="keep"$',
    ):
        again.load_state_dict(scheduler.state_dict())
    assert again.position == 0
    keeping = Scheduler(sgd(), lambda step: 1 / (1 + step), on_change="keep")
    keeping.replan(ss.Constant(0.7))
    with pytest.warns(
        UserWarning,
        match="the saved plan was replanned with a function without a name, which no state can hold; "
        "this scheduler continues with the plan that it began with, lr=Function",
    ):
        keeping.load_state_dict(scheduler.state_dict())
    assert (keeping.position, keeping.get_last_lr()) == (25, [1 / 26])


def test_the_result_of_replan_can_be_plotted():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(10)
    axes = plot_schedules(scheduler.cool_down(4, shape="1-sqrt"))
    assert [line.get_label().split(":")[0] for line in axes.lines[:2]] == ["lr before", "lr after"]


def test_replanning_a_list_or_a_mapping_needs_the_same_form():
    scheduler = Scheduler(sgd(0.1, 0.2), [PLAN, ss.Constant(0.2)])
    scheduler.seek(10)
    scheduler.replan([ss.Constant(0.3), ss.Linear(0.2, 0.0, 10)])
    scheduler.seek(15)
    assert scheduler.get_last_lr() == [0.3, 0.1]
    with pytest.raises(ArgumentError, match="in the form of the plan"):
        scheduler.replan(ss.Constant(0.3))
    with pytest.raises(ArgumentError, match=r"replan\(lr=\.\.\.\) must be a finite number"):
        scheduler.replan(float("nan"))
    with pytest.raises(ArgumentError, match="the plan has no 'momentum'"):
        scheduler.replan(momentum=0.9)
    assert scheduler.get_last_lr() == [0.3, 0.1]


def test_a_mapping_may_be_replanned_for_some_of_its_names():
    optimizer = SGD([{"params": [weight()], "name": name} for name in ("body", "head")], lr=0.1)
    scheduler = Scheduler(optimizer, {"body": ss.Linear(1.0, 0.0, 10), "head": 0.2})
    scheduler.seek(5)
    scheduler.replan({"head": 0.3})
    assert scheduler.get_last_lr() == [0.5, 0.3]
    with pytest.raises(ArgumentError, match="in the form of the plan"):
        scheduler.replan({"haed": 0.3})


def test_a_tuple_is_replanned_by_a_tuple_of_its_length():
    scheduler = Scheduler(sgd(kind=Adam), PLAN, betas=(ss.Linear(0.9, 0.95, 10), 0.999))
    scheduler.seek(10)
    for wrong in (0.5, (0.5,), (0.5, 0.9, 0.9)):
        with pytest.raises(
            ArgumentError, match=r"replan\(betas=...\) must be a schedule that can follow \(Linear\(0.9, "
        ):
            scheduler.replan(betas=wrong)
    scheduler.replan(betas=(0.5, ss.Linear(0.9, 0.99, 10)))
    scheduler.seek(15)
    assert scheduler.optimizer.param_groups[0]["betas"] == (0.5, pytest.approx(0.945))


def test_a_cooldown_brings_every_rate_down():
    scheduler = Scheduler(sgd(0.1, 0.2), [ss.Constant(0.1), ss.Constant(0.2)])
    scheduler.seek(10)
    scheduler.cool_down(4)
    scheduler.seek(12)
    assert scheduler.get_last_lr() == [0.05, 0.1]
    scheduler.seek(99)
    assert scheduler.get_last_lr() == [0.0, 0.0]


def test_a_longer_version_of_the_plan_is_continued_by_its_tail():
    longer = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 95)
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(5)
    scheduler.replan(longer.tail(5))
    scheduler.seek(50)
    assert scheduler.get_last_lr() == [pytest.approx(longer(50))]


def test_a_state_from_before_a_cooldown_can_be_loaded():
    scheduler = Scheduler(sgd(), lambda step: 0.1)
    scheduler.seek(10)
    stable = scheduler.state_dict()
    scheduler.cool_down(5)
    scheduler.seek(13)
    scheduler.load_state_dict(stable)
    scheduler.seek(13)
    assert scheduler.get_last_lr() == [0.1]


def test_a_cooldown_leaves_the_other_hyperparameters_alone():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, weight_decay=ss.Linear(0.1, 0.0, 100))
    scheduler.seek(10)
    scheduler.cool_down(10)
    scheduler.seek(50)
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (0.0, 0.05)


def test_a_program_that_writes_the_changed_plan_itself_goes_on():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(4)
    scheduler.cool_down(3)
    again = Scheduler(sgd(), scheduler.schedules["lr"])
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr()
