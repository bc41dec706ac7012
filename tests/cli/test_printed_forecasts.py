"""What `predict`, `design` and `cooldown` print of known forecasts, line by line; nothing is fitted."""

from types import SimpleNamespace

import numpy as np
import pytest

from stepsize import parse
from stepsize.laws.cooldown_search import CooldownForecast
from stepsize.laws.cooldowns import Cooldowns
from stepsize.laws.designing import Design, Member
from stepsize.laws.diagnosis import Remark
from stepsize.laws.forecast import Forecast
from stepsize.laws.ranking import RankedForecast

FITTED = "functional law, fitted to 1,002 rows of 2 runs, which scatter 0.12% around it\n"
LEFT_OUT = "each run predicted from the others: off by 0.34%\n"


def forecast(final, steps=1001, cautions=()):
    at = np.arange(steps)
    losses = final + (steps - 1 - at) / steps
    return Forecast(at, np.full(steps, 0.12345), losses, losses - 0.01, losses + 0.02, 0.9, cautions)


@pytest.fixture
def printed(typed, tmp_path, monkeypatch):
    """What a verb prints for two logs of 501 rows, and what it asked of the laws; `answers` are their results."""
    for name, rate in (("a", "Constant(0.1)"), ("b", "Linear(0.2, 0, 1000)")):
        rows = "".join(f"{step},{parse(rate)(step)},3\n" for step in range(0, 1001, 2))
        (tmp_path / f"{name}.csv").write_text(f"step,lr,loss\n{rows}")

    def run(*words, left_out=0.0034, diagnosis=(), **answers):
        asked = []

        def fit(curves, law):
            asked.append(law.__name__)
            return SimpleNamespace(
                runs=curves, scatter=0.0012, left_out=left_out, diagnosis=diagnosis,
                predict=lambda schedule: answers["predict"],
            )  # fmt: skip

        monkeypatch.setattr("stepsize.laws.fit", fit)
        for name in answers.keys() - {"predict"}:
            call = lambda _, *given, name=name, **more: asked.append((given, more)) or answers[name]  # noqa: E731
            monkeypatch.setattr(f"stepsize.laws.{name}", call)
        done = typed(words[0], "a.csv", "b.csv", *words[1:])
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout, asked

    return run


def lines(text):
    return [line.rstrip() for line in text.splitlines()]


A, B, C = "Linear(0.1, 0, 1001)", "Constant(0.1, 1001)", "Cosine(0.1, 0, 1001)"


def ranked(name, final, excess, margin, **more):
    return RankedForecast(name, parse(name), forecast(final, **more), excess, margin)


def test_one_prediction_has_a_table_and_a_sentence(printed):
    words = ("predict", "--schedule", A, "--level", 0.95)
    shown, asked = printed(*words, rank_forecasts=(ranked(A, 2.5, 0.0, 0.0, cautions=("far off",)),))
    law, (given, more) = asked
    assert (law, given[1], more) == ("FunctionalLaw", None, {"level": 0.95})
    assert lines(shown)[:8] == [
        *lines(FITTED + LEFT_OUT),
        "",
        "Linear(0.1, 0.0, 1001)",
        " step   rate    loss     low    high",
        "  100  0.123  3.3991  3.3891  3.4191",
        "  200  0.123  3.2992  3.2892  3.3192",
        "  300  0.123  3.1993  3.1893  3.2193",
    ]
    assert lines(shown)[14:17] == ["1,000  0.123  2.5000  2.4900  2.5200", "", "predicted loss above 2.5"]
    assert lines(shown)[-2:] == ["caution: far off", "final loss 2.5000, 95% band 2.4900 to 2.5200"]


RANKED = [
    "final loss     low    high        difference  schedule",
    "    2.5000  2.4900  2.5200              best  Linear(0.1, 0, 1001)",
    "    2.5300  2.5200  2.5500  +0.0300 ± 0.0400  Constant(0.1, 1001)",
]


def test_predictions_are_ranked(printed):
    best, alike = ranked(A, 2.5, 0.0, 0.0), ranked(B, 2.53, 0.03, 0.04, cautions=("far off",))
    worse = ranked(C, 2.6, 0.1, 0.04, steps=501, cautions=("far off",))
    words = [word for text in (A, B, C) for word in ("--schedule", text)]
    shown, _ = printed("predict", *words[:4], left_out=None, rank_forecasts=(best, alike))
    assert lines(shown)[:2] == [FITTED.rstrip(), ""]
    assert lines(shown)[-4:-1] == RANKED
    assert lines(shown)[-5] == "caution: Constant(0.1, 1001): far off"
    error = "its error, the 90% band after ±"
    assert lines(shown)[-1] == f"The other cannot be told from the best: the difference is within {error}"
    shown, _ = printed("predict", *words, rank_forecasts=(best, alike, worse), diagnosis=(Remark("odd", "ask"),))
    assert lines(shown)[2:4] == ["note: odd; ask", ""]
    assert lines(shown)[-7:-5] == [
        "caution: Constant(0.1, 1001); Cosine(0.1, 0, 1001): far off",
        "caution: the schedules have different lengths, from 501 to 1,001 steps",
    ]
    assert lines(shown)[-1] == f"1 of 2 others cannot be told from the best: the difference is within {error}"


def test_the_sketch_begins_at_a_quarter(printed, monkeypatch):
    drawn = []
    monkeypatch.setattr("stepsize.plots.sketch_curves", lambda curves, **more: drawn.append((curves, more)) or "")
    printed("predict", "--schedule", A, rank_forecasts=(ranked(A, 2.57, 0.0, 0.0),))
    ((curves, form),) = drawn
    steps, losses = curves[A]
    assert (steps[0], steps[-1], form["title"], form["height"]) == (250, 1000, "predicted loss above 2.5", 20)
    assert losses[-1] == pytest.approx(0.07)


def test_a_design_has_its_loss_and_its_families(printed, tmp_path):
    members = tuple(Member("f", parse(text), 2.5 + excess, excess) for text, excess in ((A, 0.001), (B, 0.02)))
    found = Design(parse(A), 2.5, members, ("not shown",))
    best = forecast(2.5, cautions=("one", "two"))
    shown, asked = printed("design", "--steps", 1001, "--save", "best.txt", design=found, predict=best)
    assert asked == ["FunctionalLaw", ((0.2, 1001), {"warmup_steps": 0, "final_lr": 0.0, "monotone": True})]
    assert lines(shown) == [
        *lines(FITTED + LEFT_OUT),
        *("", "caution: one", "caution: two", "best of all: final loss 2.5000, 90% band 2.4900 to 2.5200", ""),
        "excess  schedule",
        "0.0010  Linear(0.1, 0.0, 1001)",
        "0.0200  Constant(0.1, 1001)",
        *("", "best.txt: 0.0010 above the best of all"),
    ]
    assert (tmp_path / "best.txt").read_text() == "Linear(0.1, 0.0, 1001)\n"


def test_a_cooldown_has_its_gains(printed, monkeypatch, tmp_path):
    monkeypatch.setattr("stepsize.laws.cooldowns.check_cooldowns", lambda *_: None)
    found = Cooldowns(
        SimpleNamespace(name="b"),
        (
            CooldownForecast("best", 1001, 2000, forecast(0.25), 0.0123, 0.0456),
            CooldownForecast("", 5000, 999, forecast(12.5), -0.000001, 0.5),
        ),
        None, Remark("Begin", "give {steps}", steps=9), 1000, ("far off",),
    )  # fmt: skip
    words = (
        "--running",
        "b.csv",
        "--at",
        1200,
        "--steps",
        300,
        "--shape",
        "cosine",
        "--end",
        0.01,
        "--law",
        "momentum",
    )
    shown, asked = printed("cooldown", *words, plan_cooldowns=found)
    law, ((so_far, at, steps), more) = asked
    assert (law, so_far.name, at, steps) == ("MomentumLaw", "b", [1200], 300)
    assert more == {"target_loss": None, "total_steps": None, "final_lr": 0.01, "shape": "cosine"}
    assert lines(shown) == [
        FITTED.rstrip().replace("functional", "momentum"),
        LEFT_OUT.rstrip(),
        "",
        "      begins   ends  final loss       low      high    later   longer",
        "best   1,001  3,001     0.25000   0.24000   0.27000  0.01230  0.04560",
        "       5,000  5,999    12.50000  12.49000  12.52000  0.00000  0.50000",
        "later, longer: the gain of each 1,000 steps more, before the cooldown or within it",
        *("", "caution: far off", "Begin; give --steps 9."),
    ]
    picture = []
    monkeypatch.setattr("stepsize.plots.plot_forecasts", lambda *given: picture.append(given))
    monkeypatch.setattr("stepsize.plots.save_figure", lambda _, path: path)
    shown, _ = printed("cooldown", "--running", "b.csv", "--out", "a.png", plan_cooldowns=found)
    assert lines(shown)[-1] == "a.png"
    ((drawn, measured, _),) = picture
    assert list(drawn) == ["best: steps 1,001 to 3,001", "begins: steps 5,000 to 5,999"]
    assert measured == [found.so_far]
