"""Warnings of rates that are taken for factors, and of factors that are taken for rates."""

import warnings

import pytest
from driven import sgd
from torch.optim import Adam

import stepsize as ss
from stepsize.pytorch import Scheduler

RATES = ss.Linear(0.0, 1e-3, 500) >> ss.Cosine(1e-3, 0.0, 9500)
FACTORS = ss.Linear(0.0, 1.0, 503) >> ss.Cosine(1.0, 0.0, 9500)


def adam(*rates):
    return sgd(*rates or (1e-3,), kind=Adam)


@pytest.mark.parametrize("lr", [RATES, str(RATES), ss.Plan(lr=RATES), ss.Constant(0.1)])
def test_rates_that_multiply_the_optimizers_rate_are_warned_of_once(lr):
    with pytest.warns(
        UserWarning, match=r"is never above (1e-06|0\.0001); if lr gives rates, leave relative out"
    ) as caught:
        scheduler = Scheduler(adam(), lr, relative=True)
    assert "optimizer's rate of 0.001" in str(caught[0].message)
    assert str(caught[0].message).endswith("leave relative out, and if it gives factors, let them rise to 1")
    assert caught[0].filename == __file__
    assert len(caught) == 1
    scheduler.optimizer.step()
    scheduler.step()


def test_the_highest_rate_of_the_groups_is_the_one_that_counts():
    with pytest.warns(UserWarning, match=r"rate of 0\.002 by at most 0\.001: the rate is never above 2e-06"):
        Scheduler(adam(1e-3, 2e-3), RATES, relative=True)
    Scheduler(adam(1e-3, 0.5), RATES, relative=True)


@pytest.mark.parametrize("lr", [FACTORS, ss.Constant(1.0), ss.Plan(lr=ss.Staircase(1.0, 0.5, 30))])
def test_factors_that_are_written_as_rates_are_warned_of_once(lr):
    with pytest.warns(UserWarning, match=r"rises to a rate of 1, .* is 0\.001; write relative=True if") as caught:
        Scheduler(adam(), lr)
    assert str(caught[0].message).endswith("relative=True if lr gives factors, relative=False if it gives rates")
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("lr", "more"),
    [
        (RATES, {}),
        (RATES, {"relative": False}),
        (FACTORS, {"relative": True}),
        (FACTORS, {"relative": False}),
        (ss.Constant(0.5), {"relative": True}),
        (0.95 * FACTORS, {}),
        (2.0 * FACTORS, {}),
        (ss.Linear(0.0, 1.0, 10) >> ss.Polynomial(1.0, 1e308, 10, 9.0) * 1e308, {}),  # has no value at later steps
    ],
)
def test_schedules_that_fit_are_not_warned_of(lr, more):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scheduler(adam(), lr, **more)


def test_a_function_is_called_at_its_first_step_alone():
    asked = []
    Scheduler(adam(), lambda step: asked.append(step) or 1.0)
    assert set(asked) == {0}
