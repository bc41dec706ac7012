"""Schedules and plans as fields of pydantic's models."""

import json

import pytest

import stepsize as ss
from stepsize import Horizon, Plan, Schedule

pydantic = pytest.importorskip("pydantic", reason="needs stepsize[frameworks]")


class Training(pydantic.BaseModel):
    schedule: Schedule
    plan: Plan | None = None
    warmup: ss.Linear | None = None
    several: tuple[Schedule, ...] = ()


TEXT = "Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)"
WHOLE = Training(
    schedule=TEXT,
    plan="Plan(lr=0.1, betas=(Linear(0.8, 0.9, 10), 0.999))",
    warmup=ss.Linear(0.0, 0.1, 5),
    several=[ss.to_dict(ss.Constant(0.1)), "Constant(0.2)"],
)


def test_texts_dictionaries_and_values_are_read():
    assert WHOLE.schedule == ss.parse(TEXT)
    assert WHOLE.plan == Plan(lr=0.1, betas=(ss.Linear(0.8, 0.9, 10), 0.999))
    assert WHOLE.several == (ss.Constant(0.1), ss.Constant(0.2))
    assert Training(schedule=ss.Constant(1), plan=ss.to_dict(WHOLE.plan)).plan == WHOLE.plan


def test_a_model_is_read_back_equal_from_its_json_in_which_schedules_are_texts():
    written = WHOLE.model_dump_json()
    assert json.loads(written)["schedule"] == TEXT
    assert Training.model_validate_json(written) == WHOLE
    assert Training.model_validate(WHOLE.model_dump()) == WHOLE
    assert WHOLE.model_dump()["plan"] == str(WHOLE.plan)


def test_the_json_schema_takes_a_text_or_an_object():
    properties = Training.model_json_schema()["properties"]
    assert [each["type"] for each in properties["schedule"]["anyOf"]] == ["string", "object"]
    assert Training.model_json_schema(mode="serialization")["properties"]["schedule"]["type"] == "string"


def test_the_context_of_a_validation_gives_the_horizon_for_units():
    form = {"schedule": 'Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest")'}
    horizon = Horizon(samples=60_000, batch=256, epochs=10)
    assert Training.model_validate(form, context={"horizon": horizon}).schedule.steps == horizon.steps
    with pytest.raises(pydantic.ValidationError, match='"5%" needs a horizon'):
        Training.model_validate(form)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"schedule": "Cosin(0.1, 0, 10)"}, 'did you mean "Cosine"'),
        ({"schedule": {"version": 1, "type": "Cosin"}}, 'did you mean "Cosine"'),
        ({"schedule": 0.1}, "a Schedule, its text or its dictionary is needed, got 0.1"),
        ({"schedule": "Constant(1)", "plan": "Constant(1)"}, "this is not a Plan"),
        ({"schedule": "Plan(lr=1)"}, "Plan.parse"),
        ({"schedule": "Constant(1)", "warmup": "Constant(1)"}, "a Linear, its text or its dictionary is needed"),
        ({"schedule": 'Function("os:getcwd")'}, "runs your own code"),
    ],
)
def test_what_is_not_a_schedule_is_refused_with_the_place(form, words):
    with pytest.raises(pydantic.ValidationError, match=words) as caught:
        Training.model_validate(form)
    assert caught.value.errors()[0]["loc"][0] == list(form)[-1]


def test_a_schedule_needs_no_model():
    adapter = pydantic.TypeAdapter(Schedule)
    assert adapter.validate_python(TEXT) == WHOLE.schedule
    assert adapter.dump_json(WHOLE.schedule) == json.dumps(TEXT).encode()
