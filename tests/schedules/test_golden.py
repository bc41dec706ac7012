"""Published values: each row of the golden table equals a one-line text to twelve digits."""

import json
from pathlib import Path

import numpy as np
import pytest

from stepsize import parse

TABLE = Path(__file__).parents[2].parent / "shared" / "golden" / "schedules.json"

TEXTS = {
    "S2 sqrt eta0=.1": "InversePower(0.1)",
    "S3 factor .6 .8 floor .01": "Exponential(0.6, 0.8).clip(0.01)",
    "S3 factor 2 .9 floor .01": "Exponential(2, 0.9).clip(0.01)",
    "S4 multifactor .5 .5 {3,8}": "MultiStep(0.5, 0.5, (3, 8))",
    "S4 multifactor .5 .5 {15,30}": "MultiStep(0.5, 0.5, (15, 30))",
    "S5 cosine T=10 .2 .02": "Cosine(0.2, 0.02, 10)",
    "S5 cosine T=20 .3 .01": "Cosine(0.3, 0.01, 20)",
    "S6 warmup 3, cosine to T=10, 0 .2 .02": "warmup_cosine(0.2, 3, 10, final_lr=0.02)",
    "S6 warmup 5, cosine to T=20, 0 .3 .01": "Linear(0, 0.3, 5) >> Cosine(0.3, 0.01, 15)",
    "S7 step .1 gamma .5 size 4": "Staircase(0.1, 0.5, 4)",
    "S9 exponential .1 gamma .95": "Exponential(0.1, 0.95)",
    "S10 cosine annealing .1 T_max 8 eta_min .001, within T_max": "Cosine(0.1, 0.001, 8)",
    "S13 restarts .1 T_0 5": "sgdr(0.1, 5, inf)",
    "S13 restarts .1 T_0 3 T_mult 2": "sgdr(0.1, 3, inf, stretch=2)",
    "S14 linear .1 - .004 t": "Linear(0.1, 0.02, 20)",
    "S15 exponential .1 e^(-.05 t)": "Exponential(0.1, 0.36787944117144233, 20)",
    "S15 exponential .1 .95^(t/100)": "Exponential(0.1, 0.95, 100)",
    "S16 polynomial .01 T=1000 p=.5": "Polynomial(0.01, 0, 1000, 0.5)",
    "S16 polynomial .01 T=100 p=2": "Polynomial(0.01, 0, 100, 2)",
    "S17 inverse power .3 beta .1 alpha .5": "InversePower(0.3, 0.1)",
    "S18 piecewise .3 .1 .03 at 5 12": "Piecewise((0.3, 0.1, 0.03), (5, 12))",
    "S19 noam d=512 W=4000, every 100th step to 10000": "noam(512, 4000)",
}
STRIDES = {"S19 noam d=512 W=4000, every 100th step to 10000": 100}


@pytest.fixture(scope="module")
def golden():
    if not TABLE.exists():
        pytest.skip("the golden table is not beside this checkout")
    return json.loads(TABLE.read_text())


def test_every_row_of_the_table_is_known_here(golden):
    assert set(golden) == set(TEXTS)


@pytest.mark.parametrize("row", TEXTS)
def test_a_text_has_the_recorded_values(golden, row):
    schedule, expected = parse(TEXTS[row]), np.array(golden[row])
    steps = np.arange(len(expected)) * STRIDES.get(row, 1)
    np.testing.assert_allclose(schedule(steps), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose([schedule(int(step)) for step in steps], expected, rtol=1e-12, atol=1e-15)
