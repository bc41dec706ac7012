"""Rounds of seeds, and seeds and schedules that are added to a comparison: what is trained, when it stops, kills."""

import math
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from commands import numbers
from silent import Silent

from stepsize.errors import ArgumentError, OutputError, RunError, StateError, StepsizeError
from stepsize.lab import Experiment, compare, extend, resume
from stepsize.lab.directory import lock
from stepsize.lab.displays import NotebookDisplay
from stepsize.lab.engines import local
from stepsize.lab.rounds import first_round, looks_at
from stepsize.store import Store, load_runs

pytestmark = pytest.mark.usefixtures("in_process", "one_thread")

ALIKE = {"flat": "Constant(0.01)", "same": "Constant(0.0101)"}
APART = {"flat": "Constant(0.01)", "high": "Constant(0.2)"}


def asked(schedules, **more):
    given = {
        "epochs": 4,
        "batch_size": 16,
        "device": "cpu",
        "engine": "local",
        "until_told": True,
        "most_seeds": 8,
    } | more
    return Experiment(schedules, "own_tasks:dropping", **given)


class Telling(Silent):
    """A display that keeps what is said as the runs begin, and stops everything at a number of ended runs."""

    def __init__(self, stops_at=math.inf):
        self.said, self.left = [], stops_at

    def begin(self, standings, source, directory):
        self.said.append(source)

    def ended(self, number, run):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A comparison that uses its budget, and is never stopped."""
    from in_process import train_here

    out, display = tmp_path_factory.mktemp("whole") / "out", Telling()
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_here(monkeypatch)
        comparison = compare(asked(ALIKE), out, display=display)
    return comparison, display


def test_seeds_are_added_until_the_budget_is_used(whole):
    comparison, display = whole
    assert comparison.experiment.seeds == tuple(range(8))
    assert len(comparison.runs) == 16
    assert display.said == [
        "The data are the task's own.",
        'Not told apart by 4 seeds: "same". Added seeds: 4, 5.',
        'Not told apart by 6 seeds: "same". Added seeds: 6, 7.',
    ]
    looks, intervals = comparison.table.notes[1:3]
    assert looks == (
        "Seeds were added in rounds, with looks at 4, 6 and 8 of at most 8 seeds. The budget is used, and not every "
        'difference is told apart from zero: "same".'
    )
    assert intervals == (
        "The intervals are wider than those of a fixed number of seeds: with a probability of at least 95% all of them "
        "contain the true differences at every look (repeated confidence intervals, Jennison and Turnbull, 1989)."
    )
    results = load_runs(comparison.directory)
    assert [event.text for event in results.events() if event.kind == "round"] == display.said[1:]
    page, text = ((comparison.directory / name).read_text() for name in ("report.html", "report.md"))
    for report in (page, text):
        assert "looks at 4, 6 and 8 of at most 8 seeds" in report
        assert "Jennison and Turnbull, 1989" in report
    assert "(Holm)" not in page


def test_no_seeds_are_added_if_the_first_round_tells_all_apart(tmp_path):
    comparison = compare(asked(APART, margin=1.0, most_seeds=4), tmp_path, display=(display := Telling()))
    assert len(display.said) == 1
    assert comparison.table.lines[1][-1].startswith(("\N{MINUS SIGN}", "small ("))
    assert comparison.table.notes[-2].endswith(
        "No more were needed: every difference is told apart from zero or shown to be smaller than 1."
    )


@pytest.mark.parametrize("ended", [3, 9, 12])
def test_an_interrupted_round_goes_on_with_the_same_bits(whole, tmp_path, ended):
    with pytest.raises(KeyboardInterrupt):
        compare(asked(ALIKE), tmp_path, display=Telling(stops_at=ended))
    report = (tmp_path / "report.md").read_text()
    if ended == 12:
        assert 'More are needed, and not every difference is told apart from zero: "same".' in report
    elif ended == 9:
        assert "with looks at 4 of at most 8 seeds. Another round is not complete." in report
    else:
        assert "Seeds are added in rounds, the first of which is not complete." in report
    resume(tmp_path, display=Silent())
    assert numbers(tmp_path) == numbers(whole[0].directory)


@pytest.mark.parametrize("before", [True, False])
def test_a_kill_as_a_round_is_added_changes_nothing(whole, tmp_path, monkeypatch, before):
    add_runs = Store.add_runs

    def killed(self, *given):
        if not before:
            add_runs(self, *given)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_runs", killed)
        with pytest.raises(SystemExit):
            compare(asked(ALIKE), tmp_path, display=Silent())
    assert len(load_runs(tmp_path).outcomes()) == (8 if before else 12)
    resume(tmp_path, display=Silent())
    assert numbers(tmp_path) == numbers(whole[0].directory)
    assert load_runs(tmp_path).settings["looks"] == [4, 6, 8]


def test_a_schedule_whose_runs_all_diverge_is_not_waited_for(tmp_path):
    hot = {"flat": "Constant(0.01)", "hot": "Constant(1e9)"}
    for name, schedules in (("second", hot), ("first", dict(reversed(hot.items())))):
        comparison = compare(asked(schedules), tmp_path / name, display=Silent())
        assert comparison.experiment.seeds == (0, 1, 2, 3)
        assert "4 of 4 diverged" in str(comparison.table.lines)
        assert "No more were needed: every difference that has results is told" in str(comparison.table.notes)


def test_a_loss_that_is_not_a_number_ends_the_rounds(tmp_path):
    comparison = compare(replace(asked(ALIKE), task="own_tasks:not_a_number"), tmp_path, display=Silent())
    assert comparison.experiment.seeds == (0, 1, 2, 3)


def test_equal_schedules_use_the_budget_and_a_notebook_shows_one_figure(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: figures.append(Mock()) or figures[-1])
    same = {"a": "Constant(0.01)", "b": "Constant(0.01)"}
    comparison = compare(asked(same, most_seeds=5), tmp_path, display=NotebookDisplay())
    assert (len(figures), figures[0].update.call_count >= 2) == (1, True)
    assert comparison.experiment.seeds == (0, 1, 2, 3, 4)
    assert 'All 5 seeds have the same result as "a": without a spread there is no interval' in comparison.table.notes[0]


def test_a_failed_run_stops_the_rounds_until_it_is_resumed(whole, tmp_path, monkeypatch):
    make_job = local.make_job

    def failing(build, job, *given):
        if next(iter(job.runs.values())).seed == 5:
            raise RunError("out of luck")
        make_job(build, job, *given)

    with monkeypatch.context() as patch:
        patch.setattr(local, "make_job", failing)
        with pytest.raises(RunError, match="out of luck"):
            compare(asked(ALIKE), tmp_path, display=Silent())
    assert len(load_runs(tmp_path).outcomes()) == 12
    resume(tmp_path, display=Silent())
    assert numbers(tmp_path) == numbers(whole[0].directory)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"most_seeds": 2, "seeds": (0, 1, 2)}, r"most_seeds=...\) must be at least 3, the number of seeds, got 2"),
        ({"most_seeds": 1}, "must be a whole number of at least 2, got 1"),
        ({"margin": 0}, "must be a finite number > 0, got 0"),
        ({"margin": -0.1}, "must be a finite number > 0, got -0.1"),
        ({"margin": math.nan}, "must be a finite number > 0, got nan"),
        ({"margin": 0.1, "until_told": False}, "must be left out, .* add until_told=True"),
        ({"schedules": {"one": "Constant(1)"}}, "must be at least two, to be told apart, got 'one'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ArgumentError, match=words):
        asked(**{"schedules": ALIKE, **settings})


def test_a_look_is_over_the_first_seeds_whose_runs_are_all_complete():
    runs = [
        SimpleNamespace(name=name, seed=seed, status="running" if (name, seed) == ("same", 4) else "diverged")
        for name in ALIKE
        for seed in range(8)
    ]
    experiment = asked(ALIKE, seeds=range(8))
    assert looks_at(experiment, (4, 6, 8), runs).sizes == (4,)
    assert looks_at(experiment, (4, 6, 8), runs[:12]).sizes == (4,)
    assert looks_at(experiment, (4, 6, 8), runs[:-1]).sizes == (4,)
    assert looks_at(replace(experiment, until_told=False), (4,), runs) is None


def test_the_seeds_of_a_round_follow_the_highest_whatever_their_order():
    assert first_round(asked(ALIKE, seeds=(5, 2))).seeds == (5, 2, 6, 7)
    assert first_round(asked(ALIKE, seeds=(5, 2), most_seeds=3)).seeds == (5, 2, 6)


def fixed(schedules, seeds, **more):
    return asked(schedules, seeds=seeds, until_told=False, **more)


@pytest.mark.parametrize("engine", ["local", "stacked"])
@pytest.mark.parametrize("stops_at", [math.inf, 3])
def test_added_seeds_and_schedules_train_as_if_they_had_been_there(tmp_path, engine, stops_at):
    more = {"engine": engine, "runs_at_once": 2, "checkpoint_every": 2, "log_every": 1, "weight_decay": 0.01}
    every = ALIKE | {"late": "Constant(0.01, 8) >> Constant(0.1)"}
    compare(fixed(every, (0, 1, 2), **more), tmp_path / "at once", display=Silent())
    out, display = tmp_path / "out", Telling(stops_at)
    try:
        compare(fixed(ALIKE, (0, 1), **more), out, display=display)
    except KeyboardInterrupt:
        assert display.left == 0
    before = numbers(out)
    comparison = extend(out, seeds=[2], schedules={"late": every["late"]}, display=Silent())
    if stops_at == math.inf:
        assert numbers(out)[:4] == before
    if engine == "local":  # the last bits of a stack depend on its rows
        assert sorted(numbers(out)) == sorted(numbers(tmp_path / "at once"))
    assert [line[0] for line in comparison.table.lines] == list(every)
    assert {run.status for run in comparison.runs} == {"finished"}
    added = (
        "The seed 2 was added after a look at the results of the others. If the results decided that, the p-values and "
        "intervals claim too much, because they assume a fixed number of seeds."
    )
    assert (added in comparison.table.notes) == bool(before)
    (event,) = (each for each in load_runs(out).events() if each.kind == "extended")
    assert event.text == 'seed 2, schedule "late", after a look at the results'
    assert len(resume(out, display=Silent()).runs) == 9


def test_seeds_added_by_hand_end_the_rounds(tmp_path):
    compare(asked(ALIKE, most_seeds=6, margin=1e-9), tmp_path, display=Silent())
    comparison = extend(tmp_path, seeds=(9,), display=Silent())
    assert (comparison.experiment.until_told, len(comparison.runs)) == (False, 14)
    assert comparison.table.notes[-1].startswith("The seeds 4, 5 and 9 were added after a look at the results")
    again = extend(tmp_path, seeds=(11,), display=Silent())
    assert again.table.notes[-1].startswith("The seeds 4, 5, 9 and 11 were added after a look at the results")


def test_seeds_added_after_each_look_are_all_told(tmp_path):
    compare(fixed(ALIKE, (0,), epochs=1), tmp_path, display=Silent())
    extend(tmp_path, seeds=(3,), display=Silent())
    comparison = extend(tmp_path, seeds=(2,), display=Silent())
    assert "The seeds 3 and 2 were added after a look" in str(comparison.table.notes)


def test_a_schedule_added_to_rounds_gets_all_seeds_and_more_if_needed(tmp_path):
    compare(asked(APART, margin=1.0), tmp_path, display=Silent())
    comparison = extend(tmp_path, schedules={"same": "Constant(0.0101)"}, display=Silent())
    assert {(run.name, run.seed) for run in comparison.runs} >= {("same", seed) for seed in range(4)}
    assert len(comparison.runs) == 3 * len(comparison.experiment.seeds)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "must be given, or schedules, got None; write e.g. seeds="),
        (
            {"seeds": (1, 2)},
            r"extend\(seeds=...\) must be seeds that the comparison does not have, got 1",
        ),
        ({"seeds": (2, 2)}, "must be different from one another"),
        ({"seeds": (-1,)}, "must be a whole number of at least 0, got -1"),
        ({"schedules": {"flat": "Constant(1)"}}, "names that the comparison does not have, got 'flat'"),
        ({"schedules": {"new": "Constan(1)"}}, 'did you mean "Constant"'),
        (
            {"schedules": {"new": "Constant(-1)"}},
            r"extend\(schedules\['new'\]=...\) must be a schedule whose",
        ),
        ({"schedules": {"new": "Plan(lr=0.1, momentun=0.2)"}}, "momentun"),
    ],
)
def test_what_cannot_be_added_is_refused_and_changes_nothing(tmp_path, more, words):
    compare(fixed(ALIKE, (0, 1)), tmp_path, display=Silent())
    before = load_runs(tmp_path).settings
    with pytest.raises(StepsizeError, match=words):
        extend(tmp_path, **more, display=Silent())
    assert load_runs(tmp_path).settings == before
    assert len(load_runs(tmp_path).outcomes()) == 4


def test_what_a_stack_cannot_train_needs_a_comparison_with_another_engine(tmp_path):
    compare(fixed(ALIKE, (0,), engine="stacked"), tmp_path, display=Silent())
    words = "stacked runs, got .*; start over in another directory, and write engine='local'"
    with pytest.raises(ArgumentError, match=words):
        extend(tmp_path, schedules={"plan": "Plan(lr=0.1, weight_decay=0.01)"}, display=Silent())


def test_a_comparison_in_use_or_with_tuned_peaks_or_other_data_is_not_extended(tmp_path, monkeypatch):
    monkeypatch.setenv("OF_SIZE", "64")
    experiment = replace(fixed(ALIKE, (0,)), task="own_tasks:of_changing_size", tune_peak=1)
    compare(experiment, tmp_path, display=Silent())
    with lock(tmp_path), pytest.raises(OutputError, match="in use"):
        extend(tmp_path, seeds=(1,), display=Silent())
    with pytest.raises(
        StateError,
        match=rf"^the peaks of the schedules in {tmp_path} were tuned, but an added one would be compared untuned; "
        "start over in another directory with all of them$",
    ):
        extend(tmp_path, schedules={"new": "Constant(0.1)"}, display=Silent())
    assert len(extend(tmp_path, seeds=(1,), display=Silent()).runs) == 4
