"""What the reports of a comparison say, as it is read from the store: its notices, counts and lengths."""

import pytest
from silent import Silent

from stepsize.errors import ArgumentError
from stepsize.lab import Experiment, compare, extend, load, resume
from stepsize.lab.report.content import ReportContent
from stepsize.lab.statistics.findings import Metric
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import Trial
from stepsize.store import Store, load_runs, stored_runs
from stepsize.store.run import Epoch, Point, Value

SCHEDULES = {"a": "Constant(0.1)", "b": "Constant(0.2)"}
ASKED = Experiment(SCHEDULES, "digits", seeds=(0, 1, 2), device="cpu")


@pytest.fixture
def stored(tmp_path):
    """Make a store of six runs with these settings, of which the first ends at step 30, and let it be changed."""

    def make(change=lambda store: None, experiment=ASKED, **settings):
        runs = [(name, text, seed) for seed in experiment.seeds for name, text in SCHEDULES.items()]
        about = {"experiment": experiment.as_dict(), "data": "Data.", **settings}
        with Store.create(tmp_path / "store.sqlite", about, {"torch": "2"}, runs) as store:
            store.log(0, [Point(20, 0.1, 1.0, 0.5), Point(30, 0.1, 0.5, 0.5), Epoch(30, 0.5, 0.5, 0.75, 0.5)])
            store.end(0, "finished", 1.0)
            change(store)
        results = load_runs(tmp_path)
        return ReportContent.of(results, experiment, stored_runs(results))

    return make


def test_each_notice_names_its_runs_and_other_events_are_no_notices(stored):
    def happened(store):
        for number in (4, 0, 0, 1, 2, 3, 5):
            store.event("notice", "logged no lr", number)
        store.event("notice", "red \x1b[31m", 5)
        store.event("notice", "of the whole comparison")
        store.event("failed", "out of memory", 1)
        store.event("resumed", "torch: 1, and here 2")

    assert stored(happened).remarks == (
        "a, seed 2; a, seed 0; b, seed 0; a, seed 1 and 2 more: logged no lr",
        "b, seed 2: red \\x1b[31m",
    )


def test_runs_are_missing_unless_they_have_finished_or_diverged(stored):
    def ended(store):
        store.end(1, "diverged", 1.0, 5)
        store.end(2, "failed", 1.0)
        store.end(3, "interrupted", 1.0)
        store.log(4, [Point(10, 0.1, 1.0, 0.5)])

    content = stored(ended)
    assert (content.planned, content.missing) == (6, 3 + 1)
    assert [run.status for run in content.runs] == ["finished", "diverged", "failed", "interrupted", "running"]


def test_a_store_of_an_earlier_time_has_the_length_of_its_longest_run_and_nothing_more(stored):
    content = stored(lambda store: store.log(3, [Point(40, 0.1, 1.0, 0.5)]))
    assert (content.steps, content.source, content.accuracy, content.network) == (40, "Data.", "", "")
    assert (content.trials, content.remarks, content.trains_itself) == ((), (), False)
    assert (content.terms.chance, content.terms.looks) == (None, None)
    assert content.environment == {"torch": "2"}


def test_what_the_store_says_is_what_the_reports_say(stored):
    trial = Trial("a", 0.5, 0.25, True)
    content = stored(
        lambda store: store.log(1, [Value(10, "f1", 0.5), Value(10, "auc", 0.75)]),
        accuracy="top\x1b1",
        network="net",
        steps=1234,
        trains_itself=True,
        trials=[trial.as_dict()],
        chance={"accuracy": 0.1, "samples": 100, "loss": None},
        added=[2],
    )
    assert (content.steps, content.accuracy, content.network) == (1234, "top\\x1b1", "net")
    assert (content.trials, content.trains_itself) == ((trial,), True)
    assert content.terms.chance == Chance(0.1, 100, None)
    assert content.terms.others == (Metric("auc", "auc", None), Metric("f1", "f1", None))
    assert content.remarks == (
        "The seed 2 was added after a look at the results of the others. If the results decided that, the p-values and "
        "intervals claim too much, because they assume a fixed number of seeds.",
    )


def test_runs_of_a_command_train_by_themselves_whatever_an_earlier_store_says(stored):
    asked = Experiment(SCHEDULES, command="train {rates} {folder} {seed}", steps=30, seeds=(0, 1, 2), device="cpu")
    assert stored(experiment=asked).trains_itself


def test_a_comparison_has_a_row_for_each_schedule_with_a_run_in_the_order_of_the_experiment(stored, tmp_path):
    stored(lambda store: [store.end(number, "diverged", 2.0, 5) for number in (1, 3)])
    comparison = load(tmp_path)
    assert [(row.name, row.finished, row.diverged) for row in comparison.rows] == [("a", 1, 0), ("b", 0, 2)]
    assert (comparison.directory, comparison.source) == (tmp_path, "Data.")
    assert [len(run.points) for run in comparison.runs] == [2, 0, 0, 0, 0, 0], "all runs, with their points"
    assert str(comparison) == str(comparison.table)


@pytest.mark.parametrize("workers", [0, 1.5])
def test_fewer_workers_than_one_are_refused_by_the_name_of_the_function(stored, tmp_path, workers):
    stored()
    calls = {
        "compare": lambda: compare(ASKED, tmp_path / "new", workers=workers, display=Silent()),
        "resume": lambda: resume(tmp_path, workers=workers, display=Silent()),
        "extend": lambda: extend(tmp_path, seeds=(5,), workers=workers, display=Silent()),
    }
    for name, call in calls.items():
        with pytest.raises(
            ArgumentError, match=rf"^{name}\(workers=\.\.\.\) must be a whole number of at least 1, got"
        ):
            call()
    assert not (tmp_path / "new").exists()
    assert load_runs(tmp_path).events() == ()
