"""`stepsize check`: the screen, the exit code, and the files that it reads."""

import json
import subprocess

import pytest

from installed import STEPSIZE, environment

PARAMS = {"total_num_steps": 10, "warmup_num_steps": 4, "cos_min_ratio": 0.1, "warmup_type": "linear"}
SCHEDULER = {"type": "WarmupCosineLR", "params": PARAMS}
DEEPSPEED = {"optimizer": {"type": "AdamW", "params": {"lr": 0.3}}, "scheduler": SCHEDULER}

SCREEN = """\
ds.json: DeepSpeed WarmupCosineLR
  Constant(0.0, 1) >> Linear(0.0, 0.3, 4) >> Cosine(0.3, 0.03, 6).tail(1)
  update  0  1     3      4       5        9    10    11
    rate  0  0  0.15  0.225  0.2819  0.04809  0.03  0.03
  the first 2 updates change nothing: their rate is 0
"""


def test_the_installed_command_shows_what_a_config_does(tmp_path):
    (tmp_path / "ds.json").write_text(json.dumps(DEEPSPEED))
    command = [STEPSIZE, "check", "ds.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment())
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(SCREEN)
    assert "the peak of 0.3 is never reached: the highest rate is 0.2819, at update 5" in done.stdout


FILES = {
    "toml": "[scheduler]\ntype = 'WarmupCosineLR'\n[scheduler.params]\ntotal_num_steps = 10\n"
    "warmup_num_steps = 4\ncos_min_ratio = 0.1\nwarmup_type = 'linear'\n[optimizer.params]\nlr = 3e-1\n",
    "yaml": "optimizer: {params: {lr: 3e-1}}\nscheduler:\n  type: WarmupCosineLR\n  params:\n    total_num_steps: 10\n"
    "    warmup_num_steps: 4\n    cos_min_ratio: 1e-1\n    warmup_type: linear\n",
    "py": "import os\nos.mkdir('ran')\nnone = 1 / 0\nlr = 0.6 / 2\noptimizer = dict(params=dict(lr=lr))\n"
    "scheduler = dict(\n    type='WarmupCosineLR',\n"
    "    params=dict(total_num_steps=2 * 5, warmup_num_steps=4, cos_min_ratio=0.1,"
    " warmup_type='linear'),\n)\nother = os.environ\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_any_kind_is_read_and_nothing_in_it_is_run(typed, tmp_path, kind):
    (tmp_path / f"ds.{kind}").write_text(FILES[kind])
    assert typed("check", f"ds.{kind}").stdout.startswith(SCREEN.replace("json", kind))
    assert not (tmp_path / "ran").exists()


def test_a_saved_schedule_is_checked_too(typed, tmp_path):
    (tmp_path / "plan.txt").write_text("Linear(0.1, 0.3, 5) >> Cosine(0.3, 0.03, 95)\n")
    done = typed("check", "plan.txt", "--steps", 100)
    assert done.returncode == 0
    assert done.stdout.endswith("  nothing looks unintended\n")
    assert "the run makes 200" in typed("check", "plan.txt", "--steps", 200).stdout


def test_a_blank_line_stands_between_two_configs(typed, tmp_path):
    (tmp_path / "a.txt").write_text("Constant(0.1, 9)\n")
    (tmp_path / "b.txt").write_text("Linear(0.1, 0, 9)\n")
    done = typed("check", "a.txt", "b.txt")
    assert done.returncode == 0
    assert done.stdout == (
        "a.txt: stepsize\n  Constant(0.1, 9)\n"
        "  update    0    1    2    8    9   10\n    rate  0.1  0.1  0.1  0.1  0.1  0.1\n"
        "  nothing looks unintended\n"
        "\nb.txt: stepsize\n  Linear(0.1, 0.0, 9)\n"
        "  update    0        1        2        8  9  10\n    rate  0.1  0.08889  0.07778  0.01111  0   0\n"
        "  nothing looks unintended\n"
    )


def test_the_factors_of_a_tool_are_rates_under_the_rate_of_the_optimizer(typed):
    text = json.dumps(SCHEDULER)
    assert "\n  factor  0  0  0.5" in typed("check", "--from", "deepspeed", text).stdout
    assert "\n    rate  0  0  0.15" in typed("check", "--from", "deepspeed", text, "--base-lr", 0.3).stdout


REFUSED = [
    ("a.json", '{"a": 1}', "this is the config of no tool that stepsize knows; name it with --from TOOL; known are"),
    ("a.json", '{"a": {"sched": "cosine", "epochs": 9}}', 'its section "a" alone is a config of timm'),
    ("a.json", '{"lr_schedule": "cosine", "max_lr": 1}', "a config of Levanter has lr_schedule and min_lr_ratio"),
    ("a.sh", "train --train-iters 9", "a config of Megatron-LM has lr and train_iters"),
    ("a.json", '{"a": 1,', "a.json is damaged: a name in double quotes is missing (at line 1, column 9)"),
    ("a.json", "[0.1 0.2]", "a.json is damaged: a comma or a closing bracket is missing (at line 1, column 6)"),
    ("a.json", '["a\nb"]', "a.json is damaged: a text has a character that JSON does not allow (at line 1, column 4)"),
    ("a.json", "{}", "a.json has no settings"),
    ("a.yaml", "a: [1", "a.yaml is damaged: while parsing a flow sequence, expected ',' or ']'"),
    (
        "a.yaml",
        "a: 1\nlr: {{ lr }}\n",
        "a key is a mapping or a list; fill in templates such as {{ lr }} before (at line 2, column 6)",
    ),
    ("a.json", '{"a" 1}', "a.json is damaged: a colon is missing (at line 1, column 6)"),
    ("a.json", '{"a": }', 'a value such as 0.1, "text", true or null is missing (at line 1, column 7)'),
    ("a.json", '{"a": 1} 2', "there is more after the last closing bracket (at line 1, column 10)"),
    ("a.json", '{"a": "b}', "the closing quote of a text is missing (at line 1, column 7)"),
    ("a.txt", "constant_schedule(**a)", "constant_schedule(**a)"),
    ("a.yaml", "a: !!bool x\n", "a.yaml is damaged: a value does not fit its tag, such as !!int\n"),
    ("a.yaml", "a: !!int ''\n", "a.yaml is damaged: a value does not fit its tag"),
    ("a.toml", "a = ", "a.toml is damaged: Invalid value"),
    (
        "train.py",
        "f(optimizer)\n",
        "train.py has no settings; a call in it can be typed, as in --from optax 'optax.constant_schedule(0.3)'; "
        "stepsize.pytorch.from_torch reads a scheduler of PyTorch in Python",
    ),
    ("a.py", "a = (", "a.py is damaged: '(' was never closed (at line 1, column 5)"),
    ("a.csv", "step,loss\n1,2\n", "a.csv is neither a config nor the text of a schedule"),
    ("a.bin", "PK\3\4\0\0", "write the arguments as JSON with training_args.to_json_string()"),
    (
        "trainer_state.json",
        '{"log_history": []}',
        "is the log of a Trainer, not its arguments; read it with: stepsize curves trainer_state.json",
    ),
    ("a.txt", "Linear(0, 0.3 5)", "expected , or ), found '5'"),
    ("a.json", '{"scheduler": {"type": "WarmupCosinLR", "params": {}}}', "stepsize: type must be the name of a sch"),
]


@pytest.mark.parametrize(("name", "content", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_file_that_is_no_config_ends_in_one_clear_message(refused, tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    assert message in refused("check", name)


TYPED = {
    "{'sched': 'cosine'}": "this config is damaged: a name in double quotes is missing (at line 1, column 2)\n",
    '{"sched": "cosine", "sched": "step"}': 'this config is damaged: "sched" is given twice\n',
    "[" * 10_000: "this config is nested too deeply\n",
}


@pytest.mark.parametrize("text", TYPED, ids=range(len(TYPED)))
def test_a_typed_config_that_is_damaged_ends_in_one_clear_message(refused, text):
    assert refused("check", text, "--from", "timm") == f"stepsize: {TYPED[text]}"


OVERRIDES = """\
common: &common {sched: step, lr: 0.1}
runs: {base: &base {<<: *common, lr: 0.3}}
scheduler: &scheduler {<<: *base, sched: cosine}
"""


def test_a_mapping_of_yaml_overrides_the_settings_that_it_merges(tmp_path):
    from stepsize.interop.config_files import config_in

    (tmp_path / "a.yaml").write_text(OVERRIDES)
    assert config_in(tmp_path / "a.yaml")["scheduler"] == {"sched": "cosine", "lr": 0.3}


def test_an_error_about_a_whole_config_says_so(refused):
    said = refused("check", '{"lr": 0.1}', "--from", "timm")
    assert said.startswith("stepsize: the config must be a config with \"sched\", got {'lr': 0.1}")


def test_the_problems_of_several_files_are_reported_together(refused, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"scheduler": SCHEDULER | {"params": PARAMS | {"foo": 1}}}))
    said = refused("check", "a.json", "b.json", ".", "--from", "deepspeed")
    assert said.startswith("stepsize: a.json: WarmupCosineLR has no 'foo'; known are ")
    assert "\nno such file: b.json\n" in said
    assert said.endswith("\n. is a folder; name a file in it\n")
    assert 'did you mean "deepspeed"' in refused("check", "a.json", "--from", "deepspede")


def test_the_options_of_a_shell_script_are_read():
    from stepsize.interop.command_lines import command_line
    from stepsize.interop.config import settings_of

    script = """#!/bin/bash
# don't pass --lr 1
LR=3e-4
ARGS=(
    --lr ${LR}  # the peak
    --min-lr $LR
    --bf16
)
MORE="
    --lr-warmup-iters 430 \\
    --train-iters=$ITERS
"
python --version; torchrun --nproc_per_node 8 train.py ${ARGS[@]} $MORE 2>&1 | tee --append log
"""
    settings = settings_of("check", command_line(script))
    expected = {"lr": 3e-4, "min_lr": 3e-4, "bf16": True, "lr_warmup_iters": 430, "train_iters": "$ITERS"}
    assert settings.items() >= expected.items()


NESTED = "nested too deeply"
TWICE = 'is damaged: "max_steps" is given twice'
BAD_FILES = {
    "empty.json": ("", "empty.json is empty"),
    "blank.yaml": ("\n  \n", "blank.yaml is empty"),
    "nested.json": ("[" * 10_000, NESTED),
    "nested.yaml": ("{a: " * 2000, NESTED),
    "nested.py": ("x = " + "-" * 100_000 + "1", NESTED),
    "twice.json": ('{"lr_scheduler_type": "cosine", "max_steps": 1, "max_steps": 2}', TWICE),
    "twice.yaml": ("lr_scheduler_type: cosine\nmax_steps: 1\nmax_steps: 2\n", TWICE),
    "bomb.yaml": (
        "a: &a [x, x, x, x]\n"
        + "".join(
            f"{b}: &{b} [{', '.join(4 * [f'*{a}'])}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
        )
        + "max_steps: *l\nlr_scheduler_type: cosine\n",
        "its aliases repeat too much",
    ),
    "inside_itself.yaml": ("&a\nlr_scheduler_type: cosine\nmax_steps: *a\n", "its aliases repeat too much"),
    "large.json": (
        '{"lr_scheduler_type": "cosine", "x": "' + 2**20 * "x" + '"}',
        "large.json is too large for a config",
    ),
    "tag.yaml": ("lr_scheduler_type: !!python/object/apply:os.mkdir [ran]\n", "could not determine a constructor"),
    "optax.py": (
        "import optax\nschedule = optax.constant_schedule(0.3)\n",
        "a call in it can be typed, as in --from optax",
    ),
    "null.json": (
        '{"scheduler": {"type": "WarmupLR", "params": 5}}',
        "params of scheduler must be a mapping with settings, got 5",
    ),
    "list.json": ('{"lr_scheduler_type": "cosine", "max_steps": [10]}', "at least -1, got [10]"),
    "optimizer.json": ('{"optimizer": {"type": "Adam", "params": {}}}', 'a config with a "scheduler"'),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_hostile_or_broken_file_is_refused_in_one_line(refused, tmp_path, name):
    text, message = BAD_FILES[name]
    (tmp_path / name).write_text(text)
    said = refused("check", name)
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "ran").exists()


def test_a_length_that_is_left_open_is_asked_for_as_it_is_typed(refused):
    said = refused("check", "--from", "transformers", "--learning_rate 0.3")
    assert said.rstrip().endswith("write e.g. --steps 10000")
    said = refused("check", "--sched cosine --epochs 9 --lr 0.3", "--steps", 90)
    assert said.rstrip().endswith("write e.g. --horizon samples=60000,batch=256,epochs=10")


SCRIPT = """\
TRAIN_STEPS=5000
DECAY=${TRAIN_STEPS}
LR=${PEAK:-3e-4}
python pretrain.py --lr $LR --min-lr 1e-5 --train-iters $TRAIN_STEPS --lr-decay-iters $DECAY -b 256 \\
    --lr-warmup-iters $((TRAIN_STEPS / 10)) --lr-decay-style cosine
"""


def test_variables_defaults_and_arithmetic_of_a_shell_script_are_read(typed, tmp_path):
    (tmp_path / "train.sh").write_text(SCRIPT)
    assert "\n  Linear(0.0, 0.0003, 500) >> Cosine(0.0003, 1e-05, 4500)\n" in typed("check", "train.sh").stdout


@pytest.mark.parametrize(
    "text",
    [
        "python train.py --lr 0.3 --train-iters 9 --lr-decay-style constant",
        "tf.keras.optimizers.schedules.CosineDecay(0.3, 9)",
    ],
)
def test_a_typed_command_or_call_is_recognized(typed, text):
    assert typed("check", text)[0] == 0


def test_a_config_with_notes_alone_looks_as_intended(typed, tmp_path):
    config = {"lr_scheduler_type": "cosine", "learning_rate": 0.3, "warmup_steps": 1000, "max_steps": 20_000}
    (tmp_path / f"{'n' * 58}.json").write_text(json.dumps(config))
    done = typed("check", f"{'n' * 58}.json")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0] == f"{'n' * 57}...: transformers cosine"
    assert lines[2].split() == [
        *("update", "0", "1", "999", "1,000", "1,001", "19,999", "20,000", "20,001"),
    ]  # fmt: skip
    assert any(line.startswith("  note: ") for line in lines)
    assert lines[-1] == "  nothing looks unintended"


def test_the_updates_around_the_end_of_the_run_are_shown_too(typed):
    shown = typed("check", "--lr 0.3 --train-iters 9 --lr-decay-style constant", "--steps", 5).stdout
    assert [line.split()[1:] for line in shown.splitlines() if line.startswith("  update ")] == [
        ["0", "1", "4", "5", "6", "8", "9", "10"]
    ]


@pytest.mark.parametrize("sign", [" ", "="])
def test_a_text_of_options_may_have_equals_signs_and_equal_rates_are_said_once(typed, sign):
    done = typed("check", f"--lr{sign}0.3 --train-iters{sign}9 --lr-decay-style{sign}constant", "--steps", 5)
    assert done.stderr == ""
    said = "  the run ends after 5 updates, and the schedule takes 9: the last rate is 0.3 either way"
    assert done.stdout.splitlines()[-1] == said


def test_a_finding_has_the_line_of_the_config_or_the_schedule_that_would_mend_it(typed, tmp_path):
    (tmp_path / "ds.json").write_text(json.dumps(DEEPSPEED))
    assert typed("check", "ds.json").stdout.endswith('at update 5\n    write "warmup_type": "log"\n')
    done = typed("check", "optax.linear_schedule(0.3, -0.1, 8)")
    assert done.returncode == 1
    assert done.stdout.endswith(
        "  the rate is negative from update 7 on, -0.05 there\n"
        "    as a schedule of stepsize: Linear(0.3, -0.1, 8).clip(0.0)\n"
    )


def test_the_exit_code_is_that_of_all_configs(typed):
    good, bad = "optax.linear_schedule(0.3, 0.1, 8)", "optax.linear_schedule(0.3, -0.1, 8)"
    assert [typed("check", *words).returncode for words in ((good, good), (good, bad), (bad, good))] == [0, 1, 1]
