"""The published parameters have the published errors, to the fourth decimal."""

import pytest
from benchmarks.scoring import scores
from published import LAWS, SIZES, TABLE, TEST, curve, mean_scores


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tolerance", [0.0, 1e-4])
def test_published_parameters_reproduce_the_published_table(size, tolerance):
    found = []
    for name in TEST:
        measured = curve(size, name)
        predicted = LAWS[size].predict(measured.rates, at=measured.steps, tolerance=tolerance)
        found.append(scores(predicted, measured.losses))
    assert vars(mean_scores(found)) == pytest.approx(vars(TABLE[size]), abs=1e-4)
