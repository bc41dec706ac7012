"""The order of schedules by the convex bound, and losses predicted from logs, as the page has them."""

from dataclasses import replace

import pytest
from asking import TWO, asked

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.laws import MultiPowerLaw, fit, rank
from stepsize.play.answers import answer
from stepsize.play.state import Entry, State
from stepsize.play.subjects import Subject


def test_the_ranking_is_that_of_the_package():
    answered = asked("ranking", *TWO)
    ranked = rank([ss.parse(text) for text in TWO], 1000)
    assert [row["bound"] for row in answered["rows"]] == [f"{each.bound.value:.5f}" for each in ranked]
    assert answered["rows"][0]["more"] == ""
    assert answered["rows"][1]["more"] == f"+{ranked[1].over_best - 1:.1%}"


def test_schedules_are_ranked_over_the_steps_of_the_longest_and_the_others_go_on():
    answered = asked("ranking", "Linear(1, 0, 100)", "Cosine(1, 0.1, 300)", "Constant(1)")
    assert answered["steps"] == 300
    assert [row["index"] for row in answered["rows"]] == [
        int(each.name)
        for each in rank({"0": ss.Linear(1, 0, 100), "1": ss.Cosine(1, 0.1, 300), "2": ss.Constant(1)}, 300)
    ]


def test_hidden_schedules_and_those_with_errors_are_not_ranked():
    state = State(
        (
            Entry(TWO[0]),
            Entry(TWO[1], hidden=True),
            Entry("nonsense"),
            Entry("Linear(-1, 1, 9)", "odd"),
            Entry("Constant(0)", "still"),
        )
    )
    answered = answer(Subject(state), "ranking", state.as_json())
    assert answered == {
        "rows": [{"index": 0, "bound": f"{rank([ss.parse(TWO[0])], 1000)[0].bound.value:.5f}", "more": ""}],
        "steps": 1000,
        "notes": [
            "odd: rank(schedule_or_rates=...) must be finite and at least 0 at every step, got Linear(-1.0, 1.0, 9); "
            "it is -1 at step 0; bound a schedule with .clip(0)",
            "still: rank(schedule_or_rates=...) must be positive at some step, got Constant(0.0)",
        ],
    }
    assert asked("ranking", "nonsense") == {"rows": [], "steps": 0, "notes": []}


def test_too_many_steps_are_not_ranked():
    too_many = asked("ranking", "Constant(1, 1_000_001)")
    assert too_many == {"rows": [], "notes": ["at most 1,000,000 steps are ranked, and these are 1,000,001"]}
    assert asked("ranking", "Constant(1, 1_000_000)")["rows"]


@pytest.fixture(scope="module")
def runs():
    truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
    flat, down = ss.warmup(ss.Constant(3e-4), 100), ss.warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
    at = range(200, 4000, 40)
    return tuple(LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)])


def test_predicted_losses_are_those_of_the_law(runs):
    text = "wsd(3e-4, 100, 3200, 700)"
    answered = asked("losses", text, "Constant(1, 4000)", subject=Subject(State(), runs))
    (shown,) = answered["forecasts"]
    forecast = fit(runs).predict(ss.parse(text))
    assert shown["final"] == f"{forecast.final_loss:.4f}"
    assert shown["low"][-1] == pytest.approx(forecast.final_band[0], rel=1e-5)
    assert shown["high"][-1] == pytest.approx(forecast.final_band[1], rel=1e-5)
    assert shown["band"] == "{:.4f} to {:.4f}".format(*forecast.final_band)
    assert shown["cautions"] == [*forecast.cautions] != []
    assert shown["x"][0] == 200  # the first step that is logged
    assert len(shown["x"]) == 160
    about = (
        f"functional law, fitted to 190 rows of 2 runs, scatter {fit(runs).scatter:.2%}; grey dots are logged losses"
    )
    assert answered["about"] == about
    assert shown["x"][-1] == 3999
    assert "schedule 2: the highest rate is 1" in answered["notes"][0]
    assert len(answered["runs"]) == 2
    low, high = answered["view"]
    late = [value for curve in (shown, *answered["runs"]) for value in curve["y"][len(curve["y"]) // 10 :]]
    assert low < min(late) < max(late) < high < max(shown["y"])
    room = 0.06 * (max(late) - min(late))
    assert (low, high) == pytest.approx((min(late) - room, max(late) + room))
    assert [len(run["x"]) <= 80 for run in answered["runs"]] == [True, True]
    state = State((Entry("Constant(3e-4, 9)", hidden=True), Entry(text)))
    assert [each["index"] for each in answer(Subject(State(), runs), "losses", state.as_json())["forecasts"]] == [1]


def test_predicted_and_logged_losses_are_over_the_clock_and_cautions_are_given(runs):
    data = {"samples": 60_000, "batch": 100, "epochs": 20.0}
    answered = asked("losses", "Constant(3e-4)", subject=Subject(State(), runs), clock="epochs", **data)
    (shown,) = answered["forecasts"]
    assert shown["x"][-1] == pytest.approx(11_999 / 600)
    assert answered["runs"][0]["x"][0] == pytest.approx(200 / 600, rel=1e-5)
    assert answered["runs"][0]["name"] == "a"
    assert any("times as long as the longest run" in each for each in shown["cautions"])


def test_the_law_of_one_schedule_says_so(runs):
    about = asked("losses", TWO[1], subject=Subject(State(), (runs[1], replace(runs[1], name="again"))))["about"]
    assert about.startswith("momentum law (one schedule determines no more), fitted to 190 rows of 2 runs, scatter ")
    about = asked("losses", TWO[1], subject=Subject(State(), runs[1:]))["about"]
    assert ", fitted to 95 rows of 1 run, scatter " in about


def test_losses_of_at_most_200_000_steps_are_predicted(runs):
    subject = Subject(State(), runs)
    most = asked("losses", "Constant(3e-4, 200_000)", subject=subject)
    assert most["forecasts"][0]["x"][-1] == 199_999
    more = asked("losses", "Constant(3e-4, 200_001)", subject=subject)
    assert more["forecasts"] == []
    assert "at most 200,000 for a prediction, got 200001" in more["notes"][0]


def test_runs_that_determine_no_law_are_explained(runs):
    short = (runs[0].after(3900),)
    assert asked("losses", TWO[0], subject=Subject(State(), short))["error"]


def test_the_loss_of_a_schedule_without_a_positive_rate_is_not_predicted(runs):
    texts = ("Constant(0, 9)", "Linear(1e-4, -1e-4, 20)", "Linear(3e-4, 0, 400)")
    answered = asked("losses", *texts, subject=Subject(State(), runs))
    assert [each["index"] for each in answered["forecasts"]] == [2]
    assert answered["notes"] == [
        "schedule 1: schedule or rates must be positive at some step, got Constant(0.0, 9)",
        "schedule 2: schedule or rates must be finite and at least 0 at every step, got Linear(0.0001, -0.0001, 20); "
        "it is -1e-05 at step 11; bound a schedule with .clip(0)",
    ]


def test_nothing_to_predict_has_the_rows_of_the_runs_alone(runs):
    answered = asked("losses", "nonsense", subject=Subject(State(), runs))
    assert (answered["forecasts"], answered["notes"]) == ([], [])
    assert [each["name"] for each in answered["runs"]] == ["a", "b"]
    late = [value for each in answered["runs"] for value in each["y"][len(each["y"]) // 10 :]]
    assert answered["view"][0] < min(late) < max(late) < answered["view"][1]


def test_a_prediction_begins_with_the_first_rate_above_zero_or_the_first_logged_step(runs):
    texts = ("Constant(0, 300) >> Linear(3e-4, 0, 300)", "Linear(3e-4, 0, 300)", "Linear(3e-4, 0, 150)")
    forecasts = asked("losses", *texts, subject=Subject(State(), runs))["forecasts"]
    assert [(each["x"][0], each["x"][-1], len(each["x"])) for each in forecasts] == [
        (300, 599, 160),
        (200, 299, 100),
        (149, 149, 1),
    ]
