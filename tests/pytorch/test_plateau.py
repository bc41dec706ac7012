"""Plateau feedback, held to PyTorch's ReduceLROnPlateau, and what it does beyond it."""

import json
import math
from inspect import signature

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

import stepsize as ss
from stepsize.errors import ArgumentError, StateError, StepError
from stepsize.pytorch import Plateau, Scheduler

metrics = st.lists(st.floats(-2.0, 2.0).map(lambda x: round(x, 2)), min_size=1, max_size=60)
settings = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.sampled_from([0.1, 0.5, 0.9]),
        "patience": st.integers(0, 4),
        "threshold": st.sampled_from([0.0, 1e-4, 0.1]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3),
        "min_lr": st.sampled_from([0.0, 0.01]),
        "eps": st.sampled_from([1e-8, 0.02]),
    }
)


def sgd(*rates):
    return SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates], lr=0.1)


@given(settings, metrics)
def test_a_constant_rate_with_a_plateau_equals_pytorchs(settings, metrics):
    mine, theirs = sgd(0.5, 0.1), sgd(0.5, 0.1)
    scheduler = Scheduler(mine, ss.Constant(1.0), relative=True, feedback=Plateau(**settings))
    reference = ReduceLROnPlateau(theirs, **settings)
    for metric in metrics:
        scheduler.observe(metric)
        reference.step(metric)
        expected = [group["lr"] for group in theirs.param_groups]
        assert scheduler.get_last_lr() == pytest.approx(expected, rel=1e-12)


def test_its_defaults_are_pytorchs_and_without_a_window_and_its_text_leaves_them_out():
    of_pytorch = {name: each.default for name, each in signature(ReduceLROnPlateau).parameters.items()}
    own = {"window": 1, "nan": "refuse", "metric": None}
    assert Plateau().settings() == {name: of_pytorch[name] for name in Plateau().settings() if name in of_pytorch} | own
    assert str(Plateau()) == "Plateau()"
    every = {"mode": "max", "factor": 0.5, "patience": 2, "threshold": 0.25, "threshold_mode": "abs", "cooldown": 3}
    every |= {"min_lr": 0.125, "eps": 0.0625, "window": 4, "nan": "bad", "metric": "test_loss"}
    assert Plateau(**every).settings() == every
    assert str(Plateau(**every)) == (
        'Plateau(mode="max", factor=0.5, patience=2, threshold=0.25, threshold_mode="abs", cooldown=3, min_lr=0.125, '
        'eps=0.0625, window=4, nan="bad", metric="test_loss")'
    )


@given(settings)
def test_a_text_brings_its_plateau_back(settings):
    assert Plateau.parse(str(Plateau(**settings))) == Plateau(**settings)


def test_pain_7_a_plateau_multiplies_any_schedule():
    plan = ss.Linear(0.0, 0.4, 10) >> ss.Constant(0.4)
    scheduler = Scheduler(sgd(0.1), plan, feedback=Plateau(factor=0.5, patience=0))
    scheduler.observe(1.0)
    scheduler.seek(5)
    assert scheduler.observe(1.0)
    assert scheduler.get_last_lr() == [0.1]
    scheduler.seek(20)
    assert scheduler.get_last_lr() == [0.2]


def test_pain_7_its_state_is_json_and_goes_on_where_it_stood():
    def build():
        return Scheduler(sgd(0.1), ss.Constant(0.4), feedback=Plateau(factor=0.5, patience=1, cooldown=2, window=2))

    values = [1.0, 0.9, 0.95, 0.97, 1.2, 1.1, 1.0, 1.3, 0.2, 0.3, 0.4, 0.5, 0.6]
    whole = build()
    expected = [whole.observe(value) for value in values]
    for at in range(len(values)):
        first = build()
        for value in values[:at]:
            first.observe(value)
        second = build()
        second.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
        assert [second.observe(value) for value in values[at:]] == expected[at:]
        assert second.get_last_lr() == whole.get_last_lr()
    assert any(expected)


def test_a_metric_that_is_not_finite_is_refused_or_counted_as_bad():
    refusing = Scheduler(sgd(0.1), 0.4, feedback=Plateau(patience=0))
    with pytest.raises(ArgumentError, match=r'run, or count it as no improvement with Plateau\(nan="bad"\)$'):
        refusing.observe(math.nan)
    for metric in (math.inf, -math.inf):
        with pytest.raises(
            ArgumentError, match=rf"observe\(metric=...\) must be finite, got {metric}; look at the run"
        ):
            refusing.observe(metric)
    counting = Scheduler(sgd(0.1), 0.4, feedback=Plateau(factor=0.5, patience=1, nan="bad"))
    assert [counting.observe(value) for value in (1.0, math.nan, math.nan)] == [False, False, True]
    assert counting.get_last_lr() == [0.2]


def test_a_window_smooths_the_metric():
    noisy = [1.0 - 0.05 * i + 0.1 * (-1) ** i for i in range(12)]
    raw = Scheduler(sgd(0.1), 0.4, feedback=Plateau(patience=0))
    smooth = Scheduler(sgd(0.1), 0.4, feedback=Plateau(patience=0, window=2))
    reductions = [(raw.observe(value), smooth.observe(value)) for value in noisy]
    assert any(noisy for noisy, _ in reductions)
    assert not any(smooth for _, smooth in reductions)


def test_observing_without_feedback_is_refused_with_advice():
    with pytest.raises(ArgumentError, match=r"must be given for observe\(\), got None; write feedback=Plateau\(\)$"):
        Scheduler(sgd(0.1), 0.4).observe(1.0)


@pytest.mark.parametrize("wrong", [{"factor": 1.0}, {"patience": -1}, {"mode": "less"}, {"window": 0}, {"eps": -1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        Plateau(**wrong)


def test_an_infinite_first_metric_is_not_an_improvement():
    ours, theirs = sgd(0.4), sgd(0.4)
    mine = Scheduler(ours, 0.4, feedback=Plateau(factor=0.5, patience=1, nan="bad"))
    torchs = ReduceLROnPlateau(theirs, factor=0.5, patience=1)
    for _ in range(5):
        mine.observe(math.inf)
        torchs.step(math.inf)
        assert ours.param_groups[0]["lr"] == theirs.param_groups[0]["lr"]


def test_observe_says_whether_a_rate_was_lowered():
    at_the_bottom = Scheduler(sgd(0.1), 0.1, feedback=Plateau(patience=0, min_lr=0.1))
    assert [at_the_bottom.observe(1.0) for _ in range(3)] == [False, False, False]
    by_no_more_than_eps = Scheduler(sgd(1.0), 1.0, feedback=Plateau(patience=0, factor=0.5, eps=0.5))
    assert [by_no_more_than_eps.observe(1.0) for _ in range(3)] == [False, False, False]
    in_a_warmup = Scheduler(sgd(0.1), ss.Linear(0.0, 0.1, 5), feedback=Plateau(patience=0))
    assert [in_a_warmup.observe(1.0) for _ in range(2)] == [False, False]
    for wrong in ("low", "0.1", True, None):
        with pytest.raises(ArgumentError, match="must be a number"):
            in_a_warmup.observe(wrong)


def test_an_invalid_saved_multiplier_is_refused():
    scheduler = Scheduler(sgd(0.1), 0.1, feedback=Plateau())
    state = scheduler.state_dict()
    for wrong in (math.nan, -0.5):
        state["feedback"]["multipliers"] = [wrong]
        with pytest.raises(StateError, match="not that of a Plateau"):
            scheduler.load_state_dict(state)
    for wrong in ([], [1.0, 1.0]):
        state["feedback"]["multipliers"] = wrong
        with pytest.raises(StateError, match="not that of a Plateau"):
            scheduler.load_state_dict(state)
    state["feedback"]["multipliers"] = [0.0]  # with a Plateau's factor of 0
    scheduler.load_state_dict(state)
    assert scheduler.get_lr() == [0.0]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"multiplier": 1.5}, {"multiplier": -0.5}, {"multiplier": "half"}, {"best": "low"}, {"bad": None}),
        *({"cooling": 0.5}, {"recent": ["low"]}, {"recent": None}),
    ],
)
def test_a_state_of_another_form_is_refused_and_nothing_changes(wrong):
    plateau = Plateau(factor=0.5, patience=0)
    plateau.observe(1.0)
    before = plateau.state_dict()
    with pytest.raises(StateError, match="this is not the state of a Plateau"):
        plateau.load_state_dict(before | wrong)
    assert plateau.state_dict() == before


def test_a_state_does_not_change_with_later_metrics_and_may_have_whole_numbers():
    plateau = Plateau(factor=0.5, patience=0, window=2)
    plateau.observe(1.0)
    before = plateau.state_dict()
    plateau.observe(2.0)
    assert before == {"multiplier": 1.0, "best": 1.0, "bad": 0, "cooling": 0, "recent": [1.0]}
    plateau.load_state_dict(before | {"recent": [1]})
    assert plateau.state_dict() == before
    with pytest.raises(StateError):
        plateau.load_state_dict(before | {"recent": [10**400]})


class Given:
    """Feedback that is told what to return."""

    def observe(self, metric):
        return metric

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_an_invalid_multiplier_is_refused_and_nothing_changes():
    scheduler = Scheduler(sgd(0.1), 10.0, feedback=Given())
    with pytest.raises(StepError):
        scheduler.observe(1e308)
    with pytest.raises(ArgumentError, match="the feedback's multiplier must be a number, got None"):
        scheduler.observe(None)
    assert (scheduler.get_lr(), scheduler.get_last_lr()) == ([10.0], [10.0])
    assert scheduler.observe(0.5)
    assert scheduler.get_lr() == [5.0]


class Counted(Given):
    """Feedback that counts."""

    seen = 0

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


def test_a_state_whose_rate_overflows_leaves_the_users_feedback_as_it_was():
    scheduler = Scheduler(sgd(0.1), 1e10, feedback=Counted())
    state = scheduler.state_dict()
    state["feedback"] |= {"multipliers": [1e300], "state": {"seen": 7}}
    with pytest.raises(StepError):
        scheduler.load_state_dict(state)
    assert (scheduler.feedback.seen, scheduler.get_last_lr()) == (0, [1e10])


def test_each_group_keeps_a_multiplier_of_its_own():
    optimizer = sgd(0.1, 0.05)
    plan = ss.Piecewise((1.0, 4.0), (1,))
    scheduler = Scheduler(optimizer, plan, relative=True, feedback=Plateau(factor=0.5, patience=0, min_lr=0.04))
    scheduler.observe(1.0)
    assert scheduler.observe(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.04])  # the second is at min_lr, its multiplier 0.8
    scheduler.seek(1)
    assert scheduler.observe(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.25 * 0.4, 0.4 * 0.2])


def test_a_group_that_is_rebuilt_keeps_its_multiplier_and_its_schedule():
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, [ss.Constant(0.4), ss.Constant(0.8)], feedback=Plateau(factor=0.5, patience=0))
    scheduler.observe(1.0)
    scheduler.observe(1.0)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})
    late = optimizer.param_groups.pop()
    del optimizer.param_groups[0]
    optimizer.param_groups[0] = {**optimizer.param_groups[0], "lr": 7.0}
    assert scheduler.get_last_lr() == [0.4]
    assert late["lr"] == 0.1
