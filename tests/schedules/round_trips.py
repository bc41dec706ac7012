"""Writing a schedule or a plan and reading it back, in every form."""

import copy
import json
import pickle

from stepsize import Plan, Schedule, from_dict, parse, to_dict


def read(text: str) -> Schedule:
    return parse(text, functions=True)


def assert_round_trips(schedule: Schedule | Plan) -> None:
    of_text, of_form = (Plan.parse, Plan.from_dict) if isinstance(schedule, Plan) else (parse, from_dict)
    text = str(schedule)
    assert text == repr(schedule)
    assert text.isascii()
    form = json.loads(json.dumps(to_dict(schedule), allow_nan=False))
    for again in (
        of_text(text, functions=True),
        of_form(form, functions=True),
        pickle.loads(pickle.dumps(schedule)),
        copy.copy(schedule),
        copy.deepcopy(schedule),
    ):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert str(again) == text
        assert type(again) is type(schedule)
