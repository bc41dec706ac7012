"""Parameter groups by name patterns."""

import pytest
import torch
from torch.optim import AdamW

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, parameter_groups


def model():
    return torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3)))


def test_every_parameter_is_in_one_group_and_the_rates_keep_their_factors():
    net = model()
    grouped = parameter_groups(net, {"*.bias": 2.0, "0.*": 0.25})
    optimizer = AdamW(grouped.groups, lr=0.5)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(net.parameters()))
    plan = ss.warmup_cosine(0.1, 5, 20)
    scheduler = Scheduler(optimizer, plan, weight_decay={"*.bias": 0.0})
    scheduler.seek(8)
    assert scheduler.get_last_lr() == pytest.approx([2 * plan(8), 0.25 * plan(8), plan(8)])
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.01, 0.01]


def test_patterns_that_match_everything_make_no_rest():
    assert list(parameter_groups(model(), {"*": 1.0}).factors) == ["*"]


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"3.*": 1.0}, r'"?3\.\*.*the parameters are 0\.weight'),
        ({"0.wieght": 1.0}, 'match a parameter, got .*; did you mean "0.weight"'),
        ({"0.*": 1.0, "0.bias": 0.5}, "'0.bias'; all parameters that it matches belong to patterns before it$"),
        ({"0.*": -1.0}, r"factors\[\"0\.\*\"\].*>= 0"),
        ({"0.*": float("nan")}, "finite number"),
    ],
)
def test_wrong_factors_are_refused(factors, words):
    with pytest.raises(ArgumentError, match=words):
        parameter_groups(model(), factors)


def test_at_most_eight_parameters_are_named():
    def net(layers):
        return torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(layers)))

    with pytest.raises(ArgumentError, match=r"the parameters are 0\.weight, .*3\.weight, 3\.bias$"):
        parameter_groups(net(4), {"x": 1.0})
    with pytest.raises(ArgumentError, match=r"the parameters are 0\.weight, .*3\.weight, 3\.bias, \.\.\.$"):
        parameter_groups(net(5), {"x": 1.0})


def test_two_optimizers_of_the_same_groups_are_apart():
    grouped = parameter_groups(model(), {"*.bias": 2.0})
    first, second = AdamW(grouped.groups, lr=0.1), AdamW(grouped.groups, lr=0.1)
    first.param_groups[0]["lr"] = 0.7
    assert second.param_groups[0]["lr"] == 0.1


def test_a_pattern_may_not_take_the_name_of_the_rest():
    net = torch.nn.Module()
    net.register_parameter("rest", torch.nn.Parameter(torch.ones(1)))
    net.register_parameter("other", torch.nn.Parameter(torch.ones(1)))
    with pytest.raises(
        ArgumentError, match=r'"rest", got .*; parameters that match no pattern form the group of this name$'
    ):
        parameter_groups(net, {"rest": 0.5})
