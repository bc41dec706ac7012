"""Attributes, buffers and functions that a scheduler drives beside the optimizer."""

import copy
import json
from functools import partial

import pytest
import torch
from driven import sgd, update
from torch import nn

import stepsize as ss
from stepsize import Horizon
from stepsize.errors import ArgumentError, StateError, StepError
from stepsize.pytorch import Attribute, Scheduler

RISE = ss.Linear(0.0, 0.5, 10)


class Heated(nn.Module):
    """A model with a dropout, a number and a buffer."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.9)
        self.decay = 0.99
        self.register_buffer("temperature", torch.tensor(1.0))

    @property
    def fixed(self):
        return 1.0


def driving(dropout, optimizer=None, schedule=RISE, **more):
    targets = {"dropout": Attribute(dropout, "p")}
    return Scheduler(optimizer or sgd(), ss.Constant(0.3), dropout=schedule, targets=targets, **more)


def test_an_attribute_follows_its_schedule_update_by_update():
    dropout, optimizer = nn.Dropout(), sgd()
    scheduler = driving(dropout, optimizer)
    used = []
    for _ in range(12):
        used.append(dropout.p)
        update(optimizer)
        scheduler.step()
    assert used == RISE.sample(12).tolist()
    assert scheduler.values() == {"lr": 0.3, "dropout": 0.5}
    assert scheduler.schedules == {"lr": ss.Constant(0.3), "dropout": RISE}
    assert "dropout=Linear(0.0, 0.5, 10)" in repr(scheduler)


def test_auto_and_tokens_drive_it_too():
    dropout, optimizer = nn.Dropout(), sgd()
    scheduler = driving(dropout, optimizer, auto=True)
    update(optimizer)
    assert dropout.p == RISE(1)
    scheduler.close()
    scheduler = driving(dropout, clock="tokens")
    scheduler.advance(4)
    assert dropout.p == RISE(4)


def test_several_targets_share_one_schedule_and_a_function_is_a_target():
    layers, weights, seen = [nn.Dropout() for _ in range(3)], {"aux": 1.0}, []
    targets = {
        "dropout": [Attribute(layer, "p") for layer in layers],
        "aux": [partial(weights.__setitem__, "aux"), seen.append],
    }
    scheduler = Scheduler(sgd(), dropout=RISE, aux="Linear(1, 0, 10)", targets=targets)
    scheduler.seek(5)
    assert [layer.p for layer in layers] == [0.25] * 3
    assert weights == {"aux": 0.5}
    assert seen == [1.0, 0.5]


def test_a_buffer_is_filled_in_place_even_after_the_model_has_moved():
    model = Heated()
    buffer = model.temperature
    targets = {"temperature": Attribute(model, "temperature"), "decay": Attribute(model, "decay")}
    scheduler = Scheduler(sgd(), temperature=ss.Linear(2.0, 1.0, 4), decay=ss.Linear(0.9, 1.0, 4), targets=targets)
    scheduler.seek(2)
    assert model.temperature is buffer
    assert (buffer.item(), model.decay) == (1.5, 0.95)
    model.double()
    moved = model.temperature
    scheduler.seek(4)
    assert model.temperature is moved
    assert moved.dtype == torch.float64
    assert moved.item() == 1.0


def test_text_with_units_is_read_with_the_horizon():
    dropout = nn.Dropout()
    scheduler = driving(dropout, schedule="Linear(0, 0.5, '2ep')", horizon=Horizon(100, 10, epochs=2))
    scheduler.seek(10)
    assert dropout.p == 0.25


def test_the_state_has_the_schedule_and_not_the_target():
    first, second = nn.Dropout(), nn.Dropout()
    scheduler = driving(first)
    scheduler.seek(7)
    state = json.loads(json.dumps(scheduler.state_dict()))
    again = driving(second)
    again.load_state_dict(state)
    assert second.p == RISE(7)
    assert "0.9" not in json.dumps(state["plan"])


def test_another_schedule_of_a_target_is_refused_kept_or_restored():
    state = driving(nn.Dropout()).state_dict()
    other, dropout = ss.Constant(0.1), nn.Dropout()
    with pytest.raises(StateError, match="saved under another plan"):
        driving(dropout, schedule=other).load_state_dict(state)
    assert dropout.p == 0.1
    state["position"] = 5
    for on_change, expected in {"keep": 0.1, "restore": 0.25}.items():
        driving(dropout, schedule=other, on_change=on_change).load_state_dict(state)
        assert dropout.p == expected


def test_a_saved_plan_with_a_target_that_the_program_lacks_cannot_be_restored():
    state = driving(nn.Dropout()).state_dict()
    optimizer = sgd()
    scheduler = Scheduler(optimizer, 0.7, on_change="restore")
    with pytest.raises(StateError, match="parameter group 0 has no 'dropout'"):
        scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.7


def test_replan_and_cool_down():
    dropout = nn.Dropout()
    scheduler = driving(dropout)
    scheduler.seek(4)
    plans = scheduler.replan(dropout=ss.Linear(0.2, 0.0, 10))
    assert str(plans["dropout after"]) == "Linear(0.0, 0.5, 10).head(4) >> Linear(0.2, 0.0, 10)"
    scheduler.seek(9)
    assert dropout.p == 0.1
    scheduler.cool_down(5)  # of the rate only
    scheduler.seek(14)
    assert dropout.p == 0.0
    again = driving(nn.Dropout())
    again.load_state_dict(scheduler.state_dict())
    assert again.schedules == scheduler.schedules


def test_while_paused_nothing_is_written_and_afterwards_the_value_is_back():
    dropout = nn.Dropout()
    scheduler = driving(dropout)
    with scheduler.paused():
        dropout.p = 0.9
        scheduler.seek(3)
        assert dropout.p == 0.9
    assert dropout.p == RISE(3)


def test_a_value_that_other_code_sets_is_reported_once():
    dropout, optimizer = nn.Dropout(), sgd()
    scheduler = driving(dropout, optimizer)
    dropout.p = 0.9
    with pytest.warns(UserWarning, match=r'"dropout" to 0\.0, and something else has set it to 0\.9'):
        update(optimizer)
    scheduler.step()
    assert dropout.p == RISE(1)


def test_a_property_that_rounds_is_no_other_code():
    class Rounded:
        def __init__(self):
            self._window = 3

        @property
        def window(self):
            return self._window

        @window.setter
        def window(self, value):
            self._window = round(value)

    rounded, optimizer = Rounded(), sgd()
    scheduler = Scheduler(optimizer, window=ss.Linear(3, 8, 10), targets={"window": Attribute(rounded, "window")})
    for _ in range(3):
        update(optimizer)
        scheduler.step()
    assert rounded.window == 4


def test_nothing_is_written_if_any_value_is_wrong():
    dropout, optimizer = nn.Dropout(), sgd(0.1)
    half = nn.Module()
    half.register_buffer("scale", torch.tensor(1.0, dtype=torch.float16))
    targets = {"dropout": Attribute(dropout, "p"), "scale": Attribute(half, "scale")}
    with pytest.raises(StepError, match=r"1000000\.0 for scale at step 0, which its target cannot hold"):
        Scheduler(optimizer, 0.3, dropout=0.2, scale=1e6, targets=targets)
    with pytest.raises(StepError, match="cannot be negative"):
        Scheduler(optimizer, -0.3, dropout=0.2, scale=2.0, targets=targets)
    both = [Attribute(dropout, "p"), Attribute(half, "scale"), Attribute(Heated(), "temperature")]
    with pytest.raises(
        StepError, match=r"1000000\.0 for scale at step 0, which its .*; bound it with .clip\(low, high\)"
    ):
        Scheduler(optimizer, 0.3, scale=1e6, targets={"scale": both})
    assert (optimizer.param_groups[0]["lr"], dropout.p, half.scale.item()) == (0.1, 0.5, 1.0)


def test_if_a_function_raises_the_optimizer_is_unchanged():
    def refuse(value):
        raise RuntimeError("no")

    optimizer = sgd(0.1)
    with pytest.raises(RuntimeError, match="no"):
        Scheduler(optimizer, 0.3, dropout=0.2, targets={"dropout": refuse})
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_second_scheduler_of_the_same_attribute_takes_over():
    optimizer, dropout = sgd(), nn.Dropout()
    first = Scheduler(optimizer, dropout=RISE, targets={"dropout": Attribute(dropout, "p")})
    Scheduler(optimizer, drop=0.1, targets={"drop": Attribute(dropout, "p")})
    update(optimizer)
    with pytest.raises(ValueError, match='"dropout" is now driven by Scheduler'):
        first.step()


def test_schedulers_of_other_attributes_share_an_optimizer_whatever_their_names():
    optimizer, model = sgd(), Heated()
    layers = [nn.Dropout(), nn.Dropout()]
    schedulers = [
        Scheduler(optimizer, dropout=RISE, targets={"dropout": [Attribute(layer, "p"), print]}) for layer in layers
    ]
    schedulers.append(Scheduler(optimizer, dropout=RISE, targets={"dropout": Attribute(model, "temperature")}))
    update(optimizer)
    for scheduler in schedulers:
        scheduler.step()
    assert [layer.p for layer in layers] == [RISE(1)] * 2


def test_a_copy_with_its_model_drives_the_copy():
    model, optimizer = Heated(), sgd()
    scheduler = driving(model.dropout, optimizer)
    other, _, copied = copy.deepcopy((model, optimizer, scheduler))
    copied.seek(5)
    assert (other.dropout.p, model.dropout.p) == (0.25, 0.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda model: Attribute(model.dropout, "q"), 'Dropout has no argument "?.?q.*known are p'),
        (lambda model: Attribute(model, "temprature"), 'did you mean "temperature"'),
        (lambda model: Attribute(model, "dropout"), r"Heated\.dropout must be a number"),
        (lambda model: Attribute(model.dropout, "training"), r"Dropout\.training must be a number"),
        (lambda model: Attribute(nn.PReLU(), "weight"), "needs no gradient"),
        (lambda model: Attribute(model, "fixed"), r"Heated\.fixed must be an attribute that can be set"),
        (lambda model: Attribute(model, 3), "the name of an attribute"),
        (lambda model: Attribute(object(), "p"), "object has no"),
    ],
)
def test_an_attribute_that_cannot_be_driven_is_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make(Heated())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"targets": {"dropout": print}}, r"names that are scheduled, got 'dropout'; give dropout=\.\.\. too"),
        ({"weight_decay": 0.1, "targets": {"weight_decay": print}}, "names that no parameter group has"),
        ({"dropout": 0.1}, "no argument .dropout"),
        (
            {"dropout": 0.1, "targets": {"dropout": nn.Dropout()}},
            r'targets\["dropout"\].*write Attribute\(layer, "p"\)',
        ),
        ({"dropout": 0.1, "targets": {"dropout": (nn.Dropout(), "p")}}, r'write Attribute\(layer, "p"\)'),
        ({"dropout": 0.1, "targets": {"dropout": torch.tensor(0.1)}}, "a function that sets a value"),
        ({"dropout": 0.1, "targets": {"dropout": []}}, "at least one"),
        ({"dropout": 0.1, "targets": print}, "a mapping of names to targets"),
        ({"dropout": [0.1], "targets": {"dropout": print}}, "one schedule for all of its targets"),
        ({"dropout": (0.1, 0.2), "targets": {"dropout": print}}, "one schedule for all of its targets"),
    ],
)
def test_wrong_targets_are_refused(arguments, words):
    optimizer = sgd(0.1)
    with pytest.raises(ArgumentError, match=words):
        Scheduler(optimizer, 0.3, **arguments)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_all_wrong_names_are_reported_together():
    with pytest.raises(ArgumentError) as caught:
        Scheduler(sgd(), lr=0.1, wd=0.1, targets={"weight_decay": print, "dropout": print})
    words = [str(each) for each in caught.value.problems[1:]]
    assert "'wd'" in str(caught.value).splitlines()[0]
    assert ["no parameter group has" in words[0], "that are scheduled" in words[1]] == [True, True]
