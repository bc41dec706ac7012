"""Runs stacked into one program equal the loop of one run, up to rounding."""

import dataclasses
import math
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from commands import start
from in_process import run_jobs
from own_tasks import X, dropping
from processes import workers
from test_resume import Silent, numbers
from torch import nn

from stepsize.errors import ArgumentError, StateError
from stepsize.lab import Experiment, Task, compare, load_task, train
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import stacked
from stepsize.lab.engines.choice import chosen
from stepsize.lab.engines.runs import training_loop
from stepsize.lab.engines.stack import Stack
from stepsize.lab.engines.stack_training import StackTraining, clip_rows, update_rule
from stepsize.lab.engines.workers import Training
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.seeding import CPU, seeded_draws
from stepsize.pytorch import Scheduler
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE, Epoch

pytestmark = pytest.mark.usefixtures("one_thread")

HERE = Path(__file__).parent
SCHEDULES = {"flat": "Constant(0.05)", "down": "Cosine(0.1, 0.0, '100%')", "wild": "Constant(1e30)"}
DIGITS = load_task("digits")
FEW = dataclasses.replace(DIGITS, train=tuple(x[:300] for x in DIGITS.train), test=tuple(x[:100] for x in DIGITS.test))


def normed():
    """A network with statistics of the batch, and one frozen layer."""
    net = nn.Sequential(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    net[3].requires_grad_(False)
    return net


NORMED = Task(normed, (X, X**2), (X, X**2), nn.functional.mse_loss, None, "normed")


class Idle(nn.Linear):
    """A line with a parameter that its outputs do not use."""

    def __init__(self):
        super().__init__(1, 1)
        self.idle = nn.Parameter(torch.ones(3))


def test_a_parameter_that_the_loss_does_not_use_has_a_gradient_of_zero():
    task = Task(Idle, (X, X), (X, X), nn.functional.mse_loss, None)
    batches = torch.stack([X, X])
    gradients, losses, _ = Stack(task, (0, 1), CPU).gradients(batches, batches)
    assert gradients["idle"].tolist() == [[0.0] * 3] * 2
    assert (gradients["weight"] != 0.0).all()
    assert losses.shape == (2,)


def experiment(**settings):
    given = {"epochs": 2, "batch_size": 30, "log_every": 4, "seeds": (0, 1), "device": "cpu", "engine": "stacked"}
    return Experiment(settings.pop("schedules", SCHEDULES), settings.pop("task", "digits"), **given | settings)


def by_stack(asked, task):
    """What each run of the experiment logs in a stack."""
    plans = asked.run_specs(task.samples)
    stack = Stack(task, [plan.seed for plan in plans], CPU, asked.precision)
    networks = StackTraining(stack, stacked.stacked_rule(asked, task), plans, asked.clip_norm)
    with seeded_draws(0):
        return list(zip(*training_loop(networks, task, asked).records(), strict=True))


def by_itself(asked, task):
    """What each run logs in the loop of one run, without the limit that ends it."""
    logs = []
    for plan in asked.run_specs(task.samples):
        model = task.initial_model(plan.seed)
        optimizer = make_optimizer(asked.optimizer, model.parameters(), 0.1, dict(asked.optimizer_args))
        decay = {} if plan.weight_decay is None else {"weight_decay": plan.weight_decay}
        records = []
        train(
            model,
            task,
            optimizer,
            Scheduler(optimizer, plan.schedule, relative=False, **decay),
            epochs=asked.epochs,
            batch_size=asked.batch_size,
            accumulation=asked.accumulation,
            seed=plan.seed,
            precision=asked.precision,
            clip_norm=asked.clip_norm,
            log_every=asked.log_every,
            observe=records.append,
        )
        logs.append(records)
    return logs


def furthest(asked, task):
    """How far the losses of the two lie apart at most, relative to the loss, where both are finite."""
    apart = 0.0
    for ours, theirs in zip(by_stack(asked, task), by_itself(asked, task), strict=True):
        for a, b in zip(ours, theirs, strict=False):  # a run by itself ends where it diverges
            assert (type(a), a.step) == (type(b), b.step)
            if not isinstance(a, Epoch):
                assert a.lr == b.lr
            if math.isfinite(b.train_loss):
                apart = max(apart, abs(a.train_loss - b.train_loss) / b.train_loss)
                assert a.train_accuracy == pytest.approx(b.train_accuracy, abs=0.03, nan_ok=True)
            else:
                assert not math.isfinite(a.train_loss)
    return apart


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer_args": {"momentum": 0.9, "weight_decay": 0.01, "dampening": 0.1}},
        {"optimizer_args": {"momentum": 0.9, "nesterov": True}, "weight_decay": "Linear(0.1, 0.0, '100%')"},
        {"optimizer": "adam", "optimizer_args": {"weight_decay": 0.01}, "schedules": {"a": "Constant(0.002)"}},
        {"optimizer": "adamw", "optimizer_args": {"betas": (0.8, 0.9)}, "schedules": {"a": "Constant(0.002)"}},
        {"optimizer_args": {"weight_decay": 0.5}, "weight_decay": "Constant(0.0)"},
        {"optimizer": "adamw", "optimizer_args": {"weight_decay": 9.0}, "weight_decay": "Constant(0.0)"},
        {"accumulation": 3, "clip_norm": 0.1},
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw", "no decay", "no decay of adamw", "accumulated-clipped"],
)
def test_a_stack_on_digits_stays_within_noise_of_its_runs_one_by_one(settings):
    """The first 20 updates; measured: 2.1e-7 at most, for plain SGD."""
    assert furthest(experiment(**settings), FEW) < 1e-5


def test_networks_with_batch_norm_and_frozen_layers_can_be_stacked():
    assert furthest(experiment(batch_size=16, schedules={"a": "Constant(0.05)"}), NORMED) < 1e-5


class Waves(nn.Module):
    """Random features, which are drawn once and not trained, and a line of them."""

    def __init__(self):
        super().__init__()
        self.register_buffer("waves", 3.0 * torch.randn(1, 16))
        self.line = nn.Linear(16, 1)

    def forward(self, x):
        return self.line((x @ self.waves).cos())


def test_each_row_of_a_stack_keeps_the_buffers_of_its_own_seed():
    task = Task(Waves, (X, X**2), (X, X**2), nn.functional.mse_loss, None, "waves")
    assert furthest(experiment(task="waves", schedules={"a": "Constant(0.1)"}), task) < 1e-4


def test_attention_can_be_stacked():
    task = load_task("stdlib-lm")
    few = dataclasses.replace(task, train=tuple(x[:24] for x in task.train), test=tuple(x[:8] for x in task.test))
    adamw = experiment(optimizer="adamw", batch_size=4, epochs=1, schedules={"a": "Constant(0.003)"}, log_every=2)
    assert furthest(adamw, few) < 1e-4


def test_bfloat16_agrees_to_its_own_digits():
    assert furthest(experiment(precision="bf16", schedules={"a": "Constant(0.05)"}), FEW) < 1e-3


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("more", [{}, {"weight_decay": 0.1}], ids=["plain", "decay"])
def test_each_row_is_updated_as_by_the_optimizer_of_pytorch(kind, more):
    more = more | ({"momentum": 0.9, "nesterov": True} if kind is torch.optim.SGD else {})
    rates = [0.3, 0.01, 0.0]
    stack = {"weight": torch.randn(3, 4, 5, dtype=torch.float64), "scale": torch.randn(3, dtype=torch.float64)}
    alone = [{name: value[row].clone().requires_grad_() for name, value in stack.items()} for row in range(3)]
    optimizers = [kind(list(row.values()), lr=rate, **more) for row, rate in zip(alone, rates, strict=True)]
    rule = update_rule(optimizers[0])
    for _ in range(5):
        gradients = {name: torch.randn_like(value) for name, value in stack.items()}
        for row, (parameters, optimizer) in enumerate(zip(alone, optimizers, strict=True)):
            for name, parameter in parameters.items():
                parameter.grad = gradients[name][row].clone()
            optimizer.step()
        rule.update(stack, gradients, torch.tensor(rates, dtype=torch.float64), None)
    for row, parameters in enumerate(alone):
        for name, parameter in parameters.items():
            torch.testing.assert_close(stack[name][row], parameter.detach(), rtol=1e-12, atol=1e-12)


def test_each_row_is_clipped_by_its_own_norm():
    gradients = {"a": torch.tensor([[3.0, 4.0], [0.03, 0.04]]), "b": torch.tensor([0.0, 0.0])}
    clip_rows(gradients, 1.0)
    torch.testing.assert_close(gradients["a"], torch.tensor([[0.6, 0.8], [0.03, 0.04]]))


def test_a_run_that_diverges_does_not_change_the_others():
    calm = {name: text for name, text in SCHEDULES.items() if name != "wild"}
    tame = {**calm, "wild": "Constant(0.01)"}
    disturbed = by_stack(experiment(), FEW)
    undisturbed = by_stack(experiment(schedules=tame), FEW)
    assert not math.isfinite(disturbed[2][-1].train_loss)
    for row in (0, 1, 3, 4):
        assert disturbed[row] == undisturbed[row], "to the last bit"


def test_each_run_draws_its_own_dropout():
    asked = experiment(schedules={"a": "Constant(0.0)", "b": "Constant(0.0)"}, seeds=(0,), batch_size=16)
    a, b = by_stack(asked, dropping())
    assert a[0].train_loss != b[0].train_loss
    assert a[-1].test_loss == b[-1].test_loss, "nothing is dropped in evaluation"


def test_at_the_end_it_agrees_with_local_in_distribution():
    """Eight epochs on all digits: the mean accuracies of three seeds within two points, their losses within 0.05."""
    asked = experiment(schedules={"down": "Cosine(0.3, 0.0, '100%')"}, epochs=8, batch_size=32, seeds=range(3))
    ours, theirs = ([run[-1] for run in runs] for runs in (by_stack(asked, DIGITS), by_itself(asked, DIGITS)))
    for field, close in (("test_accuracy", 0.02), ("test_loss", 0.05)):
        means = [sum(getattr(end, field) for end in ends) / 3 for ends in (ours, theirs)]
        assert means[0] == pytest.approx(means[1], abs=close)
    assert min(end.test_accuracy for end in ours) > 0.9


@pytest.mark.long
def test_the_stacked_and_the_local_engine_report_and_store_the_same(tmp_path):
    stacked_runs, local_runs = (
        compare(experiment(engine=engine, runs_at_once=4), tmp_path / engine, display=Silent()).runs
        for engine in ("stacked", "local")
    )
    assert [run.status for run in stacked_runs] == ["finished", "finished", "diverged"] * 2
    for ours, theirs in zip(stacked_runs, local_runs, strict=True):
        assert (ours.name, ours.seed, ours.diverged_at) == (theirs.name, theirs.seed, theirs.diverged_at)
        assert [point.step for point in ours.points] == [point.step for point in theirs.points]
    assert load_runs(tmp_path / "stacked").settings["experiment"]["engine"] == "stacked"


TOML = """
task = "own_tasks:dropping"
engine = "stacked"
device = "cpu"
runs_at_once = 6
epochs = 250
seeds = [0, 1]
batch_size = 8
log_every = 3
checkpoint_every = 20
[optimizer]
name = "adamw"
[schedules]
flat = "Constant(0.01)"
wild = "Constant(0.01, 30) >> Constant(1e25)"
down = "Cosine(0.01, 0.0, '100%')"
"""


def made_here(monkeypatch, directory, asked, jobs=None):
    """Train the remaining runs in this process, up to a number of jobs, and return what all runs have logged."""

    monkeypatch.setattr(stacked, "run_jobs", lambda work, every, training: run_jobs(work, list(every)[:jobs], training))
    outcomes, plans = load_runs(directory.path).outcomes(), asked.run_specs(load_task(asked.task).samples)
    left = {number: plan for number, plan in enumerate(plans) if outcomes[number].status not in COMPLETE}
    stacked.train_runs(left, Training(asked, directory, None, Silent()))
    return numbers(directory.path)


def test_random_draws_of_a_run_do_not_depend_on_runs_that_have_ended(tmp_path, monkeypatch):
    schedules = {"a": "Constant(0.01)", "wild": "Constant(1e25)", "b": "Constant(0.02)"}
    asked = experiment(task="own_tasks:dropping", epochs=1, schedules=schedules, runs_at_once=4)
    runs = [(plan.name, str(plan.schedule), plan.seed) for plan in asked.run_specs(64)]
    places = {name: ResultDirectory(tmp_path / name) for name in ("whole", "stopped")}
    for place in places.values():
        (place.path / "checkpoints").mkdir(parents=True)
        Store.create(place.store, {}, {}, runs).close()
    whole = made_here(monkeypatch, places["whole"], asked)
    stopped = made_here(monkeypatch, places["stopped"], asked, jobs=1)
    assert [run in whole for run in stopped] == [True] * 4 + [False] * 2
    with Store.open(places["stopped"].store) as store:  # as a process leaves it that dies while others go on
        for number in (0, 2):
            store.rewind(number, 0)
            store.end(number, "interrupted", 0.0)
    assert made_here(monkeypatch, places["stopped"], asked) == whole


def written_at(path):
    """When the checkpoint was written."""
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.long
def test_a_stack_whose_worker_and_parent_are_killed_ends_in_the_same_bits(tmp_path):
    (tmp_path / "e.toml").write_text(TOML)
    whole = start(tmp_path / "e.toml", "--out", tmp_path / "whole")
    killed = start(tmp_path / "e.toml", "--out", out := tmp_path / "killed")
    checkpoint = out / "checkpoints" / "stack-000.pt"
    for victim in ("worker", "parent"):
        before = written_at(checkpoint)
        while killed.poll() is None and written_at(checkpoint) == before:
            time.sleep(0.01)
        found = workers(killed.pid)
        assert found, killed.communicate()[0]
        os.kill(found[0] if victim == "worker" else killed.pid, signal.SIGKILL)
    killed.communicate()
    resumed = start("--resume", out)
    for process in (whole, resumed):
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert numbers(out) == numbers(tmp_path / "whole")
    assert [run.status for run in load_runs(out).runs()] == ["finished", "diverged", "finished"] * 2
    assert {"process died", "resumed"} <= {event.kind for event in load_runs(out).events()}
    assert not (out / "checkpoints").exists()


def test_a_damaged_record_of_a_stack_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "stack-000.json").write_bytes(b"[[0, 0], [1")
    with pytest.raises(
        StateError,
        match=r"stack-000\.json, the record of which runs form a stack, is damaged; delete it, and its runs start over",
    ):
        stacked.recorded_stacks(ResultDirectory(tmp_path))


class Asking(nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum().item() > 0 else x


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "rmsprop"}, "must be SGD, Adam or AdamW for stacked runs, got 'RMSprop'; write engine='local'"),
        (
            {"optimizer": "adam", "optimizer_args": {"amsgrad": True}},
            "must be without amsgrad for stacked runs, got 'Adam with amsgrad'",
        ),
        ({"optimizer_args": {"maximize": True}}, "must be without maximize for stacked runs, got 'SGD with maximize'"),
        (
            {"feedback": {"flat": "Plateau()"}},
            "feedback=.* must be left out for stacked runs, got .*; write engine='local'",
        ),
        (
            {"task": "own_tasks:line", "optimizer": "own_tasks:two_groups"},
            "must be an optimizer with one group of parameters for stacked runs, got '2 groups'",
        ),
        (
            {"task": "test_stacked:asking"},
            r"task=.* must be a task whose network can be stacked \(.*item.*, got 'asking'; write engine='local'",
        ),
    ],
)
def test_an_optimizer_or_network_that_cannot_be_stacked_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, settings, words
):
    monkeypatch.syspath_prepend(HERE)
    with pytest.raises(ArgumentError, match=words):
        compare(experiment(**settings), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def asking():
    """A network that reads a number of a tensor while it computes."""
    return Task(lambda: Asking(1, 1), (X, X), (X, X), nn.functional.mse_loss, None, "asking")


def classifying():
    """A network with batch norm, for samples whose statistics are not those that it begins with."""
    net = lambda: nn.Sequential(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))  # noqa: E731
    samples = 9 * X, (X[:, 0] > 0).long()
    return Task(net, samples, samples, name="classifying")


def test_a_network_with_batch_norm_can_be_stacked(monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    stacked.check(experiment(task="test_stacked:classifying"))


def test_auto_is_stacked_on_a_gpu_if_possible(monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    assert chosen(experiment(engine="auto", device="cuda")) == "stacked"
    assert chosen(experiment(engine="auto", device="cuda", optimizer="rmsprop")) == "local"
