"""What a config names, with which its rates are compared, and the lines that mend what `check` finds."""

import pytest

from stepsize import Horizon
from stepsize.interop.frameworks import meaning
from stepsize.interop.tool_schedule import Run, ToolSchedule

INF = float("inf")
EPOCHS = Horizon(samples=70, batch=10, epochs=20)
WAVE = {"name": "CosineAnnealingDecay", "learning_rate": 0.3, "T_max": 90, "eta_min": 0.03}
TOKENS = {"type": "wsd", "units": "tokens", "warmup": 40, "decay": 80, "decay_min_lr": 0.1}
LINE = {"type": "LinearLR", "by_epoch": False, "end": 10}
MIN_LR = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 0.03}, "warmup_steps": 10}
NAMED = [  # the peak, the minimum, the warmup and the length
    (
        "axolotl",
        {"lr_scheduler": "cosine", "max_steps": 100, "warmup_ratio": 0.1, "cosine_min_lr_ratio": 0.1},
        None,
        (0.3, 0.03, 10, 100),
    ),
    ("axolotl", {"lr_scheduler": "rex", "warmup_steps": 1, "cosine_min_lr_ratio": 0.0}, 100, (0.3, None, 2, 100)),
    (
        "composer",
        {"scheduler": {"name": "cosine_with_warmup", "t_warmup": "6ba", "alpha_f": 0.1}, "max_duration": "20ep"},
        EPOCHS,
        (0.3, 0.03, 6, 140),
    ),
    (
        "composer",
        {"scheduler": {"name": "cosine_with_warmup", "t_warmup": "60sp"}, "max_duration": "900sp"},
        EPOCHS,
        (0.3, None, 6, 90),
    ),
    (
        "composer",
        {"scheduler": {"name": "cosine_with_warmup", "t_warmup": "20sp", "t_max": "100sp"}, "max_duration": "20ep"},
        EPOCHS,
        (0.3, None, 2, 140),
    ),
    ("composer", {"name": "LinearScheduler", "alpha_i": 0.5}, 90, (None, None, 0, 90)),
    ("deepspeed", {"type": "WarmupLR", "params": {"warmup_num_steps": 10}}, None, (0.3, None, 10, INF)),
    (
        "deepspeed",
        {"type": "WarmupDecayLR", "params": {"warmup_num_steps": 1, "total_num_steps": 100, "warmup_min_lr": 0.01}},
        None,
        (0.001, 0.01, 2, 100),
    ),
    (
        "deepspeed",
        {"type": "WarmupCosineLR", "params": {"warmup_num_steps": 10, "total_num_steps": 99, "cos_min_ratio": 0.1}},
        None,
        (0.3, 0.03, 10, 99),
    ),
    (
        "deepspeed",
        {
            "type": "OneCycle",
            "params": {
                "cycle_min_lr": 0.1,
                "cycle_max_lr": 0.4,
                "cycle_first_step_size": 10,
                "cycle_second_step_size": 20,
            },
        },
        None,
        (0.4, 0.1, 10, 30),
    ),
    ("deepspeed", {"type": "LRRangeTest", "params": {}}, None, (None, None, 0, INF)),
    (
        "fvcore",
        {"_target_": "CosineParamScheduler", "start_value": 1.0, "end_value": 0.5},
        50,
        (None, None, 0, 50),
    ),
    ("keras", "CosineDecay(0.1, 90, 0.1, warmup_target=0.3, warmup_steps=10)", None, (0.3, 0.03, 10, 100)),
    ("keras", "CosineDecay(0.3, 90, 0.1, warmup_steps=10)", None, (0.3, 0.03, 0, 90)),
    ("keras", "PolynomialDecay(0.3, 90, 0.01)", None, (0.3, 0.01, 0, 90)),
    ("keras", "PiecewiseConstantDecay([5, 9], [0.1, 0.3, 0.2])", None, (0.3, None, 0, 10)),
    ("levanter", {"lr_schedule": "cosine", "warmup": 0.1}, 100, (0.3, 0.03, 10, 100)),
    ("levanter", {"lr_schedule": "constant", "warmup": 10}, 100, (0.3, None, 10, 100)),
    ("levanter", {"warmup": 20, "rewarmup": 5, "cycles": 4}, 200, (0.3, 0.03, 20, 200)),
    ("maxtext", {"steps": 120, "learning_rate_schedule_steps": 100}, None, (0.3, 0.03, 10, 100)),
    (
        "megatron",
        "--min-lr 0.03 --lr-warmup-iters 10 --lr-decay-iters 90 --train-iters 100",
        None,
        (0.3, 0.03, 10, 100),
    ),
    (
        "megatron",
        "--lr-decay-style cosine --lr-warmup-samples 40 --train-samples 400 --global-batch-size 4",
        None,
        (0.3, None, 10, 100),
    ),
    (
        "mmengine",
        [LINE, {"type": "CosineAnnealingLR", "by_epoch": False, "begin": 10, "end": 100, "eta_min": 0.03}],
        None,
        (0.3, 0.03, 10, 100),
    ),
    (
        "mmengine",
        [LINE | {"end": 100}, {"type": "ConstantLR", "by_epoch": False, "end": 5}],
        None,
        (0.3, None, 100, 100),
    ),
    ("mmengine", [{"type": "ConstantLR", "by_epoch": False, "end": 5}], None, (0.3, None, 5, 5)),
    ("mmengine", {"type": "OneCycleLR", "end": 20, "by_epoch": False, "eta_max": 0.4}, None, (0.4, None, 0, 20)),
    ("olmo_core", {"type": "cos_with_warmup", "warmup": 10}, 100, (0.3, 0.03, 10, 100)),
    ("olmo_core", {"type": "cos_with_warmup", "warmup_fraction": 0.5, "t_max": 50}, 100, (0.3, 0.03, 25, 100)),
    (
        "olmo_core",
        {"train_module": {"scheduler": TOKENS}, "data_loader": {"global_batch_size": 4}},
        100,
        (0.3, 0.1, 10, 100),
    ),
    (
        "olmo_core",
        {
            "train_module": {"scheduler": {"type": "cos_with_warmup", "warmup": 10}},
            "data_loader": {"global_batch_size": 4},
            "trainer": {"max_duration": {"value": 401, "unit": "tokens"}},
        },
        None,
        (0.3, 0.03, 10, 101),
    ),
    ("olmo_core", {"type": "composable", "stages": [{"duration": 9, "end_lr": 0.5}]}, 100, (None, None, 0, 100)),
    ("optax", "warmup_cosine_decay_schedule(0.1, 0.3, 10, 100, 0.03)", None, (0.3, 0.03, 10, 100)),
    ("optax", "exponential_decay(0.3, 10, 0.5, end_value=0.03)", None, (0.3, 0.03, 0, INF)),
    ("paddle", WAVE, None, (0.3, 0.03, 0, 90)),
    (
        "paddle",
        {"name": "LinearWarmup", "warmup_steps": 10, "start_lr": 0.0, "end_lr": 0.2, "learning_rate": WAVE},
        None,
        (0.2, 0.03, 10, 100),
    ),
    (
        "paddle",
        {"name": "LinearWarmup", "warmup_steps": 10, "start_lr": 0.0, "end_lr": 0.5, "learning_rate": 1},
        None,
        (0.5, None, 10, INF),
    ),
    ("paddle", {"name": "OneCycleLR", "max_learning_rate": 0.3, "total_steps": 20}, None, (0.3, None, 0, 20)),
    (
        "paddle",
        {"name": "PolynomialDecay", "learning_rate": 0.3, "decay_steps": 20, "end_lr": 0.03},
        None,
        (0.3, 0.03, 0, 20),
    ),
    (
        "pytorch_optimizer",
        {"name": "cosine", "t_max": 100, "max_lr": 0.4, "min_lr": 0.03, "warmup_steps": 10},
        None,
        (0.4, 0.03, 10, 100),
    ),
    ("pytorch_optimizer", {"name": "rex", "total_steps": 100, "max_lr": 0.4}, None, (0.4, 0.0, 0, 100)),
    (
        "pytorch_optimizer",
        {
            "name": "warmup_stable_decay",
            "num_warmup_steps": 10,
            "num_stable_steps": 50,
            "num_decay_steps": 40,
            "min_lr_ratio": 0.1,
        },
        None,
        (0.3, 0.03, 10, 100),
    ),
    (
        "pytorch_optimizer",
        {"name": "cosine_annealing_with_warmup", "first_cycle_steps": 30, "warmup_steps": 10},
        None,
        (1e-4, 1e-6, 10, INF),
    ),
    ("timm", {"sched": "cosine", "epochs": 20, "warmup_epochs": 5, "min_lr": 0.03}, EPOCHS, (0.3, 0.03, 35, 140)),
    ("timm", {"sched": "tanh", "epochs": 20, "warmup_epochs": 5, "warmup_prefix": True}, EPOCHS, (0.3, 0.0, 35, 175)),
    ("timm", {"sched": "step", "epochs": 20, "warmup_epochs": 0, "cycle_limit": 3}, EPOCHS, (0.3, None, 0, 140)),
    (
        "torchtitan",
        {"lr_scheduler": {"warmup_steps": 10, "total_steps": 90, "min_lr_factor": 0.1}, "training": {"steps": 100}},
        None,
        (0.3, 0.03, 10, 100),
    ),
    ("torchtitan", {"warmup_steps": 200}, 100, (0.3, None, 200, 100)),
    ("transformers", MIN_LR | {"max_steps": 100}, None, (0.3, 0.03, 10, 100)),
    ("transformers", {"warmup_steps": 10, "warmup_ratio": 0.5}, 100, (0.3, None, 10, 100)),
    ("transformers", {"max_steps": 1}, 100, (0.3, None, 0, 1)),
    ("transformers", {"max_steps": 1}, None, (0.3, None, 0, 1)),
    ("transformers", {"max_steps": 0, "warmup_steps": 1}, 100, (0.3, None, 1, 100)),
    ("transformers", {"warmup_steps": 0.5}, 9, (0.3, None, 5, 9)),
    ("transformers", {"lr_scheduler_type": "constant", "warmup_steps": 10}, None, (0.3, None, 0, INF)),
    ("transformers", {"lr_scheduler_type": "polynomial", "warmup_ratio": 0.1}, 100, (0.3, 1e-07, 10, 100)),
]


def named(tool: str, config: object, horizon: Horizon | int | None = None) -> ToolSchedule:
    """What a config of this tool means, if the optimizer's rate is 0.3."""
    if tool == "axolotl":
        config = {"learning_rate": 0.1} | config  # type: ignore[operator]
    return meaning(config, Run.of("check", horizon, 0.3), tool)


@pytest.mark.parametrize(("tool", "config", "horizon", "names"), NAMED)
def test_the_rates_of_a_config_are_compared_with_what_it_names(tool, config, horizon, names):
    found = named(tool, config, horizon)
    assert (found.peak, found.minimum, found.warmup_steps, found.total_steps) == names
    assert not found.relative


NAMES = [
    ("composer", {"name": "cosine_with_warmup", "t_warmup": "1ba"}, "CosineAnnealingWithWarmupScheduler"),
    ("fvcore", {"_target_": "fvcore.common.ConstantParamScheduler", "value": 1}, "ConstantParamScheduler"),
    ("keras", "keras.optimizers.schedules.CosineDecay(0.3, 9)", "CosineDecay"),
    ("mmengine", [LINE, LINE | {"begin": 10, "end": 20}], "LinearLR, LinearLR"),
    ("olmo_core", {"_CLASS_": "olmo_core.optim.CosWithWarmup", "warmup": 1}, "cos_with_warmup"),
    ("optax", "optax.constant_schedule(0.3)", "constant_schedule"),
    ("paddle", WAVE | {"name": "cosineannealingdecay"}, "CosineAnnealingDecay"),
]


@pytest.mark.parametrize(("tool", "config", "name"), NAMES)
def test_a_scheduler_has_the_name_that_the_tool_gives_it(tool, config, name):
    assert named(tool, config, 9).name == name


STEEP = {"steep": '"warmup_type": "linear"'}
WAVES = '"lr_scheduler_type": "cosine_warmup_with_min_lr"'
MENDS = [
    (
        "axolotl",
        {"max_steps": 100},
        None,
        {
            "warmup": "warmup_ratio: 0.1",
            "rise": "cosine_min_lr_ratio: 0.1, cosine_constant_lr_ratio: 0.9",
            "minimum": "cosine_constant_lr_ratio: 0.9",
            "zero": "lr_scheduler: rex",
        },
    ),
    ("composer", {"name": "LinearScheduler"}, 90, {"warmup": "t_warmup: 0.1dur"}),
    (
        "deepspeed",
        {"type": "WarmupLR", "params": {"warmup_num_steps": 10, "warmup_max_lr": 0.2}},
        None,
        STEEP | {"zero": '"warmup_min_lr": 0.02', "unused": '"warmup_max_lr": 0.3'},
    ),
    (
        "deepspeed",
        {"type": "WarmupDecayLR", "params": {"total_num_steps": 15, "warmup_max_lr": 0.3, "warmup_num_steps": 9}},
        None,
        STEEP
        | {
            "zero": '"warmup_min_lr": 0.0333',
            "minimum": '"total_num_steps": 13',
            "warmup": '"warmup_num_steps": 2',
        },
    ),
    (
        "deepspeed",
        {"type": "WarmupCosineLR", "params": {"total_num_steps": 100, "warmup_type": "linear"}},
        None,
        {
            "peak": '"warmup_type": "log"',
            "minimum": '"total_num_steps": 99',
            "warmup": '"warmup_num_steps": 10',
        },
    ),
    (
        "megatron",
        "--lr-warmup-iters 10 --lr-decay-iters 90 --train-iters 100",
        None,
        {
            "warmup": "--lr-warmup-fraction 0.1",
            "minimum": "--lr-decay-iters 100",
            "jump": "--lr-decay-iters 100",
            "zero": "--lr-warmup-init 0.03",
        },
    ),
    (
        "megatron",
        "--lr-decay-style constant --lr-warmup-samples 40 --train-samples 400 --global-batch-size 4",
        None,
        {"warmup": "--lr-warmup-fraction 0.1", "zero": "--lr-warmup-init 0.03"},
    ),
    (
        "mmengine",
        [LINE, {"type": "CosineAnnealingLR", "by_epoch": False, "begin": 10, "end": 100}],
        None,
        {"rise": "T_max=90", "minimum": "T_max=89"},
    ),
    ("mmengine", {"type": "CosineAnnealingLR", "end": 20, "convert_to_iter_based": True}, EPOCHS, {"minimum": ""}),
    (
        "mmengine",
        {"type": "CosineAnnealingLR", "by_epoch": False, "end": 20, "eta_min_ratio": 0.1},
        None,
        {"rise": "T_max=20"},
    ),
    ("olmo_core", {"type": "cos_with_warmup", "warmup": 10}, 100, {"warmup": '"warmup": 10'}),
    (
        "paddle",
        {"name": "LinearWarmup", "warmup_steps": 10, "start_lr": 0.0, "end_lr": 0.2, "learning_rate": WAVE},
        None,
        {"jump": "learning_rate=0.2"},
    ),
    (
        "timm",
        {"sched": "cosine", "epochs": 20, "min_lr": 0.03},
        EPOCHS,
        {"minimum": "cooldown_epochs: 1", "jump": "warmup_prefix: true", "peak": "warmup_prefix: true"},
    ),
    ("timm", {"sched": "cosine", "epochs": 20, "warmup_prefix": True}, EPOCHS, {}),
    *(
        (
            "torchtitan",
            {"lr_scheduler": {"total_steps": 90}} | training,
            horizon,
            dict.fromkeys(("negative", "rise", "minimum"), "total_steps = 100") | {"warmup": "warmup_steps = 18"},
        )
        for training, horizon in (({"training": {"steps": 100}}, None), ({}, 100))
    ),
    ("torchtitan", {"warmup_steps": 10}, 100, {"warmup": "warmup_steps = 20"}),
    ("torchtitan", {"warmup_steps": 10, "total_steps": 90}, None, {"warmup": "warmup_steps = 18"}),
    (
        "transformers",
        MIN_LR,
        100,
        {
            "warmup": '"warmup_steps": 0.1',
            "zero": f'{WAVES}, "lr_scheduler_kwargs": {{"min_lr_rate": 0.0}}',
            "minimum": WAVES,
        },
    ),
    (
        "transformers",
        {"lr_scheduler_type": "cosine"},
        100,
        {
            "warmup": '"warmup_steps": 0.1',
            "rise": '"lr_scheduler_type": "cosine_with_restarts"',
            "zero": f'{WAVES}, "lr_scheduler_kwargs": {{"min_lr_rate": 0.0}}',
        },
    ),
    ("transformers", {"lr_scheduler_type": "linear"}, 100, {"warmup": '"warmup_steps": 0.1'}),
]


@pytest.mark.parametrize(("tool", "config", "horizon", "mends"), MENDS)
def test_a_finding_is_mended_by_this_line_of_the_config(tool, config, horizon, mends):
    assert named(tool, config, horizon).mends == mends
