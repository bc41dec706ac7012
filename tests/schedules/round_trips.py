"""Writing a schedule and reading it back, in every form."""

import copy
import json
import pickle

from stepsize import Schedule, from_dict, parse, to_dict


def read(text: str) -> Schedule:
    return parse(text, functions=True)


def assert_round_trips(schedule: Schedule) -> None:
    text = str(schedule)
    assert text == repr(schedule)
    assert text.isascii()
    form = json.loads(json.dumps(to_dict(schedule), allow_nan=False))
    for again in (
        read(text),
        from_dict(form, functions=True),
        pickle.loads(pickle.dumps(schedule)),
        copy.copy(schedule),
        copy.deepcopy(schedule),
    ):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert str(again) == text
        assert type(again) is type(schedule)
