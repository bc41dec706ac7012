"""A config that cannot be read is refused in one clear message."""

import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from measuring import loop_of

import stepsize.interop
from stepsize import Horizon
from stepsize.errors import ArgumentError, DataError, StepsizeError
from stepsize.interop import check, from_mmengine
from stepsize.interop.config_files import config_in

WSD = {"lr_scheduler_type": "warmup_stable_decay", "max_steps": 9}
MIN_LR = {"lr_scheduler_type": "cosine_with_min_lr", "max_steps": 9}
COSINE = {"name": "cosine_with_warmup", "t_warmup": "10ba"}


def deepspeed(name: str, **params: object) -> dict[str, object]:
    return {"scheduler": {"type": name, "params": params}}


OVERLAP = [
    {"type": "LinearLR", "end": 5, "by_epoch": False},
    {"type": "CosineAnnealingLR", "end": 9, "by_epoch": False, "eta_min_ratio": 0.1},
]
RAMP = {"warmup_steps": 5, "start_lr": 0.0, "end_lr": 0.1}
THREEFOLD = {"name": "CosineAnnealingWarmRestarts", "learning_rate": 0.1, "T_0": 5, "T_mult": 3}
ONE_CYCLE = {"name": "OneCycleLR", "max_learning_rate": 1, "total_steps": 10}
BAD = [
    ("axolotl", {"learning_rate": 0.1, "lr_scheduler": "rexx"}, ['did you mean "rex"?']),
    ("axolotl", {"lr_scheduler": "rex"}, ["axolotl(learning_rate=...) must be given"]),
    ("axolotl", {"learning_rate": 0.1}, ["horizon", "num_epochs needs the number of updates"]),
    (
        "composer",
        {"scheduler": COSINE | {"t_warmup": "9 steps"}, "max_duration": "90ba"},
        ["t_warmup", 'a time such as "100ba", "2ep" or "0.1dur"'],
    ),
    (
        "composer",
        {"scheduler": COSINE | {"t_max": "500tok"}, "max_duration": "90ba"},
        ["t_warmup", "in the unit of the other times, tok"],
    ),
    (
        "composer",
        {"scheduler": COSINE, "max_duration": "90ba", "scale_schedule_ratio": 1e308},
        ["scale_schedule_ratio", "<= 1e+06"],
    ),
    (
        "composer",
        {"scheduler": COSINE, "max_duration": "90ba", "scale_schedule_ratio": 0},
        ["scale_schedule_ratio=...) must be a finite number > 0"],
    ),
    ("composer", {"scheduler": COSINE, "max_duration": "9e999ba"}, ["max_duration", "a finite number <= 9.0072e+15"]),
    ("composer", {"scheduler": COSINE | {"t_warmup": "1..2ba"}, "max_duration": "9ba"}, ["t_warmup", "a time such as"]),
    (
        "composer",
        {"scheduler": COSINE | {"t_max": "89ba"}, "max_duration": "90ba"},
        ["t_max", "at least the run of 90ba"],
    ),
    (
        "composer",
        {"scheduler": COSINE | {"t_max": "90ba"}, "max_duration": "90ba", "scale_schedule_ratio": 0.5},
        ["t_max", "at least the run of 90ba"],
    ),
    (
        "composer",
        {"name": "constant_with_warmup", "t_warmup": "10ba", "t_max": "50ba"},
        ["horizon", "max_duration needs the number of updates"],
    ),
    (
        "composer",
        {"scheduler": {"name": "constant_with_warmup", "t_warmup": "5ba", "t_max": "8ba"}, "max_duration": "9ba"},
        ["t_max", "at least the run of 9ba"],
    ),
    ("composer", {"t_warmup": "10ba"}, ['a scheduler with "name"']),
    ("composer", COSINE, ["horizon", "max_duration needs the number of updates"]),
    ("composer", COSINE | {"alpha": 1}, ['has no argument "alpha"', 'did you mean "alpha_f"?']),
    ("composer", {"name": "cosine_warmup", "t_warmup": "10ba"}, ['did you mean "cosine_with_warmup"?']),
    ("deepspeed", deepspeed("WarmupCosinLR"), ["the name of a scheduler", 'did you mean "WarmupCosineLR"?']),
    ("deepspeed", deepspeed("WarmupDecayLR"), ["WarmupDecayLR(total_num_steps=...) must be given"]),
    (
        "deepspeed",
        deepspeed("WarmupDecayLR", total_num_steps="auto", warmup_num_steps="auto"),
        ["total_num_steps", "warmup_num_steps", "write the value that it gets"],
    ),
    ("deepspeed", deepspeed("WarmupLR", warmup_steps=5), ['has no argument "warmup_steps"', '"warmup_num_steps"?']),
    ("deepspeed", deepspeed("WarmupLR", warmup_min_lr=0.1), ["base_lr", "warmup_max_lr is the optimizer's rate"]),
    ("deepspeed", {"scheduler": [deepspeed("WarmupLR")]}, ["one scheduler, not a list of several"]),
    ("deepspeed", {"lr_scheduler_type": "cosine"}, ['a config with a "scheduler"']),
    ("fvcore", {"_target_": "CosinParamScheduler"}, ["horizon", "the progress of the run"]),
    ("keras", "CosineDecay(0, 10, warmup_target=0.1, warmup_steps=4)", ["a float, got 0", "write 0.0"]),
    ("levanter", {"lr_schedule": "cosin", "num_train_steps": 9}, ['did you mean "cosine"?']),
    ("levanter", {"lr_schedule": "linear"}, ["horizon", "num_train_steps needs the number of updates"]),
    ("levanter", {"warmup": 2.5, "num_train_steps": 9}, ["a part up to 1, or a whole number of updates"]),
    ("levanter", {"cycles": 2, "cycle_length": 3, "num_train_steps": 9}, ["left out if cycle_length is given"]),
    ("levanter", {"cycles": [11, 4], "num_train_steps": 20}, ["cycles", "rising, and at most 20 updates in all"]),
    ("levanter", {"cycles": [30], "num_train_steps": 20}, ["cycles", "at most 20 updates"]),
    ("levanter", {"cycle_length": [0.5, 4], "num_train_steps": 20}, ["cycle_length[0]", "a whole number"]),
    ("levanter", {"lr_schedule": "inv", "min_lr_ratio": 0, "num_train_steps": 9}, ["above 0 for inv"]),
    ("maxtext", {"learning_rate": 0.1}, ["horizon", "steps needs the number of updates"]),
    (
        "maxtext",
        {"steps": 10, "lr_schedule_type": "wsd", "warmup_steps_fraction": 0.6, "wsd_decay_steps_fraction": 0.6},
        ["small enough to end with the schedule"],
    ),
    ("mmengine", {"type": "LinearRL", "end": 5}, ['did you mean "LinearLR"?']),
    ("mmengine", {"type": "CosineAnnealingMomentum", "end": 5}, ["the name of a scheduler"]),
    ("mmengine", {"type": "LinearLR", "by_epoch": False}, ["horizon", "end needs the number of updates"]),
    ("mmengine", {"type": "LinearLR", "end": 5}, ["horizon", "by_epoch needs the length of an epoch"]),
    ("mmengine", {"type": "LinearLR", "end": 5, "by_epoch": False, "start": 1}, ['has no argument "start"']),
    ("mmengine", {"type": "LinearLR", "begin": 5, "end": 5, "by_epoch": False}, ["larger than begin = 5"]),
    ("mmengine", {"type": "PolyLR", "end": 5, "by_epoch": False, "eta_min": 0.1}, ["base_lr", "eta_min is a rate"]),
    ("mmengine", {"type": "OneCycleLR", "eta_max": 1, "begin": 2, "end": 9, "by_epoch": False}, ["a OneCycleLR alone"]),
    ("mmengine", OVERLAP, ["schedulers one after another, or schedulers that multiply"]),
    (  # the cosine has its turn before the last change of the warmup
        "mmengine",
        [
            {"type": "CosineAnnealingLR", "begin": 4, "end": 9, "by_epoch": False, "eta_min_ratio": 0.1},
            {"type": "LinearLR", "end": 5, "by_epoch": False},
        ],
        ["schedulers one after another, or schedulers that multiply"],
    ),
    ("mmengine", [*OVERLAP, {"end": 5}], ['a scheduler with a "type", or a list of them']),
    ("mmengine", {"lr_scheduler": "cosine"}, ['a scheduler with a "type", or a list of them']),
    ("paddle", {"name": "CosineAnealingDecay"}, ['did you mean "CosineAnnealingDecay"?']),
    ("paddle", {"name": "LambdaDecay", "learning_rate": 0.1}, ["follows neither a function nor a metric"]),
    ("paddle", {"name": "StepDecay"}, ["learning_rate=...) must be given", "step_size=...) must be given"]),
    (
        "paddle",
        {"name": "PolynomialDecay", "learning_rate": 1, "decay_steps": 5, "cycle": True},
        ["horizon", "cycle needs"],
    ),
    ("paddle", {"name": "OneCycleLR", "max_learning_rate": 1, "total_steps": 3}, ["such that all phases have a step"]),
    *(
        ("paddle", ONE_CYCLE | {"phase_pct": part, "three_phase": three}, ["such that all phases have a step"])
        for part, three in ((0.55, True), (0.1, True), (0.1, False), (1.0, False))
    ),
    ("paddle", {"name": "LinearWarmup", "learning_rate": THREEFOLD, **RAMP}, ["a T_mult of 3 inside a LinearWarmup"]),
    ("paddle", {"learning_rate": 0.1}, ['a mapping with its "name"']),
    ("pytorch_optimizer", {"name": "cosin"}, ['did you mean "cosine"?']),
    ("pytorch_optimizer", {"name": "one_cycle"}, ["read PyTorch's with stepsize.pytorch.from_torch"]),
    ("pytorch_optimizer", {"name": "cosine"}, ["cosine(t_max=...) must be given", "cosine(max_lr=...) must be given"]),
    ("pytorch_optimizer", {"name": "linear", "t_max": 5, "max_lr": 1, "warmup_steps": 5}, ["warmup_steps = 5"]),
    ("pytorch_optimizer", {"lr": 0.1}, ['a mapping with its "name"']),
    ("megatron", "--lr 0.1 --train-iters 9 --lr-decay-style cosin", ['did you mean "cosine"?']),
    (
        "megatron",
        "--train-iters 9 --lr-warmup-iters 9",
        [
            "lr=...) must be given",
            "must be shorter than lr_decay_iters, 9, which includes it, got 9",
        ],
    ),
    ("megatron", "--lr 0.1 --min-lr 0.2 --train-iters 9", ["min_lr=...) must be at most lr, 0.1, got 0.2"]),
    (
        "megatron",
        "--lr 0.1 --lr-warmup-init 0.2 --train-iters 9",
        ["lr_warmup_init=...) must be at most lr, 0.1, got 0.2"],
    ),
    ("megatron", "--lr 0.1 --train-iters 9 --lr-decay-style WSD", ["lr_wsd_decay_iters=...) must be given"]),
    ("megatron", "--lr 0.1 --train-samples 9", ["global_batch_size=...) must be given: the clock counts samples"]),
    ("olmo_core", {"warmup": 4}, ['a scheduler with "type" or "_CLASS_"']),
    ("olmo_core", {"type": "wsd", "warmup": 4, "decay_min_lr": 0.1}, ["base_lr", "decay_min_lr is a rate"]),
    ("olmo_core", {"type": "exponential", "lr_min": 0.001}, ["base_lr", "lr_min is a rate"]),
    ("olmo_core", {"type": "cos_with_warmup"}, ["horizon", "trainer.max_duration needs the number of updates"]),
    ("timm", {"sched": "cosin", "epochs": 10}, ["the name of a scheduler", 'did you mean "cosine"?']),
    ("timm", {"sched": "plateau", "epochs": 10}, ["the name of a scheduler", "known are constant, cosine"]),
    ("timm", {"sched": "cosine", "epochs": 10, "lr": 0.1}, ["horizon", "step_on_epochs needs the length of an epoch"]),
    ("timm", {"sched": "cosine", "epochs": 10, "min_lr": 0.1}, ["base_lr", "min_lr and warmup_lr are rates"]),
    ("timm", {"sched": "cosine", "epochs": 10, "lr": 0.1, "lr_noise": [0.4]}, ["noise", "random at every step"]),
    ("timm", {"num_epochs": 10, "cycle_mull": 2}, ['did you mean "cycle_mul"?']),
    ("timm", {"num_epochs": 9, "cycle_mul": 1.5, "cycle_limit": 4, "warmup_lr": 0}, ["each cycle a whole number"]),
    (
        "timm",
        {"sched": "wsd", "num_epochs": 9, "decay_epochs": 10, "warmup_lr": 0},
        ["decay_epochs", "at most the epochs"],
    ),
    ("timm", {"scheduler": "cosine"}, ['a config with "sched"']),
    ("timm", ["--sched", {"sched": "cosine"}], ["one scheduler, not a list of several"]),
    ("torchtitan", {"warmup_steps": 5, "decay_ratio": 1.5, "decay_type": "cos"}, ["decay_ratio", "decay_type"]),
    ("torchtitan", {"warmup_steps": 5}, ["horizon", "training.steps needs the number of updates"]),
    ("torchtitan", {"warmup_step": 5}, ['did you mean "warmup_steps"?']),
    ("transformers", {"lr_scheduler_type": "cosin"}, ['did you mean "cosine"?']),
    ("transformers", {"lr_scheduler_type": "greedy"}, ["a scheduler that follows the step", "follows a metric"]),
    ("transformers", deepspeed("WarmupLR"), ["config", "TrainingArguments, with lr_scheduler_type"]),
    (
        "transformers",
        MIN_LR | {"lr_scheduler_kwargs": "{min_lr: 1}"},
        ["lr_scheduler_kwargs", "a mapping, or one as JSON"],
    ),
    (
        "transformers",
        {"lr_scheduler_type": "polynomial", "learning_rate": 1e-7, "max_steps": 9},
        ["lr_end", "below the learning rate 1e-07"],
    ),
    ("transformers", {"warmup_steps": 5}, ["horizon", "num_train_epochs needs the number of updates"]),
    ("transformers", WSD, ["warmup_stable_decay(num_decay_steps=...) must be given"]),
    ("transformers", MIN_LR, ["min_lr", "given, or min_lr_rate"]),
    ("transformers", MIN_LR | {"lr_scheduler_kwargs": {"min_lr_ratio": 0.1}}, ['did you mean "min_lr_rate"?']),
]


@pytest.mark.parametrize(("tool", "config", "words"), BAD, ids=str)
def test_a_bad_config_is_refused_in_words(tool: str, config: object, words: list[str]) -> None:
    with pytest.raises(ArgumentError) as caught:
        getattr(stepsize.interop, f"from_{tool}")(config)
    message = str(caught.value).replace("'", '"')
    for each in words:
        assert each.replace("'", '"') in message, message


def test_a_value_that_a_program_fills_in_is_one_error() -> None:
    with pytest.raises(ArgumentError) as caught:
        stepsize.interop.from_deepspeed(deepspeed("WarmupDecayLR", total_num_steps="auto"))
    message = "must be a value, got 'auto'; a program fills it in when it starts: write the value that it gets"
    assert str(caught.value) == f"WarmupDecayLR(total_num_steps=...) {message}"


@pytest.mark.parametrize(
    ("tool", "config", "advice"),
    [
        ("levanter", {}, "num_train_steps needs the number of updates, got None; write e.g. horizon=10_000"),
        (
            "timm",
            {"num_epochs": 9, "warmup_lr": 0},
            "the length of an epoch, got None; write e.g. horizon=Horizon(samples=60_000, batch=256, epochs=10)",
        ),
    ],
)
def test_a_run_that_is_missing_is_asked_for_in_the_units_that_are_needed(tool: str, config: Any, advice: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        getattr(stepsize.interop, f"from_{tool}")(config)
    assert str(caught.value).endswith(advice)


FLAT = {"_target_": "ConstantParamScheduler", "value": 0.3}
BOTH = {"_target_": "CompositeParamScheduler", "schedulers": [FLAT, FLAT], "lengths": [0.5, 0.5]}


@pytest.mark.parametrize(
    ("tool", "config", "words"),
    [
        (
            "composer",
            {"scheduler": {"name": "LinearScheduler"}, "max_duration": "90sp"},
            "given: the scheduler counts samples, not updates, got None; write e.g. horizon=Horizon",
        ),
        ("fvcore", BOTH | {"interval_scaling": ["rescaled"]}, "and an interval_scaling for each"),
        ("olmo_core", {"type": "wsd", "warmup": 4, "decay_fraction": 0.0}, "at least 1, since OLMo-core divides by it"),
    ],
)
def test_a_config_that_does_not_fit_its_run_is_refused(tool: str, config: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        getattr(stepsize.interop, f"from_{tool}")(config, horizon=10, base_lr=0.3)


WRONG = [None, [], {}, "", "x", "auto", 5, -1, 0, True, 0.5, float("nan"), float("inf"), 2**60, 2**2000]
WRONG += [[1], [None], ["a"], {"a": 1}, {1: 2}, b"x", object(), [{"type": "x"}], {"type": "x"}]
MAPPINGS = ["axolotl", "composer", "deepspeed", "fvcore", "keras", "levanter", "maxtext", "megatron", "mmengine"]
MAPPINGS += ["olmo_core", "paddle", "pytorch_optimizer", "timm", "torchtitan", "transformers"]


def places(config: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to each value in a config."""
    yield before
    items = config.items() if isinstance(config, Mapping) else enumerate(config if isinstance(config, list) else [])
    for key, value in items:
        yield from places(value, *before, key)


def with_value(config: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = dict(config) if isinstance(config, Mapping) else list(config)
    changed[place[0]] = with_value(config[place[0]], place[1:], value)
    return changed


@pytest.mark.parametrize("around", [{"optim_wrapper": 3}, {"optim_wrapper": {"optimizer": [1]}}, {"train_cfg": "x"}])
def test_a_part_of_mmengines_config_that_is_no_mapping_is_refused(around: dict[str, Any]) -> None:
    scheduler = {"type": "CosineAnnealingLR", "T_max": 10, "by_epoch": False}
    with pytest.raises(ArgumentError, match="a mapping with settings"):
        from_mmengine({"param_scheduler": [scheduler]} | around, horizon=10)


@pytest.mark.parametrize("tool", MAPPINGS)
def test_a_value_of_another_kind_anywhere_in_a_config_is_read_or_refused(tool: str) -> None:
    cases = [case for case in loop_of(tool).CASES if isinstance(case.config, Mapping)]
    changes = [(case, place, value) for case in cases for place in places(case.config) for value in WRONG]
    for case, place, value in random.Random(0).sample(changes, min(300, len(changes))):
        horizon = Horizon(**case.horizon) if isinstance(case.horizon, dict) else case.horizon
        config = with_value(case.config, place, value)
        try:
            with suppress(StepsizeError):
                check(config, tool, horizon=horizon, base_lr=case.base_lr)
        except Exception as error:
            raise AssertionError(f"{config} raises {error!r}") from error


def test_a_config_has_at_most_2_20_characters(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"sched": "cosine"}'.ljust(1_048_576))
    assert config_in(tmp_path / "a.json") == {"sched": "cosine"}
    (tmp_path / "a.json").write_text('{"sched": "cosine"}'.ljust(1_048_577))
    with pytest.raises(DataError, match=r"too large for a config; keep the settings of the schedule alone$"):
        config_in(tmp_path / "a.json")


def test_a_yaml_config_has_at_most_100_000_values_with_those_that_aliases_repeat(tmp_path: Path) -> None:
    """The file, a list of 99 and its values, 998 aliases of it in a list, and as many as are missing."""
    aliases = f"a: &a [{', '.join('0' * 99)}]\nb: [{', '.join(['*a'] * 998)}]\n"
    (tmp_path / "a.yaml").write_text(f"{aliases}c: [{', '.join('0' * 97)}]\n")
    assert len(config_in(tmp_path / "a.yaml")) == 3
    (tmp_path / "a.yaml").write_text(f"{aliases}c: [{', '.join('0' * 98)}]\n")
    with pytest.raises(DataError, match="its aliases repeat too much"):
        config_in(tmp_path / "a.yaml")


OWN = {"type": "cos_with_warmup", "warmup": 4}
RATES = [
    ("timm", {"sched": "cosine", "epochs": 9, "lr": "fast"}),
    ("composer", {"scheduler": COSINE, "max_duration": "9ba", "optimizer": {"lr": "fast"}}),
    ("deepspeed", deepspeed("WarmupLR") | {"optimizer": {"type": "Adam", "params": {"lr": "fast"}}}),
    ("mmengine", {"param_scheduler": OVERLAP, "optim_wrapper": {"optimizer": {"lr": "fast"}}}),
    ("olmo_core", {"train_module": {"scheduler": OWN, "optim": {"lr": "fast"}}}),
    ("torchtitan", {"lr_scheduler": {"warmup_steps": 5}, "optimizer": {"lr": "fast"}}),
]


@pytest.mark.parametrize(("tool", "config"), RATES, ids=str)
def test_a_rate_of_the_configs_optimizer_that_is_no_number_is_named_as_it_is_written(tool: str, config: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^optimizer\(lr=\.\.\.\) must be a finite number >= 0, got 'fast'"):
        check(config, tool, horizon=9)


OWNED = [
    ("composer", COSINE | {"t_warmup": "9 steps"}),
    ("composer", COSINE | {"t_max": "8ba"}),
    ("composer", {"scheduler": COSINE | {"name": "cosine"}, "max_duration": "9ba"}),
    ("olmo_core", {"type": "cosine"}),
    ("olmo_core", {"warmup": 4}),
    ("olmo_core", {"type": "wsd", "warmup": 4, "decay_min_lr": 0.1}),
    ("torchtitan", {"optimizer": {"lr": 1, "param_groups": [{"optimizer_kwargs": {"lr": 2}}]}}),
]


@pytest.mark.parametrize(("tool", "config"), OWNED, ids=str)
def test_an_error_names_the_function_that_was_called(tool: str, config: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^check\("):
        check(config, tool, horizon=9)
    with pytest.raises(ArgumentError, match=rf"^from_{tool}\("):
        getattr(stepsize.interop, f"from_{tool}")(config, horizon=9)


@pytest.mark.parametrize(
    "call", ["optax.cosin_decay_schedule(0.1, 9)", "keras.optimizers.schedules.CosinDecay(0.1, 9)"]
)
def test_a_misspelled_function_is_named_as_it_is_written(call: str) -> None:
    with pytest.raises(ArgumentError, match=r"did you mean") as caught:
        check(call)
    assert str(caught.value).startswith(f"{call.partition('(')[0]} must be the name of a scheduler")


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"type": "composable", "stages": [5]}, r"composable\(stages="),
        ({"type": "composable", "stages": [{"duration": 9, "end_lr": 0}], "override_decay": 5}, "override_decay="),
        ({"type": "sequential", "schedulers": [{"type": "cosine"}]}, r"schedulers\(type="),
    ],
)
def test_a_part_of_olmo_cores_config_that_is_wrong_is_named(config: Any, place: str) -> None:
    with pytest.raises(ArgumentError, match=place):
        check(config, "olmo_core", horizon=9)
