"""Tuning of the peak rates: the same budget for each schedule, other samples and seeds, the same after a kill."""

import functools
import itertools
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import start
from in_process import run_jobs
from recorded_task import seen
from silent import Silent
from test_resume import Impatient

from stepsize.errors import ArgumentError, StateError
from stepsize.lab import Experiment, compare, extend, load_task, resume
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import local
from stepsize.lab.environment import environment
from stepsize.lab.tuning import Trial, _search, _times, _trials, _trials_of, begin_tuning, tune
from stepsize.plots.curves import rate_trace
from stepsize.schedules import Constant, Plan
from stepsize.store import load_runs
from stepsize.store.run import Point


@pytest.fixture(autouse=True)
def _recorded(monkeypatch, tmp_path):
    monkeypatch.setenv("RECORDED_TO", str(tmp_path / "recorded"))


def recorded(**settings):
    schedules = {"low": 'Cosine(0.0001, 0.0, "100%")', "wild": "Constant(1e20, 10) >> Constant(0.05)"}
    given = {"batch_size": 8, "epochs": 3, "device": "cpu", "engine": "local", "tune_peak": 5, **settings}
    return Experiment(given.pop("schedules", schedules), "recorded_task:recorded", **given)


def trials_alone(experiment, path, display=None):
    """The tuning without the comparison after it."""
    task = load_task(experiment.task)
    directory = ResultDirectory.claim(path)
    begin_tuning(experiment, task, directory, environment("cpu"))
    return tune(experiment, task, directory, None, display or Silent())


class Looking(Silent):
    """A display that collects the rate of a trial as it is drawn and as it was logged."""

    def begin(self, standings, source, directory):
        self.standings, self.drawn, self.logged_rates, self.source = standings, [], [], source

    def logged(self, number, record):
        if isinstance(record, Point):
            self.drawn.append(rate_trace(self.standings[number]).y[-1])
            self.logged_rates.append(record.lr)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The tuning of two schedules: experiment, trials, display, directory, and the samples that were seen."""
    with pytest.MonkeyPatch.context() as environment:
        folder, display = tmp_path_factory.mktemp("tuned"), Looking()
        environment.setenv("RECORDED_TO", str(folder / "recorded"))
        environment.setattr(local, "run_jobs", run_jobs)
        out = folder / "out?mode=1"  # in the address of a database, "?" would begin a query
        experiment, trials = trials_alone(recorded(seeds=(0, 1000, 1001)), out, display)
        return experiment, trials, display, out, seen(folder / "recorded")


def test_trials_use_neither_the_test_set_nor_a_seed_of_the_comparison(tuned):
    _, _, _, out, (trained, judged) = tuned
    assert len(trained) == 32
    assert len(judged) == 8
    assert trained | judged == set(range(40))
    outcomes = load_runs(out / "tuning").outcomes()
    assert [(outcome.name, outcome.schedule, outcome.seed) for outcome in outcomes] == [
        (f"{name}, trial {number}", f"factor * {text}", 1002)
        for name, text in (
            ("low", "Cosine(0.0001, 0.0, 15).head(15).stretch(12)"),
            ("wild", "(Constant(1e+20, 10) >> Constant(0.05).head(5)).stretch(12)"),
        )
        for number in range(1, 6)
    ]
    assert not (out / "tuning" / "checkpoints").exists(), "all trials have ended"
    assert len(outcomes) == 2 * 5


def test_every_schedule_gets_the_same_number_of_trials_and_the_best_factor(tuned):
    experiment, trials, looking, _, _ = tuned
    assert looking.drawn == pytest.approx(looking.logged_rates), "they are drawn at the rate that they run at"
    assert looking.source == (
        "The data are the task's own. Before they are compared, each schedule gets its best peak rate in 5 trials, "
        "judged on a held-out fifth of the training set."
    )
    low, wild = ([trial for trial in trials if trial.schedule == name] for name in ("low", "wild"))
    assert len(low) == len(wild) == 5
    assert 1.0 in [trial.factor for trial in low]
    assert all(1e-3 <= trial.factor <= 1e3 for trial in trials)
    assert all(math.isinf(trial.loss) and trial.chosen == (trial.factor == 1.0) for trial in wild)
    best = min(low, key=lambda trial: trial.loss)
    assert best.chosen
    assert best.factor > 1.0
    assert dict(experiment.schedules)["low"] == best.factor * recorded().run_specs(40)[0].schedule
    assert str(dict(experiment.schedules)["wild"]) == "Constant(1e+20, 10) >> Constant(0.05)"


@pytest.mark.long
def test_a_schedule_a_thousand_times_too_low_is_scaled_up_compared_and_reported(tmp_path):
    schedules = {"fine": "Constant(0.4)", "tiny": 'Cosine(0.0004, 0.0, "100%")'}
    experiment = Experiment(schedules, "digits", epochs=8, batch_size=64, device="cpu", tune_peak=7)
    comparison = compare(experiment, tmp_path / "out", display=Silent())
    fine, tiny = comparison.runs
    assert 0.04 <= tiny.points[0].lr <= 4.0
    assert tiny.epochs[-1].test_accuracy > 0.8
    assert " * Cosine(0.0004, 0.0, 184)" in tiny.schedule
    assert load_runs(tmp_path / "out").settings["experiment"]["schedules"]["tiny"] == tiny.schedule
    assert len(fine.points) == len(tiny.points)
    report, page = ((tmp_path / "out" / name).read_text() for name in ("report.md", "report.html"))
    for trial in comparison.trials:
        assert f"| {' | '.join(trial.cells())} |" in report
    assert "All 14 trials" in page
    assert tiny.schedule in report


@pytest.mark.long
def test_killed_and_resumed_it_makes_the_same_trials_and_the_same_choice(tmp_path):
    experiment = Experiment(
        {"flat": "Constant(0.001)"}, "own_tasks:dropping", epochs=30, batch_size=8, device="cpu", tune_peak=6
    )
    tuned, trials = trials_alone(experiment, tmp_path / "never")
    settings = ["--task", "own_tasks:dropping", "--epochs", "30", "--batch-size", "8", "--device", "cpu"]
    out = tmp_path / "out"
    process = start(*settings, "--schedule", "flat=Constant(0.001)", "--tune-peak", "6", "--out", out)
    while process.poll() is None and finished(out) < 2:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (out / "store.sqlite").exists()
    comparison = resume(out, display=Silent())
    assert comparison.trials == trials
    assert [run.schedule for run in comparison.runs] == [str(schedule) for _, schedule in tuned.schedules]
    one, other = ([run.points for run in load_runs(tmp_path / name / "tuning").runs()] for name in ("never", "out"))
    assert one == other


def finished(directory):
    """The number of finished trials in the directory of another process."""
    if not (directory / "tuning" / "store.sqlite").exists():
        return 0
    return sum(outcome.status == "finished" for outcome in load_runs(directory / "tuning").outcomes())


def ended(loss):
    return SimpleNamespace(
        status="finished" if math.isfinite(loss) else "diverged", last=SimpleNamespace(test_loss=loss)
    )


def searched(budget, at_once, loss, killed_at=()):
    """The factors and losses of a search whose process is killed after these trials, and started again."""
    outcomes, trials = [SimpleNamespace(status="planned", last=None)] * budget, itertools.count()
    while True:
        done, waiting = _search(outcomes, budget, at_once)
        if not waiting:
            return done
        for position, factor in waiting.items():
            outcomes[position] = ended(loss(factor))
            if next(trials) in killed_at:
                break


@pytest.mark.parametrize("budget", [1, 3, 9])
def test_a_kill_between_any_two_trials_changes_no_factor(budget):
    def loss(factor):
        return (math.log10(factor) - 0.7) ** 2

    never = searched(budget, 3, loss)
    assert len(never) == budget
    for first in range(budget):
        assert searched(budget, 3, loss, {first}) == never
        assert searched(budget, 3, loss, {first, first + 1, first + 3}) == never


def test_impossible_tuning_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        ArgumentError,
        match=r"'high'.* must be a schedule whose values, times 1000 \(the largest factor of tune_peak\), are from "
        r"0 to "
        r"3\.4e\+38, got 1e\+39; this is at step 0 of 15; bound it with \.clip\(low, high\)$",
    ):
        compare(recorded(schedules={"high": "Constant(1e36)"}), tmp_path / "out", display=Silent())
    with pytest.raises(
        ArgumentError,
        match=r"held_out=\.\.\.\) must be False together with tune_peak, which chooses the schedules on the held-out "
        "samples, got True; leave one of them out$",
    ):
        compare(recorded(held_out=True), tmp_path / "out", display=Silent())
    with pytest.raises(
        ArgumentError,
        match=r"tune_peak=\.\.\.\) must be 0, since it needs held-out samples, which cannot be chosen from the task's "
        "loader, got 5; give a shuffled DataLoader$",
    ):
        compare(replace(recorded(steps=9, epochs=1, batch_size=None), task="loader_tasks:streaming"), tmp_path / "out")
    own = f"{Path(__file__).parent}/own_loops/plain_torch.py:train"
    with pytest.raises(ArgumentError, match=r"tune_peak=.* must be 0 for a training loop of your own, whose data"):
        compare(Experiment({"flat": "Constant(0.1)"}, own, steps=9, tune_peak=5), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_schedules_whose_peaks_are_being_tuned_are_not_extended(tmp_path, in_process):
    with pytest.raises(KeyboardInterrupt):
        compare(recorded(), tmp_path, display=Impatient(2))
    with pytest.raises(
        StateError, match=r"^the peaks of its schedules are still being tuned; resume it first, and then extend it$"
    ):
        extend(tmp_path, seeds=(1,), display=Silent())


def test_a_trial_is_a_line_of_texts_and_survives_json():
    finished, diverged = Trial("cosine", 0.5, 0.31415926, True), Trial("flat", 2.0, math.inf, False)
    assert finished.cells() == ("cosine", "0.5", "0.3142", "chosen")
    assert diverged.cells() == ("flat", "2", "diverged", "")
    for trial in (finished, diverged):
        assert Trial.of_dict(json.loads(json.dumps(trial.as_dict(), allow_nan=False))) == trial


def test_a_schedule_in_steps_is_stretched_to_the_fewer_steps_of_a_trial():
    (spec,) = _trials(
        recorded(schedules={"line": "Linear(0.01, 0.0, 15)"}, tune_peak=1), load_task("recorded_task:recorded")
    )
    assert spec.steps == 12
    assert spec.schedule(11) == pytest.approx(0.01 * (1 - 11 / 12))


def test_a_schedule_of_the_weight_decay_is_stretched_like_that_of_the_rate():
    decaying = recorded(
        schedules={"line": "Linear(0.01, 0.0, 15)"}, weight_decay="Linear(0.3, 0.0, 15)", optimizer="sgd", tune_peak=1
    )
    (spec,) = _trials(decaying, load_task("recorded_task:recorded"))
    assert spec.weight_decay(11) == pytest.approx(0.3 * (1 - 11 / 12))


def test_the_trials_have_no_seed_of_a_later_round():
    rounds = recorded(until_told=True, most_seeds=1500, tune_peak=1)
    assert {spec.seed for spec in _trials(rounds, load_task("recorded_task:recorded"))} == {1501}


def test_a_factor_multiplies_the_rate_of_a_plan_and_nothing_else():
    assert _times(2.0, Plan(lr=Constant(0.1), momentum=0.9)) == Plan(lr=2.0 * Constant(0.1), momentum=0.9)


@pytest.mark.parametrize(
    ("budget", "at_once", "factors"),
    [
        (1, 2, [1.0]),
        (3, 2, [1.0, 0.0316, 31.6]),
        (4, 2, [0.001, 1.0, 1000.0, 31.6]),
        (5, 2, [0.001, 1.0, 1000.0, 0.0316, 31.6]),
        (7, 4, [0.001, 1.0, 1000.0, 0.1, 0.01, 10.0, 100.0]),
        (8, 3, [0.001, 0.0316, 1.0, 31.6, 1000.0, 0.178, 3.16, 10.0]),
        (9, 3, [0.001, 0.0316, 1.0, 31.6, 1000.0, 0.178, 3.16, 10.0, 1.78]),
    ],
)
def test_half_of_the_trials_are_a_grid_and_the_others_lie_beside_the_best(budget, at_once, factors):
    assert [factor for factor, _ in searched(budget, at_once, lambda factor: abs(math.log10(factor)))] == factors


def test_of_equal_losses_the_factor_nearest_to_1_is_chosen():
    results = [(0.25, 1.0), (8.0, 1.0), (2.0, 1.0), (1.0, 2.0), (0.4, 1.0)]
    assert [*_trials_of("any", results)] == [Trial("any", *each, chosen=each == (2.0, 1.0)) for each in results]


@pytest.mark.parametrize("sign", [1, -1])
def test_no_factor_is_tried_twice_if_the_best_is_at_the_end_of_the_range(sign):
    factors = [factor for factor, _ in searched(12, 3, lambda factor: sign * math.log10(factor))]
    assert len({*factors}) == 12
    assert 1e-3 <= min(factors) < max(factors) <= 1e3


def test_twelve_trials_come_within_a_quarter_of_the_best_rate_wherever_it_lies():
    """On losses that are smooth up to where they diverge, with the best up to 200 times off."""

    def loss(factor, best):
        ahead = math.log10(factor / best)
        return math.inf if ahead > 0.9 else ahead**2 * (1.0 if ahead > 0 else 0.3)

    for best in np.geomspace(1 / 200, 200, 40):
        trials = _trials_of("any", searched(12, 2, functools.partial(loss, best=best)))
        (chosen,) = (trial.factor for trial in trials if trial.chosen)
        assert 0.8 < chosen / best < 1.25
