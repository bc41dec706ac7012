"""Optimizers by name: any case, every one that a plain step can drive, and a hint for the rest."""

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from stepsize.errors import ArgumentError
from stepsize.lab import Experiment
from stepsize.lab.engines.runs import Job, make_run
from stepsize.lab.optimizers import make_optimizer


def parameters():
    return [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(3))]


@pytest.mark.parametrize("name", ["sgd", "SGD", "adamw", "AdamW", "rmsprop", "Adagrad", "nadam", "adafactor"])
def test_an_optimizer_is_found_by_its_name_in_any_case(name):
    optimizer = make_optimizer(name, parameters(), 0.25)
    assert type(optimizer).__name__.lower() == name.lower()
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_every_optimizer_that_is_offered_can_make_a_plain_step():
    with pytest.raises(ArgumentError) as refused:
        make_optimizer("", parameters(), 0.1)
    offered = str(refused.value).partition("known are ")[2].split(", ")
    assert {"sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"} <= set(offered)
    for name in offered:
        weights = parameters()
        optimizer = make_optimizer(name, weights, 0.1)
        sum(weight.square().sum() for weight in weights).backward()
        optimizer.step()
        assert all((weight < 1).any() for weight in weights), name


def test_an_unknown_name_is_refused_with_the_nearest_and_the_list():
    with pytest.raises(ArgumentError, match=r"""got 'adamv'; did you mean "adam\w*"\?$"""):
        make_optimizer("adamv", parameters(), 0.1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentun": 0.9}, """sgd has no argument 'momentun'; did you mean "momentum"?"""),
        ({"epochs": 3}, "sgd has no argument 'epochs'; it takes momentum, dampening, "),
        ({"lr": 0.9}, "Experiment(optimizer_args['lr']=...) must be left out, got 0.9; the schedule gives the rate"),
        ({"dampening": 0.0, "momentum": "0.9"}, "float'; the default is 0"),
        (
            {"dampening": 0.0, "momentum": -1},
            "['momentum']=...) must be a value that sgd takes, got -1; sgd says: Invalid momentum value: -1; the",
        ),
        (
            {"momentum": -1, "weight_decay": -1},
            "=...) must be arguments that sgd takes, got {'momentum': -1, 'weight_decay': -1}; sgd says: Invalid",
        ),
    ],
)
def test_an_argument_that_the_optimizer_does_not_accept_is_named(settings, words):
    with pytest.raises(ArgumentError) as refused:
        make_optimizer("sgd", parameters(), 0.1, settings)
    assert words in str(refused.value)


def test_an_own_factory_gets_its_arguments():
    made = make_optimizer("own_tasks:in_groups", parameters(), 0.1, {"anything": 0.5})
    assert made.param_groups[0]["momentum"] == 0.5
    with pytest.raises(
        ArgumentError, match=r"own_tasks:biases_only has no argument 'momentum'; it takes only the parameters and lr$"
    ):
        make_optimizer("own_tasks:biases_only", parameters(), 0.1, {"momentum": 0.5})
    with pytest.raises(ArgumentError, match="must be the name of a function, got 'own_tasks:X'; it names tensor"):
        make_optimizer("own_tasks:X", parameters(), 0.1)
    with pytest.raises(ArgumentError, match=r"a function that makes a torch.optim.Optimizer \(own_tasks:no_opt"):
        make_optimizer("own_tasks:no_optimizer", parameters(), 0.1)
    with pytest.raises(
        ArgumentError, match="must be an optimizer that takes the parameters and lr, got 'builtins:zip'"
    ):
        make_optimizer("builtins:zip", parameters(), 0.1)  # it has no signature


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lbfgs", "it evaluates the loss several times in one update"),
        ("rprop", "it adapts its own step sizes and does not use the rate"),
        ("SparseAdam", "it needs sparse gradients, and those of the lab's networks are dense"),
        ("muon", "it updates matrices only, and the lab's networks have convolutions and biases"),
    ],
)
def test_an_optimizer_that_a_plain_step_cannot_drive_is_refused_with_the_reason(name, reason):
    with pytest.raises(
        ArgumentError,
        match='must be an optimizer of torch.optim that plain steps can drive, or "package.module:function", '
        f"got '{name}'; {reason}$",
    ):
        make_optimizer(name, parameters(), 0.1)


class Nowhere:
    """A log that keeps nothing."""

    def log(self, number, records): ...

    def rewind(self, number, step):
        return 0


@pytest.mark.parametrize(
    ("optimizer", "shares", "decays"),
    [
        ("own_tasks:two_groups", [1.0, 0.01], [0.05, 0.0]),
        ("own_tasks:two_alike", [1.0, 1.0], [0.05, 0.05]),
        ("sgd", [1.0], [0.05]),
    ],
)
def test_groups_keep_their_share_of_the_rate_and_none_is_given_a_decay_that_others_have(
    optimizer, shares, decays, tmp_path
):
    schedules = {"down": 'Linear(0.3, 0.0, "100%")'}
    settings = {"optimizer": optimizer, "weight_decay": 0.05, "epochs": 1, "batch_size": 16, "device": "cpu"}
    experiment = Experiment(schedules, "own_tasks:line", **settings)
    (plan,) = experiment.run_specs(64)
    used = []

    def note(made, *_):
        used.append([(group["lr"], group["weight_decay"]) for group in made.param_groups])

    hook = register_optimizer_step_pre_hook(note)
    try:
        make_run(Job({0: plan}, "", tmp_path / "0.pt"), experiment, Nowhere(), lambda *_: None, lambda: False)
    finally:
        hook.remove()
    assert used == [
        [(plan.schedule(step) * share, decay) for share, decay in zip(shares, decays, strict=True)] for step in range(4)
    ]
