"""Schedules, plans and horizons as fields of pydantic's models."""

import dataclasses
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


HORIZON = Horizon(samples=60_000, batch=256, epochs=10)
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
    assert Training.model_validate(form, context={"horizon": HORIZON}).schedule.steps == HORIZON.steps
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


class Run(pydantic.BaseModel):
    horizon: Horizon
    other: Horizon | None = None


GROWING = Horizon(samples=1000, batch=ss.Piecewise((100, 200), (500,)), epochs=2)
RUN = Run(horizon={"samples": 1000, "batch": str(GROWING.batch), "epochs": 2}, other=HORIZON)


def test_a_horizon_is_read_from_its_arguments_or_is_one():
    assert RUN.horizon == GROWING
    assert RUN.other is HORIZON
    assert Run(horizon={"samples": 1000, "batch": GROWING.batch, "epochs": 2}).horizon == GROWING


def test_a_horizon_is_written_as_a_mapping_and_read_back_equal():
    written = json.loads(RUN.model_dump_json())
    assert written == RUN.model_dump()
    assert written["horizon"]["batch"] == "Piecewise((100.0, 200.0), (500,))"
    assert written["other"] == dataclasses.asdict(HORIZON)
    assert Run.model_validate_json(RUN.model_dump_json()) == Run.model_validate(written) == RUN


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_of_a_horizon_has_its_arguments(mode):
    schema = Run.model_json_schema(mode=mode)["properties"]["horizon"]
    assert schema["required"] == ["samples", "batch", "epochs"]
    assert list(schema["properties"]) == [each.name for each in dataclasses.fields(Horizon)]
    assert [each["type"] for each in schema["properties"]["batch"]["anyOf"]][:2] == ["integer", "string"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples": 0}, r"Horizon\(samples=...\) must be a whole number of at least 1, got 0"),
        ({"batch": "Constat(5)"}, 'did you mean "Constant"'),
        ({"batch": "Piecewise((4, 0.5), (5,))"}, "it is 0.5 at sample 5"),
        ({"btach": 5}, "horizon.btach"),
    ],
)
def test_what_is_not_a_horizon_is_refused_with_the_place(change, words):
    with pytest.raises(pydantic.ValidationError, match=words) as caught:
        Run(horizon={"samples": 1000, "batch": 100, "epochs": 2} | change)
    assert caught.value.errors()[0]["loc"][0] == "horizon"


def test_a_schedule_needs_no_model():
    adapter = pydantic.TypeAdapter(Schedule)
    assert adapter.validate_python(TEXT) == WHOLE.schedule
    assert adapter.dump_json(WHOLE.schedule) == json.dumps(TEXT).encode()
