"""Loss curves as values, and read from stores, CSV files, panels of Weights & Biases, TensorBoard's event files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize.errors import ArgumentError, DataError
from stepsize.records import (
    LossCurve,
    Point,
    Store,
    load_curves,
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


def test_the_rows_before_a_step():
    assert LossCurve("a", AT, LOSSES, PLAN).before(50).steps[-1] == 45
    with pytest.raises(ArgumentError, match="no row before step 3: its first is 5"):
        LossCurve("a", AT[1:], LOSSES[1:], PLAN).before(3)


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


def test_a_jump_of_the_rate_stands_where_it_is_said_to(write):
    path = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    assert read_csv(path).rates[15] == pytest.approx(0.15)
    rates = read_csv(path, jumps=[13]).rates
    np.testing.assert_array_equal(rates, [0.2] * 13 + [0.1] * 18)


def test_where_the_rate_hardly_changes_there_was_no_jump(write):
    """So that one command can read a run with a jump beside others."""
    path = write(csv_of())
    np.testing.assert_array_equal(read_csv(path, jumps=[17]).rates, read_csv(path).rates)


BAD_FILES = [
    ("", {}, "is empty; its first line should name the columns"),
    ("step,lr,loss\n", {}, "has no rows"),
    ("step,lr,loss\n\n,,\n", {}, "has no rows"),
    ("step,lr,train_loss\n0,0.1,3\n", {}, 'no column "loss"; it has "step", "lr", "train_loss"'),
    ("stp,lr,loss\n0,0.1,3\n", {}, 'no column "step"; .* did you mean "stp"'),
    ("a,b,c\n0,0.1,3\n", {}, r'say which is which: step="\.\.\."'),
    ("step,loss\n0,3\n", {}, 'no column "lr"'),
    ("step,loss\n0,3\n", {"lr": None}, "says nothing of the learning rate; give the run's schedule"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n4,0.1,2\n", {}, r"line 4: step 4 comes after 5 \(line 3\); sort the rows"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n5,0.1,2\n", {}, "line 4: step 5 comes again"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,nan\n", {}, "line 3: loss is nan; leave out what a run logged after it diverged"),
    ("step,lr,loss\n0,0.1,3\n5,inf,2\n", {}, "line 3: lr is inf"),
    ("step,lr,loss\n0,0.1,three\n", {}, "line 2: loss is no number: 'three'"),
    ("step,lr,loss\n0.5,0.1,3\n", {}, "line 2: step must be a whole number of at least 0, got 0.5"),
    ("step,lr,loss\n-1,0.1,3\n", {}, "got -1"),
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
    with pytest.raises(DataError, match='run "a" says nothing of the learning rate'):
        read_wandb(panel)
    with pytest.raises(DataError, match='no column "<run> - perplexity"; it has "Step", "a - loss"'):
        read_wandb(panel, loss="perplexity")
    assert read_wandb(panel, schedule=ss.Constant(0.1))[1].rates.tolist() == [0.1] * 11


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
    with pytest.raises(DataError, match="says nothing of the learning rate"):
        read_tensorboard(tmp_path)
    assert read_tensorboard(tmp_path, lr="lr")[0].peak_lr == pytest.approx(0.2)


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
    first, second = load_curves(store(tmp_path, [("finished", 1.0), ("interrupted", 1.0), ("diverged", 1.0)]))
    assert (first.name, second.name) == ("down, seed 0", "down, seed 1")
    np.testing.assert_array_equal(first.steps, AT + 2)
    np.testing.assert_array_equal(first.rates, PLAN.sample(98))


def test_a_store_of_a_function_goes_by_the_logged_rates(tmp_path):
    (curve,) = load_curves(store(tmp_path, [("finished", 1.0)], ("mine", 'Function("mine:rate")')))
    assert curve.name == "mine"
    np.testing.assert_allclose(curve.rates[AT[1:] + 1 - 2], PLAN(AT[1:] - 1), rtol=1e-9)


def test_a_store_whose_rates_are_not_its_schedules_is_refused(tmp_path):
    with pytest.raises(DataError, match="disagree at 19 of 19 rows"):
        load_curves(store(tmp_path, [("finished", 1000.0)]))


def test_a_store_without_curves_is_refused(tmp_path):
    with pytest.raises(DataError, match="no run with a loss curve"):
        load_curves(store(tmp_path, [("diverged", 1.0)]))


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


def test_a_path_that_leads_to_nothing_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder"):
        read_curves(tmp_path / "none.csv")
    with pytest.raises(DataError, match="neither the store of an experiment nor event files"):
        read_curves(tmp_path)
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_curves(tmp_path / "binary.csv")
