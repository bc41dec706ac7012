"""Each reader gives the rate that the tool's own loop gives the optimizer, at every update."""

from dataclasses import dataclass

import numpy as np
import pytest
from measuring import Case, is_installed, loop_of, measured, random_cases, recorded, recorded_cases

import stepsize.interop
from stepsize import Constant, Cosine, Horizon, InversePower, Linear, Piecewise, Plan, Schedule
from stepsize.errors import ArgumentError


@dataclass(frozen=True)
class Tool:
    """A row: the tool, and how near its rates are to ours, relative to the highest."""

    name: str
    within: float = 1e-12


TOOLS = [
    Tool("axolotl"),
    Tool("composer"),
    Tool("deepspeed"),
    Tool("fvcore"),
    Tool("keras", within=1e-6),
    Tool("levanter", within=1e-6),
    Tool("maxtext", within=5.1e-5),  # four digits
    Tool("megatron"),
    Tool("mmengine"),
    Tool("olmo_core"),
    Tool("optax", within=1e-6),
    Tool("paddle"),
    Tool("pytorch_optimizer"),
    Tool("timm"),
    Tool("torchtitan"),
    Tool("transformers"),
]


def ours(tool: str, case: Case) -> list[float]:
    horizon = Horizon(**case.horizon) if isinstance(case.horizon, dict) else case.horizon
    reader = getattr(stepsize.interop, f"from_{tool}")
    given = {"horizon": horizon, "base_lr": case.base_lr}
    found = reader(case.config, **{name: value for name, value in given.items() if value is not None})
    schedule = found[case.of] if isinstance(found, Plan) else found
    return list((schedule[0] if isinstance(schedule, tuple) else schedule)(np.arange(case.updates)))


def compare(tool: Tool, cases: list[Case], theirs: list[list[float]]) -> None:
    for case, rates in zip(cases, theirs, strict=True):
        peak = max(np.max(np.abs(rates)), 1e-300)
        np.testing.assert_allclose(ours(tool.name, case), rates, rtol=0, atol=tool.within * peak, err_msg=str(case))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_reader_gives_the_rates_that_the_tool_gave(tool: Tool) -> None:
    compare(tool, recorded_cases(tool.name), recorded(tool.name))


def test_the_rate_of_torchtitan_is_that_of_the_optimizer_and_of_its_groups() -> None:
    optimizer = {"lr": 0.3, "param_groups": [{"pattern": "norm", "optimizer_kwargs": {"weight_decay": 0.0}}]}
    config = {"lr_scheduler": {"warmup_steps": 0}, "optimizer": optimizer, "training": {"steps": 10}}
    assert stepsize.interop.from_torchtitan(config)(0) == 0.3
    optimizer["param_groups"][0]["optimizer_kwargs"]["lr"] = 0.1
    with pytest.raises(ArgumentError, match="the groups of the optimizer have rates of their own"):
        stepsize.interop.from_torchtitan(config)


def test_a_stair_of_fvcore_begins_a_millionth_of_the_run_early() -> None:
    stairs = stepsize.interop.from_fvcore({"_target_": "StepParamScheduler", "values": [1.0, 0.5]}, horizon=1_000_001)
    assert list(stairs([499_998, 499_999, 500_000])) == [1.0, 1.0, 0.5]


def test_the_phases_of_maxtext_have_whole_lengths_that_are_rounded_down() -> None:
    config = {"learning_rate": 1.0, "lr_schedule_type": "wsd", "steps": 27, "wsd_decay_steps_fraction": 0.14}
    assert stepsize.interop.from_maxtext(config) == Linear(0.0, 1.0, 2) >> Constant(1.0, 22) >> Linear(1.0, 0.1, 2)


def test_the_final_fraction_of_maxtext_has_an_earlier_name() -> None:
    config = {"learning_rate": 1.0, "steps": 11, "warmup_steps_fraction": 0.0}
    found = stepsize.interop.from_maxtext(config | {"cosine_learning_rate_final_fraction": 0.5})
    assert found == stepsize.interop.from_maxtext(config | {"learning_rate_final_fraction": 0.5})
    assert found == Cosine(1.0, 0.5, 10)


@pytest.mark.parametrize(("style", "last"), [("cosine", 0.1), ("linear", 1.0)])
def test_a_decay_of_maxtext_that_has_one_update(style: str, last: float) -> None:
    settings = {"lr_schedule_type": "wsd", "wsd_decay_style": style, "warmup_steps_fraction": 0.0}
    config = {"learning_rate": 1.0, "steps": 10, **settings}
    assert stepsize.interop.from_maxtext(config) == Constant(1.0, 9) >> Constant(last, 1)
    longer = config | {"steps": 12, "learning_rate_schedule_steps": 10}
    assert stepsize.interop.from_maxtext(longer)([8, 9, 10, 11]).tolist() == [1.0, last, 0.0, 0.0]


def test_a_schedule_of_optax_without_boundaries_is_constant() -> None:
    for call in ('piecewise_interpolate_schedule("cosine", 0.3)', "piecewise_constant_schedule(0.3, {})"):
        assert stepsize.interop.from_optax(call) == Constant(0.3)


def test_a_warmup_of_paddle_up_to_its_rate_is_a_line() -> None:
    ramp = {"name": "LinearWarmup", "warmup_steps": 10, "start_lr": 0.0, "end_lr": 0.3}
    assert stepsize.interop.from_paddle(ramp | {"learning_rate": 0.3}) == Linear(0.0, 0.3, 10)
    assert stepsize.interop.from_paddle(ramp | {"learning_rate": 0.2}) == Linear(0.0, 0.3, 10) >> Constant(0.2)


@pytest.mark.parametrize("cycle_momentum", [True, False])
def test_the_one_cycle_of_axolotl_has_betas_unless_they_are_not_cycled(cycle_momentum: bool) -> None:
    config = {"learning_rate": 0.3, "lr_scheduler": "one_cycle", "max_steps": 20, "warmup_steps": 6, "adam_beta2": 0.95}
    found = stepsize.interop.from_axolotl(config | {"lr_scheduler_kwargs": {"cycle_momentum": cycle_momentum}})
    assert isinstance(found, Plan) == cycle_momentum
    if isinstance(found, Plan):
        assert found(5)["betas"] == (0.85, 0.95)


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        ({"type": "inv_sqrt_with_warmup", "warmup": 0}, Constant(0.03)),
        (
            {"type": "composable", "stages": [{"duration": 9, "start_lr_fraction": 0.0, "end_lr_fraction": 1.0}]},
            Linear(0.0, 0.3, 9).tail(1),
        ),
        ({"type": "constant_with_warmup", "warmup": 5, "warmup_fraction": None}, Linear(0.0, 0.3, 5).tail(1)),
    ],
)
def test_nothing_and_zero_in_a_config_of_olmo_core_are_two_things(config: dict[str, object], schedule: object) -> None:
    rates = stepsize.interop.from_olmo_core(config, horizon=10, base_lr=0.3)
    assert list(rates(np.arange(5))) == list(schedule(np.arange(5)))  # type: ignore[operator]


def test_the_timescale_of_timm_counts_epochs() -> None:
    lengths = {"num_epochs": 9, "decay_epochs": 2, "stable_timescale": 3}
    config = {"sched": "rsqrt", "warmup_lr": 0.0, "step_on_epochs": False, "updates_per_epoch": 7} | lengths
    found = stepsize.interop.from_timm(config, base_lr=0.3)
    assert found == InversePower(0.3, 1 / 21) * Linear(1.0, 0.0, 14).shift(49)


def test_schedules_that_optax_joins_may_be_schedules_or_sources() -> None:
    parts = [Constant(0.3), "optax.linear_schedule(0.3, 0.0, 5)", Linear(0.1, 0.2, 4)]
    found = stepsize.interop.from_optax("join_schedules", parts, boundaries=[3, 8])
    assert found == Constant(0.3, 3) >> Linear(0.3, 0.0, 5) >> Linear(0.1, 0.2, 4)


def test_a_cosine_of_optax_from_a_peak_of_0_stays_there() -> None:
    rates = stepsize.interop.from_optax("warmup_cosine_decay_schedule(0.4, 0.0, 4, 9, end_value=0.3)")
    assert list(rates([0, 2, 4, 6, 9])) == [0.4, 0.2, 0.0, 0.0, 0.0]


def test_a_boundary_of_keras_may_lie_between_two_steps() -> None:
    schedule = stepsize.interop.from_keras("PiecewiseConstantDecay([2, 4.5], [0.3, 0.2, 0.1])")
    assert schedule == Piecewise((0.3, 0.2, 0.1), (3, 5))


def test_the_cycles_of_a_polynomial_of_paddle_may_have_one_step() -> None:
    config = {"name": "PolynomialDecay", "learning_rate": 0.3, "end_lr": 0.1, "decay_steps": 1, "cycle": True}
    found = stepsize.interop.from_paddle(config, horizon=3)
    assert found([0, 1, 2, 3]).tolist() == [0.3, 0.1, 0.1, 0.1]
    assert str(found) == " >> ".join(
        ["Polynomial(0.3, 0.1, 1, 1.0).head(2)"] + [f"Polynomial(0.3, 0.1, {n}, 1.0).tail({n})" for n in (2, 3)]
    )


@pytest.mark.parametrize(("decay", "rates"), [(9, [0.5, 0.5 * 8 / 9]), (10, [0.45, 0.4]), (20, [0.475, 0.45])])
def test_a_linear_decay_of_olmo_core_may_be_as_long_as_its_run_or_longer(decay: int, rates: list[float]) -> None:
    config = {"type": "cos_with_warmup_and_linear_decay", "warmup": 0, "decay": decay, "alpha_f": 1.0}
    found = stepsize.interop.from_olmo_core(config, horizon=10, base_lr=0.5)
    assert isinstance(found, Schedule)
    assert found([0, 1]).tolist() == pytest.approx(rates, rel=1e-12)


@pytest.mark.parametrize("exponent", [1.0, 1.25, 2.0])
def test_a_cosine_of_optax_has_its_exponent_and_ends_at_its_end_value(exponent: float) -> None:
    rates = stepsize.interop.from_optax("warmup_cosine_decay_schedule", 0.0, 0.1, 4, 12, 0.07, exponent)
    assert rates(8) == pytest.approx(0.07 + 0.03 * 0.5**exponent, rel=1e-12)
    assert rates(12) == (0.07 if exponent == 1.0 else pytest.approx(0.07, rel=1e-12))


@pytest.mark.parametrize(
    ("decay", "down"), [(9, "Constant(0.3, 1) >> Linear(0.3, 0.0, 9)"), (10, "Linear(0.3, 0.0, 10)")]
)
def test_a_wsd_of_megatron_may_have_no_stable_phase(decay: int, down: str) -> None:
    config = "--lr 0.3 --train-iters 20 --lr-warmup-iters 10 --lr-decay-style WSD --lr-wsd-decay-style linear"
    found = stepsize.interop.from_megatron(f"{config} --lr-wsd-decay-iters {decay}")
    assert str(found) == f"Linear(0.0, 0.3, 10) >> {down}"


@pytest.mark.parametrize("warmup", [9_999, 10_000, 40_000])
def test_the_inverse_square_root_of_levanter_has_10_000_updates_at_the_peak(warmup: int) -> None:
    settings = {"lr_schedule": "inv_sqrt", "warmup": warmup, "min_lr_ratio": 0.01, "learning_rate": 0.5}
    rates = stepsize.interop.from_levanter({**settings, "num_train_steps": 10**9})
    steps = np.array([warmup, warmup + 1, 40_001, 10**6, 10**8, 10**8 + 10**7])
    expected = np.maximum(0.5 * np.sqrt(10_000 / np.maximum(steps, 10_000)), 0.005)
    np.testing.assert_allclose(rates(steps), expected, rtol=1e-12)


@pytest.mark.parametrize("settings", [{"cosine_min_lr_ratio": 0.1}, {"lr_quadratic_warmup": True}], ids=str)
def test_a_run_of_axolotl_may_end_during_its_warmup(settings: dict[str, object]) -> None:
    power = 2 if "lr_quadratic_warmup" in settings else 1
    config = {"learning_rate": 1.0, "lr_scheduler": "cosine", "max_steps": 4, "warmup_steps": 6, **settings}
    rates = stepsize.interop.from_axolotl(config)(np.arange(4))
    np.testing.assert_allclose(rates, (np.arange(4) / 6) ** power, rtol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_reader_gives_the_rates_that_the_tool_gives_for_random_configs(tool: Tool) -> None:
    if not is_installed(tool.name):
        pytest.skip(f"{loop_of(tool.name).PACKAGE} is not installed; scripts/peers installs it")
    cases = [*loop_of(tool.name).CASES, *random_cases(tool.name, 200)]
    compare(tool, cases, measured(tool.name, cases))
