"""Training loops of the user's own: what they log, how they fail, and how they are resumed."""

import os
import random
import re
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import commands
import numpy as np
import pytest
import torch
from ray_stand_in import Here, Remote, Watched
from silent import Silent

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Experiment, compare, load_task
from stepsize.lab.own_loops.journal_records import JournalRecords
from stepsize.lab.own_loops.processes import visible_gpus
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.own_loops.training_run import Journal, RunPlace, TrainingRun
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Linear, parse
from stepsize.store import Store, load_runs
from stepsize.store.run import Point, Value

LOOPS = Path(__file__).parent / "own_loops"
RATES = Linear(0.2, 0.0, 20)
SPEC = RunSpec("down", RATES, 0, 1, 20)


def own(name, schedules, steps=20, **settings):
    return Experiment(schedules, f"{LOOPS / name}.py:train", steps=steps, **settings)


@pytest.fixture
def run(tmp_path):
    place = RunPlace(SPEC, "task", None, tmp_path, tmp_path / "journal", tmp_path / "stop", "cpu", "")
    return TrainingRun(place, Journal(place.journal))


class Watcher:
    def logged(self, *_): ...


def records(tmp_path, **settings):
    """The records of a run whose journal is in this folder, and its store."""
    if not (tmp_path / "store.sqlite").exists():
        Store.create(tmp_path / "store.sqlite", {}, {}, [("down", str(RATES), 0)]).close()
    store = Store.open(tmp_path / "store.sqlite")
    return JournalRecords(0, SPEC, tmp_path / "journal", Experiment(steps=20, **settings), store, Watcher())


def test_a_function_with_the_argument_run_is_a_training_loop():
    task = load_task(f"{LOOPS}/plain_torch.py:train")
    assert task == OwnLoop(f"{LOOPS}/plain_torch.py:train")
    assert task.horizon(Experiment(steps=70, epochs=7)).of("1ep") == 10
    assert task.horizon(Experiment(samples=100, batch_size=10, epochs=2)).steps == 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamw"}, "optimizer=.* must be left out for a training loop of your own, which sets its own"),
        ({"held_out": True}, "held_out=.* must be left out for a training loop of your own"),
        ({"engine": "stacked"}, 'engine=.* must be "local" or "ray" for a training loop of your own, which cannot be'),
        ({"samples": 9}, "samples=.* must be left out beside steps, got 9"),
        ({"steps": None}, "steps=.* must be given, as the task has no number of samples, got None; write steps=1000"),
    ],
)
def test_settings_that_a_loop_does_not_get_are_refused_before_anything_is_written(settings, message, tmp_path):
    with pytest.raises(ArgumentError, match=message):
        compare(replace(own("plain_torch", {"a": "Constant(1)"}), **settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_metric_of_an_unknown_name_needs_a_mode():
    with pytest.raises(ArgumentError, match=r'mode=.* must be "min" or "max" for "val_f1", whose better values are no'):
        Experiment(metric="val_f1")
    with pytest.raises(ArgumentError, match='did you mean "test_loss"'):
        Experiment(metric="test_los")
    with pytest.raises(
        ArgumentError, match=r"mode=.* must be left out if no metric is named, got .*; write e.g. metric='val_loss'"
    ):
        Experiment(mode="max")
    assert Experiment(metric="val_f1", mode="max").headline.higher_is_better
    assert not Experiment(metric="test_loss").headline.higher_is_better


def test_settings_of_own_loops_are_refused_for_other_tasks(tmp_path):
    experiment = Experiment({"a": "Constant(1)"}, "digits", metric="val_f1", mode="max", timeout=9)
    with pytest.raises(ArgumentError) as failure:
        compare(experiment, tmp_path / "out")
    metric, timeout = failure.value.problems
    assert str(metric).startswith("Experiment(metric=...) must be ")
    assert "for a task with data, got 'val_f1'" in str(metric)
    assert "timeout=...) must be left out for a task with data, got 9.0" in str(timeout)


def test_the_global_generators_begin_alike_for_a_seed_and_differ_between_seeds(tmp_path):
    loop = """
import random, numpy, torch

def train(run):
    for step in range(1, run.steps + 1):
        run.log(step, train_loss=1.0, python=random.random(), numpy=numpy.random.rand(), torch=float(torch.rand(())))
"""
    (tmp_path / "draws.py").write_text(loop)
    experiment = Experiment(
        {"a": "Constant(1)", "b": "Constant(2)"}, f"{tmp_path}/draws.py:train", steps=3, seeds=(0, 1)
    )
    runs = compare(experiment, tmp_path / "out", display=Silent()).runs
    for name in ("python", "numpy", "torch"):
        drawn = {(run.name, run.seed): run.metric(name)[1].tolist() for run in runs}
        assert drawn["a", 0] == drawn["b", 0] != drawn["a", 1] == drawn["b", 1]


def test_on_windows_own_loops_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.lab.own_loops.engine.sys", SimpleNamespace(platform="win32"))
    with pytest.raises(ArgumentError, match="must be a task with data, as training loops of your own need process"):
        compare(own("plain_torch", {"flat": "Constant(0.1)"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_headline_of_a_task_with_data_is_one_of_its_metrics(tmp_path, in_process):
    settings = {"schedules": {"low": "Constant(0.001)", "high": "Constant(0.1)"}, "task": "digits", "epochs": 1}
    comparison = compare(Experiment(**settings, metric="test_loss", seeds=(0, 1)), tmp_path / "out", display=Silent())
    assert comparison.table.columns == ("schedule", "train loss", "test loss", "seconds", "test loss against low")
    report = (tmp_path / "out" / "report.md").read_text()
    assert "![rate, train loss and test loss over steps]" in report
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index('<h3 id="first">test loss ') < page.index(">test accuracy</span></th>")


def test_what_is_logged_at_one_step_makes_one_record(run, tmp_path):
    run.log(10, lr=np.float32(RATES(9)), train_loss=torch.tensor([2.0], requires_grad=True))
    run.log(10, val_f1=0.25, grad_norm=np.float64(3))
    run.log(20, lr=RATES(20), train_loss=1, test_accuracy=0.5)
    found = records(tmp_path)
    found.close()
    (stored,) = load_runs(tmp_path).runs()
    assert stored.points[1] == Point(20, RATES(20), 1.0, stored.points[1].train_accuracy)
    assert [(each.step, each.train_loss) for each in stored.points] == [(10, 2.0), (20, 1.0)]
    assert [(each.step, each.train_loss, each.test_accuracy) for each in stored.epochs] == [(20, 1.0, 0.5)]
    assert set(stored.values) == {Value(10, "val_f1", 0.25), Value(10, "grad_norm", 3.0)}
    assert found.unjudged() == ""
    assert found.diverged_at is None
    found.note_oddities()
    assert [event.kind for event in load_runs(tmp_path).events()] == []


def test_every_table_of_metrics_can_be_exported(run, tmp_path):
    run.log(5, lr=0.1, val_f1=0.25)
    run.log(10, **{"val/ppl": 8.0, "val_f1": 0.5})
    records(tmp_path).close()
    results = load_runs(tmp_path)
    assert results.metrics == ("val/ppl", "val_f1")
    assert results.columns("val_f1", table="metrics")["val_f1"].tolist() == [0.25, 0.5]
    assert np.isnan(results.columns(table="metrics")["val/ppl"]).tolist() == [True, False]
    assert results.frame(table="metrics")["val_f1"].tolist() == [0.25, 0.5]
    results.write_csv(tmp_path / "metrics.csv", table="metrics")
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "run,name,schedule,seed,status,step,val/ppl,val_f1"
    results.write_parquet(tmp_path / "metrics.parquet", table="metrics")


def test_the_first_log_of_a_new_process_takes_the_run_back(run, tmp_path):
    for step in (5, 10, 15):
        run.log(step, train_loss=1 / step, test_loss=1.0, val_f1=0.1)
    with open(tmp_path / "journal", "a") as file:
        file.write('{"step": 20, "val')  # a kill cut it short
    found = records(tmp_path)
    found.read()
    place = RunPlace(SPEC, "", None, tmp_path, tmp_path / "journal", tmp_path, "cpu", "")
    again = TrainingRun(place, Journal(place.journal))
    again.log(10, train_loss=7.0)
    found.close()
    (stored,) = load_runs(tmp_path).runs()
    assert [(each.step, each.train_loss) for each in stored.points] == [(5, 0.2), (10, 7.0)]
    assert [each.step for each in (*stored.epochs, *stored.values)] == [5, 5]
    fresh = records(tmp_path)  # another process of the comparison reads the whole journal
    fresh.close()
    assert load_runs(tmp_path).runs() == (stored,)


def test_a_metric_may_be_logged_again_with_the_same_value(run, tmp_path):
    run.log(5, lr=0.1, train_loss=1.0)
    run.log(5, lr=0.1, val_f1=0.5)
    records(tmp_path).close()
    (stored,) = load_runs(tmp_path).runs()
    assert [(each.step, each.train_loss) for each in stored.points] == [(5, 1.0)]
    assert [(each.step, each.value) for each in stored.values] == [(5, 0.5)]


def test_within_a_process_steps_rise_and_a_metric_comes_once_at_each(run):
    run.log(5, train_loss=1.0)
    with pytest.raises(RunError, match='"train_loss" was logged twice at step 5: 1, then 2'):
        run.log(5, train_loss=2.0)
    with pytest.raises(RunError, match="called with step 4 after step 5"):
        run.log(4, val_f1=2.0)
    for value in ("0.5", None, torch.ones(2), [1.0], True):
        with pytest.raises(ArgumentError, match=r"run.log\(val_f1=...\) must be a number"):
            run.log(6, val_f1=value)
    with pytest.raises(ArgumentError, match=r"run.log\(step=...\) must be a whole number of at least 0, got 1.5"):
        run.log(1.5, val_f1=1.0)


@pytest.mark.parametrize(("name", "value"), [("train_loss", np.nan), ("test_loss", np.inf), ("train_loss", 9.0)])
def test_a_loss_that_is_not_finite_or_too_large_ends_the_run_as_diverged(name, value, run, tmp_path):
    run.log(5, train_loss=1.0)
    run.log(10, **{name: value})
    found = records(tmp_path, loss_limit=8.0)
    found.read()  # not only when the next step is logged
    assert found.diverged_at == 10


@pytest.mark.parametrize(
    ("logs", "notice"),
    [
        ({20: {"lr": 0.123}}, r"ignores run.schedule: it logged lr 0.123 at step 20, and the schedule has 0.01$"),
        ({20: {"train_loss": 1.0}}, r"logged no lr, so whether it follows run.schedule could not be checked"),
        ({5: {"lr": RATES(4)}}, r"logged for the last time at step 5, and run.steps is 20"),
        ({17: {"lr": RATES(16)}}, r"logged for the last time at step 17, and run.steps is 20"),
        ({21: {"lr": 0.0}}, r"logged for the last time at step 21, and run.steps is 20"),
        ({20: {"lr": RATES(19) * (1 + 1.1e-6)}}, r"ignores run.schedule"),
    ],
)
def test_odd_logs_are_noticed(logs, notice, run, tmp_path):
    for step, values in logs.items():
        run.log(step, **values)
    found = records(tmp_path)
    found.close()
    found.note_oddities()
    (event,) = load_runs(tmp_path).events()
    assert re.match(notice, event.text)


@pytest.mark.parametrize(("step", "lr"), [(18, RATES(17)), (20, RATES(19) * (1 + 0.9e-6))])
def test_logs_up_to_nine_tenths_of_the_run_with_rates_in_single_precision_are_in_order(step, lr, run, tmp_path):
    run.log(step, lr=lr)
    found = records(tmp_path)
    found.close()
    found.note_oddities()
    assert load_runs(tmp_path).events() == ()


def test_a_run_must_log_what_it_is_judged_on(run, tmp_path):
    run.log(5, lr=0.1, val_f1=0.5)
    found = records(tmp_path)
    found.close()
    reason = 'it logged no test_accuracy, test_loss or train_loss to judge it on; it logged "lr", "val_f1"; '
    assert found.unjudged() == f"{reason}log one of these, or name another metric and its mode"
    assert records(tmp_path, metric="test_loss").unjudged() == 'it logged no "test_loss"; it logged nothing'


@pytest.mark.parametrize(
    ("device", "named", "expected"),
    [("cuda", "3,GPU-5", ["3", "GPU-5"]), ("cuda:1", "3,GPU-5", ["GPU-5"]), ("cpu", "3,5", [])],
)
def test_each_run_sees_one_of_the_visible_gpus(device, named, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus(device) == expected


BAD = {
    "raises": r"ValueError\('no more data'\) in misbehaving.py, line",
    "exits": r"SystemExit\(3\) in misbehaving.py",
    "leaves": r"its process exited with 0 before its loop returned \(leaving\)",
    "dies": "its process was killed by SIGKILL",
    "hangs": "it logged nothing for 60 s",
    "unjudged": 'it logged no "val_f1"; it logged "train_loss", "lr"',
}


@pytest.mark.long
def test_a_run_that_misbehaves_fails_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["well", *BAD, "diverges", "careless"]
    experiment = own("misbehaving", dict.fromkeys(names, "Constant(0.1)"), metric="val_f1", mode="max", timeout=60)
    with pytest.raises(RunError, match="the results of the other runs are in out"):
        compare(experiment, "out", display=Silent(), workers=3)
    results = load_runs("out")
    good = {"well": "finished", "diverges": "diverged", "careless": "finished"}
    assert {run.name: run.status for run in results.outcomes()} == dict.fromkeys(BAD, "failed") | good
    told = {names[event.number]: event.text for event in results.events() if event.kind == "failed"}
    for name, reason in BAD.items():
        assert re.search(reason, told[name])
    assert Path("out/runs/well-seed0/output.txt").read_text() == "all done\n"
    report = Path("out/report.md").read_text()
    assert "events.sqlite appeared during the run, outside its folder" in report
    assert "runs appeared" not in report
    assert "careless, seed 0: wrote" in report
    assert "weights.bin, outside its folder" in report
    assert "ignores run.schedule: it logged lr 0.123 at step 5, and the schedule has 0.1" in report


class Loop:
    """The process of a loop that logs as far as the name of its schedule says; Ctrl-C comes at the first look."""

    interrupted = False

    def __init__(self, place):
        self.name, self.stop, self.code = place.spec.name, place.stop, None
        self.journal = Journal(place.journal)
        TrainingRun(place, self.journal).log(20 if self.name == "at its end" else 19, train_loss=1.0)

    def exit_code(self):
        if not self.interrupted:
            Loop.interrupted = True
            raise KeyboardInterrupt
        if self.code is None and self.stop.exists() and self.name != "deaf":
            self.code = 0
            self.journal.end()
        return self.code

    def kill(self):
        self.code = self.code or -signal.SIGKILL


def test_after_an_interrupt_only_a_run_with_its_last_step_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.lab.own_loops.engine.LocalProcess", Loop)
    monkeypatch.setattr("stepsize.lab.own_loops.engine._GRACE", 0.2)
    monkeypatch.setattr(Loop, "interrupted", False)
    names = ["at its end", "on its way", "deaf"]
    with pytest.raises(KeyboardInterrupt):
        compare(
            own("misbehaving", dict.fromkeys(names, "Constant(0.1)")), tmp_path / "out", display=Silent(), workers=3
        )
    statuses = {run.name: run.status for run in load_runs(tmp_path / "out").outcomes()}
    assert statuses == {"at its end": "finished", "on its way": "interrupted", "deaf": "interrupted"}


class Cluster(Here):
    """A Ray cluster whose runs end at the third look; the run `stray` comes to a machine without the folder."""

    def __init__(self, interrupt):
        self.interrupt = interrupt
        self.looks = 0

    def remote(self, **options):
        return lambda function: Remote(lambda place, folders: place)

    def wait(self, tasks, num_returns=1, timeout=None):
        self.looks += 1
        if self.interrupt and self.looks == 2:
            raise KeyboardInterrupt
        ended = tasks[0].spec.name == "stray" or self.looks > 6
        return (tasks, []) if ended else ([], tasks)

    def get(self, place):
        if place.spec.name == "stray":
            error = self.exceptions.RayTaskError()
            error.cause = RunError("the machine n2 does not have the folder")
            raise error
        journal = Journal(place.journal)
        TrainingRun(place, journal).log(20, train_loss=1.0)
        journal.end()
        return 0


@pytest.mark.parametrize(
    ("interrupt", "error", "message", "status"),
    [
        (False, RunError, "'stray' with seed 0 failed: the machine n2 does not have the folder", "failed"),
        (True, KeyboardInterrupt, None, "interrupted"),
    ],
)
def test_a_run_that_ray_cannot_start_fails_by_itself(interrupt, error, message, status, tmp_path, monkeypatch):
    @contextmanager
    def joined_cluster(workers, code):
        yield Cluster(interrupt), code

    monkeypatch.setattr("stepsize.lab.engines.ray.ray_module", Here)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.joined_cluster", joined_cluster)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.check_nodes", lambda contact, experiment, code: None)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.Contact", Watched)
    names = ["one", "stray", "two"]
    experiment = own("misbehaving", dict.fromkeys(names, "Constant(0.1)"), engine="ray")
    with pytest.raises(error, match=message):
        compare(experiment, tmp_path / "out", display=Silent(), workers=3)
    ends = {run.name: (run.status, [point.step for point in run.points]) for run in load_runs(tmp_path / "out").runs()}
    assert ends == {"one": ("finished", [20]), "stray": (status, []), "two": ("finished", [20])}


LARGE = [
    pytest.param(name, marks=pytest.mark.long) for name in ("with_lightning", "with_trainer", "with_jax", "with_keras")
]


@pytest.mark.parametrize("name", ["plain_torch", *LARGE])
def test_real_libraries_train_at_the_rates_of_the_schedule(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = 'Linear(0.0, 0.1, 4) >> Cosine(0.1, 0.01, "rest")'
    comparison = compare(own(name, {"warmup": text}), "out", display=Silent())
    (run,) = comparison.runs
    schedule = parse(run.schedule)
    assert [point.step for point in run.points] == list(range(1, 21))
    shift = 0 if name == "with_keras" else 1  # Keras shows the rate of the next update
    expected = [schedule(point.step - shift) for point in run.points]
    assert run.column("lr") == pytest.approx(expected, rel=1e-6)
    assert run.points[-1].train_loss < run.points[0].train_loss
    assert all("run.schedule" not in note for note in comparison.table.notes)
    assert sorted(os.listdir()) == ["out"]


def runs_in_progress(folder):
    """The processes of runs that were started in a folder, on Linux."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if os.readlink(process / "cwd") == str(folder) and b"own_process" in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def wait_for_logs(directory):
    """Wait until the loops log, or all have ended."""

    def size():
        return sum(journal.stat().st_size for journal in directory.glob("checkpoints/*.jsonl"))

    until, begun = time.monotonic() + 120, size()
    while time.monotonic() < until and size() < begun + 5000:
        time.sleep(0.02)


@pytest.mark.long
def test_the_command_finds_a_loop_in_the_current_folder_and_resumes_it_after_kills(tmp_path):
    shutil.copy(LOOPS / "plain_torch.py", tmp_path / "mytask.py")
    chance, begun = random.Random(0), ["--task", "mytask:train", "--steps", 400, "--seeds", "0,1"]
    begun += ["--schedule", "flat=Constant(0.05)", "--schedule", 'down=Cosine(0.1, 0.0, "100%")']
    whole = commands.start(*begun, "--out", "whole", cwd=tmp_path)
    assert "Report and picture: whole" in whole.communicate()[0]
    process = commands.start(*begun, "--out", "cut", cwd=tmp_path)
    for _ in range(3):
        wait_for_logs(tmp_path / "cut")
        time.sleep(chance.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        process = commands.start("--resume", "cut", cwd=tmp_path)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert not runs_in_progress(tmp_path)  # those of a killed comparison have ended with it
    assert commands.numbers(tmp_path / "cut") == commands.numbers(tmp_path / "whole")


@pytest.mark.long
def test_ray_makes_the_same_runs(tmp_path):
    shutil.copy(LOOPS / "plain_torch.py", tmp_path / "mytask.py")
    for engine in ("local", "ray"):
        settings = ["--task", "mytask:train", "--steps", 40, "--schedule", "flat=Constant(0.05)", "--engine", engine]
        process = commands.start(*settings, "--schedule", "low=Constant(0.01)", "--out", engine, cwd=tmp_path)
        assert "Report and picture" in process.communicate()[0]
    assert commands.numbers(tmp_path / "ray") == commands.numbers(tmp_path / "local")


def test_a_loop_names_its_metric_with_attributes(tmp_path):
    loop = "def train(run):\n    ...\n\n\ntrain.metric, train.mode = 'own_error', 'min'\n"
    (tmp_path / "names_its_metric.py").write_text(loop)
    task = load_task(f"{tmp_path}/names_its_metric.py:train")
    assert task.headline == {"metric": "own_error", "mode": "min"}
