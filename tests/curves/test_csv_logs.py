"""Loss curves read from CSV files and from exports of Weights & Biases, with the rate of every update."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import AT, LOSSES, PANEL, PLAN, csv_of

import stepsize as ss
from stepsize.curves import read_csv, read_curves, read_wandb
from stepsize.errors import ArgumentError, DataError


@pytest.fixture(scope="module")
def write_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("once") / "run.csv"

    def write_once(text):
        path.write_text(text)
        return path

    return write_once


# CSV.


def test_rates_between_the_rows_of_a_csv_file_are_interpolated(write):
    curve = read_csv(write(csv_of()))
    assert curve.name == "run"
    np.testing.assert_array_equal(curve.steps, AT)
    np.testing.assert_array_equal(curve.losses, LOSSES)
    np.testing.assert_array_equal(curve.rates[AT], PLAN(AT))
    assert curve.rates[7] == pytest.approx((2 * PLAN(10) + 3 * PLAN(5)) / 5)


def test_columns_may_have_other_names_and_any_order(write):
    path = write("epoch,train loss,rate,update\n0,3.0,0.2,0\n0,2.5,0.1,4\n")
    curve = read_csv(path, step="update", lr="rate", loss="train loss", name="mine")
    assert curve.name == "mine"
    np.testing.assert_allclose(curve.rates, [0.2, 0.175, 0.15, 0.125, 0.1])


def test_rows_without_a_loss_and_a_byte_order_mark_are_ignored(write):
    curve = read_csv(write("\ufeffstep,lr,loss\n0,0.2,3\n1,0.15,\n\n2,0.1,2\n"))
    assert curve.steps.tolist() == [0, 2]
    assert curve.rates.tolist() == [0.2, 0.15, 0.1]


def test_a_schedule_gives_the_rates_that_a_file_lacks(write):
    path = write("step,loss\n50,3.0\n99,2.0\n")
    np.testing.assert_array_equal(read_csv(path, schedule=PLAN).rates, PLAN.sample(100))


def test_a_log_that_begins_late_needs_the_length_of_the_warmup(write):
    path = write(csv_of(AT[10:], losses=LOSSES[10:]))
    with pytest.raises(DataError, match=r"begins at step 50 .*warmup_steps=\.\.\. \(0 if"):
        read_csv(path)
    first = PLAN(50)
    warmed = read_csv(path, warmup_steps=20).rates
    np.testing.assert_allclose(warmed[:21], np.linspace(0.0, first, 21))
    np.testing.assert_array_equal(warmed[20:51], first)
    np.testing.assert_array_equal(read_csv(path, warmup_steps=0).rates[:51], first)


def test_a_log_that_begins_at_its_own_interval_needs_it_too(write):
    path = write("step,lr,loss\n500,0.1,3\n1000,0.1,2.9\n1500,0.1,2.8\n")
    with pytest.raises(DataError, match="begins at step 500 and does not say what the rates were before"):
        read_csv(path)
    assert read_csv(path, warmup_steps=400).rates[200] == pytest.approx(0.05)


@pytest.mark.parametrize(("warmup", "begin"), [(ss.Linear(0.0, 0.2, 50), 0.0), (ss.Linear(0.004, 0.2, 49), 0.004)])
def test_first_rows_on_a_line_from_zero_are_the_warmup_whatever_warmup_steps_says(write, warmup, begin):
    plan = warmup >> ss.Constant(0.2)
    path = write(csv_of(AT[2:], plan, LOSSES[2:]))
    for warmup_steps in (None, 0, 20):
        rates = read_csv(path, warmup_steps=warmup_steps).rates
        np.testing.assert_allclose(rates[:46], plan.sample(46), rtol=1e-9, atol=1e-12)
        assert rates[0] == pytest.approx(begin)


def test_warmup_steps_does_not_change_a_complete_log(write):
    path = write(csv_of())
    np.testing.assert_array_equal(read_csv(path, warmup_steps=20).rates, read_csv(path).rates)


def test_the_rate_jumps_at_the_given_step(write):
    path = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    assert read_csv(path).rates[15] == pytest.approx(0.15)
    rates = read_csv(path, jumps=[13]).rates
    np.testing.assert_array_equal(rates, [0.2] * 13 + [0.1] * 18)


@pytest.mark.parametrize("jump", [5, 21, 31, 4000])
def test_a_jump_that_no_log_has_is_refused_with_the_largest_change(write, jump):
    path = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    words = f'does not jump at step {jump} in any log: .* between steps 10 and 20 of run "run"'
    with pytest.raises(DataError, match=words):
        read_csv(path, jumps=[13, jump])


def test_two_jumps_between_the_same_rows_are_refused(write):
    path = write("step,lr,loss\n0,0.4,3\n10,0.4,2.9\n20,0.1,2.8\n30,0.1,2.7\n")
    with pytest.raises(DataError, match="no row between the jumps at 13 and 16, so the rate between them is unknown"):
        read_csv(path, jumps=[13, 16])


def test_a_jump_in_one_of_several_logs_does_not_change_the_others(write):
    drop = write("step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n", "drop.csv")
    smooth = write(csv_of())
    first, second = read_curves([drop, smooth], jumps=[13])
    assert first.rates[12] == 0.2
    np.testing.assert_array_equal(second.rates, read_csv(smooth).rates)


BAD_FILES = [
    ("", {}, "is empty; its first line should name the columns"),
    (
        "a,b,c\n0,0.1,3\n",
        {},
        r'(?s)no column "step".*name it with step=\.\.\.\n.*no column "lr".*schedule=\.\.\.\n.*no column "loss"',
    ),
    ("a,b,c\n0,0.1,3\n", {"schedule": PLAN}, r'(?s)no column "step"((?!"lr").)*no column "loss"'),
    (
        "step,rate\n0,1\n",
        {},
        r'(?s)no column "lr".*\n.*no column "loss"; it has "step", "rate"; name it with loss=\.\.\.',
    ),
    ("step,lr,loss\n", {}, "has no rows"),
    ("step,lr,loss\n\n,,\n", {}, "has no rows"),
    (
        "step,lr,train_loss\n0,0.1,3\n",
        {},
        'no column "loss"; it has "step", "lr", "train_loss"; name it with loss=\'train_loss\'',
    ),
    ("stp,lr,loss\n0,0.1,3\n", {}, "no column \"step\"; .*; name it with step='stp'"),
    ("step,rate,loss\n0,1,3\n", {}, r'no column "lr"; .* lr=.rate., or give the run.s schedule with schedule=\.\.\.'),
    ("step,loss\n0,3\n", {"lr": None}, "has no learning rates; give the run's schedule with schedule="),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n4,0.1,2\n", {}, r"line 4: step 4 comes after 5 \(line 3\); sort the rows"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,2\n5,0.1,2\n", {}, "line 4: step 5 comes again"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,nan\n", {}, "line 3: loss is nan; leave out what a run logged after it diverged"),
    ("step,lr,loss\n0,0.1,3\n5,inf,2\n", {}, "line 3: lr is inf"),
    ("step,lr,loss\n0,0.1,three\n", {}, "line 2: loss is not a number: 'three'"),
    ("step,lr,loss\n0.5,0.1,3\n", {}, "line 2: step must be a whole number of at least 0, got 0.5"),
    ("step,lr,loss\n-1,0.1,3\n", {}, "got -1"),
    ("step,lr,loss\nnan,0.1,3\n", {}, "got nan"),
    ("step,lr,loss\ninf,0.1,3\n", {}, "got inf"),
    ("step,lr,loss\n1e300,0.1,3\n", {}, r"got 1e\+300"),
    ("step,lr,loss\n0,0.1,3\n5e9,0.1,3\n", {}, "step 5000000000, which is more updates .* tokens"),
    ("step,lr,loss\n,0.1,3\n", {}, "line 2: step is not a number"),
    ("step,lr,loss\n0,0.1,\n", {}, "no rows with a loss"),
    ("step,lr,loss\n0,0.1,3\n1,0.1\n", {}, "line 3: 2 cells for 3 columns; a row needs a cell for each column"),
    ("step,lr,loss\n0,0,1,4,2\n", {}, "line 2: 5 cells for 3 columns"),
    ("step,lr,loss\n0,-0.1,3\n", {}, "at least 0, got -0.1"),
    ("step,lr,loss\n0,0.1,-3\n", {}, "positive and finite"),
    (
        csv_of(),
        {"schedule": PLAN * 1000},
        r"disagree at 19 of 20 rows: at step 5 the logged rate is 0\.1, and .* has 100",
    ),
    (csv_of(), {"schedule": ss.Constant(0.2)}, "disagree at"),
    (csv_of().replace(",", ";"), {}, "separates its columns with ';'; save it with commas"),
    (csv_of(), {"warmup_steps": -1}, r"read_csv\(warmup_steps=\.\.\.\) must be"),
    (csv_of(AT[10:], losses=LOSSES[10:]), {"warmup_steps": 60}, "within a warmup of 60 steps"),
    (csv_of(), {"schedule": "Constant(0.2)"}, r"a schedule, got 'Constant\(0\.2\)'; parse\(\) makes one"),
    (csv_of(), {"schedule": {"rum": PLAN}}, "given for runs of the logs, got 'rum'; did you mean \"run\""),
    (csv_of(), {"jumps": 50}, r"jumps=\.\.\.\) must be a sequence, got 50; write jumps=\(50,\)"),
    (csv_of(), {"means": True}, "a row at step 0, before any update.* read it with means=False"),
]


@pytest.mark.parametrize(("text", "settings", "words"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_bad_file_is_refused_with_the_reason(write, text, settings, words):
    with pytest.raises((DataError, ArgumentError), match=words):
        read_csv(write(text), **settings)


def test_a_log_that_is_one_step_late_or_rounded_agrees_with_its_schedule(write):
    rows = [f"{step},{PLAN(max(int(step) - 1, 0)):.3g},2.0" for step in AT]
    assert read_csv(write("\n".join(["step,lr,loss", *rows])), schedule=PLAN).rates[50] == PLAN(50)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(0, 1))
def test_means_are_placed_at_the_middle_of_their_updates(write_once, distances, missing):
    """The missing beginning of a log does not count."""
    done = 1000 * missing + np.cumsum(distances)
    rows = [f"{step},0.1,{step}.0" for step in done]
    curve = read_csv(write_once("\n".join(["step,lr,loss", *rows])), means=True, warmup_steps=0)
    np.testing.assert_array_equal(curve.losses, done)
    np.testing.assert_array_equal(curve.steps[1:], (done[:-1] + done[1:] - 1) // 2)
    if len(done) > 1 and missing:
        assert done[0] - max(distances) <= curve.steps[0] < done[0]
    if not missing and max(distances[1:], default=1) >= distances[0]:
        assert curve.steps[0] == (done[0] - 1) // 2


# Weights & Biases.


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


def test_a_panel_without_a_metric_is_refused(write):
    panel = write(PANEL.format("loss") + "0,3,3,3,4\n10,2,2,2,3\n", "panel.csv")
    with pytest.raises(DataError, match=r'run "a" has no metric "lr"; it has "loss"; name it with lr=\.\.\., or'):
        read_wandb(panel)
    with pytest.raises(DataError, match=r'no metric "perplexity"; it has "loss"; name it with loss=.loss.'):
        read_wandb(panel, loss="perplexity")
    with pytest.raises(ArgumentError, match=r"read_wandb\(schedule=\.\.\.\) must be given for runs of the logs"):
        read_wandb(panel, schedule={"c": ss.Constant(0.1)})
    assert read_wandb(panel, schedule=ss.Constant(0.1))[1].rates.tolist() == [0.1] * 11
    a, b = read_wandb(panel, schedule={"a": ss.Constant(0.1), "b": ss.Constant(0.2)})
    assert (a.peak_lr, b.peak_lr) == (0.1, 0.2)


def test_an_exact_metric_comes_before_metrics_that_end_in_the_name(write):
    both = "Step,a - train/loss,a - eval/loss,a - lr\n0,3,4,0.1\n10,2,3,0.1\n"
    with pytest.raises(DataError, match=r'run "a" that end in "loss": "train/loss", "eval/loss"; .* loss=.train/loss.'):
        read_wandb(write(both))
    for loss in ("train/loss", "eval/loss"):
        (curve,) = read_wandb(write(both), loss=loss)
        assert curve.losses[0] == (3 if loss == "train/loss" else 4)
    (curve,) = read_wandb(write(both.replace("train/loss", "loss")))
    assert curve.losses[0] == 3
