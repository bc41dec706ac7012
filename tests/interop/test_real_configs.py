"""What `check` says of configs from public repositories."""

import tomllib
from pathlib import Path

import pytest

from stepsize import Horizon
from stepsize.errors import StepsizeError
from stepsize.interop import check
from stepsize.interop.frameworks import recognized

CONFIGS = tomllib.loads(Path(__file__).with_name("real_configs.toml").read_text())["config"]


@pytest.mark.parametrize("row", CONFIGS, ids=lambda row: row["about"])
def test_a_real_config_is_recognized_and_has_the_findings_that_it_should(row):
    horizon = row.get("horizon")
    if isinstance(horizon, dict):
        horizon = Horizon(**horizon)
    assert recognized("check", row["config"]).name == row["tool"]
    try:
        kinds = [finding.kind + "?" * finding.note for finding in check(row["config"], horizon=horizon)]
    except StepsizeError:
        kinds = ["refused"]
    assert kinds == row["finds"].split()


def test_a_decay_that_leaves_a_part_of_the_run_at_0_is_found():
    early = "--lr 0.3 --train-iters 500 --lr-decay-iters 320 --lr-decay-style cosine"
    (finding,) = check(early)
    assert finding.sentence == "the last 180 updates change nothing: their rate is 0"
    assert finding.mend == "--lr-decay-iters 500"
    assert check(early.replace("320", "500")) == ()


def test_a_minimum_that_comes_after_the_run_is_not_applied():
    (finding,) = check("--lr 0.3 --min-lr 0.03 --train-iters 100 --lr-decay-iters 320 --lr-decay-style cosine")
    assert finding.kind == "minimum"
    assert finding.mend == "--lr-decay-iters 100"
