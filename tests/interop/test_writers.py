"""Each writer writes a schedule exactly, as the tool's own loop shows, or refuses it."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measuring import Case, is_installed, loop_of, measured
from writing import OF_RANDOM, outcome, read, read_schedules, recorded, schedules_for, texts_of

import stepsize as ss
import stepsize.interop
from stepsize.errors import ArgumentError
from stepsize.interop.config import settings_of
from stepsize.interop.writers.forms import written


@dataclass(frozen=True)
class Writer:
    """A row: the tool, how what is written for it becomes a case of its loop."""

    name: str
    case: Callable[[Any], Case]


def _deepspeed(written: Any) -> Case:
    return Case(written["scheduler"], base_lr=written.get("optimizer", {}).get("params", {}).get("lr", 1.0))


def _megatron(written: Any) -> Case:
    given = settings_of("", written)
    unit = "samples" if any(name.endswith("_samples") for name in given) else "iters"
    return Case({f"train_{unit}": 1} | given)


def _mmengine(written: Any) -> Case:
    rate = written["optim_wrapper"]["optimizer"]["lr"]
    return Case(written["param_scheduler"], horizon=loop_of("mmengine").RUN, base_lr=rate)


def _timm(written: Any) -> Case:
    others = {name: value for name, value in written.items() if name != "lr"}
    return Case(others, horizon=loop_of("timm").EPOCH, base_lr=written["lr"])


def _transformers(written: Any) -> Case:
    return Case({"lr_scheduler_kwargs": {}, "warmup_steps": 0, "max_steps": 1} | written)


WRITERS = [
    Writer("deepspeed", _deepspeed),
    Writer("megatron", _megatron),
    Writer("mmengine", _mmengine),
    Writer("timm", _timm),
    Writer("transformers", _transformers),
]


def follow(writer: Writer, written: list[Any], schedules: list[ss.Schedule], updates: int = 64) -> None:
    """What is written has the rates of the schedules: as the reader has it, and in the tool's own loop."""
    cases = [Case(each.config, updates, each.horizon, each.base_lr) for each in map(writer.case, written)]
    compare(schedules, cases, [read(writer.name, case).rates(np.arange(updates)) for case in cases], 1e-9)
    if not is_installed(writer.name):
        pytest.skip(f"{loop_of(writer.name).PACKAGE} is not installed; scripts/peers installs it")
    compare(schedules, cases, measured(writer.name, cases), 1e-12)


def compare(schedules: list[ss.Schedule], cases: list[Case], theirs: Iterable[Any], within: float) -> None:
    for schedule, case, rates in zip(schedules, cases, theirs, strict=True):
        ours = schedule(np.arange(case.updates))
        np.testing.assert_allclose(rates, ours, rtol=0, atol=within * np.abs(ours).max(), err_msg=f"{schedule} {case}")


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_a_schedule_is_written_exactly_or_refused_as_recorded(writer: Writer) -> None:
    schedules = schedules_for(writer.name)
    outcomes = [outcome(writer.name, *each) for each in schedules]
    assert texts_of(writer.name, schedules, outcomes) == recorded()[writer.name]
    pairs = [(made, schedule) for made, (schedule, _) in zip(outcomes, schedules, strict=True)]
    kept = [(made, schedule) for made, schedule in pairs if not isinstance(made, ArgumentError)]
    assert kept[: len(pairs) - OF_RANDOM] == pairs[:-OF_RANDOM]  # what was read can be written
    follow(writer, [made for made, _ in kept], [schedule for _, schedule in kept])


@pytest.mark.parametrize("tool", ["mlx", "optax"])
def test_a_schedule_is_made_of_a_tools_functions_or_refused_as_recorded(tool: str) -> None:
    array: Callable[[Any], Any]
    if tool == "mlx":
        import mlx.core

        array = mlx.core.array
    else:
        import jax.numpy

        array = jax.numpy.asarray
    schedules = schedules_for(tool)
    outcomes = [outcome(tool, *each) for each in schedules]
    assert texts_of(tool, schedules, outcomes) == recorded()[tool]
    for (schedule, _), made in zip(schedules, outcomes, strict=True):
        if not isinstance(made, ArgumentError):
            ours = schedule(np.arange(64))
            theirs = np.broadcast_to(np.asarray(made(array(np.arange(64)))), ours.shape)
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * np.abs(ours).max(), err_msg=str(schedule))


def test_what_the_reader_of_optax_has_read_can_be_written_and_read_again() -> None:
    for schedule, _ in read_schedules("optax"):
        source = written(schedule, "optax", 40)
        again = stepsize.interop.from_optax(source.partition(" = ")[2])
        assert isinstance(again, ss.Schedule)
        ours = schedule(np.arange(40))
        np.testing.assert_allclose(again(np.arange(40)), ours, rtol=0, atol=1e-12 * np.abs(ours).max(), err_msg=source)


ROWS = tomllib.loads(Path(__file__).with_name("written.toml").read_text())["row"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['tool']}-{row['schedule']}")
def test_a_schedule_is_written_as_this_config(row: dict[str, Any]) -> None:
    horizon = row.get("horizon")
    found = getattr(stepsize.interop, f"to_{row['tool']}")(
        row["schedule"], ss.Horizon(**horizon) if isinstance(horizon, dict) else horizon
    )
    if row["tool"] == "megatron":
        found = " ".join(found)
    if row["tool"] == "mmengine":
        assert found["optim_wrapper"] == {"optimizer": {"lr": row["lr"]}}
        found = found["param_scheduler"]
    assert found == row["config"]


SOURCES = [
    ("deepspeed", "Linear(0, 0.3, 10) >> Linear(0.3, 0, 90)", '"cycle_first_step_size": 10,'),
    ("megatron", "warmup_cosine(0.3, 10, 100)", "--lr 0.3 --lr-decay-style cosine --lr-warmup-iters 10"),
    (
        "megatron",
        "(Linear(0, 0.3, 6) >> Linear(0.3, 0, 18)).reclock(4)",
        "--lr 0.3 --lr-decay-style linear --lr-warmup-samples 6 --train-samples 24 --global-batch-size 4",
    ),
    ("mlx", "warmup_cosine(0.3, 10, 100)", "[optim.linear_schedule(0.0, 0.3, 10), optim.cosine_decay(0.3, 90)],"),
    ("mlx", "Staircase(0.3, 0.5, 4)", "= optim.step_decay(0.3, 0.5, 4)"),
    ("mlx", "Exponential(0.3, 0.25, 2)", "= optim.exponential_decay(0.3, 0.5)"),
    ("mlx", "Exponential(0.1, 0.99)", "= optim.exponential_decay(0.1, 0.99)"),
    ("mlx", "Cosine(0.3, 0.1, 9)", "= optim.cosine_decay(0.3, 9, end=0.1)"),
    ("mmengine", "warmup_cosine(0.3, 10, 100)", "dict(type='PolyLR', eta_min=0.3, by_epoch=False, begin=0, end=11),"),
    ("mmengine", "Piecewise((0.4, 0.2, 0.1), (4, 9))", "milestones=[4, 9],\n        gamma=0.5,"),
    ("mmengine", "Piecewise((0.4, 0.2, 0.1), (4, 9))", "begin=0,\n        end=10,"),
    ("mmengine", "Knots(((0, 0.1), (4, 0.4), (9, 0.01)))", "total_steps=10,\n        pct_start=0.5,"),
    (
        "mmengine",
        "Knots(((0, 0.1), (4, 0.4)))",
        "dict(type='LinearLR', start_factor=0.25, by_epoch=False, begin=0, end=5),",
    ),
    ("mmengine", "MultiStep(0.3, 0.1, (8, 16)).head(7)", "type='ConstantLR', factor=1.0,"),
    ("mmengine", "MultiStep(0.3, 0.1, (8, 16)).head(8)", "dict(type='MultiStepLR', milestones=[8], gamma=0.1,"),
    ("mmengine", "Constant(0.0)", "[dict(type='ConstantLR', factor=1.0, by_epoch=False, begin=0, end=1)]"),
    ("optax", "Linear(0, 0.3, 10) >> Constant(0.3)", "[optax.linear_schedule(0.0, 0.3, 10), optax.constant_schedule"),
    ("optax", "MultiStep(0.3, 0.5, (3, 3, 9))", "= optax.piecewise_constant_schedule(0.3, {3: 0.25, 9: 0.5})"),
    ("optax", "Exponential(0.3, 0.5).clip(0.1)", "= optax.exponential_decay(0.3, 1, 0.5, end_value=0.1)"),
    ("optax", "minimum(Exponential(0.3, 1.5), 0.5)", "= optax.exponential_decay(0.3, 1, 1.5, end_value=0.5)"),
    (
        "optax",
        "maximum(Staircase(0.3, 0.5, 4), 0.1).shift(2)",
        "optax.exponential_decay(0.3, 4, 0.5, staircase=True, end_value=0.1),\n    ],\n    [2],",
    ),
    ("optax", "Linear(0, 0.4, 8).tail(4)", "= optax.linear_schedule(0.2, 0.4, 4)"),
    ("optax", "Linear(0, 0.3, 10) >> Cosine(0.2, 0.1, 9)", "optax.cosine_decay_schedule(0.2, 9, alpha=0.5)"),
    ("optax", "Linear(0, 0.3, 10).head(5) >> Cosine(0.3, 0, 9)", "optax.cosine_decay_schedule(0.3, 9)],\n    [5],"),
    ("optax", "Exponential(0.3, 0.5, 2.5)", "= optax.exponential_decay(0.3, 2.5, 0.5)"),
    ("optax", "Exponential(0.3, 0.95)", "= optax.exponential_decay(0.3, 10, 0.5987369392383"),
    ("optax", "Cosine(0.4, 0.4, 9)", "= optax.constant_schedule(0.4)"),
    ("timm", "warmup_cosine(0.3, 10, 100)", '"warmup_prefix": true,'),
    ("transformers", "warmup_cosine(0.3, 10, 100)", '"lr_scheduler_type": "cosine_with_restarts",'),
    ("transformers", "Linear(0, 0.3, 10)", '"lr_scheduler_type": "constant_with_warmup",\n  "warmup_steps": 10\n}'),
    ("transformers", "Constant(0.4, 9) >> Constant(0.1)", '"min_lr_ratio": 0.25,'),
]


@pytest.mark.parametrize(("tool", "text", "part"), SOURCES)
def test_the_source_is_what_a_person_would_write(tool: str, text: str, part: str) -> None:
    found = written(ss.parse(text), tool)
    assert part in found, found


FORMS = [
    ("text", "Constant(0.3)"),
    ("json", '{\n  "version": 1,\n  "type": "Constant",\n  "value": 0.3\n}'),
    (
        "deepspeed",
        '{\n  "scheduler": {\n    "type": "WarmupLR",\n    "params": {\n      "warmup_min_lr": 0.3,\n'
        '      "warmup_max_lr": 0.3,\n      "warmup_type": "linear"\n    }\n  }\n}',
    ),
    ("megatron", "--lr 0.3 --lr-decay-style constant --train-iters 9"),
    ("mlx", "import mlx.optimizers as optim\n\nlearning_rate = optim.linear_schedule(0.3, 0.3, 1)"),
    (
        "mmengine",
        "optim_wrapper = dict(optimizer=dict(lr=0.3))\n"
        "param_scheduler = [dict(type='ConstantLR', factor=1.0, by_epoch=False, begin=0, end=1)]",
    ),
    ("optax", "import optax\n\nlearning_rate = optax.constant_schedule(0.3)"),
]


@pytest.mark.parametrize(("form", "text"), FORMS)
def test_a_constant_in_each_form(form: str, text: str) -> None:
    assert written(ss.Constant(0.3), form, 9) == text


@pytest.mark.parametrize(
    ("text", "horizon", "window"),
    [
        ("Exponential(0.3, 0.5)", None, "by_epoch=False, begin=0, end=1000000000)"),
        ("Exponential(0.3, 0.5)", 9, "by_epoch=False, begin=0, end=9)"),
        ("Linear(0.1, 0.3, 4) >> Exponential(0.3, 0.5)", 9, "by_epoch=False, begin=4, end=9)"),
        ("Linear(0.1, 0.3, 9) >> Exponential(0.3, 0.5)", 9, "by_epoch=False, begin=9, end=10)"),
        ("Exponential(0.3, 0.5).every(2)", ss.Horizon(20, 10, 2.5), "by_epoch=True, begin=0, end=3)"),
    ],
)
def test_a_window_of_mmengine_that_never_closes_ends_with_the_run(text: str, horizon: Any, window: str) -> None:
    assert window in written(ss.parse(text), "mmengine", horizon)


def test_after_the_last_update_of_a_given_run_the_rates_are_open() -> None:
    schedule = ss.warmup_cosine(0.3, 10, 100, final_lr=0.03)
    with pytest.raises(ArgumentError, match=r"at update 101, not .*; if the run ends before") as found:
        stepsize.interop.to_transformers(schedule)
    assert found.value.settings["horizon"] == 100
    assert stepsize.interop.to_transformers(schedule, 100)["lr_scheduler_type"] == "cosine_with_min_lr"
    with pytest.raises(ArgumentError, match="at update 101, not") as found:
        stepsize.interop.to_transformers(schedule, 200)
    assert "ends before" not in str(found.value)


def test_an_optimizer_of_transformers_can_have_any_schedule() -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = ss.Table((0.3, 0.1, 0.2))
    scheduler = stepsize.interop.to_transformers(schedule, optimizer=optimizer)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(schedule.sample(4), rel=1e-15)


REFUSED = [
    ("deepspeed", "warmup_cosine(0.3, 10, 100)", r"its OneCycle gives 0 at update 10, not 0\.3; use deepspeed"),
    ("deepspeed", "Rex(0.3, 0, 10)", r"one that DeepSpeed has a setting for, got Rex\(0\.3, 0\.0, 10\); use"),
    (
        "megatron",
        "Exponential(0.1, 0.9)",
        r"its constant gives 0\.1 at update 1, not 0\.09; .* with the code of to_code",
    ),
    ("mlx", "Exponential(0.1, 0.9999)", r"computes to 1e-6, got .*; the nearest is off by .* at update \d+"),
    ("mlx", "Exponential(0.1, 0.999)", r"computes to 1e-6, got .*; the nearest is off by 4\.\de-07 at update \d+"),
    ("mlx", "Polynomial(0.3, 0, 10, 2)", r"made of shapes that the tool has, got Polynomial\(0\.3, 0\.0, 10, 2\.0\)"),
    ("mmengine", "Rex(0.3, 0, 10)", r"made of shapes that MMEngine has, got Rex\(0\.3, 0\.0, 10\); let a hook set"),
    (
        "mmengine",
        "Linear(0.1, 1, 10) * Cosine(1, 0.5, 30)",
        r"MMEngine has a setting for, got Linear.*; let a hook set",
    ),
    (
        "deepspeed",
        "Linear(0.1, 0.3, 10)",
        r"LRRangeTest gives 0\.32 at update 11, not 0\.3; if the run .* horizon=10; else",
    ),
    (
        "deepspeed",
        "Linear(0.1, 0.3, 10) >> Linear(0.3, 0.1, 2).every(5)",
        r"LRRangeTest gives 0\.32 at update 11, not 0\.3; use deepspeed",
    ),
    (
        "megatron",
        "inverse_sqrt(0.3, 10)",
        r"its inverse-square-root gives 0 at update 12, not 0\.2739; let the training",
    ),
    (
        "mmengine",
        "Polynomial(0.3, 0.1, 10, 2) >> Constant(0.05)",
        r"MMEngine has, got Polynomial\(0\.3, 0\.1, 10, 2\.0",
    ),
    ("optax", "Cosine(0.0, 0.3, 9)", r"made of shapes that the tool has, got Cosine\(0\.0, 0\.3, 9\)"),
    ("timm", "Cosine(0.3, 0, 10).repeat(inf)", r"one that timm has a setting for, got Cosine\(0\.3, 0\.0, 10\)\.rep"),
    ("timm", "Linear(0, 1, 2).every(7)", r"its StepLRScheduler gives 0 at update 7, not 0\.5; drive the optimizer"),
    (
        "megatron",
        "MultiStep(0.3, 0.5, (10,))",
        r"0\.3 at update 10, not 0\.15; if the run ends before, write horizon=10; e",
    ),
    ("transformers", "Polynomial(0, 0.3, 10, 2)", r"constant_with_warmup gives 0\.03 at update 1, not 0\.057"),
    ("optax", "inverse_sqrt(0.3, 10)", r"made of shapes that the tool has, got InversePower"),
    ("optax", 3, r"to_optax\(schedule=...\) must be a schedule or its text, got 3"),
    (
        "transformers",
        "Cosine(0.3, 0, 10).repeat(2, 0.5)",
        r"gives 0\.3 at update 10, not 0\.15; give stepsize",
    ),
]


@pytest.mark.parametrize(("tool", "text", "words"), REFUSED)
def test_a_refusal_says_what_differs_and_what_to_use(tool: str, text: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        getattr(stepsize.interop, f"to_{tool}")(text)


def test_a_hundred_cycles_are_written_out() -> None:
    cycle = ss.Linear(0.1, 0.2, 5)
    assert len(stepsize.interop.to_mmengine(cycle.repeat(100))["param_scheduler"]) >= 100
    with pytest.raises(ArgumentError, match=r"made of shapes that MMEngine has, got .*repeat\(101\)"):
        stepsize.interop.to_mmengine(cycle.repeat(101))
