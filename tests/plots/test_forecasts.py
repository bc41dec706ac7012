"""The picture of predicted losses."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot
from runs import PEAK, three

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError
from stepsize.laws import fit
from stepsize.plots import Picture, plot_forecasts
from stepsize.plots.curves import COLOURS

PLAN = ss.wsd(PEAK, 200, 4300, 1500)


@pytest.fixture(scope="module")
def runs():
    return three(noise=1e-3)


@pytest.fixture(scope="module")
def forecasts(runs):
    found = fit(runs)
    return {"wsd": found.predict(PLAN), "cosine": found.predict(ss.warmup_cosine(PEAK, 200, 6000))}


def test_forecasts_and_runs_are_in_the_panels_of_rates_and_of_losses(forecasts, runs):
    rate, loss = plot_forecasts(forecasts, runs)
    assert len(rate.lines) == len(loss.lines) == 5
    measured = forecasts["wsd"].steps >= runs[0].steps[0]
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), forecasts["wsd"].losses[measured])
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), forecasts["wsd"].rates)
    np.testing.assert_array_equal(loss.lines[2].get_ydata(), runs[0].losses)
    assert loss.get_xlim() == pytest.approx((-0.02 * 5999, 1.02 * 5999))
    assert (rate.get_ylabel(), loss.get_ylabel()) == ("learning rate", "loss")
    assert [line.get_color() for line in rate.lines] == [line.get_color() for line in loss.lines] == [*COLOURS[:5]]
    assert (
        {line.get_linewidth() for line in loss.lines[2:]} == {line.get_linewidth() for line in rate.lines[2:]} == {1.0}
    )
    assert len(rate.lines[2].get_xdata()) == runs[0].steps[-1] + 1
    words = [text.get_text() for text in loss.get_legend().get_texts()]
    assert words == ["wsd (predicted)", "cosine (predicted)", *(f"{run.name} (measured)" for run in runs)]
    pyplot.close(rate.figure)


def test_the_band_lies_between_its_lower_and_its_upper_bound(forecasts):
    _, loss = plot_forecasts({"wsd": forecasts["wsd"]})
    (band,) = loss.collections
    edges = band.get_paths()[0].vertices[:, 1]
    for bound in (forecasts["wsd"].low, forecasts["wsd"].high):
        assert np.isin(bound, edges).all()
    pyplot.close(loss.figure)


def test_a_band_that_is_wide_before_the_first_measured_loss_does_not_set_the_axis(forecasts, runs):
    wide = np.where(forecasts["wsd"].steps < 200, 300.0, 0.0)
    forecast = replace(forecasts["wsd"], low=forecasts["wsd"].low - wide, high=forecasts["wsd"].high + wide)
    _, loss = plot_forecasts({"wsd": forecast}, runs)
    low, high = loss.get_ylim()
    assert 3.0 < low < forecast.final_loss < high < 5.0
    (band,) = loss.collections
    assert np.abs(band.get_paths()[0].vertices[:, 1]).max() < 10.0
    _, alone = plot_forecasts({"wsd": forecast})
    np.testing.assert_allclose(alone.get_ylim(), (low, high), rtol=0.05)


def test_runs_of_one_name_are_numbered(forecasts, runs):
    _, loss = plot_forecasts({"wsd": forecasts["wsd"]}, [runs[0], runs[1], runs[0]])
    words = [text.get_text() for text in loss.get_legend().get_texts()]
    assert words[1:] == ["flat, 1 (measured)", "cosine (measured)", "flat, 2 (measured)"]


def test_many_runs_are_grey_and_have_one_entry(forecasts, runs):
    _, loss = plot_forecasts(forecasts, list(runs) * 9)
    words = [text.get_text() for text in loss.get_legend().get_texts()]
    assert words == [f"{label} (predicted)" for label in forecasts] + [f"{9 * len(runs)} runs (measured)"]
    assert {line.get_color() for line in loss.lines[len(forecasts) :]} == {"0.6"}
    assert {line.get_linewidth() for line in loss.lines[len(forecasts) :]} == {0.5}
    assert max(line.get_zorder() for line in loss.lines[len(forecasts) :]) < loss.lines[0].get_zorder()
    _, loss = plot_forecasts(forecasts, list(runs)[:2] * 4)
    assert len(loss.get_legend().get_texts()) == len(forecasts) + 8


def test_the_steep_beginning_is_out_of_view_and_the_rest_is_in_it(forecasts, runs):
    _, loss = plot_forecasts(forecasts, runs)
    low, high = loss.get_ylim()
    assert high < forecasts["wsd"].losses[0]
    lowest = min(*(each.low.min() for each in forecasts.values()), *(run.losses.min() for run in runs))
    highest = max(run.losses[run.steps >= 1200].max() for run in runs)
    assert low == pytest.approx(lowest - 0.05 * (high - low) / 1.1)
    assert high >= highest + 0.04 * (high - low)
    for run in runs:
        late = run.losses[run.steps > 1200]
        assert low < late.min()
        assert late.max() < high
    pyplot.close(loss.figure)


def test_axes_of_the_callers_own_are_cleared_and_returned(forecasts):
    figure, axes = pyplot.subplots(2)
    axes[0].plot([1, 2])
    drawn = plot_forecasts(forecasts, axes=axes)
    assert drawn[0] is axes[0]
    assert len(axes[0].lines) == 2
    pyplot.close(figure)


def test_a_figure_that_pyplot_does_not_know_of(forecasts):
    before = pyplot.get_fignums()
    figure = Picture()
    assert list(plot_forecasts(forecasts, axes=figure)) == figure.axes
    assert pyplot.get_fignums() == before


def test_invalid_pictures_are_refused(forecasts):
    with pytest.raises(ArgumentError, match="at least one forecast"):
        plot_forecasts({})
    with pytest.raises(ArgumentError, match=r"2 axes \(rate, loss\) or a figure"):
        plot_forecasts(forecasts, axes=[])


def test_a_rate_that_ends_just_above_zero_is_on_a_linear_axis(runs):
    """The last step of a way down to zero is positive, and the forecast may begin after the warmup."""
    forecast = fit(runs).predict(ss.wsd(PEAK, 200, 4300, 1500), at=range(1000, 6000, 1))
    assert forecast.rates.min() > 0
    rate, _ = plot_forecasts({"down": forecast}, axes=Picture())
    assert rate.get_yscale() == "linear"
    assert rate.get_ylim()[0] == 0


def test_the_lowest_measured_loss_and_the_lower_bound_of_the_forecast_are_in_view(forecasts, runs):
    forecast = forecasts["wsd"]
    above = replace(forecast, **{name: getattr(forecast, name) + 1.0 for name in ("losses", "low", "high")})
    _, loss = plot_forecasts({"above": above}, runs)
    assert loss.get_ylim()[0] < min(run.losses.min() for run in runs)
    _, loss = plot_forecasts({"wide": replace(forecast, low=forecast.low - 0.5)}, runs)
    assert loss.get_ylim()[0] < forecast.low[-1] - 0.5
    _, loss = plot_forecasts({"wide": replace(forecast, high=forecast.high + 0.5)}, runs)
    assert loss.get_ylim()[1] > forecast.high[-1] + 0.5


def test_steps_go_as_far_as_the_longest_run_and_predictions_begin_at_the_first_measured_loss_of_all(runs):
    found = fit(runs)
    short = found.predict(ss.wsd(PEAK, 200, 1300, 500))
    later = LossCurve("later", runs[0].steps[5:], runs[0].losses[5:], runs[0].rates)
    _, loss = plot_forecasts({"short": short}, [later, *runs])
    assert loss.get_xlim()[1] == pytest.approx(1.02 * runs[0].steps[-1])
    assert loss.lines[0].get_xdata()[0] == short.steps[short.steps >= runs[0].steps[0]][0]
    early = found.predict(ss.Constant(PEAK).head(150))
    assert early.steps[-1] < runs[0].steps[0]
    _, loss = plot_forecasts({"early": early}, runs)
    assert loss.lines[0].get_xdata().tolist() == [early.steps[-1]]
    pyplot.close("all")
    pyplot.close("all")
