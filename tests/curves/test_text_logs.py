"""Rows of names and numbers among the other lines of a text log."""

import numpy as np
import pytest

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.curves.text_logs import is_text_log, read_text_log
from stepsize.errors import DataError

NAN, INF = np.nan, np.inf
LOGS = {
    "separators": (
        "step 0 loss 3 lr=0.1\nstep: 1, loss: 2, lr: .1\nstep=2|loss=1.5e0|lr=1e-1\n"
        "{'step': 3, 'loss': '1', \"lr\": 0.1}",
        {"step": [0, 1, 2, 3], "loss": [3, 2, 1.5, 1], "lr": [0.1] * 4},
    ),
    "totals, thousands, units and brackets": (
        "Epoch [1/3], Step [1,200/9,999], Loss: 3.0, tokens 1,234,567, memory: 9.5GiB(64.9%), 10.5ms (0.2s)\n",
        {"Step": [1200], "Epoch": [1], "Loss": [3], "tokens": [1234567], "memory": [9.5]},
    ),
    "times, levels and sources": (
        "2025-01-01 10:00:00,123 INFO step 0 loss 3\n[12:30:01][a.b][WARNING] - step 1 loss 2\n"
        "DEBUG:root:step 2 loss 1\n",
        {"step": [0, 1, 2], "loss": [3, 2, 1]},
    ),
    "versions, dates and amounts": ("step 1 torch 2.6.0 day 2025-01-01 size 12k loss 3\n", {"step": [1], "loss": [3]}),
    "a step on two lines": (
        "step 0 loss 3\nstep 0 lr 0.1\nstep 5 loss 2\nstep 5 lr 0.2\nstep 5 loss 1\n",
        {"step": [0, 5, 5], "loss": [3, 2, 1], "lr": [0.1, 0.2, NAN]},
    ),
    "indented lines": (
        "[step=1/9]\n    loss=3\n    lr (group 0)=0.1\nother=1\n2025-01-01T10:00:00.123Z     norm=2\nbatches=3\n",
        {"step": [1], "loss": [3], "lr (group 0)": [0.1], "norm": [2]},
    ),
    "validation": (
        "step 0 loss 3 eval loss 4\nvalid step 0 loss 5\n  accuracy 0.5\nstep 1 loss 2\ntest loss 9\n",
        {"step": [0, 1], "loss": [3, 2], "eval loss": [4, NAN]},
    ),
    "marked validation": (
        "train: step 0 loss 3\nval: step 0 loss 9\n[valid] step 0 loss 9\nstep 0 | Eval | loss 9\n"
        "step 1 loss 2 val: n/a\nstep 2 loss 1 | test: loss 9\n"
        "Results:\n  loss 9\nval: step 2\n  loss 9\n",
        {"step": [0, 1, 2], "loss": [3, 2, 1]},
    ),
    "words that look like numbers": (
        "step 0 nan steps: 0 loss nan lr: inf infinity 1\n",
        {"step": [0], "nan steps": [0], "loss": [INF], "lr": [INF], "infinity": [1]},
    ),
    "progress bars and colours": (
        "  0%|   | 0/9 [00:00<?, ?it/s]\r 50%|## | 4/9 [00:01<00:01, 4.00it/s]\x1b[32mstep 4\x1b[0m loss: \x1b[1m3\r",
        {"step": [4], "loss": [3]},
    ),
    "ends of epochs": ("step 0 loss 3\nEpoch 1: loss 2.5\nstep 1 loss 2\n", {"step": [0, 1], "loss": [3, 2]}),
    "epochs alone": ("Epoch 1: loss 3\nEpoch 2: loss 2\n", {"Epoch": [1, 2], "loss": [3, 2]}),
    "steps of epochs": (
        "epoch 0 iter 0/5 loss 4\nepoch 0 iter 4/5 loss 3\nepoch 1 iter 0/5 loss 2\n",
        {"iter": [0, 4, 5], "epoch": [0, 0, 1], "loss": [4, 3, 2]},
    ),
    "steps of later epochs": (
        "epoch 3 iter 4/5 loss 4\nepoch 4 iter 0/5 loss 3\n",
        {"iter": [14, 15], "epoch": [3, 4], "loss": [4, 3]},
    ),
    "steps that no run has": (
        "step: 1e400 loss 4\nstep: 1e200 loss 4\nstep 1 loss 3\n",
        {"step": [1], "loss": [3]},
    ),
    "a resume": ("step 4/9 loss 3\nstep 2/9 loss 2\n", {"step": [4, 2], "loss": [3, 2]}),
    "a key twice": ("step 1 loss 3 loss 4\n  loss 5\n", {"step": [1], "loss": [3]}),
    "lines without a number but the step": ("resuming from step 7\nstep 7 loss 3\n", {"step": [7], "loss": [3]}),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_rows_of_a_text_log(write, name):
    text, columns = LOGS[name]
    assert is_text_log(text)
    (table,) = read_text_log(write(text, "run.log"))
    assert table.name == "run"
    assert {*table.columns} == {*columns}
    for key, values in columns.items():
        np.testing.assert_array_equal(table.columns[key], values, err_msg=key)


def test_the_rank_with_the_losses_counts(write):
    lines = [f"[rank{rank}]:step {step} loss {loss}\n" for step in (0, 1) for rank, loss in ((0, -1), (1, 3 - step))]
    (table,) = read_text_log(write("".join(lines), "run.log"))
    assert table.columns["loss"].tolist() == [3, 2]
    (table,) = read_text_log(write("0: step 0 loss 3\n1: step 0 loss 2\n", "run.log"))
    assert table.columns["loss"].tolist() == [3]
    assert table.notes == ("the lines of rank 0 count, and those of 1 other rank are left out",)
    lines = [f"{rank}: step {step} loss 3\n" for step in range(3) for rank in range(3) if step == 0 or rank == 1]
    (table,) = read_text_log(write("".join(lines), "run.log"))
    assert table.notes == ("the lines of rank 1 count, and those of 2 other ranks are left out",)


def test_a_training_loss_comes_before_that_on_validation_data(write):
    lines = "".join(f"step {step}: train loss 3.{step}, val loss 4.{step}\n" for step in range(3))
    (table,) = read_text_log(write(lines, "run.log"))
    assert table.loss == "train loss"


@pytest.mark.parametrize("text", ["", "loss 3 lr 0.1\n", "step 100\n", "step 1 accuracy 0.5\n", "step,loss\n0,3\n"])
def test_other_texts_are_no_logs(write, text):
    assert not is_text_log(text)
    with pytest.raises(DataError, match="no rows with a step and a loss"):
        read_text_log(write(text, "run.log"))


def test_of_two_counts_in_a_line_one_must_be_named(write):
    """As in the output of LitGPT, where the first counts micro-batches."""
    path = write("".join(f"iter {4 * step} step {step} | loss {9 - step} lr 0.1\n" for step in range(4)), "run.log")
    with pytest.raises(DataError, match='several columns of steps: "iter", "step"; name one with step='):
        read_curves(path)
    (curve,) = read_curves(path, step="step")
    assert curve.steps.tolist() == [0, 1, 2, 3]


def test_fairseq_logs_json_too(write):
    """Its "update" counts epochs."""
    line = '| INFO | train_inner | {{"epoch": 1, "update": {}, "loss": "3", "num_updates": "{}", "lr": "0.1"}}\n'
    path = write("".join(line.format(done / 500, done) for done in (1, 3, 5)), "run.log")
    (curve,) = read_curves(path)
    assert curve.steps.tolist() == [0, 1, 3]


def test_rates_with_few_decimals_are_taken_if_they_are_large(write):
    """OLMo prints four: too few beside a peak of 3e-4, and enough beside one of 0.1, although it begins at 0."""
    row = "[step={0}/9,epoch=0]\n    train/CrossEntropyLoss={1}\n    optim/LR (group 0)={2}\n"
    lines = "".join(row.format(done, 4 - done, rate) for done, rate in ((1, "0.0000"), (2, "0.0500"), (3, "0.1000")))
    (curve,) = read_curves(write(lines, "run.log"))
    assert curve.rates.tolist() == [0.0, 0.05, 0.1]


@pytest.mark.parametrize(
    ("tool", "row"),
    [
        ("OLMo", "[step={0}/9,epoch=0]\n    train/CrossEntropyLoss={1}\n    optim/LR (group 0)={2}\n"),
        (
            "Composer",
            "[epoch=1][batch={0}/9]:\n\t Train time/batch: {0}\n"
            "\t Train loss/train/total: {1}\n\t Train lr-A/group0: {2}\n",
        ),
    ],
)
def test_four_decimals_are_enough_for_rates_of_at_least_a_two_hundredth(write, tool, row):
    def log(rate):
        return write("".join(row.format(done, 4 - done, rate) for done in (1, 2, 3)), "run.log")

    (curve,) = read_curves(log("0.0051"), warmup_steps=0)
    assert {*curve.rates.tolist()} == {0.0051}
    with pytest.raises(DataError, match=f"{tool} prints only 4 decimals of its rates in .*run.log; give the run's"):
        read_curves(log("0.0049"))


def test_what_fairseq_prints_about_an_epoch_is_left_out(write):
    inner = "| INFO | train_inner | epoch 001: {0} / 50 loss={1}, num_updates={0}, lr=0.1\n"
    train = "| INFO | train | epoch 001 | loss 9 | wps 1000 | num_updates 5 | lr 0.1\n"
    valid = "| INFO | valid | epoch 001 | valid on 'valid' subset | loss 9 | num_updates 5 | best_loss 9\n"
    text = inner.format(1, 3) + inner.format(3, 2) + inner.format(5, 1) + train + valid
    (curve,) = read_curves(write(text, "run.log"))
    assert curve.losses.tolist() == [3, 2, 1]


@pytest.mark.parametrize("more", ["", "\tValidation Loss"])
def test_the_table_that_transformers_shows_in_a_notebook_has_means(write, more):
    rows = "".join(f"{done}\t{loss}{more and chr(9)}{more and 2.5}\n" for done, loss in ((10, 3.0), (20, 2.0)))
    (curve,) = read_curves(write(f"Step\tTraining Loss{more}\n{rows}"), schedule=ss.Constant(0.1))
    assert curve.steps.tolist() == [4, 14]


@pytest.mark.parametrize(("length", "read"), [(4096, True), (4097, False)])
def test_a_line_is_read_up_to_its_4096th_character(write, length, read):
    line = "step 1 loss 3".ljust(length - 6) + "norm 2"
    (table,) = read_text_log(write(line, "run.log"))
    assert ("norm" in table.columns) == read


def test_the_64_most_frequent_numbers_are_columns(write):
    names = [a + b for a in "abcdefgh" for b in "abcdefgh"]
    rows = [f"step {step} loss 3 " + " ".join(f"{name} 1" for name in names) for step in range(2)]
    (table,) = read_text_log(write("\n".join(rows), "run.log"))
    assert {*table.columns} == {"step", "loss", *names[:62]}
