"""Several parameter groups: their ratios, lists and names, groups that join, leave or take another's place."""

import pickle

import pytest
from driven import PLAN, rates_used, sgd, update, weight
from torch.optim import SGD

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.pytorch import Plateau, Scheduler


def test_pain_12_a_relative_schedule_keeps_the_ratios_of_the_groups():
    optimizer = sgd(0.1, 0.01)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(5)
    assert scheduler.get_last_lr() == [0.05, 0.005]
    assert scheduler.base_lrs == [0.1, 0.01]


def test_pain_12_one_schedule_for_different_rates_is_refused_without_relative():
    optimizer = sgd(0.1, 0.01)
    with pytest.raises(ArgumentError) as caught:
        Scheduler(optimizer, PLAN)
    assert str(caught.value) == (
        "Scheduler(relative=...) must be given if the groups' rates differ (0.01, 0.1), got None; write relative=True "
        "to multiply each group's own rate, relative=False to give all the same rate, or give lr as a list or a "
        "mapping by name"
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    assert "initial_lr" not in optimizer.param_groups[0]
    assert Scheduler(optimizer, ss.Constant(0.3), relative=False).get_last_lr() == [0.3, 0.3]


def test_base_rates_that_an_earlier_scheduler_has_overwritten_differ_all_the_same():
    optimizer = sgd(0.1, 0.01)
    Scheduler(optimizer, ss.Constant(0.0), relative=False).close()
    with pytest.raises(ArgumentError, match=r"groups' rates differ \(0.01, 0.1\)"):
        Scheduler(optimizer, PLAN)


def test_a_group_that_is_added_after_another_was_removed_takes_its_place_in_a_list():
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, [ss.Constant(0.3), ss.Constant(0.5)])
    del optimizer.param_groups[0]
    optimizer.add_param_group({"params": [weight()]})
    assert scheduler.get_last_lr() == [0.5, 0.3]


def test_a_list_gives_each_group_its_own():
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, [ss.Constant(0.3), ss.Linear(1.0, 0.0, 2)])
    scheduler.seek(1)
    assert scheduler.get_last_lr() == [0.3, 0.5]


def test_a_mapping_uses_the_groups_names_and_leaves_other_groups_alone():
    optimizer = SGD([{"params": [weight()], "name": "body"}, {"params": [weight()]}], lr=0.1)
    Scheduler(optimizer, {"body": 0.3})
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.1]


def test_pain_12_a_group_added_later_joins_on_the_common_clock_with_its_own_base():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(4)
    optimizer.add_param_group({"params": [weight()], "lr": 1.0})
    update(optimizer)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.5]


def test_a_group_added_under_a_list_is_an_error_that_names_its_index():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, [PLAN])
    optimizer.add_param_group({"params": [weight()]})
    with pytest.raises(
        ArgumentError,
        match=r"must be a list with a schedule for parameter group 1 too, got .*; give one schedule for all groups, or "
        "name the groups and give a mapping$",
    ):
        update(optimizer)
    assert scheduler.position == 0


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_the_other_groups_go_on_when_one_is_removed(removed):
    optimizer = sgd(0.1, 0.2, 0.3)
    plans = [ss.Constant(1.0) * rate for rate in (1.0, 2.0, 3.0)]
    schedulers = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True), Scheduler(optimizer, momentum=plans)
    del optimizer.param_groups[removed]
    schedulers[0].seek(2)
    schedulers[1].seek(2)
    rates = [rate for index, rate in enumerate((0.08, 0.16, 0.24)) if index != removed]
    assert schedulers[0].get_last_lr() == pytest.approx(rates)
    assert [group["momentum"] for group in optimizer.param_groups] == [
        momentum for index, momentum in enumerate((1.0, 2.0, 3.0)) if index != removed
    ]


def test_groups_that_are_replaced_moved_or_rebuilt_have_the_right_base_rates():
    optimizer = sgd(0.1, 0.2, 0.3)
    scheduler = Scheduler(optimizer, ss.Constant(0.8), relative=True)
    first = optimizer.param_groups.pop(0)
    optimizer.add_param_group({"params": first["params"], "lr": 0.9})
    update(optimizer)
    assert scheduler.get_last_lr() == pytest.approx([0.16, 0.24, 0.72])
    optimizer.param_groups.reverse()
    optimizer.param_groups[1] = {**optimizer.param_groups[1]}
    scheduler.seek(3)
    assert scheduler.get_last_lr() == pytest.approx([0.72, 0.24, 0.16])


@pytest.mark.parametrize("looks", [False, True])
def test_a_group_added_late_has_its_rate_at_the_very_next_update(looks):
    optimizer = sgd(1.0)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10))
    scheduler.seek(9)
    optimizer.add_param_group({"params": [weight()], "lr": 1.0})
    if looks:
        scheduler.state_dict()
    used = []
    optimizer.register_step_pre_hook(lambda o, *_: used.extend(group["lr"] for group in o.param_groups))
    update(optimizer)
    assert used == pytest.approx([0.1, 0.1])


def test_a_late_group_without_the_hyperparameter_is_named():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, momentum=ss.Constant(0.9))
    optimizer.param_groups.append({"params": [weight()], "lr": 0.1})
    with pytest.raises(ArgumentError, match="parameter group 1 has no 'momentum'; known are lr"):
        scheduler.seek(3)


def test_a_group_that_joins_an_optimizer_in_the_middle_has_its_own_base():
    first, second = sgd(0.1), sgd(0.2)
    scheduler = Scheduler([first, second], ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(1)
    first.add_param_group({"params": [weight()], "lr": 1.0})
    assert scheduler.get_lr() == pytest.approx([0.09, 0.9, 0.18])
    assert scheduler.get_last_lr() == pytest.approx([0.09, 0.9, 0.18])


def test_a_state_saved_just_after_a_group_has_joined_can_be_loaded():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True, feedback=Plateau(patience=0))
    scheduler.observe(1.0)
    optimizer.add_param_group({"params": [weight()], "lr": 0.5})
    assert scheduler.observe(2.0)
    again = Scheduler(sgd(0.1, 0.5), ss.Linear(1.0, 0.0, 10), relative=True, feedback=Plateau(patience=0))
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr() == pytest.approx([0.01, 0.05])


def test_a_group_that_takes_anothers_place_is_driven():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 3)
    optimizer.param_groups.clear()
    optimizer.add_param_group({"params": [weight()], "lr": 0.9})
    update(optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == PLAN(4)


def test_names_missing_in_a_loaded_state_are_kept():
    unnamed = sgd(0.1, 0.2).state_dict()
    optimizer = SGD([{"params": [weight()], "name": "body"}, {"params": [weight()], "name": "head"}], lr=0.1)
    scheduler = Scheduler(optimizer, {"head": PLAN})
    optimizer.load_state_dict(unnamed)
    assert [group["name"] for group in optimizer.param_groups] == ["body", "head"]
    assert scheduler.get_last_lr()[1] == PLAN(0)


def test_a_base_rate_is_the_one_that_an_earlier_scheduler_found():
    optimizer = sgd(0.1, 0.2)
    Scheduler(optimizer, ss.Constant(0.5), relative=True).close()
    assert Scheduler(optimizer, ss.Constant(0.5), relative=True).get_last_lr() == [0.05, 0.1]


def test_stepping_works_when_all_driven_groups_are_gone():
    optimizer = SGD([{"params": [weight()], "name": "body"}, {"params": [weight()], "name": "head"}], lr=0.1)
    scheduler = Scheduler(optimizer, {"head": PLAN})
    update(optimizer)
    scheduler.step()
    optimizer.param_groups.pop()
    update(optimizer)
    scheduler.step()
    optimizer.param_groups.clear()
    scheduler.step()
    assert (scheduler.position, scheduler.get_last_lr()) == (3, [])


def test_names_that_are_numbers_are_names():
    optimizer = SGD([{"params": [weight()], "name": index} for index in range(2)], lr=0.5)
    scheduler = Scheduler(optimizer, {0: 0.1, 1: 0.2})
    assert scheduler.values() == {"lr/0": 0.1, "lr/1": 0.2}


def test_a_group_added_late_has_the_multiplier_of_the_feedback():
    optimizer = sgd(0.5)
    scheduler = Scheduler(optimizer, 1.0, feedback=Plateau(patience=0, factor=0.5))
    assert [scheduler.observe(1.0) for _ in range(2)] == [False, True]
    optimizer.add_param_group({"params": [weight()]})
    assert scheduler.get_last_lr() == [0.5, 0.5]


def test_a_group_added_just_before_a_reduction_is_reduced_as_far_as_the_others():
    optimizer = sgd(0.4)
    scheduler = Scheduler(optimizer, 0.4, feedback=Plateau(patience=0, factor=0.5, min_lr=0.3))
    scheduler.observe(1.0)
    optimizer.add_param_group({"params": [weight()]})
    assert scheduler.observe(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.3, 0.3])


def test_a_group_added_while_paused_has_its_initial_rate_afterwards():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, 2.0, relative=True)
    with scheduler.paused():
        optimizer.add_param_group({"params": [weight()], "lr": 0.4})
    assert (scheduler.get_last_lr(), optimizer.param_groups[1]["initial_lr"]) == ([0.2, 0.8], 0.4)


def test_a_closed_scheduler_can_still_be_read_when_a_group_is_added():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, 0.3)
    scheduler.close()
    optimizer.add_param_group({"params": [weight()], "lr": 0.4})
    assert scheduler.get_lr() == scheduler.get_last_lr() == [0.3, 0.4]


def test_groups_of_the_same_name_are_distinguished_by_index():
    groups = [{"params": [weight()], "name": "w", "lr": rate} for rate in (0.1, 0.2)]
    scheduler = Scheduler(SGD(groups), ss.Constant(1.0), relative=True)
    assert scheduler.values() == {"lr/w#0": 0.1, "lr/w#1": 0.2}


def test_the_base_of_a_late_group_is_what_it_had_before_a_pause():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, ss.Constant(1.0), relative=True)
    optimizer.add_param_group({"params": [weight()], "lr": 0.2})
    with scheduler.paused():
        for group in optimizer.param_groups:
            group["lr"] = 5.0
    assert scheduler.get_last_lr() == [0.1, 0.2]


@pytest.mark.parametrize(
    "change", [lambda o: o.add_param_group({"params": [weight()]}), lambda o: o.param_groups.pop(0)]
)
def test_a_copy_has_the_present_groups(change):
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(3)
    change(optimizer)
    again = pickle.loads(pickle.dumps(scheduler))
    assert again.get_last_lr() == scheduler.get_last_lr()
