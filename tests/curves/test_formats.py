"""Samples of the logs of many tools, which are all logs of one made-up run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import DataError

FORMATS = Path(__file__).parent / "formats"
UPDATES = np.arange(100)
PLAN = ss.Linear(0.0, 6e-4, 40) >> ss.Cosine(6e-4, 6e-5, 60)
LOSSES = 3.0 + 8.0 / (1.0 + UPDATES / 5.0)


@dataclass(frozen=True)
class Rows:
    """The rows of a sample: at which updates their losses are, and which updates' rates they have."""

    steps: np.ndarray
    losses: np.ndarray
    rates_at: np.ndarray
    rates_of: np.ndarray


EVERY = Rows(UPDATES, LOSSES, UPDATES, UPDATES)
"""A row for each update, numbered by its index or by the updates done."""
TENTH = np.arange(0, 100, 10)
INDEX = Rows(TENTH, LOSSES[TENTH], TENTH, TENTH)
"""A row has the index of the update."""
DONE = np.array([0, *(TENTH + 9)])
LAST = Rows(DONE, LOSSES[DONE], DONE, DONE)
"""A row has the number of updates done, after the first and every tenth."""
LAST_10 = Rows(TENTH + 9, LOSSES[TENTH + 9], TENTH + 9, TENTH + 9)
"""The same, but for the first."""
MEANS = Rows(TENTH + 4, LOSSES.reshape(10, 10).mean(axis=1), TENTH + 9, TENTH + 9)
"""A row has the number of updates done, and the mean loss since the row before."""
NEXT = Rows(MEANS.steps, MEANS.losses, TENTH + 9, TENTH + 10)
"""The same, but it has the rate of the next update."""
COUNTED = Rows(TENTH + 10, LOSSES[TENTH + 9], TENTH + 10, TENTH + 9)
"""A row of an unknown tool that numbers its updates from 1, which nobody can know."""
BITS = Rows(MEANS.steps, MEANS.losses / np.log(2.0), TENTH + 9, TENTH + 9)

COMPLETE = [
    ("plain.csv", INDEX),
    ("decimal-commas.csv", INDEX),
    ("tabs.tsv", INDEX),
    ("blanks.txt", INDEX),
    ("bom.csv", INDEX),
    ("comments.csv", INDEX),
    ("packed.csv.gz", INDEX),
    ("capitals.csv", INDEX),
    ("index.csv", INDEX),
    ("two-runs.csv", INDEX),
    ("resumed.csv", INDEX),
    ("arrays.npz", INDEX),
    ("history.jsonl", INDEX),
    ("lightning_logs/version_0/metrics.csv", INDEX),
    ("wandb-history.csv", NEXT),
    ("wandb/run-20200101_100000-ab12cd34/wandb-history.jsonl", INDEX),
    ("wandb/offline-run-20250201_100000-ab12cd34/run-ab12cd34.wandb", INDEX),
    ("wandb/run-20250101_100000-ef56ab78/files/output.log", INDEX),
    ("transformers/checkpoint-100/trainer_state.json", NEXT),
    ("llamafactory/trainer_log.jsonl", NEXT),
    ("megatron.log", NEXT),
    ("megatron-2019.log", NEXT),
    ("llmc-main.log", EVERY),
    ("llmc-console.log", EVERY),
    ("fairseq.log", BITS),
    ("plain.log", INDEX),
    ("hydra.log", INDEX),
    ("epochs-and-steps.log", COUNTED),
    ("resumed.log", INDEX),
    ("powershell.log", INDEX),
]
"""Samples from which steps, rates and losses are read without options."""
WITHOUT_RATES = [
    ("wandb-panel.csv", INDEX),
    ("nanogpt.log", INDEX),
    ("modded-nanogpt.txt", LAST_10),
    ("torchtitan.log", LAST),
    ("olmo.log", LAST),
    ("olmo-core.log", LAST),
    ("composer.log", LAST),
    ("composer-epochs.log", LAST),
    ("composer-tokens.log", LAST),
]
"""Samples that have no rates, or too roughly rounded ones."""


def check(path, rows, **settings):
    for curve in read_curves(FORMATS / path, **settings):
        np.testing.assert_array_equal(curve.steps, rows.steps)
        np.testing.assert_allclose(curve.losses, rows.losses, rtol=1e-3)
        at = rows.rates_at[rows.rates_at < curve.rates.size]
        of = rows.rates_of[: at.size]
        np.testing.assert_allclose(curve.rates[at], PLAN(of), rtol=5e-3, atol=1e-6)


@pytest.mark.parametrize(("path", "rows"), COMPLETE, ids=[path for path, _ in COMPLETE])
def test_a_complete_log_is_read_without_options(path, rows):
    check(path, rows)


@pytest.mark.parametrize(("path", "rows"), WITHOUT_RATES, ids=[path for path, _ in WITHOUT_RATES])
def test_a_log_without_rates_asks_for_the_schedule(path, rows):
    with pytest.raises(DataError, match=r"schedule=\.\.\."):
        read_curves(FORMATS / path)
    check(path, Rows(rows.steps, rows.losses, rows.steps, rows.steps), schedule=PLAN)


def test_rates_with_too_few_decimals_are_only_taken_by_name():
    words = (
        r"OLMo prints only 4 decimals of its rates in .*; give the run's schedule with .*, or name it with lr='optim"
    )
    with pytest.raises(DataError, match=words):
        read_curves(FORMATS / "olmo-core.log")
    (curve,) = read_curves(FORMATS / "olmo-core.log", lr="optim/LR (group 0)")
    assert curve.rates[LAST.steps] == pytest.approx(PLAN(LAST.steps), abs=1e-4)


def test_the_panel_of_the_rates_belongs_to_that_of_the_losses():
    for first, second in (("wandb-panel.csv", "wandb-panel-lr.csv"), ("wandb-panel-lr.csv", "wandb-panel.csv")):
        (curve,) = read_curves([FORMATS / first, FORMATS / second])
        np.testing.assert_allclose(curve.rates[INDEX.steps], PLAN(INDEX.steps))


REFUSED = [
    ("steps-begin-again.log", "counts iter within each epoch"),
    ("diverged.log", "diverged"),
    ("epochs.log", "epochs"),
    ("transformers-console.log", "epochs"),
    ("keras-csvlogger.csv", "epochs"),
    ("keras-history.json", "epochs"),
    ("timm/summary.csv", "epochs"),
]


@pytest.mark.parametrize(("path", "words"), REFUSED, ids=[path for path, _ in REFUSED])
def test_what_a_log_lacks_is_said(path, words):
    with pytest.raises(DataError, match=words):
        read_curves(FORMATS / path)
