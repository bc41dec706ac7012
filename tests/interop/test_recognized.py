"""How the tool of a config is found, and what is said if it is not."""

import pytest

from stepsize import Horizon
from stepsize.errors import ArgumentError, DataError
from stepsize.interop import check
from stepsize.interop.frameworks import is_typed_config, meaning, recognized
from stepsize.interop.tool_schedule import Run

EPOCHS = Horizon(samples=70, batch=10, epochs=20)
MARKS = [
    ("axolotl", "learning_rate micro_batch_size"),
    ("axolotl", "lr_quadratic_warmup"),
    ("axolotl", "cosine_min_lr_ratio"),
    ("composer", "scheduler.t_warmup"),
    ("composer", "scheduler.t_max"),
    ("composer", "t_warmup"),
    ("composer", "max_duration scheduler"),
    ("deepspeed", "scheduler.type scheduler.params"),
    ("deepspeed", "type params"),
    ("deepspeed", "optimizer.type optimizer.params"),
    ("fvcore", "_target_ schedulers lengths"),
    ("fvcore", "_target_ start_value"),
    ("fvcore", "_target_ base_value"),
    ("keras", "class_name config"),
    ("levanter", "optimizer.lr_schedule"),
    ("levanter", "optimizer.min_lr_ratio"),
    ("levanter", "lr_schedule min_lr_ratio"),
    ("maxtext", "warmup_steps_fraction"),
    ("maxtext", "learning_rate_schedule_steps"),
    ("megatron", "lr_decay_style"),
    ("megatron", "lr train_iters"),
    ("megatron", "lr train_samples"),
    ("mmengine", "param_scheduler"),
    ("olmo_core", "train_module.scheduler"),
    ("olmo_core", "_CLASS_"),
    ("olmo_core", "type warmup"),
    ("olmo_core", "type warmup_fraction"),
    ("paddle", "name learning_rate T_max"),
    ("paddle", "name learning_rate end_lr"),
    ("paddle", "name max_learning_rate"),
    ("pytorch_optimizer", "name t_max max_lr"),
    ("pytorch_optimizer", "name first_cycle_steps"),
    ("timm", "sched epochs"),
    ("timm", "sched num_epochs"),
    ("torchtitan", "lr_scheduler.decay_ratio"),
    ("torchtitan", "lr_scheduler.decay_type"),
    ("torchtitan", "lr_scheduler.min_lr_factor"),
    ("torchtitan", "lr_scheduler.warmup_steps"),
    ("transformers", "lr_scheduler_type"),
    ("transformers", "learning_rate per_device_train_batch_size"),
]


def with_settings(names: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        section, _, inside = name.partition(".")
        found[section] = {**found.get(section, {}), inside: 1} if inside else 1  # type: ignore[dict-item]
    return found


@pytest.mark.parametrize(("tool", "settings"), MARKS)
def test_a_config_is_recognized_by_these_settings_and_not_without_one_of_them(tool, settings):
    names = settings.split()
    assert recognized("check", with_settings(names)).name == tool
    for left in [names[:i] + names[i + 1 :] for i in range(len(names))]:
        with pytest.raises(DataError, match="config of no tool that stepsize knows"):
            recognized("check", with_settings(left))


def test_a_config_that_could_be_of_several_tools_is_that_of_the_one_named():
    config = {"sched": "cosine", "epochs": 20, "warmup_epochs": 0, "lr_decay_style": "cosine"}
    assert meaning(config, Run("check", EPOCHS, 0.3), "timm").name == "CosineLRScheduler"
    with pytest.raises(ArgumentError, match="one scheduler, not a list of several"):
        check([{"type": "StepLR"}, {"gamma": 0.1}])


def test_a_list_of_schedulers_and_a_call_are_recognized():
    assert recognized("check", [{"type": "StepLR"}, {"type": "LinearLR"}]).name == "mmengine"
    assert recognized("check", " tf.keras.optimizers.schedules.CosineDecay(0.3, 9)").name == "keras"
    assert recognized("check", "\noptax.constant_schedule(0.3)").name == "optax"


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"args": {"lr_decay_style": "cosine"}}, 'its section "args" alone is a config of Megatron-LM$'),
        ({"lr": 0.1}, "; a config of Megatron-LM has lr and train_iters$"),
        (
            {"lr": 0.1, "T_max": 5, "learning_rate": 0.1},
            "; a config of PaddlePaddle has name and learning_rate and T_max$",
        ),
        ({"lengths": [1], "epochs": 5}, "; a config of timm has sched and epochs$"),
        ({"rate": 0.1}, "; known are axolotl, composer, .*, by settings such as lr_scheduler_type or sched$"),
    ],
)
def test_a_config_of_no_tool_is_answered_with_the_nearest(config, advice):
    with pytest.raises(DataError, match=advice):
        check(config)


@pytest.mark.parametrize(
    ("text", "is_typed"),
    [
        ("train --lr 0.3", True),
        ("--lr 0.3", True),
        ("# a comment\npython train.py \\\n  --lr 0.3", True),
        ("optax.linear_schedule(0, 1, 5)", True),
        (" tf.keras.optimizers.schedules.CosineDecay(0.3, 9)", True),
        ("Linear(0, 1, 5) --", False),
        ("train a--b", False),
        ("torch.optim.Adam()", False),
        ("optax", False),
        ("Linear(0.0, 0.3, 5) >> optax.linear_schedule(0, 1, 5)", False),
    ],
)
def test_a_command_line_and_a_call_of_a_tool_are_no_schedules(text, is_typed):
    assert is_typed_config(text) == is_typed
