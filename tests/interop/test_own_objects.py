"""A reader takes the tool's own scheduler, too, and gives what it gives for the same settings."""

import sys
from collections.abc import Iterator

import pytest
from measuring import PEERS, is_installed, loop_of, without_init

from stepsize import Horizon
from stepsize.interop import from_fvcore, from_paddle, from_pytorch_optimizer, from_timm


@pytest.fixture(autouse=True)
def peers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages of build/peers can be imported, and are forgotten again."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path, str(PEERS)])
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("fvcore", "paddle", "pytorch_optimizer", "timm"):
            del sys.modules[name]


def test_a_scheduler_of_timm() -> None:
    if not is_installed("timm"):
        pytest.skip("timm is not installed")
    import torch

    without_init("timm")
    from timm.scheduler import create_scheduler_v2

    recipe = {"sched": "cosine", "num_epochs": 9, "warmup_epochs": 3, "cycle_limit": 2, "min_lr": 0.01}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler, _ = create_scheduler_v2(optimizer, **recipe)
    horizon = Horizon(samples=70, batch=10, epochs=9)
    assert from_timm(scheduler, horizon=horizon) == from_timm(recipe, horizon=horizon, base_lr=0.3)


def test_a_scheduler_of_fvcore() -> None:
    if not is_installed("fvcore"):
        pytest.skip("fvcore is not installed")
    without_init("fvcore", "fvcore.common")
    from fvcore.common import param_scheduler as its

    parts = [
        its.MultiStepParamScheduler([1.0, 0.1], milestones=[3, 9]),
        its.StepParamScheduler(9, [0.3, 0.2]),
        its.StepWithFixedGammaParamScheduler(0.1, 2, 0.5, 9),
        its.CosineParamScheduler(0.3, 0.1),
        its.PolynomialDecayParamScheduler(0.3, 2.0),
    ]
    scheduler = its.CompositeParamScheduler(parts, [0.2] * 5, ["rescaled"] * 5)
    schedule = from_fvcore(scheduler, horizon=100)
    assert list(schedule(range(100))) == pytest.approx([scheduler(update / 100) for update in range(100)], abs=1e-12)


def test_a_scheduler_of_paddle() -> None:
    if not is_installed("paddle"):
        pytest.skip("paddle is not installed")
    lr = loop_of("paddle").its_module()
    wave = {"learning_rate": 0.3, "T_max": 9}
    ramp = {"warmup_steps": 4, "start_lr": 0.0, "end_lr": 0.3}
    scheduler = lr.LinearWarmup(lr.CosineAnnealingDecay(**wave), **ramp)
    settings = {"name": "LinearWarmup", "learning_rate": {"name": "CosineAnnealingDecay", **wave}, **ramp}
    assert from_paddle(scheduler) == from_paddle(settings)


def test_a_scheduler_of_pytorch_optimizer() -> None:
    if not is_installed("pytorch_optimizer"):
        pytest.skip("pytorch_optimizer is not installed")
    import torch

    without_init("pytorch_optimizer")
    from pytorch_optimizer.lr_scheduler import load_lr_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    for settings in (
        {"name": "cosine", "t_max": 9, "max_lr": 0.5, "warmup_steps": 3},
        {"name": "rex", "total_steps": 9, "max_lr": 0.5},
        {"name": "cosine_annealing_with_warmup", "first_cycle_steps": 9, "max_lr": 0.5, "gamma": 0.7},
    ):
        arguments = dict(settings)
        scheduler = load_lr_scheduler(arguments.pop("name"))(optimizer, **arguments)
        for _ in range(20):
            optimizer.step()
            scheduler.step()
        assert from_pytorch_optimizer(scheduler) == from_pytorch_optimizer(settings)
