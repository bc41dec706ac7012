"""The rate of every update, from rates that were logged at some of them."""

import numpy as np
import pytest
from logs import AT, LOSSES, PLAN, csv_of

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import ArgumentError, DataError

DROP = "step,lr,loss\n0,0.2,3\n10,0.2,2.9\n20,0.1,2.8\n30,0.1,2.7\n"


def read(path, **settings):
    (curve,) = read_curves(path, **settings)
    return curve


def rates_csv(rates, every=100):
    """A log of these rates, with a row at every so many updates."""
    return "step,lr,loss\n" + "".join(f"{every * row},{rate!r},3.0\n" for row, rate in enumerate(rates))


@pytest.mark.parametrize(
    ("rates", "questions"),
    [
        ([1.0] * 5 + [0.951] * 5, 0),
        ([1.0] * 5 + [0.949] * 5, 1),
        ([1.0] * 5 + [0.02] * 5 + [0.0101] * 5, 1),  # 1% of the peak is small
        ([1.0] * 5 + [0.02] * 5 + [0.0099] * 5, 2),
        ([0.5 ** (row // 5) for row in range(25)], 4),
        ([0.5 ** (row // 5) for row in range(30)], 4),  # no more are asked at once
        ([1.0, *[0.5] * 9], 1),  # no warmup
    ],
)
def test_a_rate_that_may_have_jumped_is_asked_for(write, rates, questions):
    path = write(rates_csv(rates))
    if not questions:
        assert read(path).rates[400] == 1.0
        return
    with pytest.raises(DataError, match="if it jumps, give the first step of the new rate, such as jumps=") as caught:
        read(path)
    assert len(caught.value.problems) == questions


def test_rates_between_rows_are_interpolated(write):
    curve = read(write(csv_of()))
    np.testing.assert_array_equal(curve.rates[AT], PLAN(AT))
    assert curve.rates[7] == pytest.approx((2 * PLAN(10) + 3 * PLAN(5)) / 5)


# The beginning.


def test_a_log_that_begins_late_needs_the_length_of_the_warmup(write):
    flat = ss.Constant(0.2)
    path = write(csv_of(AT[10:], flat, LOSSES[10:]))
    with pytest.raises(DataError, match=r"begins at step 50 .*warmup_steps=\.\.\. \(0 if .* with after=\.\.\."):
        read(path)
    warmed = read(path, warmup_steps=20).rates
    np.testing.assert_allclose(warmed[:21], np.linspace(0.0, 0.2, 21))
    np.testing.assert_array_equal(warmed[20:51], 0.2)
    np.testing.assert_array_equal(read(path, warmup_steps=0).rates[:51], 0.2)
    np.testing.assert_array_equal(read(path, warmup_steps=51).rates[50:], warmed[50:])  # as steps are often counted
    with pytest.raises(DataError, match="within a warmup of 60 steps"):
        read(path, warmup_steps=60)


def test_a_beginning_that_is_short_beside_the_run_needs_nothing(write):
    text = rates_csv([0.2] * 200)
    np.testing.assert_array_equal(read(write(text.replace("\n0,0.2,3.0", "\n19,0.2,3.0"))).rates, 0.2)
    with pytest.raises(DataError, match="begins at step 20 and does not say"):
        read(write(text.replace("\n0,0.2,3.0", "\n20,0.2,3.0")))


@pytest.mark.parametrize(("warmup", "begin"), [(ss.Linear(0.0, 0.2, 50), 0.0), (ss.Linear(0.004, 0.2, 49), 0.004)])
def test_first_rows_on_a_line_from_zero_are_the_warmup_whatever_warmup_steps_says(write, warmup, begin):
    plan = warmup >> ss.Constant(0.2)
    path = write(csv_of(AT[2:], plan, LOSSES[2:]))
    for warmup_steps in (None, 0, 20):
        rates = read(path, warmup_steps=warmup_steps).rates
        np.testing.assert_allclose(rates[:46], plan.sample(46), rtol=1e-9, atol=1e-12)
        assert rates[0] == pytest.approx(begin)


def test_a_warmup_that_is_logged_a_step_late_begins_at_zero_and_not_below(write):
    rows = "".join(f"{step},{min(0.004 * (step - 1), 0.2)!r},3.0\n" for step in range(10, 100, 5))
    rates = read(write("step,lr,loss\n" + rows)).rates
    assert (rates[0], rates.min()) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (ss.Cosine(0.0, 0.2, 90) >> ss.Constant(0.2), "its rates rise from the first row on"),
        (ss.Linear(0.1, 0.2, 90) >> ss.Constant(0.2), "its rates rise from the first row on"),
        (ss.Linear(0.2, 0.0, 100), "its rates fall from the first row on"),
    ],
)
def test_a_beginning_that_is_no_warmup_to_a_held_rate_needs_the_schedule(write, plan, words):
    path = write(csv_of(AT[6:], plan, LOSSES[6:]))
    with pytest.raises(DataError, match="begins at step 30 and does not say"):
        read(path)
    with pytest.raises(DataError, match=rf"after a warmup of 2 steps, but {words}; give the run's schedule"):
        read(path, warmup_steps=2)
    np.testing.assert_array_equal(read(path, schedule=plan).rates, plan.sample(96))


def test_a_decay_that_begins_before_the_first_row_is_followed_back_to_the_warmup(write):
    plan = ss.Linear(0.0, 0.2, 4) >> ss.Linear(0.2, 0.0, 95)
    path = write(csv_of(AT[2:], plan, LOSSES[2:]))
    np.testing.assert_allclose(read(path, warmup_steps=4).rates, plan.sample(96), atol=1e-12)


def test_a_decay_is_followed_back_over_at_most_two_intervals(write):
    plan = ss.Linear(0.2, 0.0, 100)
    path = write(csv_of(AT[6:], plan, LOSSES[6:]))
    np.testing.assert_allclose(read(path, warmup_steps=20).rates[20:], plan.sample(96)[20:], atol=1e-12)
    with pytest.raises(DataError, match="after a warmup of 19 steps, but its rates fall from the first row on"):
        read(path, warmup_steps=19)


def test_a_jump_after_the_first_row_does_not_lead_back_to_the_warmup(write):
    path = write("step,lr,loss\n50,0.2,3\n100,0.1,3\n150,0.1,3\n")
    np.testing.assert_array_equal(read(path, warmup_steps=0, jumps=[70]).rates, [0.2] * 70 + [0.1] * 81)


def test_a_warmup_within_the_first_interval_is_asked_for(write):
    path = write(rates_csv([0.0, 0.2, 0.2, 0.2]))
    with pytest.raises(DataError, match=r"changes from 0 at step 0 to 0\.2 at step 100; give the length of the warmup"):
        read(path)
    rates = read(path, warmup_steps=40).rates
    np.testing.assert_allclose(rates[:42], [*np.linspace(0.0, 0.2, 41), 0.2])
    np.testing.assert_allclose(read(path, warmup_steps=100).rates[:101], np.linspace(0.0, 0.2, 101))
    with pytest.raises(DataError, match=r"changes from 0 at step 0 to 0\.2 at step 100; give the length of the warmup"):
        read(path, warmup_steps=101)


def test_a_first_row_at_step_1_is_not_taken_for_a_part_of_a_warmup(write):
    path = write("step,lr,loss\n1,0.002,3\n101,0.202,3\n201,0.202,3\n")
    with pytest.raises(DataError, match=r"changes from 0\.002 at step 1 to 0\.202 at step 101; give the length of the"):
        read(path)


def test_warmup_steps_does_not_change_a_complete_log(write):
    path = write(csv_of())
    np.testing.assert_array_equal(read(path, warmup_steps=20).rates, read(path).rates)


# Jumps.


def test_a_jump_is_asked_about_and_placed_where_the_answer_says(write):
    path = write(DROP)
    words = r"changes from 0\.2 at step 10 to 0\.1 at step 20; if it jumps, .* such as jumps=\(20,\); else .*schedule="
    with pytest.raises(DataError, match=words):
        read(path)
    np.testing.assert_array_equal(read(path, jumps=[13]).rates, [0.2] * 13 + [0.1] * 18)


def test_the_question_about_a_jump_suggests_a_round_step(write):
    with pytest.raises(DataError, match=r"jumps=\(8000,\)"):
        read(write(rates_csv([0.3] * 81 + [0.1] * 9, every=99)))


@pytest.mark.parametrize(
    "rates",
    [
        [0.0, 0.1, 0.2, 0.2, 0.2],  # a warmup
        [0.2] * 5 + [0.15, 0.05, 0.0],  # a decay that begins and ends between rows
        [0.2] * 5 + [0.1, 0.0],
        [0.2] * 3 + [0.02, 0.002, 0.0002],  # an exponential decay
        [0.2, 0.2, 0.195, 0.19, 0.19],  # steps too small to matter
        [0.2] * 3 + [0.02, 0.002, 0.002, 2e-4, 2e-4],
        [*ss.OneMinusSqrt(0.2, 0.0, 5).sample(6)],
        [*ss.Cosine(0.2, 0.0, 5).sample(6)],
    ],
)
def test_a_steep_decay_is_no_jump(write, rates):
    curve = read(write(rates_csv([float(rate) for rate in rates])))
    np.testing.assert_allclose(curve.rates[::100], rates)
    np.testing.assert_allclose(curve.rates[50::100], np.add(rates[1:], rates[:-1]) / 2)


def test_a_last_rate_of_zero_is_not_smeared_over_the_interval_before(write):
    path = write(rates_csv([0.2] * 9 + [0.0]))
    with pytest.raises(DataError, match=r"changes from 0\.2 at step 800 to 0 at step 900"):
        read(path)
    np.testing.assert_array_equal(read(path, jumps=[900]).rates, [0.2] * 900 + [0.0])


def test_a_jump_between_near_rows_is_placed_at_the_later_one_and_noted(write):
    text = rates_csv([0.2] * 50 + [0.1] * 50)
    curve = read(write(text.replace("\n5000,", "\n4904,0.2,3.0\n4908,0.1,3.0\n5000,")))
    assert curve.notes == ("the rate changes from 0.2 at step 4,904 to 0.1 at step 4,908: it jumps there",)
    assert curve.rates[4906:4909].tolist() == [0.2, 0.2, 0.1]


@pytest.mark.parametrize(("last", "asked"), [(4000, False), (3999, True)])
def test_rows_are_near_within_a_thousandth_of_the_run(write, last, asked):
    path = write(f"step,lr,loss\n0,0.2,3\n2000,0.2,3\n2004,0.1,3\n{last},0.1,3\n")
    if asked:
        with pytest.raises(DataError, match=r"changes from 0\.2 at step 2,000 to 0\.1 at step 2,004; if it jumps"):
            read(path)
    else:
        assert read(path).rates[2002:2005].tolist() == [0.2, 0.2, 0.1]


def test_a_change_that_is_no_jump_is_not_named_as_the_largest(write):
    with pytest.raises(DataError) as caught:
        read(write(rates_csv([0.2, 0.199, 0.199])), jumps=[50])
    assert str(caught.value).endswith("the rows on both sides have about the same rate, or one side has no rows")


@pytest.mark.parametrize("jump", [5, 21, 31, 4000])
def test_a_jump_that_no_log_has_is_refused_with_the_largest_change(write, jump):
    words = f'does not jump at step {jump} in any log: .* between steps 10 and 20 of run "run"'
    with pytest.raises(DataError, match=words):
        read(write(DROP), jumps=[13, jump])


def test_two_jumps_between_the_same_rows_are_refused(write):
    with pytest.raises(DataError, match="no row between the jumps at 13 and 16, so the rate between them is unknown"):
        read(write(DROP), jumps=[13, 16])


def test_a_jump_in_one_of_several_logs_does_not_change_the_others(write):
    drop, smooth = write(DROP, "drop.csv"), write(csv_of())
    first, second = read_curves([drop, smooth], jumps=[13])
    assert first.rates[12] == 0.2
    np.testing.assert_array_equal(second.rates, read(smooth).rates)


# Schedules.


def test_a_schedule_gives_the_rates_that_a_log_lacks(write):
    np.testing.assert_array_equal(read(write("step,loss\n50,3.0\n99,2.0\n"), schedule=PLAN).rates, PLAN.sample(100))


def test_a_schedule_that_differs_from_the_logged_rates_is_refused(write):
    words = r"disagree at 19 of 20 rows: at step 5 the logged rate is 0\.1, and .* has 100"
    with pytest.raises(DataError, match=words):
        read(write(csv_of()), schedule=PLAN * 1000)
    *rows, _ = csv_of().splitlines()
    with pytest.raises(DataError, match=r"disagree at 1 of 20 rows: at step 95 the logged rate is 0\.1, and"):
        read(write("\n".join([*rows, "95,0.1,2.0"])), schedule=PLAN)


def test_a_log_that_is_one_step_late_or_rounded_agrees_with_its_schedule(write):
    rows = [f"{step},{PLAN(max(int(step) - 1, 0)):.3g},2.0" for step in AT]
    assert read(write("\n".join(["step,lr,loss", *rows])), schedule=PLAN).rates[50] == PLAN(50)
    early = [f"{step},{PLAN(min(int(step) + 1, 95))!r},2.0" for step in AT]
    assert read(write("\n".join(["step,lr,loss", *early])), schedule=PLAN).rates[50] == PLAN(50)


def test_logged_rates_may_differ_from_the_schedule_by_a_thousandth_of_its_peak(write):
    plan = ss.Linear(0.2, 0.0, 100)
    rows = [f"{step},{max(plan(int(step)) - 2e-4, 0.0)!r},2.0" for step in AT]
    assert read(write("\n".join(["step,lr,loss", *rows])), schedule=plan).rates[50] == plan(50)
    rows = [f"{step},{max(plan(int(step)) - 1.5e-3, 0.0)!r},2.0" for step in AT]
    with pytest.raises(DataError, match="log and schedule disagree"):
        read(write("\n".join(["step,lr,loss", *rows])), schedule=plan)


# Branches.

TRUNK = rates_csv([0.0, 0.1, 0.2, 0.2, 0.2])


@pytest.mark.parametrize("first", [210, 10])
def test_a_run_that_branches_from_another_has_the_rates_of_both(write, first):
    """Its steps may go on from the branch or begin again."""
    trunk = write(TRUNK, "trunk.csv")
    down = write("step,lr,loss\n" + "".join(f"{first + k},{0.2 - 0.001 * k},2.0\n" for k in range(0, 100, 10)), "d.csv")
    (curve,) = read_curves(down, after=(trunk, 200))
    assert curve.steps.tolist() == list(range(210, 310, 10))
    np.testing.assert_array_equal(curve.rates[:200], read(trunk).rates[:200])
    np.testing.assert_allclose(curve.rates[210:], 0.2 - 0.001 * np.arange(91))
    flat, _ = read_curves([trunk, down], after={"d": (trunk, 200)})
    np.testing.assert_array_equal(flat.rates, read(trunk).rates)


def test_a_branch_with_another_rate_jumps_at_the_branch(write):
    trunk, branch = write(TRUNK, "trunk.csv"), write("step,lr,loss\n350,0.05,2.9\n390,0.05,2.8\n", "low.csv")
    low, flat = read_curves([branch, trunk], after=(trunk, 300))
    assert low.rates[299:302].tolist() == [0.2, 0.05, 0.05]
    assert (flat.steps[-1], flat.rates[-1]) == (400, 0.2)


def test_a_branch_needs_one_run_that_is_long_enough(write):
    trunk, branch = write(TRUNK, "trunk.csv"), write("step,lr,loss\n900,0.05,2.9\n", "low.csv")
    with pytest.raises(ArgumentError, match="at a step of the log, at most 401, got 402"):
        read(branch, after=(trunk, 402))
    assert read(branch, after=(trunk, 401)).rates[399:402].tolist() == [0.2, 0.2, 0.05]
    two = write("run,step,lr,loss\na,0,0.1,3\na,1,0.1,3\nb,0,0.1,3\nb,1,0.1,3\n", "two.csv")
    with pytest.raises(ArgumentError, match="the log of one run, and this has 2"):
        read(branch, after=(two, 200))
    with pytest.raises(ArgumentError, match=r"the log of a run and a step, got 'trunk.csv'; write after=\("):
        read(branch, after="trunk.csv")
    with pytest.raises(ArgumentError, match="given for runs of the logs, got 'lo'; did you mean \"low\""):
        read(branch, after={"lo": (trunk, 200)})
    with pytest.raises(ArgumentError, match=r"after=\.\.\.\) must be a whole number of at least 1, got 0"):
        read(branch, after=(trunk, 0))
    with pytest.raises(ArgumentError, match=r"the log of a run and a step, got 'trunk\.csv'"):
        read(branch, after={"other": None, "low": "trunk.csv"})


def test_the_trunk_of_a_branch_is_read_with_the_same_options(write):
    trunk = write(rates_csv([0.4, 0.4, 0.2, 0.2]).replace("lr", "eta"), "trunk.csv")
    branch = write("step,eta,loss\n310,0.2,2.9\n320,0.2,2.8\n", "low.csv")
    (low, _) = read_curves([branch, trunk], after=(trunk, 300), lr="eta", jumps=[130])
    np.testing.assert_array_equal(low.rates, [0.4] * 130 + [0.2] * 191)
    (alone,) = read_curves(branch, after=(trunk, 300), lr="eta", jumps=[130])
    np.testing.assert_array_equal(alone.rates, low.rates)
    with pytest.raises(DataError, match=r"at step 230 in any log.*; it changes most between steps 100 and 200 of run"):
        read_curves(branch, after=(trunk, 300), lr="eta", jumps=[130, 230])


def test_the_steps_of_a_branch_begin_again_if_those_of_its_rates_do(write):
    """Although its losses begin later."""
    trunk = write(TRUNK, "trunk.csv")
    rows = "".join(f"{step},0.2,{2.0 if step >= 250 else ''}\n" for step in range(10, 300, 10))
    assert read(write("step,lr,loss\n" + rows, "low.csv"), after=(trunk, 200)).steps.tolist() == [*range(450, 500, 10)]


def test_a_problem_of_the_trunk_is_reported_once_for_all_its_branches(write):
    trunk = write(TRUNK.replace("lr", "eta"), "trunk.csv")
    branches = [write("step,lr,loss\n210,0.2,2.9\n220,0.2,2.8\n", f"{name}.csv") for name in "ab"]
    with pytest.raises(DataError, match=r"trunk\.csv has no column of rates") as caught:
        read_curves(branches, after=(trunk, 200))
    assert len(caught.value.problems) <= 1


def test_rates_that_are_rounded_too_roughly_are_only_taken_by_name(write):
    plan = ss.warmup_cosine(3e-4, 100, 1000)
    for every in (1, 10):
        path = write("step,lr,loss\n" + "".join(f"{at},{plan(at):.4f},3.0\n" for at in range(0, 1000, every)))
        with pytest.raises(DataError, match=r"seem to be rounded to 0\.0001; give the run's schedule with schedule="):
            read_curves(path)
        np.testing.assert_array_equal(read_curves(path, schedule=plan)[0].rates, plan(np.arange(1001 - every)))
    for levels, unit in (([0.3, 0.2, 0.1], ""), ([0.4, 0.3, 0.2, 0.1], "0.1")):  # three steps of one size are rounding
        path = write(rates_csv([rate for rate in levels for _ in range(3)], every=1))
        if unit:
            with pytest.raises(DataError, match=f"seem to be rounded to {unit};"):
                read_curves(path)
        else:
            assert read_curves(path)[0].rates[5] == 0.2
    fine = [0.2 - 0.001 * (row // 2) for row in range(40)]  # steps of half a percent are no rounding that matters
    assert read_curves(write(rates_csv(fine, every=1)))[0].rates[10] == fine[10]
    rows = [(row, 0.01 * min(row, 10)) for row in range(100)]  # a warmup of ten rows
    assert read_curves(write("step,lr,loss\n" + "".join(f"{at},{lr:g},3.0\n" for at, lr in rows)))[0].rates[5] == 0.05
