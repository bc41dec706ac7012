"""The updates of the rows of a log: what its steps count, rows that were logged again, and means."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import csv_of

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import ArgumentError, DataError

HORIZON = ss.Horizon(samples=1000, batch=10, epochs=10, accumulation=2, tokens_per_sample=50)  # 50 updates to an epoch


def read(path, **settings):
    (curve,) = read_curves(path, **settings)
    return curve


# Units.

KERAS = "epoch,accuracy,learning_rate,loss,val_loss\n0,0.5,0.2,3.0,3.1\n1,0.6,0.2,2.0,2.1\n2,0.7,0.1,1.5,1.9\n"


def test_means_over_epochs_are_placed_at_the_middle_of_their_epoch(write):
    curve = read(write(KERAS), horizon=HORIZON)
    assert curve.steps.tolist() == [24, 74, 124]
    np.testing.assert_array_equal(curve.rates, [0.2] * 100 + [0.1] * 25)
    assert curve.notes[1] == "50 updates to an epoch, numbered from 0"
    assert read(write(KERAS), horizon=HORIZON, loss="val_loss").steps.tolist() == [49, 99, 149]
    again = read(write(KERAS + "2,0.7,0.1,1.4,1.8\n"), horizon=HORIZON)
    assert (again.steps.tolist(), again.losses[-1]) == ([24, 74, 124], 1.4)


def test_epochs_numbered_from_one_are_those_that_are_done(write):
    text = KERAS.replace("\n2,", "\n3,").replace("\n1,", "\n2,").replace("\n0,", "\n1,")
    assert read(write(text), horizon=HORIZON).steps.tolist() == [24, 74, 124]


def test_the_history_of_keras_has_an_entry_for_each_epoch(write):
    history = {"loss": [3.0, 2.0], "val_loss": [3.0, 2.5], "learning_rate": [0.1, 0.1], "steps_per_second": [9, 9]}
    path = write(json.dumps(history), "history.json")
    assert read(path, horizon=HORIZON).steps.tolist() == [24, 74]
    with pytest.raises(DataError, match=r"counts epochs \(epoch\), not updates; .* with horizon=\.\.\."):
        read(path)


@pytest.mark.parametrize(
    ("name", "values", "last", "unit"),
    [
        ("epoch", [0.1, 0.2, 0.5], [4, 9, 24], "50 updates to an epoch"),
        ("epoch", [0.0, 0.2, 0.5], [9, 24], "50 updates to an epoch"),
        ("epoch", [1, 2, 3], [24, 74, 124], "50 updates to an epoch, numbered from 1"),
        ("consumed_samples", [20, 40, 60], [0, 1, 2], "20 samples to an update"),
        ("tokens", [1000, 2000, 5000], [0, 1, 4], "1,000 tokens to an update"),
        ("micro_step", [1, 3, 5], [0, 1, 2], "2 micro-batches to an update"),
        ("micro_step", [0, 2, 5], [0, 1, 2], "2 micro-batches to an update"),
    ],
)
def test_other_counts_become_updates_with_a_horizon_and_are_refused_without(write, name, values, last, unit):
    path = write(f"{name},lr,loss\n" + "".join(f"{value},0.1,3.0\n" for value in values))
    curve = read(path, horizon=HORIZON, warmup_steps=0)
    assert curve.steps.tolist() == last
    assert curve.notes == (f"step = {name}, lr = lr, loss = loss", unit)
    counts = {"consumed_samples": "samples", "micro_step": "micro-batches", "epoch": "epochs"}.get(name, name)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).endswith(
        f"run.csv counts {counts} ({name}), not updates; name the column of the updates with step=..., or give the "
        "size of an epoch and of a batch with horizon=..."
    )


def test_counts_of_samples_may_be_rounded_so_that_a_count_has_several_rates(write):
    rows = "".join(f"{count},0.{rate},3.0\n" for count, rate in ((20, 4), (20, 3), (38, 2), (38, 1)))
    path = write("consumed_samples,lr,loss\n" + rows)
    assert read(path, horizon=HORIZON, warmup_steps=0).steps.tolist() == [0, 1]


def test_tokens_need_the_tokens_of_a_sample(write):
    path = write("tokens,lr,loss\n1000,0.1,3.0\n2000,0.1,3.0\n")
    with pytest.raises(ArgumentError, match="tokens_per_sample"):
        read(path, horizon=ss.Horizon(samples=1000, batch=10, epochs=10))


def test_steps_that_begin_again_with_each_epoch_are_numbered_through(write):
    rows = [f"{epoch},{step},0.1,3.0" for epoch in (1, 2, 3) for step in range(0, 50, 10)]
    path = write("\n".join(["epoch,iter,lr,loss", *rows]) + "\n")
    assert read(path, horizon=HORIZON).steps.tolist() == list(range(0, 150, 10))
    assert read(path, horizon=HORIZON).notes[1] == "50 updates to an epoch"
    with pytest.raises(DataError, match="counts iter within each epoch, not updates"):
        read(path)
    path = write("epoch,iter,lr,loss\n3,40,0.1,3\n4,0,0.1,3\n4,10,0.1,3\n")  # the end of a log
    assert read(path, horizon=HORIZON, warmup_steps=0).steps.tolist() == [140, 150, 160]
    rows = [f"{epoch + step / 50},{step},0.1,3.0" for epoch in range(2) for step in range(0, 50, 10)]
    path = write("\n".join(["epoch,iter,lr,loss", *rows]) + "\n")
    assert read(path, horizon=HORIZON).steps.tolist() == list(range(0, 100, 10))


def test_steps_that_fall_back_within_an_epoch_were_resumed(write):
    curve = read(write("epoch,step,lr,loss\n0,0,0.1,4\n0,10,0.1,4\n0,20,0.1,4\n0,10,0.1,3\n0,30,0.1,2\n"))
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([0, 10, 30], [4.0, 3.0, 2.0])


def test_a_step_that_is_there_again_in_the_next_epoch_does_not_begin_again(write):
    curve = read(write("epoch,step,lr,loss\n0,0,0.1,4\n0,5,0.1,3\n1,5,0.1,2.5\n1,10,0.1,2\n"))
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([0, 5, 10], [4.0, 2.5, 2.0])


# Rows that were logged again.


def rows_csv(*rows):
    return "step,lr,loss\n" + "".join(f"{step},0.1,{loss}\n" for step, loss in rows)


def test_after_a_resume_the_later_rows_count(write):
    before = [(step, 4.0) for step in range(0, 200, 20)]
    again = [(step, 3.0) for step in range(110, 160, 20)]
    curve = read(write(rows_csv(*before, *again)))
    assert curve.steps.tolist() == [0, 20, 40, 60, 80, 100, 110, 130, 150]
    assert curve.losses.tolist() == [4.0] * 6 + [3.0] * 3
    assert curve.notes == ("steps 110 to 180 were logged again after a resume: the later rows count",)


def test_the_first_three_of_several_resumes_are_named(write):
    steps = [*range(0, 30, 10), *range(10, 50, 10), *range(30, 70, 10), *range(50, 90, 10), *range(70, 100, 10)]
    curve = read(write(rows_csv(*[(step, 3.0) for step in steps])))
    again = "steps 10 to 20, 30 to 40, 50 to 60 and 1 more"
    assert curve.notes == (f"{again} were logged again after a resume: the later rows count",)


def test_a_second_run_in_the_same_file_is_not_taken_for_a_resume(write):
    """But an attempt that was given up before, and begun again, is one."""
    run = [(step, 3.0) for step in range(0, 200, 20)]
    with pytest.raises(DataError, match="line 12: step begins again at 0, so these may be several runs; keep each in"):
        read(write(rows_csv(*run, *run)))
    with pytest.raises(DataError, match="may be several runs"):
        read(write(rows_csv(*run, *run[:5])))
    assert read(write(rows_csv(*run[:5], *run))).steps.size == 10


def test_an_attempt_that_came_nine_tenths_as_far_as_the_last_is_taken_for_another_run(write):
    def log(first):
        steps = [*range(first + 1), *range(101)]
        return write("step,lr,loss\n" + "".join(f"{step},0.1,3\n" for step in steps))

    assert read(log(89)).notes == ("steps 0 to 89 were logged again after a resume: the later rows count",)
    with pytest.raises(DataError, match="step begins again at 0, so these may be several runs; keep each in a file"):
        read(log(90))


def test_an_attempt_that_was_itself_resumed_is_as_long_as_it_came(write):
    steps = [*range(101), *range(50, 61), *range(101)]
    with pytest.raises(DataError, match="line 114: step begins again at 0, so these may be several runs"):
        read(write("step,lr,loss\n" + "".join(f"{step},0.1,3\n" for step in steps)))


def test_the_rows_of_a_resume_are_named_by_their_steps_among_rows_without_a_loss(write):
    curve = read(write("step,lr,loss\n0,0.1,\n5,0.1,4\n10,0.1,\n15,0.1,4\n20,0.1,4\n10,0.1,3\n"))
    assert curve.notes == ("steps 10 to 20 were logged again after a resume: the later rows count",)
    assert curve.steps.tolist() == [5, 10]


@pytest.mark.parametrize(("first", "steps"), [(40, [19, 44, 54]), (41, [35, 45, 55])])
def test_a_log_of_means_begins_late_after_more_than_four_times_its_largest_distance(write, first, steps):
    path = write(f"step,loss\n{first},3\n{first + 10},3\n{first + 20},3\n")
    assert read(path, means=True, schedule=ss.Constant(0.1)).steps.tolist() == steps


def test_a_single_mean_is_that_of_the_whole_run(write):
    assert read(write("step,loss\n40,3\n"), means=True, schedule=ss.Constant(0.1)).steps.tolist() == [19]


def test_the_last_of_several_values_of_a_step_counts(write):
    curve = read(write(rows_csv((0, 4.0), (5, 3.0), (5, 2.5), (6, 2.0))))
    assert curve.losses.tolist() == [4.0, 2.5, 2.0]
    assert curve.notes == ("1 steps have several values of loss: the last one counts",)
    assert read(write(rows_csv((0, 4.0), (5, 3.0), (5, 3.0)))).notes == ()


def test_rows_in_no_order_are_refused(write):
    with pytest.raises(DataError, match=r"line 3: step 8 comes after 9, and so on; sort the rows by their steps"):
        read(write(rows_csv(*[(step, 3.0) for step in range(9, -1, -1)])))
    half = read(write(rows_csv((5, 4.0), (4, 4.0), (3, 3.0), (8, 2.0))), warmup_steps=0)  # half of the steps remain
    assert half.steps.tolist() == [3, 8]


def test_rows_without_a_loss_and_rows_of_other_metrics_are_no_matter(write):
    text = "epoch,lr-AdamW,step,train_loss,val_loss\n,0.1,0,,\n0,,0,3.0,\n,0.1,9,,\n0,,9,2.0,\n0,,9,,2.5\n"
    curve = read(write(text))
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([0, 9], [3.0, 2.0])


# Means.


@pytest.fixture(scope="module")
def write_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("once") / "run.csv"

    def write_once(text):
        path.write_text(text)
        return path

    return write_once


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(0, 1))
def test_means_are_placed_at_the_middle_of_their_updates(write_once, distances, missing):
    """The missing beginning of a log does not count."""
    done = 1000 * missing + np.cumsum(distances)
    rows = [f"{step},0.1,{step}.0" for step in done]
    curve = read(write_once("\n".join(["step,lr,loss", *rows]) + "\n"), means=True, warmup_steps=0)
    np.testing.assert_array_equal(curve.losses, done)
    np.testing.assert_array_equal(curve.steps[1:], (done[:-1] + done[1:] - 1) // 2)
    if len(done) > 1 and missing:
        assert done[0] - max(distances) <= curve.steps[0] < done[0]
    if not missing and max(distances[1:], default=1) >= distances[0]:
        assert curve.steps[0] == (done[0] - 1) // 2


def test_a_row_before_the_first_update_has_no_mean(write):
    with pytest.raises(DataError, match=r"a row at step 0, before any update.* read it with means=False"):
        read(write(csv_of()), means=True)
    records = [{"current_steps": done, "total_steps": 9, "loss": 3.0, "lr": 0.1} for done in range(9)]
    assert read(write("\n".join(map(json.dumps, records)), "log.jsonl")).steps.tolist() == list(range(8))


def test_the_trainer_of_transformers_logs_means_and_ends_with_one_over_the_whole_run(tmp_path):
    log = [
        {"step": step, "loss": 3.0, "learning_rate": 1e-3 * (1 - step / 100), "epoch": 1.0} for step in range(1, 100)
    ]
    last = [{"step": 99, "eval_loss": 2.0, "epoch": 1.0}, {"step": 99, "train_runtime": 9.0, "train_loss": 3.0}]
    folder = tmp_path / "my-run" / "checkpoint-99"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log + last, "max_steps": 100}))
    curve = read(folder / "trainer_state.json")
    assert (curve.name, curve.steps.tolist()) == ("my-run", list(range(99)))
    assert read(folder / "trainer_state.json", loss="eval_loss").steps.tolist() == [98]


# Rows of which a log has too many.


def test_several_rows_to_an_epoch_do_not_say_their_updates(write):
    text = "".join(f"Epoch: [{row // 4}][{row % 4 * 10:3d}/40] Loss {3 - row / 10}\n" for row in range(12))
    with pytest.raises(DataError, match=r"several rows to an epoch \(Epoch\); name the column of the updates with"):
        read(write(text, "run.log"), horizon=HORIZON, schedule=ss.Constant(0.1))
    with pytest.raises(DataError, match=r"several rows to an epoch \(epoch\); .*, or keep one row of each epoch"):
        read(write("epoch,lr,loss\n0,0.1,3\n0,0.1,3\n1,0.1,3\n1,0.1,3\n"), horizon=HORIZON)


def test_interleaved_runs_are_not_taken_for_one(write):
    text = "".join(f"{step},{name},{lr},3.0\n" for step in range(9) for name, lr in (("adam", step), ("sgd", 2 * step)))
    with pytest.raises(DataError, match=r"line 5: step 1 has several rates, so these may be several runs; keep each"):
        read(write("step,optimizer,lr,loss\n" + text))


def test_rows_about_held_out_data_are_left_out(write):
    rows = "".join(f"{step},train,0.1,3.0\n{step},val_small,,4.0\n{step},test,,4.0\n" for step in range(9))
    curve = read(write("step,split,lr,loss\n" + rows))
    assert curve.losses.tolist() == [3.0] * 9
    assert curve.notes == ("rows of split test, val_small are left out",)
