import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepsize import StepsizeError
from stepsize.play.state import Entry, PageWords, State

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
sizes = st.none() | st.integers(1, 2**53)
numbers = st.floats(allow_nan=False, allow_infinity=False)
entries = st.builds(Entry, words, words, st.booleans())
DRAWN = {
    "schedules": st.lists(entries, max_size=12).map(tuple),
    "steps": sizes,
    "samples": sizes,
    "batch": sizes,
    "epochs": st.none() | st.floats(1e-300, 1e300),
    "accumulation": sizes,
    "processes": sizes,
    "tokens_per_sample": sizes,
    "clock": st.sampled_from(["steps", "epochs", "tokens"]),
    "log": st.booleans(),
    "tab": st.sampled_from(["schedules", "surface", "comparison"]),
    "form": st.sampled_from(["text", "optax"]),
    "copied": st.integers(0, 20),
    "surface": words.map(lambda text: text[:20]),
    "optimizers": words,
    "peak": st.floats(1e-300, 1e300),
    "updates": st.integers(1, 1000),
    "start": st.lists(numbers, max_size=3).map(tuple),
    "followed": st.integers(0, 20),
}
states = st.builds(State, **DRAWN)


def test_the_states_drawn_here_differ_in_every_field():
    assert set(DRAWN) == {field.name for field in fields(State)}


@settings(max_examples=1000)
@given(states)
def test_an_address_brings_its_state_back(state):
    assert State.of_address(state.address) == state
    assert state.address.isascii()
    assert not set(state.address) & set(' <>"`\n')


@given(states)
def test_the_pages_json_brings_its_state_back(state):
    assert State.of_json(json.loads(json.dumps(state.as_json()))) == state


def test_an_address_can_be_read_and_written_by_people():
    state = State((Entry("Linear(0, 0.3, 500)", "way up"), Entry("Constant(1)", hidden=True)), log=True, steps=9)
    assert state.address == "text=Linear(0,+0.3,+500)&name=way+up&text=Constant(1)&hidden=1&steps=9&log=1"
    assert State((Entry("a"),), start=(-5.0, 0.5)).address == "text=a&start=-5.0,0.5"


@settings(max_examples=1000)
@given(st.text(max_size=200))
@example("text=" + "(" * 7000)
@example("peak=" + "9" * 5000)
@example("start=nan,inf")
@example("updates=1e999")
@example("text=%ff%fe&name=%00")
@example("hidden=1")
@example("<script>alert(1)</script>")
@example("text=<script>alert(1)</script>")
@example("=&=&=")
def test_any_address_is_read_or_refused(address):
    try:
        state = State.of_address(address)
    except StepsizeError:
        return
    assert State.of_address(state.address) == state


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("text=" + "x" * 59_996, "this address has 60,001 characters, and at most 60,000 are read"),
        ("text=" + "x" * 59_995, "at most 8,000 characters"),
        ("text=" + "x" * 8_001, "at most 8,000 characters"),
        ("&".join(["text=a"] * 13), "at most 12"),
        ("&".join(["text=a"] * 200), "is not an address"),
        ("nonsense=1", "nonsense"),
        ("updates=1001", "1,000"),
        ("peak=-1", "> 0"),
        ("peak=huge", "number"),
        ("tab=other", "schedules"),
        ("log=yes", "boolean"),
        ("hidden=1", "hidden='1' stands before the first text=..."),
        ("name=a&text=b", "before the first"),
    ],
)
def test_what_is_refused_is_refused_in_words(address, said):
    with pytest.raises(StepsizeError, match=said):
        State.of_address(address)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tokens_per_sample": 0}, "the tokens in a sample must be a whole number of at least 1, got 0"),
        ({"batch": 0}, "the batch size of the run must be a whole number of at least 1, got 0"),
        ({"start": [1, "x"]}, "start[1] must be a finite number, got 'x'; write a number such as 0.1"),
        ({"start": 1}, "the start must be a sequence, got 1; write start=(1,)"),
        ({"copied": -1}, "copied must be a whole number of at least 0, got -1"),
        ({"schedules": [{"text": "a", "name": 101 * "x"}]}, "the name of a schedule must be at most 100 characters "),
        ({"schedules": [{"text": "a", "colour": "red"}]}, "a schedule has no 'colour'; known are text, name, hidden"),
    ],
)
def test_a_field_is_refused_by_its_label_on_the_page(fields, said):
    with pytest.raises(StepsizeError) as caught:
        State.of_json({"schedules": [], **fields})
    assert caught.value.message(PageWords()).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (5, "Entry(text=...) must be a text, got 5"),
        (None, "Entry(text=...) must be a text, got None"),
        ("x" * 8_001, "Entry(text=...) must be at most 8,000 characters long, got 8001"),
        ("a\ud800", "Entry(text=...) must be a text of whole characters, got 'a\\ud800'"),
    ],
)
def test_what_is_no_text_is_refused_in_words(text, said):
    with pytest.raises(StepsizeError) as caught:
        State.of_json({"schedules": [{"text": text}]})
    assert str(caught.value) == said


@pytest.mark.parametrize("address", ["text=" + "x" * 8_000, "&".join(["text=a"] * 12), "updates=1000"])
def test_as_much_as_is_allowed_is_read(address):
    assert State.of_address(address).address == address


@pytest.mark.parametrize("form", [None, [], {"schedules": "x"}, {"schedules": [{}]}, {"nonsense": 1}, {"peak": "x"}])
def test_what_is_no_state_is_refused(form):
    with pytest.raises(StepsizeError):
        State.of_json(form)


def test_the_run_is_that_of_its_data_or_of_its_steps():
    run = State(steps=500)
    assert run.horizon.steps == 500
    assert replace(run, samples=60_000, batch=256).horizon.steps == 500
    data = replace(run, samples=60_000, batch=256, epochs=10.0, tokens_per_sample=7)
    assert (data.horizon.steps, data.horizon.tokens_per_sample) == (2350, 7)
    assert State().horizon is None
    assert math.isclose(replace(data, accumulation=2).horizon.epoch_steps, 118)
