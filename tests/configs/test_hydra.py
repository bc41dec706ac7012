"""Schedules and plans from OmegaConf's dictionaries and Hydra's `_target_`s."""

import pytest
import torch

import stepsize as ss
from stepsize import Horizon, Plan
from stepsize.errors import FormatError
from stepsize.pytorch import Scheduler

hydra = pytest.importorskip("hydra.utils", reason="needs stepsize[frameworks]")
errors = pytest.importorskip("hydra.errors", reason="needs stepsize[frameworks]")
OmegaConf = pytest.importorskip("omegaconf", reason="needs stepsize[frameworks]").OmegaConf

HORIZON = Horizon(samples=60_000, batch=256, epochs=10)


def from_yaml(text):
    return hydra.instantiate(OmegaConf.create(text))


def test_a_target_is_a_class():
    assert from_yaml("{_target_: stepsize.Linear, start: 0, end: 0.3, steps: 500}") == ss.Linear(0, 0.3, 500)
    lists = from_yaml("{_target_: stepsize.Knots, points: [[0, 0.1], [10, 0.3]], shape: cosine}")
    assert lists == ss.Knots(((0, 0.1), (10, 0.3)), "cosine")


def test_targets_are_nested():
    schedule = from_yaml(
        """
        _target_: stepsize.warmup
        steps: 500
        schedule:
          _target_: stepsize.Cosine
          start: 0.3
          end: 0.01
          steps: 9500
        """
    )
    assert schedule == ss.warmup(ss.Cosine(0.3, 0.01, 9500), 500)


def test_parse_is_a_target_with_a_nested_horizon():
    schedule = from_yaml(
        """
        _target_: stepsize.parse
        text: Linear(0, 0.3, "5%") >> Cosine(0.3, 0.01, "rest")
        horizon: {_target_: stepsize.Horizon, samples: 60000, batch: 256, epochs: 10}
        """
    )
    assert schedule == ss.parse('Linear(0, 0.3, "5%") >> Cosine(0.3, 0.01, "rest")', HORIZON)


def test_a_plan_is_a_target_and_has_targets():
    plan = from_yaml(
        """
        _target_: stepsize.Plan
        lr: {_target_: stepsize.Linear, start: 0, end: 0.3, steps: 500}
        weight_decay: 0.1
        momentum: {head: "Linear(0.8, 0.9, 10)", body: 0.9}
        eps: [0.001, 0.002]
        """
    )
    assert plan == Plan(
        lr=ss.Linear(0, 0.3, 500),
        weight_decay=0.1,
        momentum={"head": ss.Linear(0.8, 0.9, 10), "body": 0.9},
        eps=[0.001, 0.002],
    )
    text = str(plan)
    assert hydra.instantiate(OmegaConf.create({"_target_": "stepsize.Plan.parse", "text": text})) == plan


def test_a_list_of_a_config_is_the_tuple_of_a_hyperparameter():
    plan = from_yaml("{_target_: stepsize.Plan, lr: 1e-3, betas: [0.9, 'Linear(0.9, 0.99, 10)']}")
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))])
    scheduler = Scheduler(optimizer, plan)
    assert scheduler.plan == Plan(lr=0.001, betas=(0.9, ss.Linear(0.9, 0.99, 10)))


@pytest.mark.parametrize(
    "value", [ss.warmup(ss.Knots(((0, 0.1), (9, 0.3))), 5), Plan(lr=[0.1, 0.2], betas=(0.9, 0.99))]
)
def test_from_dict_takes_a_dict_config(value):
    form = OmegaConf.create({"of": ss.to_dict(value)}).of
    assert (Plan.from_dict if isinstance(value, Plan) else ss.from_dict)(form) == value


def test_from_dict_refuses_a_list_config_and_places_errors_in_nested_ones():
    with pytest.raises(FormatError, match="a dictionary"):
        ss.from_dict(OmegaConf.create([1]))
    form = OmegaConf.create(ss.to_dict(ss.Linear(0, 1, 3) >> ss.Constant(1)))
    form.parts[0].type = "Linaer"
    with pytest.raises(FormatError, match=r"schedule.parts\[0\]: 'Linaer' .* did you mean \"Linear\""):
        ss.from_dict(form)


def test_what_is_wrong_in_a_target_is_said():
    with pytest.raises(errors.InstantiationException, match=r"must be a whole number of at least 1, got 2\.5"):
        from_yaml("{_target_: stepsize.Linear, start: 0, end: 0.3, steps: 2.5}")
    with pytest.raises(errors.InstantiationException, match='did you mean "Cosine"'):
        from_yaml("{_target_: stepsize.parse, text: 'Cosin(1, 0, 10)'}")
