"""Plans in a comparison: other hyperparameters are scheduled too, from TOML, Python and the command line."""

import re

import pytest
import torch
from commands import numbers
from silent import Silent
from torch.optim.optimizer import register_optimizer_step_pre_hook

import stepsize as ss
from stepsize import Plan
from stepsize.errors import ArgumentError, ParseError
from stepsize.lab import Experiment, compare, load_task, read_experiment, resume, train
from stepsize.plots.curves import rate_trace
from stepsize.store import load_runs

WHOLE = 'Plan(lr=Cosine(0.01, 0, "100%"), weight_decay=Linear(0, 0.1, "50%"), betas=(Linear(0.8, 0.9, "1ep"), 0.99))'
SCHEDULES = {"alone": 'Cosine(0.01, 0.0, "100%")', "whole": WHOLE}
SETTINGS = {"epochs": 2, "batch_size": 8, "optimizer": "adamw", "log_every": 3, "checkpoint_every": 5, "device": "cpu"}
STEPS = 16


def small(schedules=SCHEDULES, **more):
    return Experiment(schedules, "own_tasks:dropping", **{**SETTINGS, **more})


@pytest.fixture
def _here(in_process, one_thread, monkeypatch):
    """The jobs are done in this process, which finds the tests' own tasks."""


@pytest.mark.usefixtures("_here")
def test_every_update_uses_the_values_of_the_plan_and_the_report_has_its_text(tmp_path):
    used = []

    def note(optimizer, *_):
        (group,) = optimizer.param_groups
        used.append({key: group[key] for key in ("lr", "weight_decay", "betas")})

    hook = register_optimizer_step_pre_hook(note)
    try:
        experiment = small({"whole": WHOLE})
        compare(experiment, tmp_path / "out", display=Silent())
    finally:
        hook.remove()
    plan = Plan.parse(WHOLE, experiment.horizon(64))
    assert used == [plan(step) for step in range(STEPS)]
    (run,) = load_runs(tmp_path / "out").runs()
    assert run.schedule == str(plan)
    trace = rate_trace(run)
    assert trace.y.tolist() == plan["lr"](trace.x).tolist()
    assert str(plan) in (tmp_path / "out" / "report.md").read_text()


class Interrupting(Silent):
    """Raises Ctrl-C at the fourth record."""

    seen = 0

    def logged(self, *_):
        self.seen += 1
        if self.seen == 4:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("_here")
def test_an_interrupted_comparison_goes_on_with_the_same_bits(tmp_path):
    compare(small(), tmp_path / "whole", display=Silent())
    with pytest.raises(KeyboardInterrupt):
        compare(small(), tmp_path / "out", display=Interrupting())
    assert "interrupted" in [each.status for each in load_runs(tmp_path / "out").outcomes()]
    resume(tmp_path / "out", display=Silent())
    assert numbers(tmp_path / "out") == numbers(tmp_path / "whole")


def test_a_plan_is_written_in_toml_and_in_python_alike(tmp_path):
    file = tmp_path / "e.toml"
    file.write_text(f"task = 'own_tasks:dropping'\n[schedules]\nwhole = '''{WHOLE}'''\n")
    value = Plan.parse(WHOLE, small().horizon(64))
    (text,) = read_experiment(file).run_specs(64)[:1]
    assert isinstance(text.schedule, Plan)
    (spec,) = small({"whole": value}).run_specs(64)
    assert spec.schedule == small({"whole": WHOLE}).run_specs(64)[0].schedule
    assert Experiment.of_dict(small({"whole": value}).as_dict()).run_specs(64) == (spec,)


def test_tuning_changes_the_peak_of_the_rate_alone(tmp_path, in_process):
    done = compare(small(tune_peak=2, schedules={"whole": WHOLE}), tmp_path / "out", display=Silent())
    (chosen,) = [trial for trial in done.trials if trial.chosen]
    (run,) = load_runs(tmp_path / "out").runs()
    plan = Plan.parse(WHOLE, small().horizon(64))
    assert Plan.parse(run.schedule) == plan.map(lambda rate: chosen.factor * rate if chosen.factor != 1 else rate, "lr")


REFUSED = {
    "no rate": ("Plan(weight_decay=0.1)", "a Plan with one schedule of lr, got Plan(weight_decay=0.1)"),
    "rates by group": ("Plan(lr=[0.1, 0.2])", "a Plan with one schedule of lr"),
    "negative": ('Plan(lr=0.1, weight_decay=Linear(0, -1, "100%"))', "whose values are from 0 to"),
    "an unknown name": ("Plan(lr=0.1, wieght_decay=0.1)", "no argument 'wieght_decay'; did you mean \"weight_decay\"?"),
    "a number for betas": ("Plan(lr=0.1, betas=0.9)", "like the group's own value, (0.9, 0.999)"),
    "not a plan": ("Plan(lr=0.1", "never closed"),
    "an epoch in steps": ('Plan(lr=Cosine(0.1, 0, "0ep"))', '"0ep"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_plan_that_cannot_be_is_refused_before_anything_is_written(name, tmp_path):
    text, words = REFUSED[name]
    with pytest.raises((ArgumentError, ParseError), match=re.escape(words)) as caught:
        compare(small({"one": text}), tmp_path / "out", display=Silent())
    assert "schedules['one']" in (caught.value.argument, caught.value.key)
    assert not (tmp_path / "out").exists()


def test_a_weight_decay_is_scheduled_once(tmp_path):
    with pytest.raises(ArgumentError, match=r"schedules\['whole'\].* without weight_decay, as the experiment has one"):
        compare(small(weight_decay=0.1), tmp_path / "out", display=Silent())
    (spec, _) = small({"a": "Plan(lr=0.1)", "b": "Constant(0.1)"}, weight_decay=0.2).run_specs(64)
    assert spec.plan == Plan(lr=0.1, weight_decay=0.2)


def test_runs_with_a_plan_are_not_stacked(tmp_path):
    with pytest.raises(
        ArgumentError, match=r"schedules\['whole'\].*the rate alone for stacked runs.*write engine='local'"
    ):
        compare(small(engine="stacked"), tmp_path / "out", display=Silent())


@pytest.mark.parametrize(("more", "expected"), [("", [0.5, 0.5]), (", relative=True", [0.05, 0.1])])
def test_train_follows_what_a_plan_says_of_the_groups_own_rates(more, expected):
    task = load_task("digits")
    model = task.initial_model(0)
    first, *others = model.parameters()
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": others, "lr": 0.2}], lr=0.1)
    train(model, task, optimizer, f"Plan(lr=0.5{more})", epochs=1)
    assert [group["lr"] for group in optimizer.param_groups] == expected


@pytest.mark.parametrize(("relative", "expected"), [(None, [0.5, 0.05]), (True, [0.5, 0.05]), (False, [0.5, 0.5])])
def test_the_groups_of_a_run_keep_their_shares_unless_its_plan_is_not_relative(relative, expected):
    (spec,) = small({"one": Plan(lr=0.5, relative=relative)}).run_specs(64)
    optimizer = torch.optim.AdamW([{"params": [torch.zeros(1)], "lr": share} for share in (1.0, 0.1)])
    spec.scheduler(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == expected


def test_a_plan_with_a_plain_function_cannot_be_resumed_and_is_refused():
    with pytest.raises(ArgumentError, match="can be read from its text"):
        small({"one": Plan(lr=0.1, weight_decay=lambda step: 0.1)})
    assert small({"one": Plan(lr=0.1, weight_decay=ss.Function("math:cosh"))}).functions
