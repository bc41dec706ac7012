"""`stepsize convert`: a schedule or a config in every form."""

import json
import re
from pathlib import Path

import stepsize.interop
from stepsize import from_dict, parse
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN

TEXT = "Linear(0.0, 0.3, 4) >> Cosine(0.3, 0.03, 6)"


def test_a_schedule_is_written_as_its_text_and_as_json(typed, tmp_path):
    assert typed("convert", 'Linear(0, 0.3, "40%") >> Cosine(0.3, 0.03, "rest")', "--to", "text", "--steps", 10) == (
        0,
        f"{TEXT}\n",
        "",
    )
    done = typed("convert", TEXT, "--to", "json", "--out", "plan.json")
    assert done == (0, "plan.json\n", "")
    assert from_dict(json.loads((tmp_path / "plan.json").read_text())) == parse(TEXT)
    assert typed("convert", "plan.json", "--to", "text").stdout == f"{TEXT}\n"


def test_what_cannot_be_written_is_refused_in_words(refused, typed):
    assert 'did you mean "text"' in refused("convert", TEXT, "--to", "txt")
    assert "--to must be given; write --to text|json|code|jax|python|torch|deepspeed|" in refused("convert", TEXT)
    assert "no such folder: nowhere" in refused("convert", TEXT, "--to", "text", "--out", "nowhere/a.txt")
    assert "no such file: a.json" in refused("convert", "a.json", "--to", "text")
    text = '{"type": "WarmupCosineLR", "params": {"total_num_steps": 10, "warmup_num_steps": 4}}'
    said = refused("convert", text, "--from", "deepspeed", "--to", "python")
    assert "--base-lr must be given: the config has factors of the optimizer's rate; write --base-lr RATE" in said
    assert typed("convert", text, "--from", "deepspeed", "--to", "text").stdout.endswith(", relative=True)\n")
    assert '"relative": true' in typed("convert", text, "--from", "deepspeed", "--to", "json").stdout
    said = refused("convert", "--from", "megatron", "--lr 0.3 --lr-decay-style cosine", "--to", "text")
    assert "the length of the run must be given: train_iters needs the number of updates; write e.g. --steps" in said
    said = refused("convert", "Linear(0, 0.3, 4) >> Exponential(0.3, 0.9)", "--to", "megatron")
    assert said.startswith("stepsize: TEXT|FILE must be ")
    assert said.endswith("let the training loop set the rate with the code of --to python\n")
    assert "with the code of --to python" in refused("convert", "Rex(0.3, 0, 9)", "--to", "mmengine")


def test_the_config_of_another_tool_than_named_is_not_read(refused):
    config = json.dumps({"scheduler": {"type": "WarmupLR", "params": {}}})
    for words in (["convert", config, "--to", "text"], ["plot", config]):
        said = refused(*words, "--from", "levanter", "--steps", 9)
        assert said == "stepsize: this is a config of DeepSpeed, not of Levanter; write --from deepspeed\n"


def test_a_tool_without_a_config_to_write_is_answered_with_a_form_that_can_be_written(refused, typed):
    assert "stepsize.interop.to_keras(schedule) makes a schedule of Keras" in refused("convert", TEXT, "--to", "keras")
    said = {
        each.name: refused("convert", TEXT, "--to", each.name)
        for each in FRAMEWORKS
        if each.name not in ("keras", *WRITTEN)
    }
    for words in said.values():
        form = re.search(r"and writes none; --to (\w+) writes code for a training loop$", words)[1]
        assert typed("convert", TEXT, "--to", form)[0] == 0
    assert "reads configs of torchtitan and writes none; --to torch writes" in said["torchtitan"]
    languages = {"levanter": "optax", "maxtext": "optax", "paddle": "python", "composer": "torch"}
    assert {name: re.search(r"--to (\w+) writes", said[name])[1] for name in languages} == languages


def test_code_of_a_language_is_written(typed):
    namespace = {}
    exec(typed("convert", TEXT, "--to", "python").stdout, namespace)
    assert namespace["learning_rate"](2) == 0.15
    assert "LambdaLR" in typed("convert", TEXT, "--to", "torch").stdout
    assert "import jax.numpy as jnp" in typed("convert", TEXT, "--to", "jax").stdout


def test_the_config_of_a_tool_becomes_that_of_another(typed):
    arguments = "--lr 0.3 --min-lr 0.03 --lr-decay-style cosine --lr-warmup-iters 4 --train-iters 10"
    written = typed("convert", TEXT, "--to", "megatron").stdout
    assert written == f"{arguments}\n"
    config = json.loads(typed("convert", arguments, "--to", "transformers", "--steps", 10).stdout)
    assert config["lr_scheduler_type"] == "cosine_with_min_lr"
    assert typed("convert", arguments, "--to", "text").stdout == f"{TEXT}\n"


def test_every_writer_can_be_chosen():
    folder = Path(stepsize.interop.__file__).with_name("writers")
    assert {path.stem for path in folder.glob("*.py") if f"\ndef to_{path.stem}(" in path.read_text()} == set(WRITTEN)


def test_a_config_that_can_be_written_for_its_run_alone_names_the_option(typed, refused, tmp_path):
    config = {"lr_scheduler_type": "cosine", "learning_rate": 0.3, "warmup_steps": 10, "max_steps": 100}
    (tmp_path / "args.json").write_text(json.dumps(config))
    said = refused("convert", "args.json", "--to", "megatron")
    assert said.rstrip().endswith("it has one for the updates of the run alone: write --steps 100")
    assert "--lr-decay-style cosine" in typed("convert", "args.json", "--to", "megatron", "--steps", 100).stdout


def test_rates_that_differ_little_are_told_apart(refused):
    said = refused("convert", "Linear(0, 0.3, 500) >> Cosine(0.3, 0.03, 9500)", "--to", "transformers")
    theirs, ours = re.search(r"gives (\S+) at update 10,001, not (\S+);", said).groups()
    assert theirs != ours
