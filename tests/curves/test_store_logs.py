"""Loss curves from a store, which is read by its tables."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from stepsize.curves import delimited, read_curves, store_logs
from stepsize.errors import DamagedStoreError, DataError
from stepsize.store import Store, database, export
from stepsize.store.run import Point


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0), ("flat", "Constant(0.1)", 1)]) as store:
        store.log(0, [Point(10, 0.1, 2.0, 0.5), Point(20, 0.1, 1.0, 0.5)])
        store.end(0, "finished", 1.0)
    return path


def change(path, statement):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_the_reader_and_the_store_agree_on_the_file():
    assert (store_logs.FILE_NAME, store_logs.VERSION) == (database.FILE_NAME, database.VERSION)
    assert ("run", *export.LABELS, "step") == delimited.EXPORTED


def test_a_store_is_read_while_it_is_written(path):
    with Store.open(path) as store:
        store.log(1, [Point(10, 0.1, 3.0, 0.5)])
        curves = read_curves(path)
    assert [curve.name for curve in curves] == ["flat, seed 0", "flat, seed 1"]
    assert curves[1].losses.tolist() == [3.0]


def test_a_store_in_a_folder_that_cannot_be_written_to_is_read(path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    (curve,) = read_curves(path.parent)
    np.testing.assert_array_equal(curve.steps, [4, 14])
    assert curve.name == "flat"  # the run of the other seed has no points


def test_a_damaged_store_is_refused_with_the_command_that_recovers_it(path):
    change(path, "UPDATE points SET lr = 'much'")
    with pytest.raises(DamagedStoreError, match=r"could not convert string to float.*\.recover"):
        read_curves(path)


@pytest.mark.parametrize("column", ["name", "schedule"])
def test_a_name_or_a_schedule_that_is_no_text_is_damage(path, column):
    change(path, f"UPDATE runs SET {column} = x'00' WHERE number = 0")
    with pytest.raises(DamagedStoreError, match="the name or the schedule of run 0 is not a text"):
        read_curves(path)


def test_a_run_with_missing_points_is_refused_with_the_call_that_discards_it(path):
    change(path, "DELETE FROM points WHERE step = 10")
    with pytest.raises(DataError, match=r"run 0 in .* has only 1 of its 2 points.*rewind\(0, 0\)"):
        read_curves(path)


def test_a_file_that_is_not_a_database_is_refused(path):
    path.write_bytes(b"not a store at all" * 300)
    with pytest.raises(DamagedStoreError, match="file is not a database"):
        read_curves(path)


def test_another_database_and_a_newer_store_are_refused(path):
    change(path, "PRAGMA user_version = 3")
    with pytest.raises(DataError, match="newer stepsize; update stepsize"):
        read_curves(path)
    change(path, "PRAGMA user_version = 2")
    change(path, "DROP TABLE points")
    with pytest.raises(DataError, match="cannot be read as a store: no such table: points"):
        read_curves(path)


def test_the_steps_of_an_exported_store_are_its_own_column_whatever_the_metrics_are_called(tmp_path):
    head = "run,name,schedule,seed,status,step,lr,train_loss,global_step,iteration"
    rows = [f"0,flat,Constant(0.1),0,finished,{step},0.1,{3 - step / 10},{7 * step},{9 * step}" for step in (5, 10)]
    (tmp_path / "points.csv").write_text("\n".join([head, *rows]) + "\n")
    (curve,) = read_curves(tmp_path / "points.csv")
    assert curve.steps.tolist() == [2, 7]  # the middle of those since the row before
    assert curve.losses.tolist() == [2.5, 2.0]
    (curve,) = read_curves(tmp_path / "points.csv", step="global_step")  # unless another is named
    assert curve.steps.tolist() == [17, 52]


def test_a_store_without_points_has_no_curve(path):
    change(path, "UPDATE runs SET status = 'diverged'")
    with pytest.raises(DataError, match="has no run with a loss curve"):
        read_curves(path)


HEAD = "run,name,schedule,seed,status,step,lr,train_loss\n"
EXPORTED = [
    ("0,flat,Constant(0.1),0,diverged,10,0.1,3\n", "points.csv has no run with a loss curve"),
    ("0,flat,Constant(0.1),0,finished,0,0.1,3\n", "points.csv, flat has no rows with a step and a loss"),
]


def test_a_name_that_was_marked_as_text_for_spreadsheets_is_read_as_it_was(tmp_path):
    (tmp_path / "points.csv").write_text(HEAD + "0,'=flat,Constant(0.1),0,finished,10,0.1,3\n")
    assert read_curves(tmp_path / "points.csv")[0].name == "=flat"


@pytest.mark.parametrize(("rows", "message"), EXPORTED, ids=["diverged", "before the first update"])
def test_an_exported_store_without_a_loss_has_no_curve(tmp_path, rows, message):
    (tmp_path / "points.csv").write_text(HEAD + rows)
    with pytest.raises(DataError) as caught:
        read_curves(tmp_path / "points.csv")
    assert str(caught.value) == str(tmp_path / message)
