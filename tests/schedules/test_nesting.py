"""Schedules a hundred deep, and no deeper."""

import copy
import functools
import json
import pickle
import sys
from collections.abc import Callable

import pytest
from refusals import LINE, refused

import stepsize as ss
from stepsize import Schedule, from_dict, parse, to_dict
from stepsize.errors import ArgumentError, FormatError

NESTING = {
    "sums in products": lambda s: (s + LINE) * LINE if isinstance(s, ss.schedules.arithmetic.Product) else s * LINE,
    "heads": lambda s: s.head(3),
    "quotients": lambda s: s / 2,
    "quotients in products": lambda s: LINE * s if type(s).__name__ == "Quotient" else s / 2,
    "chains in tails": lambda s: s.tail(2) if type(s).__name__ == "Chain" else s >> LINE,
    "clips of sums": lambda s: s.clip(0) if type(s).__name__ == "Sum" else s + 1,
}


def deepest(grow: Callable[[Schedule], Schedule]) -> Schedule:
    """As deep as it goes; the next is refused."""
    schedule: Schedule = LINE
    while schedule._depth < 100:
        deeper = grow(schedule)
        assert deeper._depth > schedule._depth
        schedule = deeper
    message = refused(
        ArgumentError, "the nesting of schedules must be at most 100 levels deep", lambda: grow(grow(schedule))
    )
    assert message.endswith("; chain them with >> instead")
    return schedule


@pytest.mark.parametrize("grow", NESTING.values(), ids=NESTING)
def test_a_schedule_may_be_a_hundred_deep_and_no_deeper(grow):
    schedule = deepest(grow)
    assert parse(str(schedule)) == schedule
    form = to_dict(schedule)
    assert from_dict(json.loads(json.dumps(form))) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    assert hash(schedule) == hash(parse(str(schedule)))
    assert schedule([2])[0] == pytest.approx(schedule(2))
    deeper = {"version": 1, "type": "Head", "schedule": {k: v for k, v in form.items() if k != "version"}, "n": 1}
    wrapped = functools.reduce(lambda inner, _: {"type": "Head", "schedule": inner, "n": 1}, range(2), deeper)
    refused(FormatError, "", lambda: from_dict({**wrapped, "version": 1}))


def from_deep_down(frames: int, call: Callable[[], object]) -> object:
    return call() if frames == 0 else from_deep_down(frames - 1, call)


def test_deep_schedules_are_read_far_down_the_stack_too():
    """A notebook, a test runner and a framework have used much of Python's stack before they call."""
    schedule = deepest(NESTING["chains in tails"])
    text, form = f"{'(' * 50}{schedule}{')' * 50}", to_dict(schedule)
    room = sys.getrecursionlimit() - len(frames_now())
    assert from_deep_down(room - 700, lambda: parse(text)) == schedule
    assert from_deep_down(room - 700, lambda: from_dict(form)) == schedule


def frames_now() -> list[object]:
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found
