"""What `check` says of schedules that do something else than their config names, and of those that do not."""

import json

import pytest

from stepsize import Constant, Cosine, Exponential, Horizon, InversePower, Linear, Logarithmic, Piecewise, Schedule
from stepsize.errors import ArgumentError, DataError
from stepsize.interop import check
from stepsize.interop.config_check import Finding, findings
from stepsize.interop.tool_schedule import ToolSchedule

UP = Linear(0.0, 0.3, 10)
COSINE = UP >> Cosine(0.3, 0.03, 90)
INF = float("inf")
HORIZON = Horizon(samples=1000, batch=10, epochs=5)  # 100 updates an epoch


def found(rates: Schedule, horizon: Horizon | None = None, **named: object) -> list[Finding]:
    """The findings for a schedule of 100 updates with a warmup of 10 and a peak of 0.3, unless said otherwise."""
    usual = {"peak": 0.3, "warmup_steps": 10, "total_steps": 100}
    meaning = ToolSchedule("a scheduler", rates, **(usual | named))  # type: ignore[arg-type]
    return list(findings(meaning, horizon))


FINDINGS = [
    (COSINE.head(80) * 0.9, {}, "peak", "the peak of 0.3 is never reached: the highest rate is 0.27, at update 10"),
    (COSINE * 2, {}, "peak", "the peak of 0.3 is passed: the rate is 0.6 at update 10"),
    (
        Linear(0, 0.3, 150),
        {"warmup_steps": 150},
        "warmup",
        "the warmup takes 150 updates, and the run makes 100: the highest rate is 0.198, at update 99",
    ),
    (Constant(0.0, 2) >> COSINE, {}, "zero", "the first 3 updates change nothing: their rate is 0"),
    (
        Linear(0, 0.3, 2) >> Cosine(0.3, 0.03, 18),
        {"warmup_steps": 2, "total_steps": 20},
        "zero",
        "the first update changes nothing: its rate is 0, and the run makes 20",
    ),
    (
        Logarithmic(0.0, 0.3, 40) >> Cosine(0.3, 0.03, 60),
        {"warmup_steps": 40, "mends": {"steep": "a line"}},
        "steep",
        "the warmup is steep: the rate is at half of its way at update 6 of 40",
    ),
    (
        COSINE,
        {"unused_lr": 0.1},
        "unused",
        "the optimizer's rate of 0.1 is never used: the scheduler's own go up to 0.3",
    ),
    (
        UP >> Cosine(0.3, 0.0, 100).head(90),
        {"mends": {"minimum": "a line"}},
        "minimum",
        "the minimum of 0 is never applied: the lowest rate is 0.007342, at update 100",
    ),
    (COSINE, {"warmup_steps": 0}, "zero", "the first update changes nothing: its rate is 0"),
    (Constant(0.0), {"peak": 0.0}, "zero", "the rate is 0 at every update"),
    (
        UP >> Cosine(0.3, 0.03, 90).head(60),
        {"minimum": 0.03},
        "minimum",
        "the minimum of 0.03 is never applied: the lowest rate is 0.0975, at update 70",
    ),
    (
        UP >> Linear(0.3, 0.0, 90),
        {"minimum": 0.03},
        "minimum",
        "the rate falls below the minimum of 0.03, to 0.02667 at update 92",
    ),
    (
        UP >> Cosine(0.3, 0.0, 100).tail(40),
        {},
        "jump",
        "the rate jumps from 0.27 to 0.1964 at update 10, after the warmup",
    ),
    (UP >> Linear(0.3, -0.3, 90), {}, "negative", "the rate is negative from update 56 on, -0.006667 there"),
]


@pytest.mark.parametrize(
    ("rates", "named", "kind", "sentence"), FINDINGS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_finding_says_what_happens_when(rates, named, kind, sentence):
    (finding,) = [each for each in found(rates, **named) if each.kind == kind]
    assert (finding.sentence, finding.note) == (sentence, False)


def test_a_schedule_that_does_what_its_config_names_has_no_findings():
    for rates in (COSINE, UP >> Constant(0.3, 70) >> Linear(0.3, 0.03, 20), COSINE.shift(1).tail(1)):
        assert [each.kind for each in found(rates, minimum=0.03)] == ["zero"]
        assert all(each.note for each in found(rates, minimum=0.03))
    from_above_zero = Linear(0.03, 0.3, 10) >> Cosine(0.3, 0.03, 90)
    assert found(from_above_zero, minimum=0.03) == found(Constant(0.3), warmup_steps=0) == []
    assert found(from_above_zero, Horizon(samples=100, batch=1, epochs=1), minimum=0.03) == []


RISING = COSINE >> Cosine(0.03, 0.3, 90)
NEGATIVE = UP >> Linear(0.3, -0.3, 180)


@pytest.mark.parametrize(
    ("rates", "kind", "sentence", "mend"),
    [
        (
            RISING,
            "rise",
            "after the end at update 100 the rate rises again, from update 101 on, to 0.3 at update 190",
            RISING.head(100),
        ),
        (NEGATIVE, "negative", "the rate is negative from update 101 on, -0.003333 there", NEGATIVE.head(100)),
    ],
    ids=["rise", "negative"],
)
def test_what_happens_after_the_end_is_a_note_unless_the_run_goes_on(rates, kind, sentence, mend):
    for samples, note in ((None, True), (100, True), (120, False)):
        horizon = samples and Horizon(samples=samples, batch=1, epochs=1)
        (finding,) = [each for each in found(rates, horizon) if each.kind == kind]
        assert finding == Finding(kind, sentence, str(mend), note)


@pytest.mark.parametrize(
    ("rates", "total", "sentence"),
    [
        (COSINE, 100, "the schedule ends after 100 updates, and the run makes 500: its last rate is 0.03"),
        (
            COSINE.stretch(1000),
            1000,
            "the run ends after 500 updates, and the schedule takes 1,000: the last rate is 0.18",
        ),
    ],
)
def test_a_schedule_and_a_run_of_different_lengths(rates, total, sentence):
    (finding,) = [each for each in found(rates, HORIZON, total_steps=total) if each.kind == "length"]
    assert finding.sentence.startswith(sentence)


def test_epochs_that_are_stepped_as_updates():
    by_epoch = Linear(0.1, 0.3, 2) >> Cosine(0.3, 0.03, 3)
    (finding,) = found(by_epoch, HORIZON, warmup_steps=2, total_steps=5)
    assert finding.kind == "epochs"
    assert finding.sentence == ("the schedule ends after 5 updates, of 500: it counts epochs, of which the run has 5")
    assert finding.mend == str(by_epoch.every(100))
    stairs = Constant(0.3, 3) >> Constant(0.03)
    (finding,) = found(stairs, HORIZON, warmup_steps=0, total_steps=float("inf"))
    assert finding.kind == "epochs"


def test_a_warmup_that_was_chosen_to_be_steep_and_one_that_is_a_line():
    for rates, notes in ((Logarithmic(0.0, 0.3, 40), [True]), (Linear(0.0, 0.3, 40), [])):
        steep = [each for each in found(rates >> Cosine(0.3, 0.03, 60), warmup_steps=40) if each.kind == "steep"]
        assert [each.note for each in steep] == notes


def test_the_way_of_the_tool_to_mend_it_comes_before_a_schedule():
    (finding,) = [each for each in found(RISING, mends={"rise": "num_cycles: 1"}) if each.kind == "rise"]
    assert finding.mend == "num_cycles: 1"


def test_a_run_of_many_updates_is_checked_at_those_that_matter():
    long = Constant(0.0, 2) >> Linear(0.0, 0.3, 3_000_000) >> Cosine(0.3, 0.03, 10**9)
    kinds = [each.kind for each in found(long, warmup_steps=3_000_000, total_steps=10**9 + 3_000_002, minimum=0.03)]
    assert kinds == ["zero"]


def of_steps(steps: int) -> Horizon:
    return Horizon(samples=steps, batch=1, epochs=1)


FLAT = Linear(0.03, 0.3, 10) >> Constant(0.3)
KINDS = [  # with a "?" after those that are notes
    (Linear(0.03, 0.3, 10) >> Linear(0.3, 0.0, 89), of_steps(100), {}, ""),  # 1 update of 100 has a rate of 0
    (Linear(0.03, 0.3, 10) >> Linear(0.3, 0.0, 88), of_steps(100), {}, "zero"),
    (Logarithmic(0.0, 0.3, 40) >> Constant(0.3), of_steps(30), {"warmup_steps": 40, "total_steps": 30}, "zero? warmup"),
    (UP >> Exponential(0.3, 0.5), None, {}, "zero? zero"),  # the next change is half as large
    (UP >> Exponential(0.3, 0.3), None, {}, "zero? zero jump"),
    (COSINE, of_steps(50), {"minimum": 0.03}, "zero? length"),
    (FLAT, None, {"minimum": 0.0}, ""),
    (COSINE.head(99), None, {"minimum": 0.03}, "zero? minimum?"),
    (UP >> Linear(0.3, -0.3, 90), None, {"minimum": 0.03}, "zero? negative"),
    (COSINE >> Constant(0.0), None, {"minimum": 0.03}, "zero? minimum?"),
    (UP >> Linear(0.3, 0.03, 89) >> Constant(0.0), None, {"minimum": 0.03}, "zero? minimum"),
    (Piecewise((0.3, 0.03), (4,)), HORIZON, {"warmup_steps": 0, "total_steps": INF}, "epochs"),
    (Piecewise((0.3, 0.03), (5,)), HORIZON, {"warmup_steps": 0, "total_steps": INF}, ""),
    (Piecewise((0.3, 0.03), (4,)), Horizon(samples=2, batch=2, epochs=5), {"warmup_steps": 0, "total_steps": INF}, ""),
    (Constant(0.0, 100) >> Constant(0.3), None, {"warmup_steps": 0}, "zero peak"),
    (Linear(0.1, 0.3, 3) >> Constant(0.3), HORIZON, {"warmup_steps": 3, "total_steps": INF}, ""),
    (FLAT, of_steps(1000), {"total_steps": 991}, "length?"),
    (FLAT, of_steps(1000), {"total_steps": 990}, "length"),
    (FLAT, of_steps(1000), {"total_steps": 1000}, ""),
    (FLAT, of_steps(1000), {"total_steps": 1009}, "length?"),
    (FLAT, of_steps(1000), {"total_steps": 1010}, "length"),
    (Linear(0, 0.3, 150), None, {"warmup_steps": 150, "minimum": 0.03}, "zero? warmup"),
    (COSINE * 0.995, None, {}, "zero? peak?"),
    (COSINE * 1.005, None, {}, "zero? peak?"),
    (COSINE * 0.98, None, {}, "zero? peak"),
    (COSINE * 1.02, None, {}, "zero? peak"),
    (COSINE * 0.99995, None, {}, "zero?"),
]


@pytest.mark.parametrize(("rates", "horizon", "named", "kinds"), KINDS)
def test_what_is_found_and_what_is_a_note(rates, horizon, named, kinds):
    assert [each.kind + "?" * each.note for each in found(rates, horizon, **named)] == kinds.split()


FALLING = 0.3 - InversePower(0.3, 1 / 3000, -1.0) + 0.3  # a line to 0 in 3000 updates, and on
LATER = [
    (
        COSINE >> Constant(0.03, 2000) >> Linear(0.03, 0.3, 90),
        {},
        "rise",
        "after the end at update 100 the rate rises again, from update 2,101 on, to 0.3 at update 2,190",
    ),
    (
        COSINE >> Cosine(0.03, 0.3, 900),
        {},
        "rise",
        "after the end at update 100 the rate rises again, from update 101 on, to 0.3 at update 1,000",
    ),
    (
        Linear(0.0, 0.3, 400) >> FALLING,
        {"warmup_steps": 400, "total_steps": INF},
        "negative",
        "the rate is negative from update 3,401 on, -0.0001 there",
    ),
    (
        Linear(0.0, 0.3, 3_000_000) >> Cosine(0.2, 0.03, 10**9),
        {"warmup_steps": 3_000_000, "total_steps": 10**9},
        "jump",
        "the rate jumps from 0.3 to 0.2 at update 3,000,000, after the warmup",
    ),
    (
        (UP >> Cosine(0.3, 0.0, 100).tail(40)).shift(1),
        {},
        "jump",
        "the rate jumps from 0.27 to 0.1964 at update 11, after the warmup",
    ),
    (
        Constant(0.0, 3) >> Linear(0.0, 0.28, 7) >> Cosine(0.3, 0.0, 100).tail(40),
        {},
        "jump",
        "the rate jumps from 0.24 to 0.1964 at update 10, after the warmup",
    ),
]


@pytest.mark.parametrize(("rates", "named", "kind", "sentence"), LATER)
def test_a_change_is_found_however_late_it_comes(rates, named, kind, sentence):
    assert [each.sentence for each in found(rates, **named) if each.kind == kind] == [sentence]


def test_the_last_rate_of_a_longer_run_is_that_of_its_last_update() -> None:
    (length,) = (each for each in found(RISING, of_steps(146)) if each.kind == "length")
    assert length.sentence == ("the schedule ends after 100 updates, and the run makes 146: its last rate is 0.165")


DEEPSPEED = {"scheduler": {"type": "WarmupCosineLR", "params": {"total_num_steps": 5000, "warmup_type": "linear"}}}


def test_a_config_is_recognized_or_named(tmp_path):
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(DEEPSPEED))
    assert check(path) == check(path, "deepspeed")
    with pytest.raises(DataError, match="this is the config of no tool that stepsize knows; name it with tool="):
        check({"a": 1})
    with pytest.raises(DataError, match="this is a config of DeepSpeed, not of Levanter; write tool='deepspeed'"):
        check(DEEPSPEED, "levanter", horizon=10)
    with pytest.raises(ArgumentError, match='did you mean "deepspeed"'):
        check(DEEPSPEED, "deepsped")


def test_the_first_update_of_a_warmup_matters_in_a_run_of_at_most_20() -> None:
    for run, note in ((20, False), (21, True)):
        rates = Linear(0.0, 0.3, 2) >> Cosine(0.3, 0.03, run - 2)
        (zero,) = (each for each in found(rates, warmup_steps=2, total_steps=run) if each.kind == "zero")
        assert zero.note == note


def test_a_warmup_of_less_than_10_updates_is_never_steep() -> None:
    for steps, kinds in ((9, []), (10, ["steep"])):
        rates = Linear(0.0, 0.3, 2) >> Constant(0.3, steps - 2) >> Cosine(0.3, 0.03, 90)
        assert [each.kind for each in found(rates, warmup_steps=steps) if each.kind == "steep"] == kinds
