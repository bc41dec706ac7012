import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asking import TWO, asked
from hypothesis import given, settings

import stepsize as ss
import strategies
from stepsize.descent import SURFACES, Adam, GradientDescent, Momentum, descend
from stepsize.play.answers import FORMS, answer
from stepsize.play.curves import points
from stepsize.play.examples import EXAMPLES, OPTIMIZERS
from stepsize.play.state import Entry, State
from stepsize.play.subjects import Subject
from stepsize.plots.curves import COLOURS

DATA = {"samples": 60_000, "batch": 256, "epochs": 10.0}


def test_curves_are_those_of_the_schedules():
    for text, shown in zip(TWO, asked("curves", *TWO)["schedules"], strict=True):
        schedule = ss.parse(text)
        assert shown["error"] == ""
        assert shown["rate"]["x"][-1] == shown["sum"]["x"][-1] == shown["steps"] == 1000
        assert len(shown["rate"]["x"]) <= 1000
        np.testing.assert_allclose(shown["rate"]["y"], schedule(np.array(shown["rate"]["x"])), rtol=1e-5, atol=1e-12)
        at = np.array(shown["sum"]["x"], dtype=int)
        np.testing.assert_allclose(shown["sum"]["y"], np.append(0, np.cumsum(schedule.sample()))[at], rtol=1e-5)


def test_sums_of_long_schedules_are_close():
    (shown,) = asked("curves", "Cosine(0.3, 0, 1_000_000)")["schedules"]
    assert shown["sum"]["y"][-1] == pytest.approx(150_000, rel=1e-3)


@settings(max_examples=100)
@given(strategies.trees.map(str).filter(lambda text: "Function(" not in text))
def test_every_schedule_has_few_points_of_finite_numbers(text):
    (shown,) = asked("curves", text)["schedules"]
    assert shown["error"] == ""
    assert len(shown["rate"]["x"]) <= 1000
    assert all(math.isfinite(each) for each in shown["rate"]["x"] + shown["rate"]["y"])


def test_a_log_scale_has_no_place_for_zero():
    (shown,) = asked("curves", "Linear(0, 0.3, 100)", log=True)["schedules"]
    assert shown["rate"]["y"][0] is None
    assert None not in shown["rate"]["y"][1:]
    assert shown["sum"]["y"][:2] == [None, None]  # no update, and one with a rate of zero
    assert None not in shown["sum"]["y"][2:]


def test_points_have_six_digits_and_their_places_ten():
    across, up = np.array([1 / 3, 12_345_678_901.0]), np.array([0.123456789, 123456.7])
    assert points(across, up) == {"x": [0.3333333333, 12_345_678_900.0], "y": [0.123457, 123457.0]}
    assert points(np.arange(3.0), np.array([np.nan, -1.0, 0.0]), log=True)["y"] == [None, None, None]
    assert points(np.arange(3.0), np.array([np.inf, -1.0, 0.0]))["y"] == [None, -1.0, 0.0]


def test_the_answer_has_the_address_of_the_state_and_few_points_of_sums():
    answered = asked("curves", "Linear(0, 0.3, 5000)", log=True)
    assert answered["address"] == "text=Linear(0,+0.3,+5000)&log=1"
    assert answered["run"] == ""
    assert len(answered["schedules"][0]["sum"]["x"]) == 300


def test_a_run_of_single_samples_has_epochs_if_it_has_several():
    answered = asked("curves", "Constant(1)", clock="epochs", samples=100, batch=1, epochs=2.0)
    assert (answered["clock"], answered["notes"]) == ("epochs", [])
    assert answered["schedules"][0]["rate"]["x"][-1] == 2


def test_the_text_of_a_schedule_is_its_label_up_to_200_letters():
    text = " >> ".join(["Linear(0, 1, 9)"] * 30)
    (shown,) = asked("curves", text)["schedules"]
    assert shown["label"] == text[:200]


def test_jumps_are_vertical():
    (shown,) = asked("curves", "Piecewise((0.3, 0.1), (5,))", steps=10)["schedules"]
    before = max(x for x, y in zip(shown["rate"]["x"], shown["rate"]["y"], strict=True) if y == 0.3)
    assert before > 4.99


def test_the_clock_counts_epochs_or_tokens():
    text = 'Linear(0, 0.3, "10%") >> Cosine(0.3, 0, "rest")'
    epochs = asked("curves", text, clock="epochs", **DATA)
    assert (epochs["clock"], epochs["run"]) == ("epochs", "of 2,350 steps")
    assert epochs["schedules"][0]["rate"]["x"][-1] == epochs["schedules"][0]["sum"]["x"][-1] == 10
    tokens = asked("curves", text, clock="tokens", tokens_per_sample=100, **DATA)
    assert tokens["schedules"][0]["rate"]["x"][-1] == 60_000_000


@pytest.mark.parametrize("steps", [1024, 1025])
def test_rates_that_overflow_are_an_error_of_their_schedule_alone(steps):
    shown, other = asked("curves", "Exponential(1, 2)", "Constant(0.1)", steps=steps)["schedules"]
    inf = "Exponential(1.0, 2.0) is inf at step 1024; bound it with .clip(low, high) or end it with .head(n)"
    assert shown["error"] == inf
    assert "rate" not in shown
    assert (other["error"], other["rate"]["y"][-1]) == ("", 0.1)
    (short,) = asked("curves", "Exponential(1, 2)", steps=1023)["schedules"]
    assert (short["error"], short["rate"]["y"][-1]) == ("", pytest.approx(2.0**1023, rel=1e-5))


def test_a_clock_without_a_run_is_explained_and_steps_are_shown():
    answered = asked("curves", "Constant(1)", clock="epochs")
    assert answered["clock"] == "steps"
    assert "fill in samples, batch and epochs" in answered["notes"][0]
    assert "tokens in a sample" in asked("curves", "Constant(1)", clock="tokens", **DATA)["notes"][0]
    answered = asked("curves", "Constant(1)", clock="tokens", steps=100)
    assert (answered["clock"], answered["run"]) == ("steps", "of 100 steps")
    assert answered["notes"] == ["tokens need the run: fill in samples, batch and epochs"]


def test_endless_schedules_are_shown_as_far_as_the_longest_of_the_others_and_at_most_a_trillion_steps():
    endless, _, other = asked("curves", "Exponential(1, 0.9)", "Linear(0, 1, 50)", "Linear(0, 1, 30)")["schedules"]
    assert (endless["steps"], endless["rate"]["x"][-1]) == (None, 50)
    assert (other["steps"], other["rate"]["x"][-1]) == (30, 30)
    for steps in ({}, {"steps": 2**50}):
        assert asked("curves", f"Linear(0, 1, {2**50})", **steps)["schedules"][0]["rate"]["x"][-1] == 10**12


def test_steps_of_a_long_schedule_are_exact():
    (shown,) = asked("curves", "Linear(0, 1, 12_345_678)")["schedules"]
    assert shown["rate"]["x"][-1] == shown["sum"]["x"][-1] == 12_345_678


def test_the_label_is_the_name_or_the_text_on_one_line():
    state = State((Entry("Linear(0, 1,\n  9)"), Entry("Constant(1)", "flat"), Entry(" \n")))
    first, second, blank = answer(Subject(state), "curves", state.as_json())["schedules"]
    assert (first["label"], second["label"]) == ("Linear(0, 1, 9)", "flat")
    assert blank["error"].startswith("there is no schedule yet; write e.g. Linear(0.3, 0, 1000)")


def test_a_run_that_is_none_is_explained():
    (note,) = asked("curves", "Constant(1)", samples=10, batch=3, epochs=0.01)["notes"]
    assert "epochs" in note


def test_an_error_points_at_its_place_and_keeps_the_sliders_that_can_be_read():
    shown, other = asked("curves", "Linear(0, 0.3, 5) >> CosineAnnealingLR(3)", "Constant(0.1)")["schedules"]
    reason, text, caret = shown["error"].splitlines()
    assert reason.endswith("write Cosine(start, end, steps)")
    assert text.index("CosineAnnealingLR") == caret.index("^")
    assert [each["label"] for each in shown["controls"]] == ["start", "end", "steps"]
    assert other["error"] == ""


def test_an_error_about_the_run_names_the_place_on_the_page():
    (shown,) = asked("curves", 'Linear(0, 0.3, "3ep")')["schedules"]
    assert "give samples, batch and epochs under Run" in shown["error"]


def test_advice_is_what_can_be_done_on_the_page():
    texts = ('Function("os:system")', '{"a": 1}', '{"lr_scheduler_type": "cosine"}')
    function, unknown, long = (each["error"] for each in asked("curves", *texts)["schedules"])
    assert "allow it with stepsize plot --functions, as this page runs no code\n" in function
    assert "; name it with a setting that only its tool has; known are " in unknown
    assert long.endswith("; write e.g. samples, batch and epochs under Run")
    assert 'with the code of the form "Python alone"' in asked("copied", "Rex(1, 0, 9)", form="megatron")["error"]


def test_a_config_is_shown_as_its_tool_follows_it():
    config = {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.01, "warmup_num_steps": 100}}}
    (shown,) = asked("curves", json.dumps(config), steps=200)["schedules"]
    assert (shown["error"], shown["tool"]) == ("", "DeepSpeed")
    assert shown["rate"]["y"][-1] == 0.01
    assert [each["label"] for each in shown["controls"]] == ["warmup_max_lr", "warmup_num_steps"]
    (indented,) = asked("curves", f"\n {json.dumps(config)}", steps=200)["schedules"]
    assert {**indented, "label": "", "controls": []} == {**shown, "label": "", "controls": []}
    (optax,) = asked("curves", "optax.linear_schedule(0.1, 0.0, 50)")["schedules"]
    assert (optax["error"], optax["tool"]) == ("", "optax")


@pytest.mark.parametrize("warmup", [5, 500])  # the second is longer than the run, which is an error
def test_only_settings_that_the_reader_of_a_config_reads_have_sliders(warmup):
    training = f"--num-layers 24 --seed 3 --lr 1e-3 --lr-warmup-iters {warmup} --train-iters 100 --adam-beta2 0.95"
    (shown,) = asked("curves", f"torchrun --nproc_per_node 8 train.py --lr-decay-style cosine {training}")["schedules"]
    assert bool(shown["error"]) == (warmup > 100)
    assert [each["label"] for each in shown["controls"]] == ["lr", "lr-warmup-iters", "train-iters"]


def test_a_damaged_config_is_answered_with_the_place():
    (shown,) = asked("curves", "{'sched': 'cosine'}")["schedules"]
    assert shown["error"] == "this config is damaged: a name in double quotes is missing (at line 1, column 2)"


def test_a_saved_schedule_and_a_plan_are_read_too():
    saved = json.dumps(ss.to_dict(ss.parse(TWO[0])))
    for text in (saved, f"Plan(lr={TWO[0]}, weight_decay=0.1)"):
        (shown,) = asked("curves", text)["schedules"]
        assert (shown["error"], shown["steps"]) == ("", 1000)


def test_descents_follow_the_schedule_scaled_to_the_peak():
    answered = asked("descents", TWO[1], optimizers="momentum(0.5)\nadam", peak=0.2, updates=50, start=(-5.0, -2.0))
    schedule = ss.parse(TWO[1])
    rates = schedule(np.arange(50) * 20.0) / 0.3 * 0.2
    np.testing.assert_allclose(answered["rates"], rates, rtol=1e-5)
    for path, rule in zip(answered["paths"], (Momentum(0.5), Adam()), strict=True):
        down = descend("bowl", rule, (-5.0, -2.0), 50, ss.Table(tuple(rates)))
        np.testing.assert_allclose(np.stack([path["x"], path["y"]], axis=-1), down.points, rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(path["values"], down.values, rtol=1e-4)
        assert path["ended"] == f"f = {down.values[-1]:.4g} after 50 updates"


def test_the_schedule_that_is_followed_is_the_chosen_one_with_its_name():
    state = State((Entry("Constant(1)"), Entry("Linear(1, 0, 9)", "down")), followed=1, updates=3, peak=0.3)
    answered = answer(Subject(state), "descents", state.as_json())
    assert (answered["schedule"], answered["rates"]) == ("down", [0.3, 0.2, 0.1])


@pytest.mark.parametrize(
    ("surface", "path", "ground"),
    [
        (
            "parabola",
            {"x": [2.0, 0.8, 0.48, 0.384], "y": [4.0, 0.64, 0.2304, 0.14746], "ended": "f = 0.1475 after 3 updates"},
            {"formula": "x^2", "dimensions": 1, "minima": [[0.0, 0.0]], "saddles": []},
        ),
        (
            "saddle",
            {"x": [2.0, 0.8, 0.48, 0.384], "y": [0.5, 0.8, 1.12, 1.344], "ended": "f = -1.659 after 3 updates"},
            {"formula": "x^2 - y^2", "dimensions": 2, "minima": [], "saddles": [[0.0, 0.0]]},
        ),
    ],
)
def test_a_descent_has_its_rates_its_path_and_its_ground(surface, path, ground):
    start = (2.0, 0.5)[: ground["dimensions"]]
    run = {"optimizers": "sgd", "peak": 0.3, "updates": 3, "start": start}
    answered = asked("descents", "Linear(1, 0, 9)", surface=surface, **run)
    (drawn,) = answered.pop("paths")
    values = [x**2 - y**2 for x, y in zip(drawn["x"], drawn["y"], strict=True)] if len(start) == 2 else drawn["y"]
    assert drawn.pop("values") == pytest.approx(values, rel=1e-4)
    assert drawn == {"name": "GradientDescent()", **path}
    assert set(answered.pop("lines")) == {"xs", "ys"}
    assert answered == {
        **{"surface": surface, "schedule": "Linear(1, 0, 9)", "rates": [0.3, 0.2, 0.1], "start": [*start], "error": ""},
        **ground,
        "window": [[*side] for side in SURFACES[surface].window]
        if len(start) == 2
        else [[-11.0, 11.0], [-9.68, 130.68]],
    }


def test_a_start_of_another_surface_is_replaced_by_the_start_of_this_one():
    for start in ((), (1.0,), (1.0, 2.0, 3.0)):
        assert asked("descents", "Constant(1)", start=start)["start"] == [*SURFACES["bowl"].start]
    assert asked("descents", "Constant(1)", surface="parabola", start=(2.5,))["start"] == [2.5]


def test_an_optimizer_that_is_named_twice_is_drawn_once_and_blank_lines_count_nothing():
    optimizers = "\n".join(["adam", "", " ", "Adam()", *(f"momentum(0.{n})" for n in range(5))])
    names = [path["name"] for path in asked("descents", "Constant(1)", optimizers=optimizers)["paths"]]
    assert len(names) == len({*names}) == 6


@pytest.mark.parametrize("surface", ["wave", "cubic", "saddle", "himmelblau"])
def test_the_known_minima_and_saddle_points_are_marked(surface):
    answered, named = asked("descents", "Constant(0.1)", surface=surface), SURFACES[surface]
    for name, known in (("minima", named.minima), ("saddles", named.saddles)):
        height = [[float(named(point))] if named.dimensions == 1 else [] for point in known]
        assert answered[name] == [[*point, *up] for point, up in zip(known, height, strict=True)]


@pytest.mark.parametrize("surface", ["wave", "cubic", "tanh", "parabola", "ackley", "saddle", "rosenbrock"])
def test_every_surface_has_a_ground_and_paths(surface):
    answered = asked("descents", "Constant(0.1)", surface=surface)
    assert answered["error"] == ""
    assert answered["lines"]["xs"]
    assert len(answered["paths"]) == 2


@pytest.mark.parametrize("surface", ["wave", "saddle", "rosenbrock"])
def test_the_ground_is_the_curve_of_a_function_or_contours_of_one_height(surface):
    ground, named = asked("descents", "Constant(0.1)", surface=surface), SURFACES[surface]
    lines = [np.stack(line, axis=-1) for line in zip(ground["lines"]["xs"], ground["lines"]["ys"], strict=True)]
    if ground["dimensions"] == 1:
        (line,) = lines
        assert line[[0, -1], 0].tolist() == [*named.window[0]]
        np.testing.assert_allclose(named(line[:, :1]), line[:, 1], atol=1e-3)
    for line in lines if ground["dimensions"] == 2 else ():
        assert np.ptp(named(line)) < 0.1 * np.ptp(named(np.array(named.window).T)) + 0.1


def test_a_path_that_diverges_says_so_and_stays_near_the_window():
    answered = asked("descents", "Constant(1)", surface="rosenbrock", optimizers="sgd", peak=5.0)
    (path,) = answered["paths"]
    down = descend("rosenbrock", GradientDescent(), SURFACES["rosenbrock"].start, 100, 5.0)
    assert path["ended"] == f"diverged at update {int(down.lasted) + 1}"
    (left, right), (low, high) = SURFACES["rosenbrock"].window
    assert (min(path["x"]), max(path["x"])) == (2 * left - right, 2 * right - left)
    assert (min(path["y"]), max(path["y"])) == (2 * low - high, 2 * high - low)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"surface": "bowel"}, "bowl"),
        ({"optimizers": ""}, "1 to 7 lines"),
        ({"optimizers": "\n".join(["sgd"] * 8)}, "1 to 7 lines"),
        ({"optimizers": "adan"}, "Adam"),
        ({"followed": 5}, "no schedule to follow"),
        ({"start": (1e308, 1e308)}, "start"),
    ],
)
def test_what_is_wrong_with_a_descent_is_said(fields, said):
    assert said in asked("descents", "Constant(0.1)", **fields)["error"]


def test_seven_optimizers_are_drawn():
    assert (
        len(asked("descents", "Constant(0.1)", optimizers="\n".join(f"momentum(0.{n})" for n in range(7)))["paths"])
        == 7
    )


def test_a_schedule_without_a_positive_rate_is_not_followed():
    assert "no positive rate" in asked("descents", "Constant(0)")["error"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_copied_or_is_refused_in_words(form):
    answered = asked("copied", "Linear(0, 0.3, 100) >> Cosine(0.3, 0.01, 900)", form=form, steps=1000)
    assert bool(answered["text"]) != bool(answered["error"])
    refused = asked("copied", 'Knots(((0, 0.1), (10, 0.3), (20, 0)), "cosine")', form="deepspeed")
    assert "to_deepspeed" in refused["error"]


def test_what_is_copied_means_the_same():
    schedule = ss.parse(TWO[0])
    assert ss.parse(asked("copied", TWO[0], form="text")["text"]) == schedule
    assert ss.from_dict(json.loads(asked("copied", TWO[0], form="json")["text"])) == schedule
    names = {}
    exec(asked("copied", TWO[0], form="python")["text"], names)
    assert names["schedule"] == schedule
    exec(asked("copied", TWO[0], form="code")["text"], names)
    assert names["learning_rate"](500) == pytest.approx(schedule(500))


def test_the_chosen_schedule_is_copied_for_the_run_of_the_page():
    assert asked("copied", "Constant(1)", "Constant(2)", form="text", copied=1)["text"] == "Constant(2.0)"
    text = asked("copied", "Cosine(0.3, 0.03, 100)", form="megatron", steps=100)["text"]
    assert "--train-iters 100" in text


def test_opening_tells_the_page_what_there_is_to_choose_from_and_how_curves_look():
    subject = Subject(State(), ("a", "b"), Path("runs/first"))
    opened = answer(subject, "open", "")
    assert (opened["runs"], opened["comparison"]) == (2, "first")
    assert answer(Subject(State()), "open", "")["comparison"] == ""
    assert {name: opened["forms"][name] for name in ("code", "deepspeed", "timm")} == {
        "code": "Python alone", "deepspeed": "DeepSpeed", "timm": "timm",
    }  # fmt: skip
    assert opened["surfaces"]["bowl"] == SURFACES["bowl"].text
    assert opened["surfaces"].keys() == SURFACES.keys()
    assert (opened["examples"], opened["optimizers"], opened["forms"]) == (EXAMPLES, OPTIMIZERS, FORMS)
    assert opened["strokes"][:2] == [{"colour": COLOURS[0], "dashes": []}, {"colour": COLOURS[1], "dashes": [10, 3]}]
    assert len({json.dumps(stroke) for stroke in opened["strokes"]}) == 12


def test_there_is_nothing_to_copy_without_a_schedule():
    said = "there is no schedule to copy; choose one whose text can be read"
    assert asked("copied", "nonsense") == asked("copied", TWO[0], copied=1) == {"text": "", "error": said}
    assert "form" in asked("copied", TWO[0], form="word")["error"]


def test_opening_an_address_brings_its_state_and_a_bad_one_the_first():
    first = State((Entry(TWO[0]),))
    other = replace(first, log=True)
    assert answer(Subject(first), "open", "")["state"] == first.as_json()
    assert answer(Subject(first), "open", other.address)["state"] == other.as_json()
    refused = answer(Subject(first), "open", "peak=no")
    assert answer(Subject(first), "open", "")["refused"] == ""
    assert refused["state"] == first.as_json()
    assert "the peak rate must be" in refused["refused"]


@pytest.mark.parametrize("raised", [MemoryError, RecursionError])
def test_a_question_that_needs_too_much_memory_is_refused(monkeypatch, raised):
    def curves(state):
        raise raised

    monkeypatch.setattr("stepsize.play.answers.curves", curves)
    assert asked("curves") == {"refused": "this needs more memory than the page allows"}


def test_an_unknown_question_is_refused():
    assert "does not know the question 'nonsense'" in asked("nonsense")["refused"]
    said = {"refused": "there is no comparison; open one with: stepsize play DIR"}
    assert asked("report") == asked("progress") == said
