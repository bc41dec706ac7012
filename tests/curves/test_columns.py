"""Which columns of a log are the steps, the rates and the losses."""

import json

import pytest

from stepsize.curves import read_curves
from stepsize.curves.column_names import is_held_out, loss_rank, rate_rank, step_rank, unit_of
from stepsize.errors import DataError


def log(write, names, rows=((0, 0.3, 4.0), (2, 0.2, 3.0), (4, 0.1, 2.5)), name="run.csv"):
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    return write("\n".join(lines) + "\n", name)


STEPS = [
    "step", "Step", "_step", "global_step", "trainer/global_step", "train/global_step", "iter", "Iteration",
    "iters", "update", "n_updates", "current_steps", "train_step", "optimizer_step", "batch_idx", "n_iter", "it",
]  # fmt: skip
RATES = [
    "lr", "LR", "learning_rate", "Learning Rate", "learning-rate", "learningRate", "rate", "lr-AdamW", "lr-AdamW/pg1",
    "train/lr", "train/learning_rate", "optim/learning_rate_group0", "lr_0", "current_lr",
]  # fmt: skip
LOSSES = [
    "loss", "Loss", "train_loss", "train/loss", "Training Loss", "trainLoss", "trainloss", "loss/train",
    "lm loss", "lm_loss", "CrossEntropyLoss", "loss/train/total", "train_loss_step", "ce", "nll", "val_loss",
    "eval/loss", "losses", "my special loss", "Value",
]  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        *[(step, "lr", "loss") for step in STEPS],
        *[("step", lr, "loss") for lr in RATES],
        *[("step", "lr", loss) for loss in LOSSES],
    ],
    ids=str,
)
def test_usual_names_are_known(write, names):
    (curve,) = read_curves(log(write, names))
    assert (curve.steps.tolist(), curve.losses.tolist(), curve.rates[0]) == ([0, 2, 4], [4.0, 3.0, 2.5], 0.3)
    said = ", ".join(f"{word} = {name}" for word, name in zip(("step", "lr", "loss"), names, strict=True))
    assert curve.notes == (() if names == ("step", "lr", "loss") else (said,))


CHOICES = [
    (["train_loss", "val_loss"], "train_loss"),
    (["eval/loss", "train/loss"], "train/loss"),
    (["loss", "val_loss", "aux_loss", "loss_scale"], "loss"),
    (["train_loss_step", "train_loss_epoch"], "train_loss_step"),
    (["train/z_loss", "train/ce_loss"], "train/ce_loss"),
    (["loss", "lm loss"], "loss"),
    (["loss scale", "lm loss"], "lm loss"),
    (["best_val_loss", "val_loss"], "val_loss"),
    (["Value", "my special val_loss"], "my special val_loss"),
]


@pytest.mark.parametrize(("names", "chosen"), CHOICES, ids=str)
def test_the_training_loss_comes_first(write, names, chosen):
    rows = [[step, 0.1, *(1.0 + step + place for place in range(len(names)))] for step in range(3)]
    (curve,) = read_curves(log(write, ["step", "lr", *names], rows))
    assert curve.losses[0] == 1.0 + names.index(chosen)


def test_the_updates_come_before_other_counts(write):
    names = ["epoch", "_step", "tokens", "trainer/global_step", "lr", "loss", "max_lr", "tokens_per_sec"]
    rows = [[0.1 * k, k, 1000 * k, 7 * k, 0.1, 3.0, 0.5, 9] for k in range(4)]
    (curve,) = read_curves(log(write, names, rows))
    assert curve.steps.tolist() == [0, 7, 14, 21]
    assert curve.notes == ("step = trainer/global_step, lr = lr, loss = loss",)


AMBIGUOUS = [
    (
        ["step", "lr", "train_ce", "train_nll"],
        'several columns of losses: "train_ce", "train_nll"; name one with loss=\'train_ce\'',
    ),
    (["step", "lr-a/pg1", "lr-a/pg2", "loss"], 'several columns of rates: "lr-a/pg1", "lr-a/pg2"; name one with lr='),
    (["step", "iteration", "lr", "loss"], 'several columns of steps: "step", "iteration"; name one with step='),
    (["step", "lr", "loss", "loss"], r'several columns of losses: "loss", "loss \(column 4\)"; name one'),
    (["step", "lr", "loss", "loss.1"], r'several columns of losses: "loss", "loss\.1"'),
]


@pytest.mark.parametrize(("names", "words"), AMBIGUOUS, ids=str)
def test_columns_that_are_equally_likely_are_refused(write, names, words):
    rows = [[k + place for place in range(4)] for k in range(3)]
    with pytest.raises(DataError, match=words):
        read_curves(log(write, names, rows))


def test_columns_of_different_rows_are_no_copies(write):
    rows = [[0, 0.1, 3.0, ""], [1, 0.1, "", 2.0], [2, 0.1, 3.0, ""], [3, 0.1, "", 2.0]]
    with pytest.raises(DataError, match='several columns of losses: "loss", "train/loss"'):
        read_curves(log(write, ["step", "lr", "loss", "train/loss"], rows))


def test_a_column_of_words_is_no_copy_of_one_of_numbers(write):
    rows = [[0, 0.1, 3.0, "low"], [1, 0.1, 2.0, "lower"]]
    with pytest.raises(DataError, match='several columns of losses: "train_ce", "train_nll"; name one with loss='):
        read_curves(log(write, ["step", "lr", "train_ce", "train_nll"], rows))


def test_columns_with_equal_values_need_no_choice(write):
    rows = [[k, k, 0.1, 0.1, 3.0] for k in range(3)]
    (curve,) = read_curves(log(write, ["step", "iteration", "lr-a/pg1", "lr-a/pg2", "loss"], rows))
    assert curve.notes == ("step = step, lr = lr-a/pg1, loss = loss",)


def test_of_columns_with_equal_values_the_fullest_is_read(write):
    rows = [[0, 0.1, 3.0, 3.0], [1, 0.1, "", 2.5], [2, 0.1, 2.0, 2.0]]
    (curve,) = read_curves(log(write, ["step", "lr", "loss", "train/loss"], rows))
    assert curve.losses.tolist() == [3.0, 2.5, 2.0]


def test_a_column_that_is_named_comes_first(write):
    path = log(write, ["step", "lr", "train/ce", "train/nll"], [[k, 0.1, 3.0 + k, 4.0 + k] for k in range(3)])
    for name in ("train/nll", "nll", "NLL"):
        (curve,) = read_curves(path, loss=name)
        assert curve.losses[0] == 4.0
    with pytest.raises(DataError, match='no column "bpb"; it has "step", "lr", "train/ce", "train/nll"; name it with'):
        read_curves(path, loss="bpb")


def test_a_column_with_one_value_is_no_candidate_beside_one_with_more(write):
    rows = [[0, 0.1, 3.0, ""], [1, 0.1, 2.0, ""], [2, "", "", 2.5]]  # transformers' mean over the whole run
    (curve,) = read_curves(log(write, ["step", "lr", "train/loss", "train/train_loss"], rows))
    assert curve.losses.tolist() == [3.0, 2.0]


def test_a_count_of_batches_comes_before_that_of_what_was_sent_to_weights_and_biases(write):
    path = log(write, ["_step", "batch", "lr", "loss"], [[k, 3 * k, 0.1, 3.0] for k in range(4)])
    assert read_curves(path)[0].steps.tolist() == [0, 3, 6, 9]


def test_steps_may_lack_in_half_of_the_rows_but_not_in_more(write):
    half = "step,global_step,lr,loss\n0,0,0.1,3\n1,,0.1,3\n2,7,0.1,3\n3,,0.1,3\n"
    assert read_curves(write(half))[0].steps.tolist() == [0, 7]
    assert read_curves(write(half.replace("2,7", "2,")))[0].steps.tolist() == [0, 1, 2, 3]


def test_the_rate_comes_before_that_of_a_part(write):
    path = log(write, ["step", "encoder_lr", "lr", "loss"], [[k, 0.5, 0.1, 3.0] for k in range(4)])
    assert read_curves(path)[0].peak_lr == 0.1


MISSING = [
    (
        "a,b,c,d,e,f,g,step,lr\n0,0,0,0,0,0,0,0,0.1\n",
        {},
        'it has "a", "b", "c", "d", "e", "f", "g", "step", "lr"; name',
    ),
    ("step,rate of lr,loss\n0,0.1,3\n", {"lr": "zzz"}, "name it with lr='rate of lr', or give"),
    ("a,b,c\n0,0.1,3\n", {}, r'(?s)no column of steps.*name it with step=\.\.\..*no column of losses; it has "a", "b"'),
    ("step,rate\n0,1\n", {}, r'no column of losses; it has "step", "rate"; name it with loss=\.\.\.'),
    (
        "step,eta0,loss\n0,1,3\n",
        {},
        r"no column of rates; .* lr=\.\.\., or give the run.s schedule with schedule=\.\.\.",
    ),
    ("stp,lr,loss\n0,0.1,3\n", {}, "no column of steps; .*; name it with step='stp'"),
    ("step,lr,loss\n0,0.1,three\n", {}, "line 2: loss is not a number: 'three'"),
    ("step,lr,loss\n0,high,3\n", {}, "line 2: lr is not a number: 'high'"),
    ("step,lr,loss\n0,0.1,\n", {}, 'no values in "loss"'),
    ("step,lr,loss\n0,0.1,nan\n1,0.1,nan\n", {}, 'no values in "loss"'),
    ("Unnamed: 0,step,lr,loss\n0,0,0.1,3\n", {"loss": "bpb"}, 'it has "step", "lr", "loss"; name'),
    ("step,lr,loss\n,0.1,3\n", {}, 'no column of steps; it has "step"'),
    ("Relative Time (Process),lr,loss\n10,0.1,3\n", {"step": "time"}, 'no column "time"; it has "Relative Time'),
    ("step,lr,loss\n0.5,0.1,3\n", {}, "line 2: step must be a whole number of at least 0, got 0.5"),
    ("step,lr,loss\n-1,0.1,3\n", {}, "got -1"),
    ("consumed_samples,lr,loss\n-1,0.1,3\n", {}, "line 2: consumed_samples must be at least 0, got -1"),
    ("step,lr,loss\ninf,0.1,3\n", {}, "got inf"),
    ("step,lr,loss\n1e300,0.1,3\n", {}, r"got 1e\+300"),
    ("step,lr,loss\n0,0.1,3\n5e9,0.1,3\n", {}, "step 5000000000, which is more updates .* tokens"),
    ("step,lr,loss\n0,0.1,3\n5,0.1,nan\n", {}, "line 3: loss is not finite at step 5: the run diverged; leave out"),
    ("step,lr,loss\n0,0.1,3\n5,inf,2\n", {}, "line 3: lr is not finite"),
    ("step,lr,loss\n0,-0.1,3\n", {}, "at least 0, got -0.1"),
    ("step,lr,loss\n0,0.1,-3\n", {}, "positive and finite"),
]


@pytest.mark.parametrize(("text", "settings", "words"), MISSING, ids=range(len(MISSING)))
def test_columns_that_are_missing_or_wrong_are_refused(write, text, settings, words):
    with pytest.raises(ValueError, match=words):
        read_curves(write(text), **settings)


def test_the_problems_of_all_files_are_reported_together(write):
    first, second = write("step,lr,loss\n0,0.1,three\n", "a.csv"), write("epoch,lr,loss\n0,0.1,3\n", "b.csv")
    third = write(json.dumps([{"step": 0, "loss": 3.0}]), "c.json")
    with pytest.raises(
        DataError, match=r"(?s)a\.csv, line 2: loss is not.*b\.csv counts epochs.*c\.json has no column"
    ):
        read_curves([first, second, third])


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("global_step", "updates"), ("epoch", "epochs"), ("train/epoch", "epochs"), ("consumed_samples", "samples"),
        ("num_examples", "samples"), ("tokens_seen", "tokens"), ("micro_step", "micro-batches"), ("t", "updates"),
        ("time_step", "updates"), ("wall_time", "time"),
    ],
)  # fmt: skip
def test_the_unit_of_steps_is_known_by_name(name, unit):
    assert unit_of(name) == unit


STEP_RANKS = {
    0: "global_step trainer/global_step global_steps",
    1: "optimizer_step optim_step num_updates n_updates update",
    2: "step steps iter iteration it iters iterations cur_iter current_step completed_steps step_idx step_index "
    "step_no step_number train_step training_step trn_step tr_step trainer_step step.1",
    3: "batch batches batch_idx num_batches",
    4: "_step",
    5: "batch_iteration",
    6: "epoch epochs tokens consumed_tokens tokens_seen processed_samples num_examples total_tokens trained_tokens "
    "cumulative_tokens microbatch micro_batches micro_step microsteps",
    None: "lr loss grad_norm wall_time time seconds sec minutes hours timestamp runtime step_time epoch_step",
}
RATE_RANKS = {
    0: "lr LR learning_rate learningRate lrate lrs rate rates train/lr optim/lr optimizer_lr opt_lr current_lr cur_lr "
    "scheduler/lr lr_schedule",
    1: "lr_0 encoder_lr lr-AdamW/pg1 learning_rate_group0",
    None: "min_lr max_lr base_lr peak_lr init_lr initial_lr target_lr final_lr end_lr lr_scale lr_mult lr_multiplier "
    "lr_ratio lr_decay lr_factor warmup_lr dropout_rate learning loss",
}
LOSS_RANKS = {
    0: "loss losses Loss train_loss trainloss training_loss trainer/loss trn_loss tr_loss",
    1: "lm_loss ce_loss cross_entropy_loss xent nll mlm_loss language_model_loss total_loss mean_loss avg_loss "
    "average_loss reduced_loss loss_step loss_iter loss_batch main_loss entropy",
    2: "loss_epoch train_loss_epoch mean_loss_epoch",
    3: "val_loss valid_loss validation_loss eval/loss evaluation_loss test_loss dev_loss valloss validloss evalloss "
    "testloss",
    4: "val_ce_loss test_nll",
    5: "val_loss_epoch",
    6: "special_loss special_val_loss",
    9: "Value",
    None: "loss_scale loss_scaler loss_weight best_loss min_loss lowest_loss loss_std loss_coef z_loss aux_loss "
    "accuracy value_loss_scale",
}


def ranked(ranks):
    return [(name, rank) for rank, names in ranks.items() for name in names.split()]


@pytest.mark.parametrize(("name", "rank"), ranked(STEP_RANKS))
def test_names_of_steps_have_ranks(name, rank):
    assert step_rank(name, whole=True) == rank
    assert step_rank(name, whole=False) == (5 if rank in (0, 1, 2, 3, 4, 5) else rank)


@pytest.mark.parametrize(("name", "rank"), ranked(RATE_RANKS))
def test_names_of_rates_have_ranks(name, rank):
    assert rate_rank(name) == rank


@pytest.mark.parametrize(("name", "rank"), ranked(LOSS_RANKS))
def test_names_of_losses_have_ranks_and_say_whether_their_samples_are_held_out(name, rank):
    assert loss_rank(name) == rank
    assert is_held_out(name) == (rank in (3, 4, 5) or name == "special_val_loss")
