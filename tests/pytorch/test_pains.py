"""Pains of users of schedulers that no other test here covers; the number is that of the pain in the list."""

import pytest
import torch
from torch.optim import SGD

import stepsize as ss
from stepsize.pytorch import Scheduler


def optimizer(groups=1):
    return SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(groups)], lr=0.1)


def update(scheduler):
    scheduler.optimizer.step()
    scheduler.step()


def test_pain_3_planning_touches_no_optimizer_and_nesting_changes_nothing():
    driven = optimizer()
    warm, flat, down = ss.Linear(0.0, 0.3, 5), ss.Constant(0.3, 5), ss.Cosine(0.3, 0.0, 5)
    left, right = (warm >> flat) >> down, warm >> (flat >> down)
    assert driven.param_groups[0] == {**driven.param_groups[0], "lr": 0.1}
    assert "initial_lr" not in driven.param_groups[0]
    rates = []
    for plan in (left, right):
        scheduler = Scheduler(driven, plan)
        rates.append([])
        for _ in range(20):
            rates[-1] += scheduler.get_last_lr()
            scheduler.seek(scheduler.position + 1)
    assert rates[0] == rates[1] == left.sample(20).tolist()


def test_pain_4_any_function_of_the_step_is_a_schedule():
    scheduler = Scheduler(optimizer(), lambda step: 0.1 / (1 + step))
    scheduler.seek(9)
    assert scheduler.get_last_lr() == [0.01]
    assert ss.Function(lambda step: 0.1 / (1 + step)).sample(3).tolist() == [0.1, 0.05, pytest.approx(0.1 / 3)]


def test_pain_8_a_warmup_a_floor_and_a_stable_phase_are_one_operator_each():
    plan = ss.warmup(ss.Constant(0.3, 10) >> ss.Cosine(0.3, 0.0, 10), 5).clip(0.01, 0.3)
    scheduler = Scheduler(optimizer(), plan)
    seen = []
    for position in (0, 5, 14, 25):
        scheduler.seek(position)
        seen += scheduler.get_last_lr()
    assert seen == [0.01, 0.3, 0.3, 0.01]


def test_pain_9_the_first_update_has_init_lr_and_the_last_of_the_warmup_is_one_below_the_peak():
    scheduler = Scheduler(optimizer(), ss.warmup_cosine(0.3, 3, 10, init_lr=0.15, final_lr=0.03))
    rates = []
    for _ in range(11):
        rates += scheduler.get_last_lr()
        update(scheduler)
    assert rates[:4] == pytest.approx([0.15, 0.2, 0.25, 0.3])
    assert rates[10] == 0.03


def test_pain_17_the_preview_is_the_very_value_that_trains():
    plan = ss.wsd(0.3, 2, 5, 3)
    scheduler = Scheduler(optimizer(), plan)
    preview = scheduler.schedules["lr"]
    assert preview is plan
    rates = []
    for _ in range(10):
        rates += scheduler.get_last_lr()
        update(scheduler)
    assert rates == preview.sample(10).tolist()
    assert "<svg" in preview._repr_svg_()


def test_pain_19_each_distinct_curve_is_computed_once_a_step():
    calls = []

    def curve(step):
        calls.append(step)
        return 0.1

    scheduler = Scheduler(optimizer(groups=100), curve)
    calls.clear()
    update(scheduler)
    assert calls == [1]
