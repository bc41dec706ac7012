"""What a config leaves out: a setting has the tool's default, and without a rate the schedule is a factor on it."""

from typing import Any

import pytest

import stepsize.interop
from stepsize import Horizon
from stepsize.errors import ArgumentError

FLAT = {"_target_": "ConstantParamScheduler", "value": 0.3}
LEVANTER = {"learning_rate": 0.3, "min_lr_ratio": 0.0, "warmup": 0, "num_train_steps": 3}
RESTARTS = {"name": "CosineAnnealingWarmRestarts", "learning_rate": 0.1, "T_0": 5}
EPOCHS = Horizon(samples=70, batch=10, epochs=300)
HALF = [{"type": "LinearLR", "start_factor": 0.5, "_scope_": "mmengine"}]
OVERLAPPING = [
    {"type": "ConstantLR", "factor": 0.5, "by_epoch": False, "end": 3},
    {"type": "CosineAnnealingLR", "T_max": 4, "by_epoch": False, "end": 5},
]
DEFAULTS = [
    ("axolotl", {"max_steps": 34, "lr_quadratic_warmup": None}, None, "Linear(0.0, 0.3, 2) >> Constant(0.3)"),
    ("axolotl", {"max_steps": 66}, None, "Linear(0.0, 0.3, 2) >> Constant(0.3)"),
    ("axolotl", {"max_steps": 100}, None, "Linear(0.0, 0.3, 3) >> Constant(0.3)"),
    ("axolotl", {"max_steps": 9999}, None, "Linear(0.0, 0.3, 100) >> Constant(0.3)"),
    ("axolotl", {"max_steps": 10, "warmup_ratio": 0.19}, None, "Linear(0.0, 0.3, 2) >> Constant(0.3)"),
    ("axolotl", {"max_steps": 10, "warmup_ratio": 0.0}, None, "Constant(0.3)"),
    ("composer", {"name": "ConstantScheduler"}, 9, "Constant(0.3)"),
    ("composer", {"name": "ConstantScheduler", "alpha": 0.5}, 9, "(Constant(0.15, 9) >> Constant(0.3)).shift(1)"),
    ("composer", {"name": "StepScheduler", "step_size": "3ba"}, 9, "Staircase(0.3, 0.1, 3).shift(1)"),
    ("composer", {"name": "PolynomialScheduler", "power": 2}, 9, "Polynomial(0.3, 0.0, 9, 2.0).shift(1)"),
    ("fvcore", FLAT, 9, "Constant(0.3)"),
    ("keras", "CosineDecayRestarts(0.3, 5, m_mul=0.5)", None, "Cosine(0.3, 0.0, 5).repeat(inf, 0.5, 2.0)"),
    ("levanter", LEVANTER | {"cycle_length": 0.2}, None, " >> ".join(["Cosine(0.3, 0.0, 1)"] * 3)),
    ("levanter", {"min_lr_ratio": 0.5}, 1000, "Linear(0.0, 0.0006, 10) >> Cosine(0.0006, 0.0003, 990)"),
    ("maxtext", {"steps": 100}, None, "Linear(0.0, 3e-05, 10) >> Cosine(3e-05, 3e-06, 89)"),
    ("maxtext", {"steps": -1}, 100, "Linear(0.0, 3e-05, 10) >> Cosine(3e-05, 3e-06, 89)"),
    (
        "maxtext",
        {"steps": 100, "lr_schedule_type": "wsd"},
        None,
        "Linear(0.0, 3e-05, 10) >> Constant(3e-05, 80) >> Linear(3e-05, 3e-06, 9)",
    ),
    (
        "maxtext",
        {"steps": 101, "learning_rate_schedule_steps": 100},
        None,
        "Linear(0.0, 3e-05, 10) >> Cosine(3e-05, 3e-06, 89).head(90) >> Constant(0.0)",
    ),
    ("megatron", "--lr 0.3 --train-iters 100 --lr-decay-samples 50", None, "Linear(0.3, 0.0, 100)"),
    (
        "megatron",
        "--lr 0.3 --train-iters 9 --weight-decay-incr-style linear --end-weight-decay 0.1",
        None,
        "Plan(lr=Linear(0.3, 0.0, 9), weight_decay=Linear(0.0, 0.1, 9))",
    ),
    (
        "megatron",
        "--lr 0.3 --train-iters 9 --weight-decay-incr-style cosine --start-weight-decay 0.1",
        None,
        "Plan(lr=Linear(0.3, 0.0, 9), weight_decay=Cosine(0.1, 0.0, 9))",
    ),
    (
        "megatron",
        "--lr 0.3 --train-iters 100 --lr-decay-style WSD --lr-wsd-decay-iters 10",
        None,
        "Constant(0.3, 90) >> Geometric(0.6, 0.3, 10) - 0.3",
    ),
    ("mmengine", {"type": "StepLR", "step_size": 2}, Horizon(70, 10, 5.5), "Staircase(0.3, 0.1, 2).head(4).every(7)"),
    ("mmengine", OVERLAPPING, None, "Piecewise((0.15, 0.3), (2,)) * Cosine(1.0, 0.0, 4)"),
    ("mmengine", {"param_scheduler": HALF, "train_cfg": {"max_epochs": 3}}, EPOCHS, "Linear(0.15, 0.3, 2).every(7)"),
    (
        "paddle",
        {"name": "LinearWarmup", "warmup_steps": 4, "start_lr": 0, "end_lr": 0.1, "learning_rate": RESTARTS},
        None,
        "Linear(0.0, 0.1, 4) >> Cosine(0.1, 0.0, 5).repeat(inf)",
    ),
    ("timm", {"sched": "cosine"}, EPOCHS, "(Linear(1e-05, 0.3, 5) >> Cosine(0.3, 0.0, 300).tail(5)).every(7)"),
    ("timm", {"sched": "step"}, EPOCHS, "(Linear(1e-05, 0.3, 5) >> Staircase(0.3, 0.1, 90).tail(5)).every(7)"),
    (
        "timm",
        {"sched": "multistep"},
        EPOCHS,
        "(Linear(1e-05, 0.3, 5) >> MultiStep(0.3, 0.1, (89, 179, 269)).tail(5)).every(7)",
    ),
    (
        "timm",
        {"sched": "wsd"},
        EPOCHS,
        "(Linear(1e-05, 0.3, 5) >> Constant(0.3, 205) >> OneMinusSqrt(0.3, 0.0, 90)).every(7)",
    ),
    ("timm", {"num_epochs": 9}, EPOCHS, "Cosine(0.3, 0.0, 9).every(7)"),
    ("transformers", {"max_steps": 100}, None, "Linear(5e-05, 0.0, 100)"),
    (
        "torchtitan",
        {"lr_scheduler": {}, "optimizer": {"lr": 0.3}},
        1000,
        "Linear(0.0015, 0.3, 199) >> Constant(0.3, 1) >> Linear(0.3, 0.0, 800) >> "
        "0.3 - InversePower(0.3, 0.00125, -1.0)",
    ),
]


@pytest.mark.parametrize(("tool", "config", "horizon", "schedule"), DEFAULTS)
def test_what_a_config_leaves_out_is_as_the_tool_has_it(tool: str, config: Any, horizon: Any, schedule: str) -> None:
    if tool == "axolotl":
        config = {"learning_rate": 0.3, "lr_scheduler": "constant_with_warmup"} | config
    given = {"base_lr": 0.3} if tool in ("composer", "mmengine", "timm") else {}
    if horizon is not None:
        given["horizon"] = horizon
    assert str(getattr(stepsize.interop, f"from_{tool}")(config, **given)) == schedule


@pytest.mark.parametrize(
    ("tool", "config"),
    [
        ("axolotl", {"learning_rate": 0.3, "max_steps": 9}),
        ("levanter", {"num_train_steps": 9}),
        ("levanter", {"optimizer": {"learning_rate": 0.3, "epsilon": 0.1}, "trainer": {"num_train_steps": 9}}),
        ("maxtext", {"steps": 9}),
        ("megatron", {"lr": 0.3, "train_iters": 9}),
        ("timm", {"sched": "step", "epochs": 9, "sched_on_updates": True, "updates_per_epoch": 7, "lr": 0.3}),
        ("transformers", {"max_steps": 9}),
    ],
)
def test_settings_that_concern_no_schedule_change_nothing(tool: str, config: dict[str, Any]) -> None:
    read = getattr(stepsize.interop, f"from_{tool}")
    assert read(config | {"vocab_size": 9, "model_name": "x"}) == read(config)


RUN = Horizon(samples=70, batch=10, epochs=9)
FACTORS = [
    ("composer", {"name": "LinearScheduler", "alpha_f": 0.1}, "Linear(1.0, 0.1, 63).shift(1)"),
    (
        "deepspeed",
        {"type": "WarmupCosineLR", "params": {"warmup_num_steps": 10, "total_num_steps": 63}},
        "Constant(0.0, 1) >> Logarithmic(0.0, 1.0, 9) >> Cosine(1.0, 0.0001, 53)",
    ),
    (
        "deepspeed",
        {"type": "WarmupLR", "params": {"warmup_num_steps": 10, "warmup_type": "linear"}},
        "Constant(0.0, 1) >> Linear(0.0, 1.0, 10)",
    ),
    ("mmengine", {"type": "CosineAnnealingLR", "by_epoch": False, "end": 63}, "Cosine(1.0, 0.0, 63).head(62)"),
    (
        "olmo_core",
        {"type": "cos_with_warmup", "warmup": 10},
        "(Linear(0.0, 1.0, 10) >> Cosine(1.0, 0.1, 53)).tail(1)",
    ),
    ("olmo_core", {"type": "constant"}, "1.0"),
    (
        "pytorch_optimizer",
        {"name": "warmup_stable_decay", "num_warmup_steps": 3, "num_stable_steps": 2, "num_decay_steps": 9},
        "Linear(0.0, 1.0, 3) >> Constant(1.0, 2) >> OneMinusSqrt(1.0, 0.0, 9)",
    ),
    (
        "pytorch_optimizer",
        {"name": "chebyshev", "num_epochs": 3},
        "Table((11.606688053809435, 11.606688053809435, 11.606688053809435, 2.913537542658826)).every(7)",
    ),
    ("timm", {"num_epochs": 9}, "Cosine(1.0, 0.0, 9).every(7)"),
    (
        "timm",
        {"num_epochs": 9, "warmup_epochs": 3, "warmup_lr": 0},
        "(Linear(0.0, 1.0, 3) >> Cosine(1.0, 0.0, 9).tail(3)).every(7)",
    ),
    ("timm", {"sched": "step", "num_epochs": 9, "min_lr": 0.1, "decay_epochs": 3}, "Staircase(1.0, 0.1, 3).every(7)"),
    (
        "torchtitan",
        {"warmup_steps": 10},
        "Linear(0.1, 1.0, 9) >> Constant(1.0, 1) >> Linear(1.0, 0.0, 53) >> "
        "1.0 - InversePower(1.0, 0.018867924528301886, -1.0)",
    ),
]


@pytest.mark.parametrize(("tool", "config", "factors"), FACTORS)
def test_a_schedule_without_a_rate_is_a_factor(tool: str, config: Any, factors: str) -> None:
    assert str(getattr(stepsize.interop, f"from_{tool}")(config, horizon=RUN)) == f"Plan(lr={factors}, relative=True)"


@pytest.mark.parametrize("settings", [{"min_lr": 0.1}, {"warmup_epochs": 3}, {"warmup_epochs": 3, "warmup_lr": 0.1}])
def test_rates_of_timm_need_the_rate_that_they_are_compared_with(settings: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="given: min_lr and warmup_lr are rates, and not factors of it"):
        stepsize.interop.from_timm({"num_epochs": 9} | settings, horizon=RUN)
