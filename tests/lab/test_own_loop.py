"""Training loops of the user's own: what they log, how they fail, and how they are resumed."""

import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from silent import Silent

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Experiment, compare, load_task
from stepsize.lab.own_loops.engine import _Driver
from stepsize.lab.own_loops.journal_records import JournalRecords
from stepsize.lab.own_loops.processes import visible_gpus
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.own_loops.training_run import Journal, RunPlace, TrainingRun
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Linear
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
        (
            {"engine": "stacked"},
            'engine=.* must be "local" or "ray" for a training loop of your own, which cannot be stacked, got',
        ),
        (
            {"tune_peak": 2},
            "tune_peak=.* must be 0 for a training loop of your own, whose data the lab cannot divide, got 2",
        ),
        ({"samples": 9}, "samples=.* must be left out beside steps, got 9"),
        ({"steps": None}, "steps=.* must be given, as the task has no number of samples, got None; write steps=1000"),
    ],
)
def test_settings_that_a_loop_does_not_get_are_refused_before_anything_is_written(settings, message, tmp_path):
    with pytest.raises(ArgumentError, match=message):
        compare(replace(own("plain_torch", {"a": "Constant(1)"}), **settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [None, "python3 {rates} {folder} {seed}"])
def test_all_settings_of_our_loop_are_refused_at_once(command):
    given = {
        "optimizer": "adamw",
        "optimizer_args": {"eps": 1e-7},
        "clip_norm": 1.0,
        "precision": "bf16",
        "held_out": True,
        "runs_at_once": 2,
        "log_every": 49,
        "feedback": {"a": "Plateau()"},
        "checkpoint_every": 499,
    }
    loop = OwnLoop(command or "own.py:train", is_command=command is not None)
    task = {"task": "own.py:train"} if command is None else {"command": command}
    what = "a training loop of your own" if command is None else "a command"
    with pytest.raises(ArgumentError) as refused:
        loop.check(Experiment({"a": "Constant(1)"}, **task, steps=20, **given, tune_peak=1, engine="stacked"), [])
    rules = {
        each.argument: str(each).partition("...) must be ")[2].partition(", got")[0] for each in refused.value.problems
    }
    assert rules == {
        **dict.fromkeys(given, f"left out for {what}, which sets its own"),
        "tune_peak": f"0 for {what}, whose data the lab cannot divide",
        "engine": f'"local" or "ray" for {what}, which cannot be stacked',
    }
    loop.check(Experiment({"a": "Constant(1)"}, **task, steps=20, engine="ray", seeds=(0, 1)), [])


def test_a_loop_and_a_command_say_where_their_data_came_from():
    assert OwnLoop("own.py:train").source == "Each run is made by own.py:train, with data of its own."
    assert OwnLoop("train {rates}", is_command=True).source == (
        "Each run is made by the command train {rates}, with data of its own."
    )


def test_a_metric_of_an_unknown_name_needs_a_mode():
    words = r'mode=.* must be "min" or "max" for "val_f1", whose better values are not known, got None'
    with pytest.raises(ArgumentError, match=words):
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


def test_a_run_that_logged_nothing_has_no_epoch(run, tmp_path):
    records(tmp_path).close()
    assert load_runs(tmp_path).runs()[0].epochs == ()


@pytest.mark.parametrize(("news", "overdue"), [(1.0, ""), (20.0, "it logged nothing for 9 s")])
def test_a_run_is_overdue_if_its_last_news_is_too_old(news, overdue):
    """Not if it has begun long ago."""
    driver = SimpleNamespace(experiment=Experiment(timeout=9))
    journal = SimpleNamespace(news_at=lambda: time.time() - news)
    each = SimpleNamespace(records=SimpleNamespace(error=None, journal=journal), started=time.time() - 100)
    assert _Driver._overdue(driver, each) == overdue


def test_a_metric_may_be_logged_again_with_the_same_value(run, tmp_path):
    run.log(5, lr=0.1, train_loss=1.0)
    run.log(5, lr=0.1, val_f1=0.5)
    records(tmp_path).close()
    (stored,) = load_runs(tmp_path).runs()
    assert [(each.step, each.train_loss) for each in stored.points] == [(5, 1.0)]
    assert [(each.step, each.value) for each in stored.values] == [(5, 0.5)]


def test_the_attributes_of_a_run_are_those_that_were_planned(run, tmp_path):
    assert (run.name, run.schedule, run.seed, run.steps, run.device, run.folder) == (
        *("down", RATES, 0, 20, "cpu"),
        tmp_path,
    )
    assert run.plan["lr"] == run.schedule
    assert run.checkpoint == tmp_path / "checkpoint"
    assert not run.stop
    (tmp_path / "stop").touch()
    assert run.stop


def test_within_a_process_steps_rise_and_a_metric_comes_once_at_each(run):
    run.log(5, train_loss=1.0)
    with pytest.raises(
        RunError, match=r'^"train_loss" was logged twice at step 5: 1, then 2; log each metric once at a step$'
    ):
        run.log(5, train_loss=2.0)
    with pytest.raises(RunError, match=r"^run\.log was called with step 4 after step 5; log steps in rising order$"):
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
        ({20: {"lr": 0.123}}, r"ignores run.schedule: it logged lr 0.123 at step 20, but the schedule has 0.01$"),
        ({20: {"train_loss": 1.0}}, r"logged no lr, so whether it follows run.schedule could not be checked"),
        ({5: {"lr": RATES(4)}}, r"logged for the last time at step 5, but run.steps is 20"),
        ({17: {"lr": RATES(16)}}, r"logged for the last time at step 17, but run.steps is 20"),
        ({21: {"lr": 0.0}}, r"logged for the last time at step 21, but run.steps is 20"),
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
    run.log(6, val_f1=np.nan)
    found = records(tmp_path, metric="val_f1", mode="max")
    found.close()
    assert found.unjudged() == 'it logged no "val_f1"; it logged "lr"'


@pytest.mark.parametrize(
    ("device", "named", "expected"),
    [("cuda", "3,GPU-5", ["3", "GPU-5"]), ("cuda:1", "3,GPU-5", ["GPU-5"]), ("cpu", "3,5", [])],
)
def test_each_run_sees_one_of_the_visible_gpus(device, named, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus(device) == expected


def test_a_loop_names_its_metric_with_attributes(tmp_path):
    loop = "def train(run):\n    ...\n\n\ntrain.metric, train.mode = 'own_error', 'min'\n"
    (tmp_path / "names_its_metric.py").write_text(loop)
    task = load_task(f"{tmp_path}/names_its_metric.py:train")
    assert task.headline == {"metric": "own_error", "mode": "min"}
