"""The store of an experiment: what is written to it, from one process or several, is what is read from it."""

import math
import multiprocessing
import struct
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from three_runs import RUNS, points

from stepsize.errors import ArgumentError, DataError, MissingExtraError, OutputError
from stepsize.store import Run, Store, load_runs, stored_runs
from stepsize.store.database import open_database
from stepsize.store.run import Epoch, Point, StoredRun, Value

NAN, INF = math.nan, math.inf


def test_a_new_store_has_its_settings_and_waiting_runs(store, path):
    results = load_runs(path.parent)
    assert (results.settings, results.environment) == ({"batch": 64}, {"threads": 1})
    found = results.outcomes()
    assert [(run.number, run.name, run.schedule, run.seed) for run in found] == [(i, *r) for i, r in enumerate(RUNS)]
    assert {(run.status, run.seconds, run.diverged_at, run.last) for run in found} == {("waiting", 0.0, None, None)}
    assert results.events() == ()
    assert len(results.steps()) == 0
    assert load_runs(path) == results


def test_a_commit_is_on_the_disk_when_it_returns(store, path):
    """SQLite's synchronous = FULL, which each connection must set for itself."""
    with closing(open_database(path, writing=True)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize(("step", "origin"), [(30, (0, 20)), (20, (0, 20)), (10, (None, None))])
def test_a_run_that_is_taken_back_to_before_its_branch_has_no_parent(store, path, step, origin):
    store.log(0, [Point(10, 0.1, 2.0, 0.5), Point(20, 0.1, 1.0, 0.5)])
    store.branch(1, 0, 20)
    store.log(1, [Point(30, 0.1, 1.0, 0.5)])
    store.rewind(1, step)
    run = load_runs(path).outcomes()[1]
    assert (run.parent, run.branched_at) == origin


def test_a_run_that_branches_from_its_own_branch_stays_the_parent_of_its_others(store, path):
    store.log(0, points(10, 20))
    assert [store.branch(number, 0, 20) for number in (1, 2)] == [2, 2]
    store.branch(0, 1, 10)
    assert [(run.parent, run.branched_at) for run in load_runs(path).outcomes()] == [(1, 10), (None, None), (0, 20)]


def test_a_run_that_had_ended_and_then_branches_from_another_lacks_nothing(store, path):
    store.log(0, points(10, 20))
    store.log(1, points(10, 20, 30))
    store.end(1, "failed", 1.0)
    store.branch(1, 0, 10)
    load_runs(path).check()
    assert [point.step for point in load_runs(path).run(1).points] == [10]


def test_a_run_is_read_as_it_was_logged_and_ended(store, path):
    epoch = Epoch(20, 1.0, 0.5, 2.0, 0.25)
    store.log(2, points(10))
    assert load_runs(path).outcomes()[2].status == "running"
    store.log(2, [*points(20), epoch])
    store.end(2, "diverged", 1.5, diverged_at=21)
    expected = Run(*RUNS[2], tuple(points(10, 20)), (epoch,), 1.5, "diverged", 21)
    assert load_runs(path).run(2) == expected
    assert load_runs(path).runs()[2] == expected
    assert load_runs(path).outcomes()[2].last == epoch


def test_a_stored_run_has_its_columns_and_names_them_in_errors(store, path):
    store.log(2, [*points(10, 20), Epoch(20, 1.0, 0.5, 2.0, 0.25)])
    (view,), (again,) = stored_runs(load_runs(path)), stored_runs(load_runs(path))
    assert view.column("train_loss").tolist() == [0.1, 0.05]
    assert view.epoch_column("train_accuracy").tolist() == [0.5]
    assert view != again  # as arrays are, each is itself alone
    assert len({view, again}) == 2
    with pytest.raises(ArgumentError, match=r'must be "step" or "lr" or "train_loss", got .train_acc'):
        view.column("train_accuracy")
    with pytest.raises(
        ArgumentError, match=r'StoredRun\(epoch_column=...\) must be "step" or "train_loss" or .*, got .lr.'
    ):
        view.epoch_column("lr")


def test_events_are_kept_in_order_with_their_time_and_run(store, path):
    store.event("start", "the first")
    store.event("died", "killed by signal 9", 1)
    events = load_runs(path).events()
    assert [(e.number, e.kind, e.text) for e in events] == [
        (None, "start", "the first"),
        (1, "died", "killed by signal 9"),
    ]
    assert events[0].time <= events[1].time
    assert events[0].time.endswith("+00:00")


def test_metrics_of_other_names_are_read_by_their_names(store, path):
    logged = [Value(20, "f1", 0.75), Value(10, "perplexity", 3.0), Value(10, "f1", 0.5)]
    store.log(1, [*points(10, 20), *logged])
    store.log(2, points(10))
    results = load_runs(path)
    run, (stored, other) = results.run(1), stored_runs(results)
    assert results.metrics == ("f1", "perplexity")
    for each in (run, stored, StoredRun.of(1, run)):
        assert [column.tolist() for column in each.metric("f1")] == [[10, 20], [0.5, 0.75]]
        assert [column.tolist() for column in each.metric("perplexity")] == [[10], [3.0]]
    assert all(name not in repr(stored) for name in ("points={", "epochs=", "metrics="))
    for steps, values in (run.metric("recall"), stored.metric("recall"), other.metric("f1")):
        assert (steps.size, values.size) == (0, 0)
    columns = results.columns("perplexity", "f1", table="metrics", steps=[10])
    assert {name: column.tolist() for name, column in columns.items()} == {
        "run": [1],
        "step": [10],
        "perplexity": [3.0],
        "f1": [0.5],
    }
    store.rewind(1, 10)
    assert load_runs(path).run(1).metric("f1")[0].tolist() == [10]
    store.log(0, [Value(1, "zeta", 1.0)])
    assert results.metrics == ("f1", "perplexity", "zeta")


def test_added_runs_wait_under_the_next_numbers(store, path):
    store.add_runs([("late", "Constant(0.2)", 4)], {"batch": 128}, "extended", "one more")
    results = load_runs(path)
    results.check()
    added = results.outcomes()[-1]
    assert (added.number, added.name, added.schedule, added.seed) == (3, "late", "Constant(0.2)", 4)
    assert (added.status, results.settings) == ("waiting", {"batch": 128})
    (event,) = results.events()
    assert (event.number, event.kind, event.text) == (None, "extended", "one more")
    for runs, asked, words in (
        ([("a", "Constant(1)", 2**63)], {}, r"Store\.add_runs\(runs=.*seed below 2"),
        ([("a", "Constant(1)", 1)], {"rate": NAN}, r"Store\.add_runs\(settings=.*JSON"),
    ):
        with pytest.raises(ArgumentError, match=words):
            store.add_runs(runs, asked, "extended", "never")
    assert (len(load_runs(path).outcomes()), load_runs(path).settings) == (4, {"batch": 128})


def test_a_rewound_run_continues_from_its_step(store, path):
    store.log(0, [*points(10, 20, 30), Epoch(20, 1, 1, 1, 1), Epoch(30, 1, 1, 1, 1)])
    store.log(1, points(10, 20, 30))
    store.end(0, "interrupted", 1.0)
    store.rewind(0, 20)
    run = load_runs(path).run(0)
    assert (run.status, [p.step for p in run.points], [e.step for e in run.epochs]) == ("running", [10, 20], [20])
    store.log(0, points(25))
    assert [p.step for p in load_runs(path).run(0).points] == [10, 20, 25]
    assert len(load_runs(path).run(1).points) == 3
    store.rewind(0, 0)
    assert load_runs(path).outcomes()[0].status == "waiting"


def test_a_rewind_returns_the_number_of_records_left(store):
    store.log(0, [*points(20, 40, 60), Epoch(40, 1.0, 0.5, 1.0, 0.5)])
    assert [store.rewind(0, step) for step in (60, 40, 39, 0)] == [4, 3, 1, 0]


def test_a_call_with_a_record_that_exists_is_refused_as_a_whole(store, path):
    store.log(0, points(10, 20))
    with pytest.raises(
        OutputError, match=r"run 0 in .* has some of the records from step 5 to 20 already; call Store.rewind"
    ):
        store.log(0, points(5, 15, 20))
    assert [p.step for p in load_runs(path).run(0).points] == [10, 20]


def test_a_run_that_has_ended_logs_no_more(store):
    store.end(0, "finished", 1.0)
    with pytest.raises(OutputError, match=r"run 0 in .* is finished; call Store.rewind before it logs more"):
        store.log(0, points(10))


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.log(3, points(1)),
        lambda store: store.rewind(3, 0),
        lambda store: store.end(3, "finished", 0.0),
        lambda store: store.event("start", "never", 3),
        lambda store: load_runs(store.path).run(3),
    ],
)
def test_an_unknown_run_is_refused(store, act):
    with pytest.raises(ArgumentError, match=r"must be the number of a run in .*store.sqlite, got 3"):
        act(store)


def test_an_unknown_status_is_refused(store):
    with pytest.raises(
        ArgumentError, match=r"Store.end\(status=...\) must be \"finished\" or .* or \"failed\", got 'done'"
    ):
        store.end(0, "done", 1.0)


def test_a_store_is_never_overwritten(store, path):
    with pytest.raises(
        OutputError, match=r"store\.sqlite exists already, and results are never overwritten; name another directory$"
    ):
        Store.create(path, {}, {}, [])


@pytest.mark.parametrize("settings", [{"rate": NAN}, {"rate": object()}])
def test_settings_must_be_json(path, settings):
    with pytest.raises(ArgumentError, match=r"Store\.create\(settings=\.\.\.\) must be JSON, got {'rate': .*}; .*JSON"):
        Store.create(path, settings, {}, RUNS)
    with pytest.raises(ArgumentError, match=r"Store\.create\(environment=\.\.\.\) must be JSON"):
        Store.create(path, {}, settings, RUNS)
    assert not any(path.parent.iterdir())


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (("flat", "Constant(0.1)", 2**63), r"must be runs with a seed below 2\*\*63, got .*9223372036854775808"),
        (("flat", "Constant(0.1)", -(2**64)), r"must be runs with a seed below 2\*\*63, got .*-18446744073709551616"),
        (("fl\nat", "Constant(0.1)", 1), "must be runs whose names and schedules have printable characters, got .*fl"),
        (("flat", "Constant(0.1)\x1b[2J", 1), "whose names and schedules have printable characters, got .*2J"),
    ],
)
def test_a_run_that_the_store_cannot_hold_is_refused_by_its_name(path, run, words):
    with pytest.raises(ArgumentError, match=words):
        Store.create(path, {}, {}, [("flat", "Constant(0.1)", 5), run])
    assert not any(path.parent.iterdir())


def test_a_store_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be opened"):
        Store.create(tmp_path / "nowhere" / "store.sqlite", {}, {}, RUNS)


def test_numbers_of_numpy_are_numbers(store, path):
    store.log(0, [Point(np.int64(1), np.float32(0.5), np.float64(2.0), np.float32(0.25))])
    store.log(0, [Value(np.int64(1), "f1", np.float32(0.75))])
    store.end(0, "finished", np.float32(1.5))
    run = load_runs(path).run(0)
    assert (run.points, run.values, run.seconds) == ((Point(1, 0.5, 2.0, 0.25),), (Value(1, "f1", 0.75),), 1.5)


def test_a_closed_store_is_one_file(path):
    with Store.create(path, {}, {}, RUNS) as store:
        store.log(0, points(1))
        load_runs(path).columns()
    assert list(path.parent.iterdir()) == [path]


floats = st.floats(width=64)
steps = st.integers(1, 2**53)
values = st.dictionaries(steps, st.tuples(floats, floats, floats), max_size=20)
tests = st.dictionaries(steps, st.tuples(floats, floats, floats, floats), max_size=5)


def bits(record: Point | Epoch) -> bytes:
    """The bits of a float, without the sign of a zero and the payload of a NaN, which SQLite does not keep."""
    numbers = [float(number) + 0.0 for number in vars(record).values()]
    return struct.pack(f"{len(numbers)}d", *(NAN if math.isnan(number) else number for number in numbers))


@settings(max_examples=25)
@given(
    text=st.text(max_size=20).filter(str.isprintable),
    seed=st.integers(-(2**63), 2**63 - 1),
    logged=st.lists(st.tuples(values, tests), min_size=1, max_size=3),
)
def test_any_numbers_and_texts_come_back(text, seed, logged):
    with TemporaryDirectory() as folder:
        path = Path(folder, "store.sqlite")
        runs = [(text, text, seed)] * len(logged)
        records = [
            [*(Point(s, *v) for s, v in sorted(p.items())), *(Epoch(s, *v) for s, v in sorted(e.items()))]
            for p, e in logged
        ]
        with Store.create(path, {text: seed}, {text: text}, runs) as store:
            for number, run in enumerate(records):
                store.log(number, run[::-1])
                store.end(number, "finished", 1.0)
        results = load_runs(path)
        assert results.settings == {text: seed}
        for number, run in enumerate(records):
            found = results.run(number)
            assert (found.name, found.schedule, found.seed) == (text, text, seed)
            assert [bits(record) for record in (*found.points, *found.epochs)] == [bits(record) for record in run]
        losses = results.columns("train_loss")
        expected = [(n, p.step, p.train_loss) for n, run in enumerate(records) for p in run if isinstance(p, Point)]
        assert list(zip(losses["run"], losses["step"], strict=True)) == [row[:2] for row in expected]
        np.testing.assert_array_equal(losses["train_loss"], np.array([row[2] for row in expected]))


class TestColumns:
    @pytest.fixture
    def results(self, store, path):
        for number, count in enumerate((4, 2, 3)):
            store.log(number, points(*range(10, 10 * count + 1, 10)))
        store.log(0, [Epoch(40, 1.0, 0.5, NAN, 0.25)])
        return load_runs(path)

    def test_all_columns_in_the_order_of_runs_and_steps(self, results):
        columns = results.columns()
        assert list(columns) == ["run", "step", "lr", "train_loss", "train_accuracy"]
        assert columns["run"].tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2]
        assert columns["step"].tolist() == [10, 20, 30, 40, 10, 20, 10, 20, 30]
        assert {column.dtype for column in columns.values()} == {np.dtype(np.int64), np.dtype(np.float64)}

    def test_some_columns_of_some_runs_at_some_steps(self, results):
        columns = results.columns("train_loss", runs=[2, 0], steps=np.array([20, 40]))
        assert {name: column.tolist() for name, column in columns.items()} == {
            "run": [0, 0, 2],
            "step": [20, 40, 20],
            "train_loss": [1 / 20, 1 / 40, 1 / 20],
        }

    def test_columns_of_epochs(self, results):
        columns = results.columns("test_loss", "test_accuracy", table="epochs")
        assert columns["test_accuracy"].tolist() == [0.25]
        assert np.isnan(columns["test_loss"]).all()

    def test_columns_of_no_runs_are_empty(self, results):
        assert {name: len(column) for name, column in results.columns("lr", runs=[]).items()} == {
            "run": 0,
            "step": 0,
            "lr": 0,
        }

    def test_an_unknown_column_or_table_is_refused(self, results):
        with pytest.raises(
            ArgumentError,
            match=r'columns\(names\[0\]=...\) must be "lr" or "train_loss" or "train_accuracy", got .loss.',
        ):
            results.columns("loss")
        with pytest.raises(ArgumentError, match=r'table=...\) must be "points" or "epochs" or "metrics", got .runs.'):
            results.columns(table="runs")

    def test_steps_are_those_of_the_longest_run_and_are_thinned_evenly(self, results):
        assert results.steps().tolist() == [10, 20, 30, 40]
        assert results.steps(9).tolist() == [10, 20, 30, 40]
        assert results.steps(2).tolist() == [10, 40]
        assert results.steps(1).tolist() == [40]
        assert results.steps(3).tolist() == [10, 30, 40]

    def test_the_longest_run_is_the_one_with_the_last_step(self, store, results):
        store.log(1, points(90))
        assert results.steps().tolist() == [10, 20, 90]

    def test_curves_are_nan_at_steps_without_a_point(self, results):
        np.testing.assert_array_equal(results.curves("train_loss", [2, 0], [40, 20]), [[NAN, 1 / 20], [1 / 40, 1 / 20]])

    def test_each_row_of_a_data_frame_has_the_labels_of_its_run(self, results):
        pytest.importorskip("pandas")
        frame = results.frame("train_loss", runs=[1, 2])
        assert list(frame.columns) == ["run", "name", "schedule", "seed", "status", "step", "train_loss"]
        assert frame.groupby("name", observed=True)["train_loss"].count().to_dict() == {"flat": 2, "down": 3}
        assert frame["seed"].tolist() == [1, 1, 0, 0, 0]
        assert frame["run"].tolist() == [1, 1, 2, 2, 2]
        assert frame["step"].tolist() == [10, 20, 10, 20, 30]
        assert frame["schedule"].tolist() == ["Constant(0.1)"] * 2 + ["Linear(0.1, 0.0, 40)"] * 3
        assert frame.index.tolist() == [0, 1, 2, 3, 4]
        assert results.frame(table="epochs").columns[-1] == "test_accuracy"
        assert set(frame["status"]) == {"running"}
        assert {str(frame[name].dtype) for name in ("name", "schedule", "status")} == {"category"}

    def test_the_csv_has_every_point_to_the_last_bit(self, results, tmp_path):
        results.write_csv(tmp_path / "points.csv")
        lines = (tmp_path / "points.csv").read_text().splitlines()
        assert lines[0] == "run,name,schedule,seed,status,step,lr,train_loss,train_accuracy"
        assert lines[-1] == f'2,down,"Linear(0.1, 0.0, 40)",0,running,30,0.1,{1 / 30!r},0.03'
        assert len(lines) == 10
        results.write_csv(tmp_path / "epochs.csv", table="epochs")
        assert (tmp_path / "epochs.csv").read_text().splitlines()[1].endswith("running,40,1.0,0.5,nan,0.25")

    def test_the_name_of_a_metric_is_no_formula_in_a_csv(self, store, results, tmp_path):
        store.log(1, [Value(20, "=1+1", 2.0), Value(20, "f1", 0.5), Value(10, "f1", 0.25)])
        results.write_csv(tmp_path / "metrics.csv", table="metrics")
        assert (tmp_path / "metrics.csv").read_bytes().decode().split("\n") == [
            "run,name,schedule,seed,status,step,'=1+1,f1",
            "1,flat,Constant(0.1),1,running,10,nan,0.25",
            "1,flat,Constant(0.1),1,running,20,2.0,0.5",
            "",
        ]

    def test_the_name_of_a_run_is_no_formula_in_a_csv(self, tmp_path):
        with Store.create(tmp_path / "store.sqlite", {}, {}, [("=1+1", "Constant(0.1)", 3)]) as store:
            store.log(0, points(10))
        load_runs(tmp_path).write_csv(tmp_path / "points.csv")
        assert (tmp_path / "points.csv").read_text().splitlines()[
            1
        ] == "0,'=1+1,Constant(0.1),3,running,10,0.1,0.1,0.01"

    def test_parquet_has_the_same_rows(self, results, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet")
        results.write_parquet(tmp_path / "points.parquet")
        table = parquet.read_table(tmp_path / "points.parquet")
        assert table["train_loss"].to_numpy().tolist() == results.columns("train_loss")["train_loss"].tolist()
        assert table["name"].to_pylist() == ["flat"] * 6 + ["down"] * 3
        assert table["seed"].to_pylist() == [0, 0, 0, 0, 1, 1, 0, 0, 0]
        assert table["run"].to_pylist() == results.columns()["run"].tolist()
        assert table["schedule"].to_pylist() == ["Constant(0.1)"] * 6 + ["Linear(0.1, 0.0, 40)"] * 3
        assert {*table["status"].to_pylist()} == {"running"}
        assert table.column_names == [
            *("run", "name", "schedule", "seed", "status", "step"),
            *("lr", "train_loss", "train_accuracy"),
        ]
        assert {str(table.schema.field(name).type)[:10] for name in ("name", "schedule", "status")} == {"dictionary"}
        assert [str(table.schema.field(name).type) for name in ("run", "seed", "step", "lr")] == [
            *("int64", "int64", "int64", "double"),
        ]

    @pytest.mark.parametrize(("package", "extra"), [("pandas", "frames"), ("pyarrow", "parquet")])
    def test_a_missing_package_is_named_with_the_line_that_installs_it(
        self, results, tmp_path, monkeypatch, package, extra
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*'\.\[{extra}\]'"):
            _ = results.frame() if package == "pandas" else results.write_parquet(tmp_path / "points.parquet")
        assert not (tmp_path / "points.parquet").exists()

    def test_a_file_that_cannot_be_written_is_refused(self, results, tmp_path):
        with pytest.raises(OutputError, match="no such folder"):
            results.write_csv(tmp_path / "nowhere" / "points.csv")


def write_many(path: Path, number: int, batches: int) -> None:
    with Store.open(path) as store:
        for batch in range(batches):
            store.log(number, points(*range(batch * 20 + 1, batch * 20 + 21)))
        store.end(number, "finished", 1.0)


def test_several_processes_write_at_once_while_another_reads(store, path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, number, 15)) for number in range(3)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        columns = load_runs(path).columns("train_loss")
        counts = np.bincount(columns["run"], minlength=3)
        assert len(columns["run"]) >= seen
        assert all(count % 20 == 0 for count in counts)  # whole calls only
        seen = len(columns["run"])
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    for run in load_runs(path).runs():
        assert run.status == "finished"
        assert run.points == tuple(points(*range(1, 301)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda results: results.columns(runs=["first"]),
            r"Results\.columns\(runs\[0\]=\.\.\.\) must be a whole number.*'first'",
        ),
        (lambda results: results.columns(steps=[20, None]), r"steps\[1\].*whole number"),
        (lambda results: results.columns(steps=[20.5]), r"steps\[0\].*write 20 or 21"),
        (lambda results: results.columns(runs=[1, 0, 1]), "runs.*different from one another"),
        (lambda results: results.curves("train_loss", [0, 0], [20]), "runs.*different from one another"),
        (lambda results: results.curves("train_loss", [0], [20, 20]), "steps.*different from one another"),
    ],
)
def test_invalid_runs_and_steps_are_not_taken_for_damage(store, path, call, words):
    store.log(0, points(20, 40))
    with pytest.raises(ArgumentError, match=words):
        call(load_runs(path))


def test_a_missing_store_is_reported(tmp_path):
    for place, words in ((tmp_path, "has no comparison in it"), (tmp_path / "nowhere", "no such file or folder")):
        with pytest.raises(DataError, match=words):
            load_runs(place)
