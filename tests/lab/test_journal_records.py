"""The records of a run of one's own loop: what each logged step becomes in the store, and what is noticed."""

import json

import numpy as np
import pytest
from test_own_loop import RATES, SPEC, records

from stepsize.lab.own_loops.training_run import Journal, RunPlace, TrainingRun
from stepsize.store import load_runs
from stepsize.store.run import Epoch, Point, Value


@pytest.fixture
def run(tmp_path):
    place = RunPlace(SPEC, "task", None, tmp_path, tmp_path / "journal", tmp_path / "stop", "cpu", "")
    return TrainingRun(place, Journal(place.journal))


def test_every_record_has_what_was_logged_at_its_step_and_an_epoch_the_last_of_the_training(run, tmp_path):
    run.log(5, lr=0.2, train_loss=3.0, train_accuracy=0.25)
    run.log(10, lr=0.1, train_accuracy=0.5)
    run.log(10, test_loss=4.0)
    run.log(15, val_f1=0.5)
    run.log(15, train_loss=2.0, test_accuracy=0.75)
    run.log(20, lr=0.05)
    records(tmp_path).close()
    (stored,) = load_runs(tmp_path).runs()
    assert repr(stored.points) == repr(
        (
            Point(5, 0.2, 3.0, 0.25),
            Point(10, 0.1, np.nan, 0.5),
            Point(15, np.nan, 2.0, np.nan),
            Point(20, 0.05, np.nan, np.nan),
        )
    )
    assert repr(stored.epochs) == repr((Epoch(10, 3.0, 0.5, 4.0, np.nan), Epoch(15, 2.0, 0.5, np.nan, 0.75)))
    assert stored.values == (Value(15, "val_f1", 0.5),)


def test_a_run_without_a_test_has_an_epoch_at_its_end(run, tmp_path):
    run.log(5, train_loss=3.0, train_accuracy=0.25)
    run.log(12, lr=0.1)
    records(tmp_path).close()
    (stored,) = load_runs(tmp_path).runs()
    assert repr(stored.epochs) == repr((Epoch(12, 3.0, 0.25, np.nan, np.nan),))


def test_a_loss_at_the_limit_has_not_diverged_and_nothing_is_taken_after_one_that_has(run, tmp_path):
    run.log(5, train_loss=8.0, test_loss=8.0)
    run.log(10, test_loss=8.5)
    run.log(15, train_loss=1.0)
    found = records(tmp_path, loss_limit=8.0)
    found.close()
    assert (found.diverged_at, found.last_step) == (10, 10)
    assert [point.step for point in load_runs(tmp_path).run(0).points] == [5, 10]


def test_the_rate_may_be_that_of_either_side_of_an_update_and_the_first_wrong_one_is_told(run, tmp_path):
    run.log(0, lr=RATES(0))
    run.log(7, lr=RATES(6))
    run.log(8, lr=RATES(8))
    run.log(9, lr=0.5)
    run.log(20, lr=0.25)
    found = records(tmp_path)
    found.close()
    found.note_oddities()
    (event,) = load_runs(tmp_path).events()
    assert event.text == "ignores run.schedule: it logged lr 0.5 at step 9, but the schedule has 0.12"


def test_a_run_that_logs_no_rate_and_ends_early_gets_both_notices(run, tmp_path):
    run.log(3, train_loss=1.0)
    found = records(tmp_path)
    found.close()
    found.note_oddities()
    assert [(event.kind, event.number, event.text) for event in load_runs(tmp_path).events()] == [
        ("notice", 0, "logged no lr, so whether it follows run.schedule could not be checked"),
        ("notice", 0, "logged for the last time at step 3, but run.steps is 20"),
    ]


def test_a_notice_of_the_process_and_how_it_ended_are_in_its_journal(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.note("wrote /tmp/x, outside its folder")
    journal.end("ValueError(3)", "ValueError(3) and the traceback")
    found = records(tmp_path)
    found.read()
    assert (found.error, found.account) == ("ValueError(3)", "ValueError(3) and the traceback")
    assert [event.text for event in load_runs(tmp_path).events()] == ["wrote /tmp/x, outside its folder"]
    assert 0 < found.seconds < 60


def test_the_seconds_of_a_run_are_those_of_all_its_processes_and_a_new_one_has_no_error_yet(tmp_path):
    entries = [
        {"begin": True, "seconds": 0.0},
        {"step": 5, "values": {"train_loss": 1.0}, "seconds": 4.0},
        {"error": "ValueError(3)", "account": "", "seconds": 5.0},
        {"begin": True, "seconds": 0.0},
        {"step": 10, "values": {"train_loss": 0.5}, "seconds": 3.0},
    ]
    (tmp_path / "journal").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    found = records(tmp_path)
    found.close()
    assert (found.seconds, found.error) == (8.0, None)
