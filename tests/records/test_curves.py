"""Loss curves as values, and read from stores, CSV files, panels of Weights & Biases, TensorBoard's event files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize.errors import ArgumentError, DataError
from stepsize.records import (
    Epoch,
    LossCurve,
    Point,
    Store,
    load_runs,
    read_csv,
    read_curves,
    read_tensorboard,
    read_wandb,
)

PLAN = ss.Linear(0.0, 0.2, 10) >> ss.Cosine(0.2, 0.02, 90)
AT = np.arange(0, 100, 5)
LOSSES = 2.0 + 1.0 / (1.0 + AT)

losses = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=60)


@pytest.fixture
def write(tmp_path):
    def write(text, name="run.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def write_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("once") / "run.csv"

    def write_once(text):
        path.write_text(text)
        return path

    return write_once


def csv_of(steps=AT, plan=PLAN, losses=LOSSES, head="step,lr,loss"):
    rows = [f"{step},{plan(int(step))!r},{loss!r}" for step, loss in zip(steps, losses.tolist(), strict=True)]
    return "\n".join([head, *rows]) + "\n"


# The value.


def test_a_curve_holds_its_rows_and_the_rate_of_every_update():
    curve = LossCurve("a", AT, LOSSES, PLAN)
    np.testing.assert_array_equal(curve.rates, PLAN.sample(96))
    assert curve.peak_lr == pytest.approx(0.2)
    assert repr(curve) == "<LossCurve 'a': 20 rows, steps 0 to 95>"
    with pytest.raises(ValueError, match="read-only"):
        curve.losses[0] = 1.0


def test_a_curve_keeps_what_it_was_given_whatever_becomes_of_the_array():
    given_losses = LOSSES.copy()
    curve = LossCurve("a", AT, given_losses, PLAN)
    given_losses[:] = 9.0
    np.testing.assert_array_equal(curve.losses, LOSSES)


@given(losses, st.integers(1, 80))
def test_thinning_keeps_the_mean_and_the_order(row, rows):
    curve = LossCurve("a", range(len(row)), row, [0.1] * len(row)).thinned(rows)
    assert curve.steps.size == min(rows, len(row))
    assert (np.diff(curve.steps) > 0).all()
    sizes = np.diff(np.linspace(0, len(row), curve.steps.size + 1).astype(int))
    assert curve.losses @ sizes == pytest.approx(sum(row))
    stretches = np.split(np.arange(len(row)), np.cumsum(sizes)[:-1])
    assert curve.steps.tolist() == [int(stretch.mean()) for stretch in stretches]


@given(losses, st.integers(1, 80))
def test_smoothing_leaves_straight_lines_as_they_are_and_lessens_the_rest(row, rows):
    line = np.linspace(5.0, 4.0, len(row))
    steps, rates = range(len(row)), [0.1] * len(row)
    np.testing.assert_allclose(LossCurve("a", steps, line, rates).smoothed(rows).losses, line)
    smooth = LossCurve("a", steps, row, rates).smoothed(rows).losses
    assert min(row) * (1 - 1e-9) <= smooth.min()
    assert smooth.max() <= max(row) * (1 + 1e-9)


def test_the_rows_after_a_step_keep_the_rates_of_all():
    curve = LossCurve("a", AT, LOSSES, PLAN)
    late = curve.after(50)
    np.testing.assert_array_equal(late.steps, AT[AT >= 50])
    np.testing.assert_array_equal(late.losses, LOSSES[AT >= 50])
    np.testing.assert_array_equal(late.rates, curve.rates)
    assert curve.after(0).steps.size == AT.size
    with pytest.raises(ArgumentError, match="no row from step 96 on: its last is 95"):
        curve.after(96)


BAD_CURVES = [
    (([0, 2, 1], [1, 1, 1], [0.1] * 3), "steps must rise, and 2 is followed by 1"),
    (([0, 1, 1], [1, 1, 1], [0.1] * 3), "1 is followed by 1"),
    (([0, 1.5], [1, 1], [0.1] * 3), "whole numbers"),
    (([-1, 1], [1, 1], [0.1] * 3), "at least 0"),
    (([], [], []), "no rows"),
    (([0, 1], [1, np.nan], [0.1] * 3), "positive and finite, got nan at step 1"),
    (([0, 1], [1, -1], [0.1] * 3), "got -1 at step 1"),
    (([0, 1], [1], [0.1] * 3), "2 steps and 1 losses"),
    (([0, 5], [1, 1], [0.1] * 5), "last row is at step 5, and there are rates of 5 updates"),
    (([0, 1], [1, 1], [0.1, np.nan]), "got nan at step 1"),
    (([0, 1], [1, 1], [0.1, -0.1]), "not below zero"),
    (([0, 1], ["x", 1], [0.1, 0.1]), "a row of numbers"),
    (([[0, 1]], [1, 1], [0.1, 0.1]), "an array of shape"),
    (([0, 5e9], [1, 1], ss.Constant(0.1)), "step 5000000000 is more updates than a run makes; are these tokens"),
]


@pytest.mark.parametrize(("fields", "words"), BAD_CURVES, ids=range(len(BAD_CURVES)))
def test_a_curve_that_cannot_be_is_refused_in_words(fields, words):
    with pytest.raises(ArgumentError, match=words):
        LossCurve("a", *fields)


# CSV.


def test_a_csv_file_is_read_and_its_rates_filled_in(write):
    curve = read_csv(write(csv_of()))
    assert curve.name == "run"
    np.testing.assert_array_equal(curve.steps, AT)
    np.testing.assert_array_equal(curve.losses, LOSSES)
    np.testing.assert_array_equal(curve.rates[AT], PLAN(AT))
    assert curve.rates[7] == pytest.approx((2 * PLAN(10) + 3 * PLAN(5)) / 5)


def test_columns_may_have_other_names_and_stand_in_any_order(write):
    path = write("epoch,train loss,rate,update\n0,3.0,0.2,0\n0,2.5,0.1,4\n")
    curve = read_csv(path, step="update", lr="rate", loss="train loss", name="mine")
    assert curve.name == "mine"
    np.testing.assert_allclose(curve.rates, [0.2, 0.175, 0.15, 0.125, 0.1])


def test_rows_without_a_loss_are_left_out_and_a_byte_order_mark_too(write):
    curve = read_csv(write("\ufeffstep,lr,loss\n0,0.2,3\n1,0.15,\n\n2,0.1,2\n"))
    assert curve.steps.tolist() == [0, 2]
    assert curve.rates.tolist() == [0.2, 0.15, 0.1]


def test_a_schedule_gives_the_rates_that_a_file_has_not(write):
    path = write("step,loss\n50,3.0\n99,2.0\n")
    np.testing.assert_array_equal(read_csv(path, schedule=PLAN).rates, PLAN.sample(100))


def test_a_log_that_begins_late_wants_to_know_of_the_warmup(write):
    path = write(csv_of(AT[10:], losses=LOSSES[10:]))
    with pytest.raises(DataError, match=r"begins at step 50 .*warmup_steps=\.\.\., 0 if"):
        read_csv(path)
    first = PLAN(50)
    warmed = read_csv(path, warmup_steps=20).rates
    np.testing.assert_allclose(warmed[:21], np.linspace(0.0, first, 21))
    np.testing.assert_array_equal(warmed[20:51], first)
    np.testing.assert_array_equal(read_csv(path, warmup_steps=0).rates[:51], first)


def test_a_log_that_begins_at_its_own_interval_says_nothing_of_a_warmup_either(write):
    path = write("step,lr,loss\n500,0.1,3\n1000,0.1,2.9\n1500,0.1,2.8\n")
    with pytest.raises(DataError, match="begins at step 500 and does not say what the rates were before"):
        read_csv(path)
    assert read_csv(path, warmup_steps=400).rates[200] == pytest.approx(0.05)


@pytest.mark.parametrize(("warmup", "begin"), [(ss.Linear(0.0, 0.2, 50), 0.0), (ss.Linear(0.004, 0.2, 49), 0.004)])
def test_rows_that_rise_in_a_line_from_zero_are_the_warmup_whatever_is_said_of_other_logs(write, warmup, begin):
    plan = warmup >> ss.Constant(0.2)
    path = write(csv_of(AT[2:], plan, LOSSES[2:]))
    for warmup_steps in (None, 0, 20):
        rates = read_csv(path, warmup_steps=warmup_steps).rates
        np.testing.assert_allclose(rates[:46], plan.sample(46), rtol=1e-9, atol=1e-12)
        assert rates[0] == pytest.approx(begin)


def test_what_is_said_of_a_warmup_leaves_a_whole_log_as_it_is(write):
    """So that one command can read it beside others."""
    path = write(csv_of())
    np.testing.assert_array_equal(read_csv(path, warmup_steps=20).rates, read_csv(path).rates)


def test_a_jump_of_the_rate_stands_where_it_is_said_to(write):
    path = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    assert read_csv(path).rates[15] == pytest.approx(0.15)
    rates = read_csv(path, jumps=[13]).rates
    np.testing.assert_array_equal(rates, [0.2] * 13 + [0.1] * 18)


@pytest.mark.parametrize("jump", [5, 21, 31, 4000])
def test_a_jump_that_is_not_there_is_refused_with_the_place_that_may_be_meant(write, jump):
    path = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    words = f'in no log does the rate jump at step {jump}: .* between steps 10 and 20 of run "run"'
    with pytest.raises(DataError, match=words):
        read_csv(path, jumps=[13, jump])


def test_a_jump_that_one_of_several_logs_has_leaves_the_others_as_they_are(write):
    drop = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n", "drop.csv")
    smooth = write(csv_of())
    first, second = read_curves([drop, smooth], jumps=[13])
    assert first.rates[12] == 0.2
    np.testing.assert_array_equal(second.rates, read_csv(smooth).rates)


BAD_FILES = [
    ("", {}, "is empty; its first line should name the columns"),
    ("step,lr,loss\n", {}, "has no rows"),
    ("step,lr,loss\n\n,,\n", {}, "has no rows"),
    (
        "step,lr,train_loss\n0,0.1,3\n",
        {},
        'no column "loss"; it has "step", "lr", "train_loss"; name it with loss="train_loss"',
    ),
    ("stp,lr,loss\n0,0.1,3\n", {}, 'no column "step"; .*; name it with step="stp"'),
    ("a,b,c\n0,0.1,3\n", {}, r'name it with step="\.\.\."'),
    ("step,rate,loss\n0,1,3\n", {}, r'no column "lr"; .* lr="rate", or give the run\'s schedule \(schedule=\.\.\.\)'),
    ("step,loss\n0,3\n", {"lr": None}, "or give the run's schedule"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n4,0.1,2\n", {}, r"line 4: step 4 comes after 5 \(line 3\); sort the rows"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n5,0.1,2\n", {}, "line 4: step 5 comes again"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,nan\n", {}, "line 3: loss is nan; leave out what a run logged after it diverged"),
    ("step,lr,loss\n0,0.1,3\n5,inf,2\n", {}, "line 3: lr is inf"),
    ("step,lr,loss\n0,0.1,three\n", {}, "line 2: loss is no number: 'three'"),
    ("step,lr,loss\n0.5,0.1,3\n", {}, "line 2: step must be a whole number of at least 0, got 0.5"),
    ("step,lr,loss\n-1,0.1,3\n", {}, "got -1"),
    ("step,lr,loss\nnan,0.1,3\n", {}, "got nan"),
    ("step,lr,loss\ninf,0.1,3\n", {}, "got inf"),
    ("step,lr,loss\n1e300,0.1,3\n", {}, r"got 1e\+300"),
    ("step,lr,loss\n0,0.1,3\n5e9,0.1,3\n", {}, "step 5000000000, which is more updates .* tokens"),
    ("step,lr,loss\n,0.1,3\n", {}, "line 2: step is no number"),
    ("step,lr,loss\n0,0.1\n", {}, "no rows with a loss"),
    ("step,lr,loss\n0,-0.1,3\n", {}, "not below zero"),
    ("step,lr,loss\n0,0.1,-3\n", {}, "positive and finite"),
    (
        csv_of(),
        {"schedule": PLAN * 1000},
        r"disagree at 19 of 20 rows: at step 5 the logged rate is 0\.1, and .* has 100",
    ),
    (csv_of(), {"schedule": ss.Constant(0.2)}, "disagree at"),
    (csv_of(), {"warmup_steps": -1}, "warmup_steps"),
    (csv_of(AT[10:], losses=LOSSES[10:]), {"warmup_steps": 60}, "within a warmup of 60 steps"),
    (csv_of(), {"schedule": "Constant(0.2)"}, r"a schedule, got 'Constant\(0\.2\)'; parse\(\) makes one"),
    (csv_of(), {"schedule": {"rum": PLAN}}, 'for run "rum", and there is none of that name; did you mean "run"'),
    (csv_of(), {"jumps": 50}, r"jumps=\.\.\.\) must be a sequence of steps, got 50; write \[50\]"),
    (csv_of(), {"means": True}, "a row at step 0, when no update was done"),
]


@pytest.mark.parametrize(("text", "settings", "words"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_file_that_cannot_be_read_is_refused_in_words(write, text, settings, words):
    with pytest.raises((DataError, ArgumentError), match=words):
        read_csv(write(text), **settings)


def test_a_log_that_is_a_step_late_or_rounded_agrees_with_its_schedule(write):
    rows = [f"{step},{PLAN(max(int(step) - 1, 0)):.3g},2.0" for step in AT]
    assert read_csv(write("\n".join(["step,lr,loss", *rows])), schedule=PLAN).rates[50] == PLAN(50)


# Weights & Biases.

PANEL = '"Step","a - {0}","a - {0}__MIN","a - {0}__MAX","b - {0}"\n'


def test_a_panel_has_a_curve_for_each_run(write):
    panel = write(PANEL.format("train/loss") + "0,3,3,3,4\n10,2,2,2,\n20,1,1,1,2\n", "panel.csv")
    rates = write(PANEL.format("train/lr") + "0,0.1,0.1,0.1,0.2\n20,0.3,0.3,0.3,0.2\n", "rates.csv")
    a, b = read_wandb(panel, rates)
    assert (a.name, b.name) == ("a", "b")
    assert (a.steps.tolist(), b.steps.tolist()) == ([0, 10, 20], [0, 20])
    np.testing.assert_allclose(a.rates, np.linspace(0.1, 0.3, 21))
    np.testing.assert_array_equal(b.rates, 0.2)
    (one,) = read_wandb(write(csv_of(head="Step,a - lr,a - loss"), "both.csv"))
    np.testing.assert_array_equal(one.losses, LOSSES)


def test_a_panel_that_lacks_something_is_refused_in_words(write):
    panel = write(PANEL.format("loss") + "0,3,3,3,4\n10,2,2,2,3\n", "panel.csv")
    with pytest.raises(DataError, match=r'run "a" has no metric "lr"; it has "loss"; name it with lr="\.\.\.", or'):
        read_wandb(panel)
    with pytest.raises(DataError, match='no metric "perplexity"; it has "loss"; name it with loss="loss"'):
        read_wandb(panel, loss="perplexity")
    assert read_wandb(panel, schedule=ss.Constant(0.1))[1].rates.tolist() == [0.1] * 11
    a, b = read_wandb(panel, schedule={"a": ss.Constant(0.1), "b": ss.Constant(0.2)})
    assert (a.peak_lr, b.peak_lr) == (0.1, 0.2)


def test_of_metrics_with_one_last_name_the_exact_one_counts_and_else_none(write):
    both = "Step,a - train/loss,a - eval/loss,a - lr\n0,3,4,0.1\n10,2,3,0.1\n"
    with pytest.raises(DataError, match=r'run "a" that end in "loss": "train/loss", "eval/loss"; .* loss="train/loss"'):
        read_wandb(write(both))
    for loss in ("train/loss", "eval/loss"):
        (curve,) = read_wandb(write(both), loss=loss)
        assert curve.losses[0] == (3 if loss == "train/loss" else 4)
    (curve,) = read_wandb(write(both.replace("train/loss", "loss")))
    assert curve.losses[0] == 3


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
    down, flat = read_tensorboard(tmp_path)
    assert (down.name, flat.name) == ("down/seed1", "flat-seed0")
    np.testing.assert_allclose(flat.losses, LOSSES, rtol=1e-6)
    np.testing.assert_allclose(flat.rates[AT], PLAN(AT), rtol=1e-6)
    assert down.steps.tolist() == [0, 5, 10, 15]


def test_of_a_step_that_was_logged_again_the_later_value_counts(tmp_path):
    write_events(tmp_path, ROWS)
    write_events(tmp_path, [(95, 0.02, 1.0)], filename_suffix=".resumed")
    assert read_tensorboard(tmp_path)[0].losses[-1] == 1.0


def test_event_files_that_lack_something_are_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="no event files"):
        read_tensorboard(tmp_path)
    write_events(tmp_path, ROWS, tags=("lr", "train/loss"))
    with pytest.raises(DataError, match='no scalar "loss"; it has "lr", "train/loss"'):
        read_tensorboard(tmp_path, loss="loss")
    with pytest.raises(DataError, match='no scalar "rate"; it has "lr", "train/loss"; name it with lr="lr", or give'):
        read_tensorboard(tmp_path)
    assert read_tensorboard(tmp_path, lr="lr")[0].peak_lr == pytest.approx(0.2)


def test_a_loss_that_is_no_number_is_refused_in_event_files_as_elsewhere(tmp_path):
    write_events(tmp_path / "run", [*ROWS, (100, 0.02, float("nan"))])
    with pytest.raises(DataError, match="train/loss is nan at step 100, as of a run that diverged; leave the run out"):
        read_tensorboard(tmp_path)


# The store.


def store(tmp_path, runs, schedules=("down", str(PLAN))):
    """A store whose runs log the mean loss of five updates, with the rate of the last of them."""
    with Store.create(tmp_path / "store.sqlite", {}, {}, [(*schedules, seed) for seed in range(len(runs))]) as opened:
        for number, (status, scale) in enumerate(runs):
            points = [Point(int(at) + 5, scale * PLAN(int(at) + 4), 2.0 + 1 / (at + 1), 0.5) for at in AT]
            opened.log(number, points)
            opened.end(number, status, seconds=1.0)
    return tmp_path


def test_the_runs_of_a_store_stand_at_the_middle_of_what_was_averaged(tmp_path):
    first, second = read_curves(store(tmp_path, [("finished", 1.0), ("interrupted", 1.0), ("diverged", 1.0)]))
    assert (first.name, second.name) == ("down, seed 0", "down, seed 1")
    np.testing.assert_array_equal(first.steps, AT + 2)
    np.testing.assert_array_equal(first.rates, PLAN.sample(98))


def test_a_store_of_a_function_goes_by_the_logged_rates(tmp_path):
    (curve,) = read_curves(store(tmp_path, [("finished", 1.0)], ("mine", 'Function("mine:rate")')))
    assert curve.name == "mine"
    np.testing.assert_allclose(curve.rates[AT[1:] + 1 - 2], PLAN(AT[1:] - 1), rtol=1e-9)


def test_a_store_of_a_function_says_nothing_of_the_rates_before_its_first_row(tmp_path):
    flat = ss.Constant(0.2, 100)
    with Store.create(tmp_path / "store.sqlite", {}, {}, [("mine", 'Function("mine:rate")', 0)]) as opened:
        opened.log(0, [Point(step, flat(step - 1), 2.0, 0.5) for step in (5, 10, 15)])
    with pytest.raises(DataError, match="mine begins at step 4 and does not say what the rates were before"):
        read_curves(tmp_path)
    for known in ({"warmup_steps": 0}, {"schedule": {"mine": flat}}, {"schedule": flat}):
        np.testing.assert_array_equal(read_curves(tmp_path, **known)[0].rates, [0.2] * 13)


def test_a_store_whose_rates_are_not_its_schedules_is_refused(tmp_path):
    with pytest.raises(DataError, match="disagree at 19 of 19 rows"):
        read_curves(store(tmp_path, [("finished", 1000.0)]))


def test_a_store_without_curves_is_refused(tmp_path):
    with pytest.raises(DataError, match="no run with a loss curve"):
        read_curves(store(tmp_path, [("diverged", 1.0)]))


# What the lab writes.


PLANS = {"down": ss.Linear(0.2, 0.0, 50), "warm": ss.Linear(0.0, 0.1, 20) >> ss.Constant(0.1, 30)}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The directory of a comparison: its store, what the lab makes event files of it, and its points as CSV."""
    from stepsize.lab.experiment import Plan
    from stepsize.lab.tensorboard import EventFiles
    from stepsize.lab.watching import Standings

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
    files.begin(Standings([Plan(name, plan, 0, 2, 50) for name, plan in PLANS.items()], results), "", folder)
    files.close()
    return folder


def test_a_run_is_the_same_curve_from_the_store_the_csv_file_and_the_event_files(compared):
    stored = read_curves(compared)
    assert [curve.name for curve in stored] == list(PLANS)
    assert stored[0].steps.tolist() == [3, 11, 19, 24, 28, 36, 44, 49]
    by_name = {f"{name}-seed0": plan for name, plan in PLANS.items()}
    events = read_tensorboard(compared / "tensorboard", schedule=by_name)
    exported = read_curves(compared / "points.csv")
    for ours, csv_file, event_file in zip(stored, exported, events, strict=True):
        assert csv_file.name == ours.name
        for each in (csv_file, event_file):
            np.testing.assert_array_equal(each.steps, ours.steps)
            np.testing.assert_array_equal(each.rates, ours.rates)
        np.testing.assert_array_equal(csv_file.losses, ours.losses)
        np.testing.assert_allclose(event_file.losses, ours.losses, rtol=1e-6)


def test_the_logged_rates_of_event_files_are_those_of_their_updates(compared):
    down, warm = read_tensorboard(compared / "tensorboard", warmup_steps=0)
    np.testing.assert_allclose(down.rates[7:], PLANS["down"].sample(50)[7:], rtol=1e-6)
    np.testing.assert_allclose(warm.rates[:8], PLANS["warm"].sample(8), atol=1e-8)


def test_one_run_is_taken_from_an_export_and_several_are_not(compared, tmp_path):
    text = (compared / "points.csv").read_text().splitlines()
    with pytest.raises(DataError, match=r"has the rows of 2 runs; read_curves\(\) reads them all"):
        read_csv(compared / "points.csv")
    (tmp_path / "one.csv").write_text("\n".join(line for line in text if not line.startswith("1,")))
    for loss in ("loss", "train_loss"):
        curve = read_csv(tmp_path / "one.csv", loss=loss)
        np.testing.assert_array_equal(curve.steps, read_curves(compared)[0].steps)


def test_epochs_are_exported_without_rates_and_have_those_of_their_schedules(tmp_path):
    with Store.create(tmp_path / "store.sqlite", {}, {}, [("down", str(PLANS["down"]), 0)]) as opened:
        opened.log(0, [Epoch(25, 2.0, 0.5, 2.5, 0.4), Epoch(50, 1.0, 0.7, 1.5, 0.6)])
    load_runs(tmp_path).write_csv(tmp_path / "epochs.csv", table="epochs")
    curve = read_csv(tmp_path / "epochs.csv")
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([12, 37], [2.0, 1.0])
    np.testing.assert_array_equal(curve.rates, PLANS["down"].sample(38))


def test_the_runs_of_an_export_that_diverged_are_left_out(compared, tmp_path):
    text = (compared / "points.csv").read_text().splitlines()
    cut = [line.replace("finished", "diverged") if line.startswith("0,") else line for line in text]
    (tmp_path / "cut.csv").write_text("\n".join(cut))
    assert [curve.name for curve in read_curves(tmp_path / "cut.csv")] == ["warm"]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(0, 1))
def test_means_stand_at_the_middle_of_their_updates(write_once, distances, missing):
    """Each between the row before and its own; of a log whose beginning is missing, not at the middle of that."""
    done = 1000 * missing + np.cumsum(distances)
    rows = [f"{step},0.1,{step}.0" for step in done]
    curve = read_csv(write_once("\n".join(["step,lr,loss", *rows])), means=True, warmup_steps=0)
    np.testing.assert_array_equal(curve.losses, done)
    np.testing.assert_array_equal(curve.steps[1:], (done[:-1] + done[1:] - 1) // 2)
    if len(done) > 1 and missing:
        assert done[0] - max(distances) <= curve.steps[0] < done[0]
    if not missing and max(distances[1:], default=1) >= distances[0]:
        assert curve.steps[0] == (done[0] - 1) // 2


# Whatever it is.


def test_a_path_leads_to_what_it_is(tmp_path, write):
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


def test_several_paths_are_read_in_order_and_runs_of_one_name_told_apart(tmp_path, write):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    a, b, other = write(csv_of(), "a/run.csv"), write(csv_of(), "b/run.csv"), write(csv_of(), "other.csv")
    assert [curve.name for curve in read_curves([a, other, b])] == [f"run, {a}", "other", f"run, {b}"]
    with pytest.raises(ArgumentError, match="is given 2 times"):
        read_curves([a, a])


def test_the_two_files_of_a_panel_are_read_beside_other_paths(write):
    panel = write(PANEL.format("train/loss") + "0,3,3,3,4\n10,2,2,2,\n20,1,1,1,2\n", "panel.csv")
    rates = write(PANEL.format("train/lr") + "0,0.1,0.1,0.1,0.2\n20,0.3,0.3,0.3,0.2\n", "rates.csv")
    assert [curve.name for curve in read_curves([write(csv_of()), panel], rates=rates)] == ["run", "a", "b"]
    with pytest.raises(ArgumentError, match="goes with the export of a panel of the loss, and there is none"):
        read_curves(write(csv_of()), rates=rates)


def test_a_dash_in_a_name_makes_no_panel(write):
    (curve,) = read_curves(write("step,lr,loss,time - s\n0,0.1,3,1\n1,0.1,2,2\n"))
    assert curve.name == "run"


def test_a_schedule_for_one_run_leaves_those_that_have_their_own_as_they_are(tmp_path, write):
    stored, bare = read_curves(
        [store(tmp_path, [("finished", 1.0)]), write("step,loss\n0,3\n50,2\n")], schedule={"run": PLAN}
    )
    np.testing.assert_array_equal(stored.rates, PLAN.sample(98))
    np.testing.assert_array_equal(bare.rates, PLAN.sample(51))


def test_a_path_that_leads_to_nothing_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder"):
        read_curves(tmp_path / "none.csv")
    with pytest.raises(DataError, match="neither the store of an experiment nor event files"):
        read_curves(tmp_path)
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_curves(tmp_path / "binary.csv")
