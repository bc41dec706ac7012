"""Questions of the page, asked without a server, and two schedules to ask about."""

import json

from stepsize.play.answers import answer
from stepsize.play.state import Entry, State
from stepsize.play.subjects import Subject

TWO = ("Linear(0, 0.3, 100) >> Cosine(0.3, 0.01, 900)", "wsd(0.3, 100, 700, 200)")


def asked(question, *texts, subject=None, **fields):
    state = State(tuple(map(Entry, texts)), **fields)
    answered = answer(subject or Subject(state), question, state.as_json())
    json.dumps(answered, allow_nan=False)
    return answered
