"""Tasks by name: built-in ones and the user's own."""

import math
import sys
from pathlib import Path

import pytest
import torch

from stepsize.errors import ArgumentError, DataError, RunError
from stepsize.lab import Experiment, Task, load_task, train
from stepsize.lab.seeding import random_states
from stepsize.lab.tasks.by_name import experiment_task, task_with_data
from stepsize.lab.tasks.language import CONTEXT, stdlib_lm


def test_the_language_task_is_the_standard_librarys_own_text():
    task = load_task("stdlib-lm")
    inputs, targets = task.train
    assert inputs.shape == targets.shape == (task.samples, CONTEXT)
    assert torch.equal(inputs[0, 1:], targets[0, :-1])
    assert "standard library" in task.source
    assert len(task.test[0]) == pytest.approx(task.samples / 19, abs=1)


def test_build_files_are_not_part_of_the_language_tasks_text(tmp_path, monkeypatch):
    """It differs between machines whose Python is the same."""
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    for name in ("ast.py", "_sysconfigdata__linux.py", "config-3.11-linux/python-config.py", "email/config.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"#" * CONTEXT * 20)
    assert "2 files with 5,120 bytes" in stdlib_lm.__wrapped__().source


def test_the_language_model_learns_and_sees_nothing_ahead():
    task = load_task("stdlib-lm")
    model = task.initial_model(0)
    inputs = task.train[0][:2].clone()
    before = model(inputs)
    inputs[:, 64:] = 7
    assert torch.allclose(model(inputs)[:, :64], before[:, :64], atol=1e-5)
    small = Task(
        task.model, tuple(x[:256] for x in task.train), tuple(x[:32] for x in task.test), task.loss, task.correct
    )
    optimizer = torch.optim.AdamW(model.parameters())
    log = train(model, small, optimizer, 0.003, epochs=2, batch_size=16)
    assert log.points[0].train_loss < math.log(256)
    assert log.epochs[-1].test_loss < 3.6
    assert 0.05 < log.epochs[-1].test_accuracy < 1


def test_an_own_task_without_an_accuracy_trains():
    task = load_task("own_tasks:line")
    model = task.initial_model(0)
    log = train(model, task, torch.optim.SGD(model.parameters()), 0.3, epochs=40, batch_size=16)
    assert log.epochs[-1].test_loss < 1e-6
    assert math.isnan(log.epochs[-1].test_accuracy)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("digit", DataError, 'no task is called "digit"; did you mean "digits"'),
        ("own_tasks:missing", ArgumentError, "must be importable"),
        ("no_such_module:task", ArgumentError, "must be importable"),
        ("own_tasks:raising", RunError, "raised KeyError"),
        ("own_tasks:leaving", RunError, "raised SystemExit"),
        ("", DataError, 'no task is called ""; write fashion-mnist, '),
        ("own_tasks:X", ArgumentError, "must be the name of a function, got 'own_tasks:X'; it names tensor"),
        (
            "own_tasks:of_size",
            ArgumentError,
            r"must be a function without arguments, or a training loop with the one argument run, got .*; it needs "
            "'size', 'depth'; give each a default, or name a function without arguments$",
        ),
        (
            "own_tasks:nothing",
            ArgumentError,
            r"must be a function that returns a stepsize.lab.Task, .*; it returned None",
        ),
        (
            "builtins:dict",  # it has no signature
            ArgumentError,
            r"must be a function that returns a stepsize.lab.Task, .*; it returned \{\}",
        ),
        ("own_tasks:mistaken", ArgumentError, r"^Task\(test=\.\.\.\) must be .*"),
    ],
)
def test_a_name_that_does_not_give_a_task_is_refused(name, kind, words):
    with pytest.raises(kind, match=words):
        load_task(name)


@pytest.mark.parametrize("text", ["def task(", "raise SystemExit(3)", "1 / 0"])
def test_a_module_that_cannot_be_imported_is_refused_whatever_the_reason(tmp_path, monkeypatch, text):
    (tmp_path / "not_importable.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ArgumentError, match=r"must be importable, got 'not_importable:task'; (Syntax|System|ZeroDivision)"
    ):
        load_task("not_importable:task")


def test_random_draws_of_a_module_at_import_are_the_same_each_time(tmp_path, monkeypatch):
    (tmp_path / "drawing_at_import.py").write_text(
        "import numpy as np, torch\nfrom stepsize.lab import Task\n"
        "x = torch.from_numpy(np.random.randn(8, 1))\n"
        "def task():\n    return Task(torch.nn.Identity, (x, x), (x, x))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    load_task.cache_clear()
    one = load_task("drawing_at_import:task")
    del sys.modules["drawing_at_import"]
    load_task.cache_clear()
    assert load_task("drawing_at_import:task").digests == one.digests


def test_a_task_that_gives_other_data_in_each_process_is_refused():
    name = "own_tasks:drawn_again"
    begun = Experiment(task=name, digests=load_task(name).digests)
    assert experiment_task(begun).name == "drawn again"
    load_task.cache_clear()  # as in another process
    words = (
        r'the task "own_tasks:drawn_again" gave different data in this process '
        r"\(train inputs: 64 x 1 float32 \w{16}, and here 64 x 1 float32 \w{16}; train targets: [^;]*\); draw them "
        r"from "
        "a generator with a seed, or save them and load them in the task; if its code was changed, restart Python$"
    )
    with pytest.raises(RunError, match=words):
        experiment_task(begun)


def test_loading_a_task_leaves_the_callers_random_states_alone():
    load_task.cache_clear()
    before = repr(random_states([]))
    load_task("own_tasks:drawn")
    assert repr(random_states([])) == before


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.bool, torch.complex64, torch.uint8])
def test_digests_tell_values_shapes_and_types_apart_and_not_how_they_lie_in_memory(kind):
    def digests(inputs):
        return Task(torch.nn.Identity, (inputs, inputs[:, 0]), (inputs, inputs[:, 0])).digests

    inputs = torch.arange(24).reshape(4, 6).to(kind)
    of = digests(inputs)
    assert of[0].startswith(f"train inputs: 4 x 6 {str(kind).removeprefix('torch.')} ")
    assert digests(inputs.T.contiguous().T) == of
    other = inputs.clone()
    other[3, 5] = 0
    assert [one == another for one, another in zip(digests(other), of, strict=True)] == [False, True, False, True]
    assert digests(inputs.reshape(4, 3, 2))[0].split()[-1] == of[0].split()[-1]


def test_a_network_without_parameters_is_refused():
    with pytest.raises(RunError, match="no parameter to train"):
        load_task("own_tasks:without_parameters").initial_model(0)


def test_a_loss_that_is_nan_from_the_start_diverges():
    task = load_task("own_tasks:not_a_number")
    model = task.initial_model(0)
    log = train(model, task, torch.optim.SGD(model.parameters()), 0.1)
    assert (log.status, log.diverged_at) == ("diverged", 1)


def test_inputs_and_targets_of_different_lengths_are_refused():
    x = torch.zeros(3, 1)
    with pytest.raises(ArgumentError, match=r"Task\(test=.*as many targets as inputs \(3\), and at least one, got 2"):
        Task(torch.nn.ReLU, (x, x), (x, x[:2]))
    with pytest.raises(ArgumentError, match=r"Task\(train=.*as many targets as inputs \(0\), and at least one, got 0"):
        Task(torch.nn.ReLU, (x[:0], x[:0]), (x, x))
    with pytest.raises(ArgumentError, match="two tensors"):
        Task(torch.nn.ReLU, (x, x), [x.tolist()])


def test_held_out_samples_are_not_trained_on_and_do_not_come_from_the_test_set():
    task = load_task("digits")
    part = task.held_out()
    marks = [[image.numpy().tobytes() for image in inputs] for inputs in (task.train[0], part.train[0], part.test[0])]
    assert sorted(marks[0]) == sorted(marks[1] + marks[2])
    for chosen in marks[1:]:  # in the order that they had
        assert chosen == [mark for mark in marks[0] if mark in {*chosen}]
    assert len(marks[2]) == 287
    assert {int(label) for label in part.test[1]} == set(range(10))
    assert Experiment({"a": "Constant(0.1)"}, "digits", held_out=True).horizon(task.samples).samples == 1150


def test_the_first_samples_are_trained_on():
    task = load_task("digits")
    few = task.first(10)
    assert few.samples == 10
    assert torch.equal(few.train[0], task.train[0][:10])
    assert torch.equal(few.train[1], task.train[1][:10])
    assert torch.equal(few.test[0], task.test[0])


def test_the_range_of_an_own_loop_is_not_tested_here():
    words = (
        "must be a task with a network and data, not a training loop of your own, got .*; test the range in your loop "
        "with stepsize.pytorch.range_test$"
    )
    with pytest.raises(ArgumentError, match=words):
        task_with_data(f"{Path(__file__).parent}/own_loops/plain_torch.py:train")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: sys.exit(3), r"the network of the task 'own' raised SystemExit\(3\)"),
        (lambda: [], r"the task 'own' must make a PyTorch network, got \[\]"),
    ],
)
def test_what_makes_no_network_is_refused(model, words):
    x = torch.zeros(4, 1)
    with pytest.raises(RunError, match=words):
        Task(model, (x, x), (x, x), torch.nn.functional.mse_loss, None, "own").initial_model(0)


def test_a_machine_without_the_standard_librarys_source_cannot_train_on_it(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(DataError, match="has no source of Python's standard library, which the task stdlib-lm needs"):
        stdlib_lm.__wrapped__()
    (tmp_path / "short.py").write_bytes(b"#" * CONTEXT * 10)
    with pytest.raises(DataError, match="has no source of Python's standard library"):
        stdlib_lm.__wrapped__()


def test_the_last_of_every_twenty_windows_of_the_text_is_in_the_test_set(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    (tmp_path / "text.py").write_bytes(b"".join(bytes([40 + number]) * CONTEXT for number in range(40)) + b"#")
    task = stdlib_lm.__wrapped__()
    assert task.test[0][:, 0].tolist() == [59, 79]
    assert task.train[0][:, 0].tolist() == [40 + number for number in range(40) if number % 20 != 19]


def test_the_weights_of_the_language_model_begin_small_and_smaller_where_blocks_are_summed():
    named = dict(load_task("stdlib-lm").initial_model(0).named_parameters())
    for name, spread in (("tokens", 0.02), ("blocks.0.enter", 0.02), ("blocks.1.up", 0.02)):
        assert named[f"{name}.weight"].std().item() == pytest.approx(spread, rel=0.05)
    for name in ("blocks.0.leave", "blocks.1.down"):
        assert named[f"{name}.weight"].std().item() == pytest.approx(0.01, rel=0.05)


def test_holding_out_needs_two_samples():
    x = torch.zeros(1, 1)
    with pytest.raises(ArgumentError, match=r"^held_out must be used with at least 2 training samples, got 1$"):
        Task(lambda: torch.nn.Linear(1, 1), (x, x), (x, x)).held_out()
    pair = (torch.zeros(2, 1), torch.zeros(2, 1))
    held = Task(lambda: torch.nn.Linear(1, 1), pair, pair).held_out()
    assert (held.samples, len(held.test[1])) == (1, 1)


def test_a_loss_that_compares_each_output_with_every_target_is_refused():
    x = torch.linspace(-1, 1, 32)[:, None]
    data = (x, 2 * x[:, 0])
    task = Task(lambda: torch.nn.Linear(1, 1), data, data, torch.nn.functional.mse_loss)
    with pytest.raises(
        RunError,
        match=r"^the outputs of the task 'task' have shape \(32, 1\) and the targets \(32,\), so the loss compares "
        r"each "
        r"output with every target; give both one shape, as by outputs\.squeeze\(1\)$",
    ):
        task.mean_loss(torch.zeros(32, 1, requires_grad=True), data[1])
