"""A Plan: its entries, its values, its text and JSON forms, and what it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from round_trips import assert_round_trips

import stepsize as ss
from stepsize import ConstantProduct, Horizon, Plan
from stepsize.errors import ArgumentError, FormatError, ParseError
from stepsize.schedules.assignment import Tied
from strategies import trees

RUN = Horizon(samples=60_000, batch=256, epochs=10)
PLANS = {
    "one rate": Plan(lr=ss.Linear(0.0, 0.3, 500)),
    "numbers": Plan(lr=0.1, weight_decay=-0.0, momentum=1e-8),
    "tuples": Plan(lr=0.1, betas=(ss.Linear(0.85, 0.95, 10), 0.999), one=(0.5,)),
    "a list": Plan(lr=[ss.Cosine(0.1, 0.0, 9), 0.2], betas=[(0.9, 0.99), (0.8, 0.99)]),
    "names": Plan(lr={"head": ss.Constant(0.1, 7), "it's": 0.3, 'say "a"': 0.2}, relative=False),
    "tied": Plan(lr=ss.Linear(0.0, 0.5, 2), weight_decay=ConstantProduct(0.01), relative=True),
    "a function": Plan(lr=0.1 * ss.Function("math:exp").head(3)),
}


courses = st.one_of(trees, trees, st.floats(-1e9, 1e9), st.lists(trees, min_size=1, max_size=3).map(tuple))
entries = st.one_of(
    courses,
    courses,
    st.lists(courses, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["head", "it's", 'say "a"', "{1: 2}", ""]), courses, min_size=1),
    st.builds(ConstantProduct, st.floats(0.0, 1.0)),
)
names = st.sampled_from(["lr", "weight_decay", "betas", "momentum", "_x1"])
plans = st.builds(
    lambda given, relative: Plan(**given, relative=relative),
    st.dictionaries(names, entries, min_size=1).filter(lambda given: not isinstance(given.get("lr"), ConstantProduct)),
    st.sampled_from([None, True, False]),
)


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_read_back_equal_from_text_json_pickle_and_copies(name):
    assert_round_trips(PLANS[name])
    assert Plan(**PLANS[name], relative=PLANS[name].relative) == PLANS[name]


@given(plans)
def test_any_plan_is_read_back_equal_from_text_json_pickle_and_copies(plan):
    assert_round_trips(plan)


def test_plans_are_equal_whatever_the_order_and_the_way_of_writing():
    one = Plan(lr=ss.Constant(0.1), momentum="Linear(0.5, 0.9, 10)")
    other = Plan(momentum=ss.Linear(0.5, 0.9, 10), lr=0.1)
    assert one == other
    assert hash(one) == hash(other)
    assert len({*PLANS.values(), one, other}) == len(PLANS) + 1
    assert Plan(lr=0.1) != Plan(lr=0.1, relative=True)
    assert Plan(lr=[0.1, 0.2]) != Plan(lr=(0.1, 0.2))
    assert Plan(lr=0.1) != {"lr": ss.Constant(0.1)}


def test_a_plan_cannot_be_changed():
    with pytest.raises(AttributeError):
        PLANS["numbers"].relative = True
    with pytest.raises(TypeError):
        PLANS["numbers"]["lr"] = 0.2
    PLANS["names"]["lr"]["head"] = 0.5
    assert PLANS["names"](0)["lr"]["head"] == 0.1


def test_a_plan_is_a_mapping_of_what_was_given():
    plan = PLANS["tuples"]
    assert list(plan) == ["lr", "betas", "one"]
    assert plan["betas"] == (ss.Linear(0.85, 0.95, 10), ss.Constant(0.999))
    assert "momentum" not in plan
    assert plan.schedules["betas[0]"] == ss.Linear(0.85, 0.95, 10)
    assert PLANS["names"].schedules['lr of "head"'] == ss.Constant(0.1, 7)


def test_the_values_of_a_step_are_nested_like_the_plan():
    assert PLANS["tuples"](10) == {"lr": 0.1, "betas": (0.95, 0.999), "one": (0.5,)}
    assert PLANS["a list"](0) == {"lr": [0.1, 0.2], "betas": [(0.9, 0.99), (0.8, 0.99)]}
    assert PLANS["names"](0)["lr"] == {"head": 0.1, "it's": 0.3, 'say "a"': 0.2}
    values = PLANS["one rate"](np.array([0, 250]))
    assert values["lr"].tolist() == [0.0, 0.15]


def test_a_constant_product_follows_the_rates_of_the_plan_in_their_form():
    assert PLANS["tied"](2) == {"lr": 0.5, "weight_decay": 0.02}
    tie = ConstantProduct(0.5)
    assert Plan(lr=[0.25, 0.5], weight_decay=tie)(0)["weight_decay"] == [2.0, 1.0]
    assert Plan(lr={"a": 0.1, "b": 0.5}, weight_decay={"b": tie})(0)["weight_decay"] == {"b": 1.0}
    assert PLANS["tied"](np.array([0, 1, 2]))["weight_decay"].tolist() == [0.0, 0.04, 0.02]
    named = Plan(lr=0.5, weight_decay={"head": ConstantProduct(0.5), "body": 0.1})
    assert named(3) == {"lr": 0.5, "weight_decay": {"head": 1.0, "body": 0.1}}, "one rate is that of every group"
    assert Plan(lr=[5e-324, 0.5], weight_decay=tie)(0)["weight_decay"] == [0.0, 1.0]  # 0.5 / 5e-324 is not finite
    with pytest.raises(ArgumentError, match=r"Plan\(weight_decay=...\) must be a schedule, as nothing .*; give lr="):
        Plan(weight_decay=tie)(0)
    assert str(Tied(ss.Constant(0.5), tie)) == "ConstantProduct(0.5) of Constant(0.5)"


def test_units_in_texts_refer_to_the_horizon_and_each_schedule_may_have_a_rest():
    text = 'Plan(lr=Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest"), momentum=Linear(0.8, 0.9, "rest"))'
    plan = Plan.parse(text, RUN)
    assert {each.steps for each in plan.schedules.values()} == {RUN.steps}
    assert Plan(lr='Linear(0, 0.3, "1ep")', horizon=RUN)["lr"].steps == RUN.epoch_steps


REFUSED_TEXTS = {
    "Plan()": "given if nothing else is scheduled",
    "Plan(0.1)": r"names for its entries",
    "Plan(lr=0.1, lr=0.2)": 'Plan is given "lr" twice',
    "Plan(lr=0.1, wd=1, wd=2)": 'Plan is given "wd" twice',
    "Plan(lr=0.1, horizon=0.2)": "the name of a hyperparameter",
    'Plan(lr=Linear(0, 1, "3ep"))': 'Plan.*: "3ep" needs a horizon|"3ep" needs a horizon',
    "Linear(0, 1, 3)": r"this is not a Plan; write Plan\(lr=",
    "Plan(lr={Linear(0, 1, 2)})": 'expected the name of a group in quotes and a colon, as in {"head": ',
    'Plan(lr={"a" 0.1})': "name of a group in quotes",
    'Plan(lr={"a": 0.1': "never closed",
    'Plan(lr={"a": 0.1, "a": 0.2})': 'the group "a" is given twice',
    "Plan(lr={})": "at least one schedule",
    "Plan(lr=[])": "at least one schedule",
    "Plan(lr=())": "at least one schedule",
    "Plan(lr=0.1, relative=maybe)": "True or False",
    "Plan(lr=0.1, wd=Cosin(1))": 'did you mean "Cosine"',
    "Plan(lr=0.1, wd=ConstantProduct(-1))": "a finite number >= 0",
    "Plan(lr=0.1, wd=ConstantProduct())": r"has one argument; write ConstantProduct\(product\)",
    "Plan(lr=0.1, wd=ConstantProduct(x=1))": r"has one argument; write ConstantProduct\(product\)",
    "Plan(lr=Plan(lr=1))": "a Plan is not a schedule",
    "Plan(lr=((1, 2), 3))": "a schedule or a number",
    'Plan(lr="Linear(0, 1, 3)")': "a schedule or a number",
    'Plan(lr=Function("os:getcwd"))': "functions=True",
    "Plan(lr=0.1).head(3)": "this is not a Plan|a Plan is not a schedule",
}


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_a_text_that_is_not_a_plan_is_refused_at_its_place(text):
    with pytest.raises(ParseError, match=REFUSED_TEXTS[text]) as caught:
        Plan.parse(text)
    assert str(caught.value).endswith("^")


def test_a_tie_may_name_its_argument():
    assert Plan.parse("Plan(lr=0.1, wd=ConstantProduct(product=2))") == Plan(lr=0.1, wd=ConstantProduct(2))


def test_a_text_names_the_place_of_an_entry_that_cannot_be():
    with pytest.raises(ParseError) as caught:
        Plan.parse("Plan(lr=0.1, horizon=0.2)")
    assert caught.value.position == len("Plan(lr=0.1, horizon=")


def test_parse_and_from_dict_say_how_a_plan_is_read():
    with pytest.raises(ParseError, match=r"a Plan is not a schedule; read a Plan with Plan\.parse"):
        ss.parse("Plan(lr=0.1)")
    with pytest.raises(ParseError, match="only a Plan has names of groups"):
        ss.parse('Knots({"a": 1})')
    with pytest.raises(FormatError, match=r"Plan\.from_dict"):
        ss.from_dict(ss.to_dict(PLANS["tied"]))
    with pytest.raises(FormatError, match="from_dict"):
        Plan.from_dict(ss.to_dict(ss.Constant(0.1)))


REFUSED = {
    "nothing": ({}, "given if nothing else is scheduled"),
    "None": ({"lr": None}, r"Plan\(lr=...\) must be a schedule, its text or a number"),
    "a class": ({"lr": ss.Linear}, "must be a schedule, got Linear; this is a class; call it$"),
    "a scheduler of another library": (
        {"lr": SimpleNamespace(get_last_lr=None)},
        r"a schedule, its text or a number, got .*; from_torch\(scheduler\) makes schedules of it$",
    ),
    "not a number": ({"lr": float("nan")}, "a finite number"),
    "a rate that follows the rate": ({"lr": ConstantProduct(1)}, "only other hyperparameters can follow lr"),
    "a flag": ({"lr": True}, "a schedule, its text or a number"),
    "a text with a unit": ({"lr": 'Linear(0, 1, "3ep")'}, r'Plan\(lr=...\): "3ep" needs a horizon'),
    "a plan in a plan": ({"lr": Plan(lr=0.1)}, "a schedule, its text or a number"),
    "a list in a list": ({"lr": [[0.1]]}, "a schedule, its text or a number"),
    "bytes": ({"lr": b"0.1"}, "a schedule, its text or a number"),
    "no name": ({"weight decay": 0.1}, "the name of a hyperparameter"),
    "one name twice": ({"lr": {1: 0.1, "1": 0.2}}, "names that differ, got '1'"),
    "a name in both quotes": (
        {"lr": {"a\"b'c": 0.1}},
        "names without backslashes, line breaks, or quotes of both kinds, got",
    ),
    "a name with a backslash": ({"lr": {"a\\b": 0.1}}, "without backslashes"),
    "a name of two lines": ({"lr": {"a\nb": 0.1}}, "line breaks"),
    "relative": ({"lr": 0.1, "relative": 1}, "a boolean"),
    "horizon": ({"lr": 0.1, "horizon": 100}, "a Horizon"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_entry_of_another_kind_is_refused(name):
    entries, words = REFUSED[name]
    with pytest.raises((ArgumentError, ParseError), match=words):
        Plan(**entries)


def test_a_map_must_make_schedules_of_schedules():
    with pytest.raises(ArgumentError, match=r"map\(change=...\) must be a function that returns a schedule, got 0.3"):
        PLANS["one rate"].map(lambda rate: rate(500))
    with pytest.raises(ArgumentError, match=r'no .weight_decy.; did you mean "weight_decay"'):
        PLANS["tied"].map(lambda rate: rate / 2, "lr", "weight_decy")


def test_all_problems_of_a_plan_come_together():
    with pytest.raises(ArgumentError) as caught:
        Plan(lr=None, momentum={}, betas="Linear(0, 1")
    assert [each.argument for each in caught.value.problems] == ["lr", "momentum", "betas"]


REFUSED_FORMS = {
    "another version": ({"version": 2}, 'the "version" of a plan in JSON must be 1, got 2'),
    "nothing": ({"schedules": {}}, "given if nothing else is scheduled"),
    "no schedules": ({"schedules": None}, 'a plan in JSON has "relative" and "schedules", got '),
    "more": ({"horizon": 3}, 'a plan in JSON has "relative" and "schedules", got '),
    "a number": ({"schedules": {"lr": 0.1}}, "lr: a schedule in JSON is a dictionary with a type, got 0.1"),
    "a number in a list": ({"schedules": {"lr": {"list": [0.1]}}}, "lr[0]: a schedule in JSON is a dictionary with"),
    "a number in a tuple": ({"schedules": {"lr": {"tuple": [0.1]}}}, "lr[0]: a schedule in JSON is a dictionary with"),
    "a number for a group": ({"schedules": {"lr": {"groups": {"a": 0.1}}}}, "lr['a']: a schedule in JSON is a"),
    "a text": ({"schedules": {"lr": "Constant(0.1)"}}, "a dictionary with a type, got 'Constant(0.1)'"),
    "an unknown type": ({"schedules": {"lr": {"type": "Lin"}}}, "lr: 'Lin' is not a type of schedule"),
    "a mixture": ({"schedules": {"lr": {"tuple": [], "list": []}}}, 'lr lacks "type"'),
    "a tie of a text": ({"schedules": {"lr": {"product with lr": "0.1"}}}, "a finite number >= 0, got '0.1'"),
    "a function": ({"schedules": {"lr": {"type": "Function", "function": "os:getcwd"}}}, "lr: Function runs your own"),
    "relative": ({"relative": 1}, 'a plan in JSON has "relative" and "schedules", got '),
}


@pytest.mark.parametrize("name", REFUSED_FORMS)
def test_a_dictionary_that_is_not_a_plan_is_refused(name):
    changed, words = REFUSED_FORMS[name]
    refused(FormatError, words, lambda: Plan.from_dict(ss.to_dict(PLANS["numbers"]) | changed))
    refused(FormatError, "a plan in JSON is a dictionary, got []", lambda: Plan.from_dict([]))


def test_each_hyperparameter_is_drawn_on_axes_of_its_own():
    from stepsize.plots import Picture

    plan = Plan(
        lr=[ss.Linear(0.0, 0.3, 500), 0.1], betas=(ss.Linear(0.8, 0.9, 9), 0.999), weight_decay=ConstantProduct(0.1)
    )
    rate, betas = plan.plot(Picture())
    assert (rate.get_ylabel(), betas.get_ylabel()) == ("lr", "betas")
    assert [line.get_ydata()[-1] for line in rate.lines] == [0.3, 0.1]
    assert {line.get_xdata()[-1] for line in [*rate.lines, *betas.lines]} == {500}
    assert [text.get_text().partition(":")[0] for text in betas.get_legend().get_texts()] == [
        "lr[0]",
        "lr[1]",
        "betas[0]",
        "betas[1]",
    ]
