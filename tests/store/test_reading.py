"""What is read from a store: the runs that have begun as arrays, and rows in blocks."""

import pytest
from three_runs import points

from stepsize.store import load_runs, stored_runs
from stepsize.store.run import Epoch, StoredRun, Value

ARRAYS = ("points", "epochs", "metrics")


def test_stored_runs_are_the_runs_that_have_begun_with_all_that_they_logged(store, path):
    store.log(0, [*points(10, 20, 30), Epoch(20, 3.0, 0.5, 2.0, 0.25), Epoch(30, 2.0, 0.25, 4.0, 0.125)])
    store.log(2, [*points(5, 30), Value(5, "f1", 0.5), Value(30, "f1", 0.25), Value(30, "auc", 0.75)])
    assert store.branch(2, 0, 20) == 3
    store.log(2, [*points(40), Epoch(40, 1.0, 0.5, 1.0, 0.5)])
    store.end(2, "diverged", 1.5, 41)
    results = load_runs(path)
    for stored, number in zip(stored_runs(results), (0, 2), strict=True):
        made = StoredRun.of(number, results.run(number))
        identities = [
            {name: value for name, value in vars(each).items() if name not in ARRAYS} for each in (stored, made)
        ]
        assert identities[0] == identities[1]
        for name in ("step", "lr", "train_loss"):
            assert stored.column(name).tolist() == made.column(name).tolist()
        for name in ("step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert stored.epoch_column(name).tolist() == made.epoch_column(name).tolist()
        for name in ("f1", "auc"):
            found, expected = ([each.tolist() for each in run.metric(name)] for run in (stored, made))
            assert found == expected
    last = stored_runs(results)[1]
    assert (last.parent, last.branched_at, last.diverged_at, last.seconds) == (0, 20, 41, 1.5)
    assert last.column("step").tolist() == [10, 20, 40]
    assert last.epoch_column("test_loss").tolist() == [2.0, 1.0]
    assert last.last == Epoch(40, 1.0, 0.5, 1.0, 0.5)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_rows_that_are_read_in_blocks_are_those_that_are_read_at_once(store, path, tmp_path, monkeypatch, size):
    parquet = pytest.importorskip("pyarrow.parquet")
    for number, count in enumerate((4, 2, 3)):
        store.log(number, points(*range(10, 10 * count + 1, 10)))
    results = load_runs(path)
    whole = {name: column.tolist() for name, column in results.columns().items()}
    results.write_csv(tmp_path / "whole.csv")
    monkeypatch.setattr("stepsize.store.results.BLOCK", size)
    assert {name: column.tolist() for name, column in results.columns().items()} == whole
    results.write_csv(tmp_path / "blocks.csv")
    assert (tmp_path / "blocks.csv").read_text() == (tmp_path / "whole.csv").read_text()
    results.write_parquet(tmp_path / "blocks.parquet")
    table = parquet.read_table(tmp_path / "blocks.parquet")
    assert {name: table[name].to_pylist() for name in whole} == whole
