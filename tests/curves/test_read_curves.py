"""Loss curves read from TensorBoard's event files, stores, files that the lab writes, and mixed paths."""

import os
import sys

import numpy as np
import pytest
from logs import AT, LOSSES, PANEL, PLAN, csv_of

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import ArgumentError, DataError
from stepsize.store import Store, load_runs
from stepsize.store.run import Epoch, Point

# TensorBoard.


def write_events(folder, rows, tags=("rate", "train/loss"), **settings):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), **settings) as writer:
        for step, *values in rows:
            for tag, value in zip(tags, values, strict=True):
                writer.add_scalar(tag, value, step)


ROWS = [(int(step), PLAN(int(step)), loss) for step, loss in zip(AT, LOSSES.tolist(), strict=True)]


def test_event_files_have_a_curve_for_each_folder(tmp_path):
    write_events(tmp_path / "flat-seed0", ROWS)
    write_events(tmp_path / "down" / "seed1", ROWS[:4])
    down, flat = read_curves(tmp_path)
    assert (down.name, flat.name) == ("down/seed1", "flat-seed0")
    np.testing.assert_allclose(flat.losses, LOSSES, rtol=1e-6)
    np.testing.assert_allclose(flat.rates[AT], PLAN(AT), rtol=1e-6)
    assert down.steps.tolist() == [0, 5, 10, 15]


def test_the_later_value_of_a_repeated_step_counts(tmp_path):
    write_events(tmp_path, ROWS)
    write_events(tmp_path, [(95, 0.02, 1.0)], filename_suffix=".resumed")
    assert read_curves(tmp_path)[0].losses[-1] == 1.0


def test_event_files_without_rates_are_refused(tmp_path):
    write_events(tmp_path, ROWS, tags=("temperature", "train/loss"))
    with pytest.raises(
        DataError, match=r'no column of rates; it has "step", "temperature", "train/loss"; name it with'
    ):
        read_curves(tmp_path)
    assert read_curves(tmp_path, lr="temperature")[0].peak_lr == pytest.approx(0.2)


def test_a_loss_of_nan_in_event_files_is_refused(tmp_path):
    write_events(tmp_path / "run", [*ROWS, (100, 0.02, float("nan"))])
    with pytest.raises(DataError, match="train/loss is not finite at step 100: the run diverged; leave out"):
        read_curves(tmp_path)


# The store.


def store(tmp_path, runs, schedules=("down", str(PLAN))):
    """A store whose runs log the mean loss of five updates, with the rate of the last of them."""
    with Store.create(tmp_path / "store.sqlite", {}, {}, [(*schedules, seed) for seed in range(len(runs))]) as opened:
        for number, (status, scale) in enumerate(runs):
            points = [Point(int(at) + 5, scale * PLAN(int(at) + 4), 2.0 + 1 / (at + 1), 0.5) for at in AT]
            opened.log(number, points)
            opened.end(number, status, seconds=1.0)
    return tmp_path


def test_losses_of_a_store_are_placed_at_the_middle_of_their_updates(tmp_path):
    first, second = read_curves(store(tmp_path, [("finished", 1.0), ("interrupted", 1.0), ("diverged", 1.0)]))
    assert (first.name, second.name) == ("down, seed 0", "down, seed 1")
    np.testing.assert_array_equal(first.steps, AT + 2)
    np.testing.assert_array_equal(first.rates, PLAN.sample(98))


def test_a_run_of_a_function_has_the_logged_rates_of_its_store(tmp_path):
    (curve,) = read_curves(store(tmp_path, [("finished", 1.0)], ("mine", 'Function("mine:rate")')))
    assert curve.name == "mine"
    np.testing.assert_allclose(curve.rates[AT[1:] + 1 - 2], PLAN(AT[1:] - 1), rtol=1e-9)


def test_the_first_rates_of_a_run_of_a_function_are_unknown(tmp_path):
    flat = ss.Constant(0.2, 100)
    with Store.create(tmp_path / "store.sqlite", {}, {}, [("mine", 'Function("mine:rate")', 0)]) as opened:
        opened.log(0, [Point(step, flat(step - 1), 2.0, 0.5) for step in (5, 10, 15)])
    with pytest.raises(DataError, match="mine begins at step 4 and does not say what the rates were before"):
        read_curves(tmp_path)
    for known in ({"warmup_steps": 0}, {"schedule": {"mine": flat}}, {"schedule": flat}):
        np.testing.assert_array_equal(read_curves(tmp_path, **known)[0].rates, [0.2] * 13)


def test_a_store_whose_rates_contradict_its_schedule_is_refused(tmp_path):
    with pytest.raises(DataError, match="disagree at 19 of 19 rows"):
        read_curves(store(tmp_path, [("finished", 1000.0)]))


def test_a_store_without_curves_is_refused(tmp_path):
    with pytest.raises(DataError, match="no run with a loss curve"):
        read_curves(store(tmp_path, [("diverged", 1.0)]))


# What the lab writes.


PLANS = {"down": ss.Linear(0.2, 0.0, 50), "warm": ss.Linear(0.0, 0.1, 20) >> ss.Constant(0.1, 30)}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The directory of a comparison: its store, its event files, and its points as CSV."""
    from stepsize.lab.run_spec import RunSpec
    from stepsize.lab.standings import Standings
    from stepsize.lab.tensorboard import EventFiles

    folder = tmp_path_factory.mktemp("compared")
    with Store.create(
        folder / "store.sqlite", {}, {}, [(name, str(plan), 0) for name, plan in PLANS.items()]
    ) as opened:
        for number, plan in enumerate(PLANS.values()):
            done = (8, 16, 24, 25, 33, 41, 49, 50)  # a point every eight updates and at the end of each epoch
            opened.log(number, [Point(step, plan(step - 1), 1 + 1 / step, 0.5) for step in done])
            opened.end(number, "finished", seconds=1.0)
    results = load_runs(folder)
    results.write_csv(folder / "points.csv")
    files = EventFiles()
    files.begin(Standings([RunSpec(name, plan, 0, 2, 50) for name, plan in PLANS.items()], results), "", folder)
    files.close()
    return folder


def test_a_run_is_the_same_curve_from_the_store_the_csv_file_and_the_event_files(compared):
    stored = read_curves(compared)
    assert [curve.name for curve in stored] == list(PLANS)
    assert stored[0].steps.tolist() == [3, 11, 19, 24, 28, 36, 44, 49]
    by_name = {f"{name}-seed0": plan for name, plan in PLANS.items()}
    events = read_curves(compared / "tensorboard", schedule=by_name)
    exported = read_curves(compared / "points.csv")
    for ours, csv_file, event_file in zip(stored, exported, events, strict=True):
        assert csv_file.name == ours.name
        for each in (csv_file, event_file):
            np.testing.assert_array_equal(each.steps, ours.steps)
            np.testing.assert_array_equal(each.rates, ours.rates)
        np.testing.assert_array_equal(csv_file.losses, ours.losses)
        np.testing.assert_allclose(event_file.losses, ours.losses, rtol=1e-6)


def test_the_logged_rates_of_event_files_are_those_of_their_updates(compared):
    _, warm = read_curves(compared / "tensorboard", schedule={"down-seed0": PLANS["down"]})
    np.testing.assert_allclose(warm.rates[:8], PLANS["warm"].sample(8), atol=1e-8)


def test_exported_epochs_have_the_rates_of_their_schedule(tmp_path):
    with Store.create(tmp_path / "store.sqlite", {}, {}, [("down", str(PLANS["down"]), 0)]) as opened:
        opened.log(0, [Epoch(25, 2.0, 0.5, 2.5, 0.4), Epoch(50, 1.0, 0.7, 1.5, 0.6)])
    load_runs(tmp_path).write_csv(tmp_path / "epochs.csv", table="epochs")
    (curve,) = read_curves(tmp_path / "epochs.csv")
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([12, 37], [2.0, 1.0])
    np.testing.assert_array_equal(curve.rates, PLANS["down"].sample(38))


def test_diverged_runs_of_an_export_are_left_out(compared, tmp_path):
    text = (compared / "points.csv").read_text().splitlines()
    cut = [line.replace("finished", "diverged") if line.startswith("0,") else line for line in text]
    (tmp_path / "cut.csv").write_text("\n".join(cut))
    assert [curve.name for curve in read_curves(tmp_path / "cut.csv")] == ["warm"]


# Paths of any format.


def test_the_format_of_each_path_is_recognized(tmp_path, write):
    folder = tmp_path / "events"
    write_events(folder, ROWS)
    stored = tmp_path / "experiment"
    stored.mkdir()
    store(stored, [("finished", 1.0)])
    (file,) = folder.iterdir()
    paths = [
        write(csv_of()),
        write(csv_of(head="Step,a - lr,a - loss"), "panel.csv"),
        folder,
        file,
        stored,
        stored / "store.sqlite",
    ]
    for path in paths:
        (curve,) = read_curves(path)
        assert curve.steps.size == AT.size


def test_several_paths_are_read_in_order_and_equal_names_get_their_path(tmp_path, write):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    a, b, other = write(csv_of(), "a/run.csv"), write(csv_of(), "b/run.csv"), write(csv_of(), "other.csv")
    assert [curve.name for curve in read_curves([a, other, b])] == [f"run, {a}", "other", f"run, {b}"]
    with pytest.raises(ArgumentError, match="different from one another"):
        read_curves([a, a])
    text = csv_of(head="run,step,lr,loss").replace("\n", "\nx,")[:-2]
    first, second = write(text, "a/one.csv"), write(text, "a/two.csv")
    assert [curve.name for curve in read_curves(a.parent)] == [f"x, {first}", "run", f"x, {second}"]


def test_a_log_in_a_folder_and_by_itself_is_read_once(tmp_path, write, monkeypatch):
    (tmp_path / "runs").mkdir()
    for name in "ab":
        write(csv_of(), f"runs/{name}.csv")
    monkeypatch.chdir(tmp_path)
    assert [curve.name for curve in read_curves(["runs", tmp_path / "runs/a.csv"])] == ["b", "a"]


def test_the_panels_of_the_losses_and_the_rates_make_one_curve_for_each_run(write):
    losses = write(PANEL.format("train/loss") + "0,3,3,3,4\n10,2,2,2,\n20,1,1,1,2\n", "panel.csv")
    rates = write(PANEL.format("train/lr") + "0,0.1,0.1,0.1,0.2\n20,0.104,0.3,0.3,0.2\n", "rates.csv")
    run, a, b = read_curves([rates, write(csv_of()), losses][::-1])[::-1]
    assert (run.name, a.name, b.name) == ("run", "b", "a")
    run, a, b = read_curves([write(csv_of()), losses, rates])
    assert (run.name, a.name, b.name) == ("run", "a", "b")
    assert (a.steps.tolist(), b.steps.tolist()) == ([0, 10, 20], [0, 20])
    np.testing.assert_allclose(a.rates, np.linspace(0.1, 0.104, 21))
    np.testing.assert_array_equal(b.rates, 0.2)
    assert a.notes == ("step = Step, loss = train/loss", "step = Step, lr = train/lr")
    bare = write("step,loss\n0,3\n1,2\n", "bare.csv")
    assert [curve.name for curve in read_curves([bare, losses, rates], schedule={"bare": PLAN})] == ["bare", "a", "b"]
    with pytest.raises(DataError, match=r'(?s)rates\.csv, run "a" has no column of losses; .*run "b" has no'):
        read_curves(rates)


def test_a_column_of_a_panel_that_is_no_number_has_the_name_of_its_metric_too(write):
    losses = write(PANEL.format("loss") + "0,3,3,3,4\n10,2,2,2,3\n", "losses.csv")
    rates = write(PANEL.format("lr") + "0,0.1,0.1,0.1,0.2\n10,0.1,0.1,0.1,x\n", "rates.csv")
    with pytest.raises(DataError, match=r'run "b" has no column of losses; it has "Step", "lr"; name it with'):
        read_curves([losses, rates])


def test_a_run_with_rates_of_its_own_keeps_them_beside_a_panel_of_rates(write):
    head = 'Step,"a - loss","b - loss","b - lr"\n'
    losses = write(head + "0,3,4,0.5\n10,2,2,0.5\n", "losses.csv")
    rates = write(PANEL.format("lr") + "0,0.1,0.1,0.1,0.2\n10,0.1,0.1,0.1,0.2\n", "rates.csv")
    a, b = read_curves([losses, rates])
    assert (a.peak_lr, b.peak_lr) == (0.1, 0.5)


def test_each_of_two_files_of_rates_belongs_to_its_run(write):
    files = [
        write(f'Step,"{run} - {metric}"\n0,{first}\n10,{first}\n', f"{metric}-{run}.csv")
        for metric, run, first in (("lr", "a", 0.1), ("lr", "c", 0.3), ("loss", "c", 3), ("loss", "a", 2))
    ]
    c, a = read_curves(files)
    assert (c.name, c.peak_lr, c.losses[0]) == ("c", 0.3, 3)
    assert (a.name, a.peak_lr, a.losses[0]) == ("a", 0.1, 2)


def test_rates_of_epochs_in_another_file_are_held_through_their_epochs(write):
    losses = write('step,"a - loss"\n4,3\n14,2\n24,1\n', "losses.csv")
    rates = write('epoch,"a - lr"\n0,0.2\n1,0.2\n2,0.1\n', "rates.csv")
    (curve,) = read_curves([losses, rates], horizon=ss.Horizon(samples=100, batch=10, epochs=3))
    np.testing.assert_array_equal(curve.rates, [0.2] * 20 + [0.1] * 5)


def test_two_runs_of_a_panel_may_have_one_name(write):
    first, second = read_curves(write('Step,"a - loss","a - loss"\n0,3,4\n1,2,3\n'), schedule=PLAN)
    assert (first.name, second.name, second.losses.tolist()) == ("a", "a (2)", [4.0, 3.0])


def test_a_dash_in_a_column_does_not_make_a_panel(write):
    (curve,) = read_curves(write("step,lr,loss,time - s\n0,0.1,3,1\n1,0.1,2,2\n"))
    assert curve.name == "run"


def test_a_panel_over_time_is_refused(write):
    path = write('"Relative Time (Process)","a - loss"\n10,3\n20,2\n')
    for horizon in (None, ss.Horizon(samples=100, batch=10, epochs=3, tokens_per_sample=1)):
        with pytest.raises(DataError, match=r"counts time \(Relative Time \(Process\)\), not updates"):
            read_curves(path, schedule=PLAN, horizon=horizon)


def test_a_schedule_is_for_the_runs_that_it_names(write):
    panel = write(PANEL.format("loss") + "0,3,3,3,4\n10,2,2,2,3\n", "panel.csv")
    a, b = read_curves(panel, schedule={"a": ss.Constant(0.1), "b": ss.Constant(0.2)})
    assert (a.peak_lr, b.peak_lr) == (0.1, 0.2)
    words = r"read_curves\(schedule=\.\.\.\) must be given for runs of the logs, got 'c'; the runs are \"a\", \"b\""
    with pytest.raises(ArgumentError, match=words):
        read_curves(panel, schedule={"c": ss.Constant(0.1)})


def test_a_run_of_its_own_schedule_takes_another_only_by_name(tmp_path, write):
    paths = [store(tmp_path, [("finished", 1.0)]), write("step,loss\n0,3\n50,2\n")]
    stored, bare = read_curves(paths, schedule=ss.Constant(0.1))
    np.testing.assert_array_equal(stored.rates, PLAN.sample(98))
    np.testing.assert_array_equal(bare.rates, 0.1)
    with pytest.raises(DataError, match="log and schedule disagree"):
        read_curves(paths, schedule={"down": 2 * PLAN, "run": PLAN})


def test_a_schedule_for_one_run_does_not_change_runs_with_their_own(tmp_path, write):
    stored, bare = read_curves(
        [store(tmp_path, [("finished", 1.0)]), write("step,loss\n0,3\n50,2\n")], schedule={"run": PLAN}
    )
    np.testing.assert_array_equal(stored.rates, PLAN.sample(98))
    np.testing.assert_array_equal(bare.rates, PLAN.sample(51))


def test_a_jump_is_looked_for_only_if_all_logs_could_be_read(write):
    with pytest.raises(DataError) as caught:
        read_curves([write("step,lr,loss\n0,0.1,three\n"), write(csv_of(), "other.csv")], jumps=[4000])
    assert "line 2: loss is not a number" in str(caught.value)
    assert len(caught.value.problems) == 1


def test_the_runs_have_a_limit_of_updates_in_all_and_each(write, monkeypatch):
    paths = [write("step,loss\n0,3\n50,2\n", f"{name}.csv") for name in "ab"]
    monkeypatch.setattr(sys.modules["stepsize.curves.read_curves"], "MOST_UPDATES", 50)
    monkeypatch.setattr(sys.modules["stepsize.curves.read_curves"], "MOST_UPDATES_IN_ALL", 100)
    assert len(read_curves(paths, schedule=PLAN)) == 2
    monkeypatch.setattr(sys.modules["stepsize.curves.read_curves"], "MOST_UPDATES_IN_ALL", 99)
    with pytest.raises(DataError, match="the 2 runs have 100 updates in all, and at most 99 are read; read some of"):
        read_curves(paths, schedule=PLAN)
    monkeypatch.setattr(sys.modules["stepsize.curves.read_curves"], "MOST_UPDATES", 49)
    with pytest.raises(DataError, match=r"a\.csv has a row at step 50, which is more updates than a run makes"):
        read_curves(paths, schedule=PLAN)


def test_a_path_without_a_log_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        read_curves(tmp_path / "none.csv")
    with pytest.raises(DataError, match="no log that stepsize knows"):
        read_curves(tmp_path)


SETTINGS = [
    ({"warmup_steps": -1}, r"read_curves\(warmup_steps=\.\.\.\) must be"),
    ({"schedule": "Constant(0.2)"}, r"a schedule, got 'Constant\(0\.2\)'; parse\(\) makes one"),
    ({"schedule": {"rum": PLAN}}, "given for runs of the logs, got 'rum'; did you mean \"run\""),
    ({"jumps": 50}, r"jumps=\.\.\.\) must be a sequence, got 50; write jumps=\(50,\)"),
    ({"horizon": 50}, r"horizon=\.\.\.\) must be a Horizon\(samples=..., batch=...\), got 50"),
]


@pytest.mark.parametrize(("settings", "words"), SETTINGS, ids=str)
def test_a_wrong_setting_is_refused(write, settings, words):
    with pytest.raises(ArgumentError, match=words):
        read_curves(write(csv_of()), **settings)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="is a pipe or a device; write its content to a file first"):
        read_curves(tmp_path / "pipe.csv")


def test_text_that_is_no_log_is_said_to_be_none(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("[Rank 0] steps: 10 loss: 3.91 iter time (s): 0.1, samples/sec: 12\n" * 9)
    with pytest.raises(DataError, match="it was read as CSV, since no line has a step and a loss after their names"):
        read_curves(path)
