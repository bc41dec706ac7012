"""What a config may be: a mapping, an object, a call, a command line or a file; and how each is read."""

import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import make_dataclass
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepsize import Linear
from stepsize.errors import ArgumentError, DataError, MissingExtraError, StepsizeError
from stepsize.interop import (
    check,
    from_composer,
    from_keras,
    from_megatron,
    from_optax,
    from_transformers,
    to_mlx,
    to_optax,
)
from stepsize.interop.calls import Call
from stepsize.interop.command_lines import command_line, options
from stepsize.interop.config_files import config_in, config_of

SETTINGS = {"lr_scheduler_type": "linear", "learning_rate": 0.3, "max_steps": 9}


class Dumped:
    """A model as Pydantic has it: its attributes are not its fields."""

    hidden = 1

    def model_dump(self) -> dict[str, Any]:
        return SETTINGS


class Listed:
    """An object that writes itself, such as TrainingArguments."""

    def __init__(self) -> None:
        self.max_steps = 5

    def to_dict(self) -> dict[str, Any]:
        return SETTINGS


@pytest.mark.parametrize(
    "config",
    [
        SETTINGS,
        make_dataclass("Fields", SETTINGS)(*SETTINGS.values()),
        SimpleNamespace(**SETTINGS),
        Namespace(**SETTINGS),
        Dumped(),
        Listed(),
        [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))],
        "--lr-scheduler-type=linear --learning-rate 3e-1 --max-steps 9",
    ],
    ids=lambda config: type(config).__name__,
)
def test_a_config_may_be_any_holder_of_settings(config: Any) -> None:
    assert from_transformers(config) == Linear(0.3, 0.0, 9)


class Kind(Enum):
    """Names of schedulers, as transformers has them."""

    LINEAR = "linear"


def test_the_name_of_a_scheduler_may_be_a_member_of_an_enumeration() -> None:
    assert from_transformers(SETTINGS | {"lr_scheduler_type": Kind.LINEAR}) == Linear(0.3, 0.0, 9)


def test_a_section_of_a_config_may_be_an_object() -> None:
    config = {"scheduler": {"name": "LinearScheduler"}, "optimizer": SimpleNamespace(lr=0.3), "max_duration": "9ba"}
    assert from_composer(config) == Linear(0.3, 0.0, 9).shift(1)


@pytest.mark.parametrize("config", [Dumped, 0.3, None, make_dataclass("Fields", SETTINGS)])
def test_what_has_no_settings_is_refused(config: Any) -> None:
    with pytest.raises(ArgumentError, match="a mapping, a dataclass, a namespace or an argument list, got"):
        from_transformers(config)


def test_a_schedule_that_describes_itself_as_keras_has_it_is_read() -> None:
    class PolynomialDecay:
        def get_config(self) -> dict[str, Any]:
            return {"initial_learning_rate": 0.3, "decay_steps": 9, "end_learning_rate": 0.1, "name": "decay"}

    assert from_keras(PolynomialDecay()) == Linear(0.3, 0.1, 9)


NO_CALLS = [
    "cosine_decay_schedule",
    "cosine_decay_schedule(",
    "0.3 * 2",
    "constant_schedule(*rates)",
    "constant_schedule(**{'value': 0.3})",
    "linear_schedule(0.0, end_value=0.3, **{'transition_steps': 5})",
    "constant_schedule(1 / 0)",
    "constant_schedule(10.0 * 2 ** 9)",
    "constant_schedule(-[0.3])",
    "constant_schedule(rate)",
    "constant_schedule(0.3)\0",
    "(" * 10_000,
]


@pytest.mark.parametrize("text", NO_CALLS, ids=range(len(NO_CALLS)))
def test_a_text_that_is_no_call_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"a call written with numbers, such as cosine_decay_schedule\(0.3, 1000\)"):
        from_optax(text)


def test_an_argument_is_given_once() -> None:
    assert from_optax("linear_schedule(0.0, 3e-1, transition_steps=10 // 2 + 1 * 3)") == Linear(0.0, 0.3, 8)
    with pytest.raises(ArgumentError, match=r"linear_schedule\(end_value=\.\.\.\) must be given once, got 0\.1"):
        from_optax("linear_schedule(0.0, 0.3, 5, end_value=0.1)")


CALL = Call("optim.join", ([Call("optim.line", (0.0, 0.3)), {9: 0.1}], "x"), {"steps": [1, 2], "of": -0.5})
ON_LINES = """\
optim.join(
    [optim.line(0.0, 0.3), {9: 0.1}],
    'x',
    steps=[1, 2],
    of=-0.5,
    long={'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa': 1},
)"""


def test_a_call_is_broken_into_lines_if_it_has_88_characters() -> None:
    assert str(CALL) == "optim.join([optim.line(0.0, 0.3), {9: 0.1}], 'x', steps=[1, 2], of=-0.5)"
    long = {"a" * 41: 1}
    assert str(Call(CALL.name, CALL.args, {**CALL.kwargs, "long": long})) == ON_LINES
    for width, lines in ((82, 1), (83, 3)):
        assert len(str(Call("f", ("a" * width,))).splitlines()) == lines
    for width, lines in ((74, 6), (75, 8)):  # eight characters further in
        assert len(str(Call("f", (["a" * 80, Call("g", ("a" * width,))],))).splitlines()) == lines


COMMANDS = {
    "python train.py --lr 0.3 --fp16 -b 9 --steps 4": ["--lr", "0.3", "--fp16", "-b", "9", "--steps", "4"],
    "# --lr 0.1\n--lr 0.3  # --steps 3\n": ["--lr", "0.3"],
    "run --lr \\\n  0.3 \\\r\n --steps 4": ["--lr", "0.3", "--steps", "4"],
    "LR=0.3\nexport STEPS='4'\nrun --lr $LR --steps ${STEPS}": ["--lr", "0.3", "--steps", "4"],
    "run --lr ${LR:-0.3} --steps ${STEPS-4} --seed $SEED": ["--lr", "0.3", "--steps", "4", "--seed", "$SEED"],
    "N=4\nM=${N}\nrun --steps $((M * 5 // 2 - 1))": ["--steps", "9"],
    "run --steps $((7 / 2)) --seed $((1 / 0)) --lr $((x * 2))": (
        ["--steps", "3", "--seed", "$", "1", "/", "0", "--lr", "$", "x", "*", "2"]
    ),
    'ARGS=(\n --lr 0.3\n --name "a b"\n)\nrun | tee; other': ["--lr", "0.3", "--name", "a", "b"],
    f"LONG={'1' * 200}\nrun --lr $LONG": ["--lr", "1" * 200],
    f"LONG={'1' * 201}\nrun --lr $LONG": ["--lr", "$LONG"],
    "run --name a#b --lr 0.3": ["--name", "a#b", "--lr", "0.3"],
    "  LR=0.1\n  LR=0.3\nrun --lr $LR > log.txt 2>&1": ["--lr", "0.3"],
    "run it": [],
}


@pytest.mark.parametrize("text", COMMANDS, ids=range(len(COMMANDS)))
def test_the_options_of_a_command_or_a_script_are_read(text: str) -> None:
    assert command_line(text) == COMMANDS[text]


def test_options_have_values_of_their_kind() -> None:
    words = "run --lr 3e-1 --steps=9 --fp16 --sizes 1 2 3 -b 4 --flag TRUE --other false --none None --null null --x a"
    found = {"lr": 0.3, "steps": 9, "fp16": True, "sizes": [1, 2, 3], "flag": True, "other": False}
    assert options("", words) == found | {"none": None, "null": None, "x": "a"}
    assert options("", ["--lr-decay-style", "a b", "--lr", 0.3]) == {"lr_decay_style": "a b", "lr": 0.3}
    several = {"betas": [0.9, 0.95], "sizes": [1, 2, 3], "fp16": True}
    assert options("", "--betas 0.9 0.95 --sizes 1 2 3 --fp16") == several
    assert options("", "run --name 'a b' --lr \\\n 0.3 --x=") == {"name": "a b", "lr": 0.3, "x": ""}


def test_a_value_after_an_equals_sign_keeps_its_hyphens() -> None:
    found = {"lr": 3e-4, "min_lr": -1, "lr_decay_style": "inverse-square-root", "name": "a=b"}
    assert options("", "--lr=3e-4 --min-lr=-1 --lr-decay-style=inverse-square-root --name=a=b") == found


NO_OPTIONS = {
    "--lr '0.3": r"an argument list such as --lr 3e-4, got \"--lr '0\.3\"; no closing quotation",
    "lr 0.3": r"settings, or an argument list such as --lr 3e-4, got 'lr 0\.3'$",
    "CosineAnnealingLR(opt)": r"got 'CosineAnnealingLR\(opt\)'; stepsize\.pytorch\.from_torch reads a scheduler of Py",
}


@pytest.mark.parametrize("text", NO_OPTIONS)
def test_a_text_without_options_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=NO_OPTIONS[text]):
        from_megatron(text)


@pytest.mark.parametrize("text", ["x", "foo.linear_schedule(0.3)", " tf.foo.bar(3)"])
def test_a_call_that_names_no_tool_is_of_none(text: str) -> None:
    with pytest.raises(
        DataError, match=r"config of no tool that stepsize knows; name it with tool=\.\.\.; known are axo"
    ):
        check(text)


def test_a_config_of_several_tools_is_refused_with_their_names() -> None:
    with pytest.raises(DataError, match=r"could be of several tools; name it with tool=\.\.\.: megatron or timm$"):
        check({"sched": "cosine", "epochs": 5, "lr_decay_style": "cosine"})


FILES: dict[str, tuple[str, Any]] = {
    "a.json": ('{"lr": 3e-4, "x": [true, null]}', {"lr": 3e-4, "x": [True, None]}),
    "a.toml": ("lr = 3e-4\n[a]\nb = 1", {"lr": 3e-4, "a": {"b": 1}}),
    "a.yaml": ("lr: 3e-4\nup: [.5E1, -1e+2, 1.e3, 1e, e1]", {"lr": 3e-4, "up": [5.0, -100.0, 1000.0, "1e", "e1"]}),
    "a.YML": ("lr: 0.3", {"lr": 0.3}),
    "a.py": (
        "base = 0.1\nlr = base * 3 - -0.2\nname: str = 'x'\nsteps = 7 // 2\na = dict(b=(1, 2), c=[base])\n"
        "f = open('x')\nbase = f.read()\nlate = base\nd = {**a}\ne = {'x': 1 / 4}\nz = 1 / 0\ng = dict(**a)\n"
        "s = 'x' * 3\n",
        {"lr": pytest.approx(0.5), "steps": 3, "a": {"b": (1, 2), "c": [0.1]}, "e": {"x": 0.25}},
    ),
    "a.sh": ("run --lr 0.3", ["--lr", "0.3"]),
    "a.txt": (' [{"type": "x"}]', [{"type": "x"}]),
    "b.txt": ("  Linear(0, 1, 5)\n", "Linear(0, 1, 5)"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_settings_of_a_file_are_read_by_its_name(name: str, tmp_path: Path) -> None:
    text, config = FILES[name]
    (tmp_path / name).write_text(text)
    assert config_in(tmp_path / name) == config


DAMAGED = {
    '{"a": 1': "a comma or a closing bracket is missing (at line 1, column 8)",
    '{"a" 1}': "a colon is missing (at line 1, column 6)",
    '{"a": }': 'a value such as 0.1, "text", true or null is missing (at line 1, column 7)',
    "[1]\n]": "there is more after the last closing bracket (at line 2, column 1)",
    '["a': "the closing quote of a text is missing (at line 1, column 2)",
    "{a: 1}": "a name in double quotes is missing (at line 1, column 2)",
    '{"a": {"b": 1, "b": 2}}': '"b" is given twice',
}


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_json_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(DataError) as caught:
        config_of(text)
    assert str(caught.value) == f"this config is damaged: {DAMAGED[text]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: \x01", r"a\.yaml is damaged: unacceptable character #x0001"),
        ("a: 1\n b: 2", r"a\.yaml is damaged: mapping values are not allowed here \(at line 2, column 3\)"),
        ("a: *b", r"a\.yaml is damaged: found undefined alias 'b' \(at line 1, column 4\)"),
    ],
)
def test_damaged_yaml_is_refused_with_the_place(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        config_in(tmp_path / "a.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'a.yaml'} is damaged: ")


EMPTY = {"a.json": ("{}", "has no settings"), "a.txt": ("PK\3\4\0\0", "is not a text"), "a.yaml": (" \n", "is empty")}


@pytest.mark.parametrize("name", EMPTY)
def test_a_file_without_settings_is_refused_by_its_path(name: str, tmp_path: Path) -> None:
    text, words = EMPTY[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        config_in(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name} {words}"


def test_a_mapping_of_yaml_may_merge_several_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b, z: 3}\n")
    assert config_in(tmp_path / "a.yaml")["c"] == {"x": 1, "y": 2, "z": 3}


MISSING: dict[str, tuple[Callable[[], Any], str]] = {
    "yaml": (lambda: config_in(Path("a.yaml")), "PyYAML is not installed; install it with: pip install "),
    "optax": (lambda: to_optax("Constant(0.3)"), "optax is not installed; install it with: pip install optax\n"),
    "mlx.optimizers": (lambda: to_mlx("Constant(0.3)"), "mlx is not installed; install it with: pip install mlx\n"),
}


@pytest.mark.parametrize("module", MISSING)
def test_a_package_that_is_missing_is_named(module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    call, message = MISSING[module]
    (tmp_path / "a.yaml").write_text("lr: 0.3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        call()
    assert f"{caught.value}\n".startswith(message)
    assert isinstance(caught.value, StepsizeError)
