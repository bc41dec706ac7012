"""Objects with the attributes of the tools' own schedulers, which no tool needs to be installed for."""

from types import SimpleNamespace
from typing import Any

import pytest

import stepsize.interop
from stepsize import Horizon
from stepsize.errors import ArgumentError

EPOCHS = Horizon(samples=70, batch=10, epochs=9)


def own(kind: str, **attributes: Any) -> Any:
    """An object of a class of this name."""
    return type(kind, (SimpleNamespace,), {})(**attributes)


def timm(kind: str, **attributes: Any) -> Any:
    usual = {"base_values": [0.3, 0.3], "t_in_epochs": True, "noise_range_t": None, "warmup_t": 0, "warmup_lr_init": 0}
    prefix = {} if kind == "WSDLRScheduler" else {"warmup_prefix": False}
    return own(kind, **usual | prefix | attributes)


CYCLES = {"t_initial": 9, "lr_min": 0.0, "cycle_mul": 1.0, "cycle_decay": 0.1, "cycle_limit": 1, "k_decay": 1.0}
STABLE = {"t_initial": 7, "decay_t": 3, "lr_min": 0.0, "stable_fn": "constant", "stable_timescale": None}
STABLE |= {"stable_power": 1.0, "decay_fn": "linear", "decay_power": 0.5, "decay_ratio": 0.2}
WAVE = own("CosineAnnealingDecay", T_max=9, eta_min=0.0, base_lr=0.3, last_lr=0.2)
RAMP = {"warmup_steps": 4, "start_lr": 0.0, "end_lr": 0.3, "base_lr": 0.0}
STAIRS = own("MultiStepParamScheduler", _param_schedule=[1.0, 0.1], _num_updates=9, _milestones=[3])
LINE = own("LinearParamScheduler", _start_value=0.1, _end_value=0.3)
BOTH = {"_schedulers": [STAIRS, LINE], "_lengths": [0.4, 0.6], "_interval_scaling": ["fixed", "rescaled"]}
TIME = SimpleNamespace(to_timestring=lambda: "4ba")
OBJECTS = [
    (
        "timm",
        timm("CosineLRScheduler", **CYCLES | {"lr_min": 0.01}, warmup_t=3, warmup_lr_init=0.1),
        "(Linear(0.1, 0.3, 3) >> Cosine(0.3, 0.01, 9).tail(3)).every(7)",
    ),
    (
        "timm",
        timm("CosineLRScheduler", **CYCLES, warmup_t=3, warmup_prefix=True, t_in_epochs=False),
        "Linear(0.0, 0.3, 3) >> Cosine(0.3, 0.0, 9)",
    ),
    ("timm", timm("PolyLRScheduler", **CYCLES, power=2.0), "Polynomial(0.3, 0.0, 9, 2.0).every(7)"),
    ("timm", timm("StepLRScheduler", decay_t=3, decay_rate=0.1), "Staircase(0.3, 0.1, 3).every(7)"),
    (
        "timm",
        timm("MultiStepLRScheduler", decay_t=[3, 5], decay_rate=0.1, t_in_epochs=False),
        "MultiStep(0.3, 0.1, (2, 4))",
    ),
    (
        "timm",
        timm("TanhLRScheduler", **CYCLES, lb=-1.0, ub=2.0, t_in_epochs=False),
        "Constant(0.3, 1) >> "
        "(0.3 * (1.0 + Geometric(0.1353352832366127, 54.598150033144236, 9)) ** -1.0 >> Constant(0.0)).tail(1)",
    ),
    ("timm", timm("WSDLRScheduler", **STABLE), "(Constant(0.3, 4) >> Linear(0.3, 0.0, 3)).every(7)"),
    (
        "timm",
        timm("WSDLRScheduler", **STABLE, warmup_t=2, t_in_epochs=False),
        "Linear(0.0, 0.3, 2) >> Constant(0.3, 4) >> Linear(0.3, 0.0, 3)",
    ),
    (
        "timm",
        timm("WSDLRScheduler", **STABLE | {"decay_fn": "power"}, t_in_epochs=False),
        "Constant(0.3, 4) >> Linear(0.3, 0.0, 3).warp(0.5)",
    ),
    (
        "timm",
        timm("WSDLRScheduler", **STABLE | {"decay_fn": "exp", "lr_min": 0.1}, t_in_epochs=False),
        "Constant(0.3, 4) >> 0.19999999999999998 * ((Geometric(1.0, 0.2, 3) - 0.2) / 0.8) + 0.1",
    ),
    (
        "timm",
        timm("WSDLRScheduler", **STABLE | {"stable_fn": "power", "stable_timescale": 2}, t_in_epochs=False),
        "InversePower(0.3, 0.5, 1.0) * Linear(1.0, 0.0, 3).shift(4)",
    ),
    ("fvcore", own("ConstantParamScheduler", _value=0.3), "Constant(0.3)"),
    ("fvcore", LINE, "Linear(0.1, 0.3, 10)"),
    ("fvcore", own("StepParamScheduler", _param_schedule=[0.3, 0.2]), "Piecewise((0.3, 0.2), (5,))"),
    ("fvcore", own("PolynomialDecayParamScheduler", _base_value=0.3, _power=2.0), "Polynomial(0.3, 0.0, 10, 2.0)"),
    (
        "fvcore",
        own("StepWithFixedGammaParamScheduler", base_value=0.1, num_decays=1, gamma=0.5, num_updates=9),
        "MultiStep(0.1, 0.5, (5,))",
    ),
    (
        "fvcore",
        own("CompositeParamScheduler", **BOTH),
        "Piecewise((1.0, 0.1), (4,)) >> Linear(0.1, 0.3, 6)",
    ),
    ("paddle", WAVE, "(Cosine(0.3, 0.0, 9) >> Cosine(0.0, 0.3, 9)).repeat(inf)"),
    (
        "paddle",
        own("LinearWarmup", **RAMP, learning_rate=WAVE),
        "Linear(0.0, 0.3, 4) >> (Cosine(0.3, 0.0, 9) >> Cosine(0.0, 0.3, 9)).repeat(inf)",
    ),
    ("paddle", own("LinearWarmup", **RAMP, learning_rate=0.2), "Linear(0.0, 0.3, 4) >> Constant(0.2)"),
    ("paddle", own("PiecewiseDecay", boundaries=[3], values=[0.1, 0.2], base_lr=0.1), "Piecewise((0.1, 0.2), (3,))"),
    (
        "paddle",
        own("NoamDecay", d_model=4, warmup_steps=4, base_lr=2.0),
        "Linear(0.0, 0.5, 4) >> InversePower(0.5, 0.25)",
    ),
    (
        "pytorch_optimizer",
        own("REXScheduler", total_steps=9, max_lr=0.5, min_lr=0.1),
        "Constant(0.1, 1) >> Rex(0.5, 0.1, 9).tail(1)",
    ),
    (
        "pytorch_optimizer",
        own("LinearScheduler", total_steps=9, max_lr=0.5, min_lr=0.1, init_lr=0.2, warmup_steps=3),
        "Constant(0.1, 1) >> "
        "Linear(0.2, 0.5, 3) >> Linear(0.5, 0.1, 6) >> 1.1 - InversePower(1.0, 0.06666666666666667, -1.0)",
    ),
    (
        "pytorch_optimizer",
        own(
            "CosineAnnealingWarmupRestarts",
            first_cycle_steps=9,
            cycle_mult=1.0,
            base_max_lr=0.5,
            max_lr=0.25,
            min_lr=0.0,
            warmup_steps=4,
            gamma=0.5,
        ),
        "(Linear(0.0, 0.5, 4) >> Cosine(0.5, 0.0, 5)).repeat(inf, 0.5)",
    ),
    (
        "composer",
        own("CosineAnnealingWithWarmupScheduler", t_warmup=TIME, t_max="1dur", alpha_f=0.1, scale_warmup=False, _x=1),
        "(Linear(0.0, 0.3, 4) >> Cosine(0.3, 0.03, 6)).shift(1)",
    ),
    (
        "olmo_core",
        own("CosWithWarmup", warmup=4, warmup_steps=None, alpha_f=0.0, t_max=None),
        "(Linear(0.0, 0.3, 4) >> Cosine(0.3, 0.0, 6)).tail(1)",
    ),
]


@pytest.mark.parametrize(("tool", "scheduler", "text"), OBJECTS)
def test_a_scheduler_is_read_from_its_attributes(tool: str, scheduler: Any, text: str) -> None:
    given = {"base_lr": 0.3} if tool in ("composer", "olmo_core") else {}
    found = getattr(stepsize.interop, f"from_{tool}")(scheduler, horizon=EPOCHS if tool == "timm" else 10, **given)
    assert str(found) == text


@pytest.mark.parametrize("kind", ["CyclicLR", "OneCycleLR"])
def test_a_scheduler_that_does_not_keep_its_arguments_is_refused(kind: str) -> None:
    with pytest.raises(ArgumentError, match=rf'a mapping with its "name": a {kind} does not keep its arguments'):
        stepsize.interop.from_paddle(own(kind, base_lr=0.1, max_lr=0.3, total_steps=9))


REFUSED = [
    (
        timm("CosineLRScheduler", **CYCLES, base_values=[0.2, 0.1, 0.2]),
        "from_timm(config=...) must be a scheduler whose groups have one rate, got [0.1, 0.2]",
    ),
    (
        timm("StepLRScheduler", decay_t=3, decay_rate=0.5, noise_range_t=0.4),
        "timm(noise=...) must be left out, got 0.4; the noise is random at every step",
    ),
    (
        timm("WSDLRScheduler", **STABLE | {"decay_fn": abs}),
        "WSDLRScheduler(decay_fn=...) must be the name of a decay, got <built-in function abs>",
    ),
]


@pytest.mark.parametrize(("scheduler", "message"), REFUSED)
def test_a_scheduler_of_timm_that_no_schedule_can_follow_is_refused(scheduler: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        stepsize.interop.from_timm(scheduler)
    assert str(caught.value) == message
