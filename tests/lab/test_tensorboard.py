"""Event files, read back with TensorBoard's own reader."""

import math
import os
import sys

import pytest
from silent import Silent
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from stepsize.errors import MissingExtraError
from stepsize.lab import Experiment, compare, resume
from stepsize.lab.standings import Standings
from stepsize.lab.tensorboard import EventFiles
from stepsize.store import Store, load_runs
from stepsize.store.run import Epoch, Point, Value

TAGS = ["rate", "test/accuracy", "test/loss", "train/accuracy", "train/loss"]


def experiment():
    schedules = {"flat": "Constant(0.1)", "a/b": 'Linear(0.2, 0.0, "100%")'}
    return Experiment(schedules, "digits", epochs=2, log_every=2, device="cpu", seeds=(0,))


def curves(folder):
    """Tag -> step -> value; no step occurs twice."""
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    found = {}
    for tag in reader.Tags()["scalars"]:
        events = reader.Scalars(tag)
        found[tag] = {event.step: event.value for event in events}
        assert len(found[tag]) == len(events), tag
    return found


def logged(run):
    """The same from the run itself."""
    return {
        "rate": {point.step: point.lr for point in run.points},
        "train/loss": {point.step: point.train_loss for point in run.points},
        "train/accuracy": {point.step: point.train_accuracy for point in run.points},
        "test/loss": {epoch.step: epoch.test_loss for epoch in run.epochs},
        "test/accuracy": {epoch.step: epoch.test_accuracy for epoch in run.epochs},
    }


def test_every_point_is_there_once_also_after_a_resume(tmp_path, in_process):
    compare(experiment(), tmp_path, display=Silent(), tensorboard=True)
    names = sorted(path.name for path in (tmp_path / "tensorboard").iterdir())
    assert names == ["a%2Fb-seed0", "flat-seed0"]
    with Store.open(tmp_path / "store.sqlite") as store:
        store.rewind(1, 4)
    for runs in (load_runs(tmp_path).runs()[:1], resume(tmp_path, display=Silent()).runs):
        for run in runs:
            found = curves(tmp_path / "tensorboard" / f"{run.name.replace('/', '%2F')}-seed{run.seed}")
            assert sorted(found) == TAGS
            for tag, values in logged(run).items():
                assert found[tag] == pytest.approx(values, rel=1e-6), (run.name, tag)


def test_a_rewritten_run_tells_a_tensorboard_that_looks_on_to_begin_again(tmp_path, in_process):
    compare(experiment(), tmp_path, display=Silent(), tensorboard=True)
    (written,) = (tmp_path / "tensorboard/flat-seed0").iterdir()
    starts = [
        event.session_log.status for event in EventFileLoader(str(written)).Load() if event.HasField("session_log")
    ]
    assert starts == [SessionLog.START]


def test_a_task_without_an_accuracy_has_no_empty_charts(tmp_path):
    standings, files = Standings(experiment().run_specs(1437)), EventFiles()
    files.begin(standings, "", tmp_path)
    for record in (Point(2, 0.1, 1.0, math.nan), Epoch(2, 1.0, math.nan, 2.0, math.nan)):
        standings.logged(0, record)
        files.logged(0, record)
    files.close()
    assert sorted(curves(tmp_path / "tensorboard" / "flat-seed0")) == ["rate", "test/loss", "train/loss"]


def test_a_metric_of_ones_own_is_a_chart_by_its_name(tmp_path):
    standings, files = Standings(experiment().run_specs(1437)), EventFiles()
    files.begin(standings, "", tmp_path)
    for step, value in ((2, 0.25), (4, 0.5)):
        standings.logged(0, record := Value(step, "val_f1", value))
        files.logged(0, record)
    files.close()
    assert curves(tmp_path / "tensorboard" / "flat-seed0") == {"val_f1": {2: 0.25, 4: 0.5}}


def test_a_run_that_repeats_points_after_a_checkpoint_has_each_once(tmp_path):
    standings = Standings(experiment().run_specs(1437))
    files = EventFiles()
    files.begin(standings, "", tmp_path)

    def log(record):
        standings.logged(0, record)
        files.logged(0, record)

    for step in (2, 4, 6):
        log(Point(step, 0.1, float(step), 0.5))
    log(Epoch(6, 1.0, 0.5, 9.0, 0.5))
    for step in (4, 6):
        log(Point(step, 0.1, 10.0 + step, 0.5))
    log(Epoch(6, 1.0, 0.5, 8.0, 0.5))
    files.ended(0, standings[0])
    files.close()
    found = curves(tmp_path / "tensorboard" / "flat-seed0")
    assert found["train/loss"] == {2: 2.0, 4: 14.0, 6: 16.0}
    assert found["test/loss"] == {6: 8.0}


def test_a_missing_extra_is_reported_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[tensorboard\]'"):
        compare(experiment(), tmp_path / "out", display=Silent(), tensorboard=True)
    assert not (tmp_path / "out").exists()


def test_a_run_that_diverges_as_a_part_of_another_has_its_curves(tmp_path, in_process):
    wild = "Constant(0.1, 4) >> Constant(1e30, {}) >> Constant(0.1)"
    schedules = {"wild": wild.format(9), "as wild": wild.format(8)}
    settings = {"epochs": 3, "batch_size": 8, "log_every": 2, "device": "cpu", "engine": "local"}
    compare(Experiment(schedules, "own_tasks:line", **settings), tmp_path, display=Silent(), tensorboard=True)
    runs = load_runs(tmp_path).runs()
    assert [(run.status, run.parent) for run in runs] == [("diverged", None), ("diverged", 0)]
    for run in runs:
        found = curves(tmp_path / "tensorboard" / f"{run.name}-seed0")
        assert list(found["rate"]) == [point.step for point in run.points]


def test_names_too_long_for_a_folder_have_their_curves_too(tmp_path, in_process):
    names = ["n" * 300 + end for end in "ab"] + ["\N{GREEK SMALL LETTER ETA}" * 2000]
    settings = {"epochs": 1, "log_every": 2, "device": "cpu", "engine": "local"}
    schedules = dict.fromkeys(names, "Constant(0.1)")
    compare(Experiment(schedules, "digits", **settings), tmp_path, display=Silent(), tensorboard=True)
    folders = list((tmp_path / "tensorboard").iterdir())
    assert len(folders) == 3
    assert all(len(os.fsencode(folder.name)) < 143 and sorted(curves(folder)) == TAGS for folder in folders)


def test_files_that_cannot_be_written_are_reported_once_and_the_runs_go_on(tmp_path, in_process, monkeypatch, capsys):
    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.add_scalar", lambda *_: 1 / 0)
    compare(experiment(), tmp_path, display=Silent(), tensorboard=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: the files for TensorBoard cannot be written: division by zero; the comparison goes on without them"
    )
    assert [run.status for run in load_runs(tmp_path).outcomes()] == ["finished"] * 2
