"""Schedules and plans as arguments of jsonargparse."""

import pytest

import stepsize as ss
from stepsize import Plan, Schedule

jsonargparse = pytest.importorskip("jsonargparse", reason="needs stepsize[frameworks]")
ArgumentParser = jsonargparse.ArgumentParser


def read(kind, value):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--schedule", type=kind)
    given = [f"--schedule={value}"] if isinstance(value, str) else None
    return parser.instantiate(parser.parse_args(given) if given else parser.parse_object({"schedule": value})).schedule


def of_class(name, **arguments):
    return {"class_path": name, "init_args": arguments}


LINEAR = of_class("stepsize.Linear", start=0, end=0.3, steps=500)


@pytest.mark.parametrize(
    ("form", "schedule"),
    [
        (LINEAR, ss.Linear(0, 0.3, 500)),
        (of_class("stepsize.Staircase", start=0.1, factor=0.5, every=10), ss.Staircase(0.1, 0.5, 10)),
        (of_class("stepsize.Piecewise", values=[0.3, 0.1], boundaries=[5]), ss.Piecewise((0.3, 0.1), (5,))),
        (of_class("stepsize.Function", function="math:cos"), ss.Function("math:cos")),
        (of_class("stepsize.warmup", schedule=LINEAR, steps=5), ss.warmup(ss.Linear(0, 0.3, 500), 5)),
        (
            of_class("stepsize.schedules.clock.Chain", parts=[LINEAR, of_class("stepsize.Constant", value=1)]),
            ss.Linear(0, 0.3, 500) >> ss.Constant(1),
        ),
        (of_class("stepsize.schedules.clock.Every", schedule=LINEAR, n=2), ss.Linear(0, 0.3, 500).every(2)),
        (
            of_class("stepsize.schedules.clock.Repeat", schedule=LINEAR, times=2, stretch=2),
            ss.Linear(0, 0.3, 500).repeat(2, stretch=2),
        ),
        (of_class("stepsize.parse", text="Linear(0, 0.3, 500)"), ss.Linear(0, 0.3, 500)),
    ],
    ids=lambda each: each["class_path"] if isinstance(each, dict) else "",
)
@pytest.mark.parametrize("kind", [Schedule, Schedule | str])
def test_a_class_path_makes_a_schedule(kind, form, schedule):
    assert read(kind, form) == schedule


def test_a_class_is_named_on_the_command_line():
    parser = ArgumentParser()
    parser.add_argument("--schedule", type=Schedule)
    words = ["--schedule=Linear", "--schedule.start=0", "--schedule.end=0.3", "--schedule.steps=3"]
    assert parser.instantiate(parser.parse_args(words)).schedule == ss.Linear(0, 0.3, 3)


def test_a_plan_is_made_by_its_class_path():
    entries = {"lr": "Linear(0, 0.3, 500)", "weight_decay": 0.1}
    plan = read(Plan, {"class_path": "stepsize.Plan", "dict_kwargs": entries})
    assert plan == Plan(lr=ss.Linear(0, 0.3, 500), weight_decay=0.1)
    assert read(Plan, of_class("stepsize.Plan.parse", text=str(plan))) == plan


def test_a_text_is_left_to_the_scheduler_by_a_union():
    assert read(Schedule | str, "Linear(0, 0.3, 500)") == "Linear(0, 0.3, 500)"


@pytest.fixture
def _registered():
    jsonargparse.typing.register_type(Schedule, deserializer=ss.parse, type_check=isinstance)
    yield
    del jsonargparse.typing.registered_type_handlers[Schedule]


@pytest.mark.usefixtures("_registered")
def test_a_text_is_read_once_the_type_is_registered(capsys):
    assert read(Schedule, "Linear(0, 0.3, 500)") == ss.Linear(0, 0.3, 500)
    with pytest.raises(jsonargparse.ArgumentError, match='did you mean "Cosine"'):
        read(Schedule, "Cosin(0.1, 0, 10)")
    parser = ArgumentParser()
    parser.add_argument("--schedule", type=Schedule)
    given = parser.parse_args(["--schedule=warmup(Constant(0.1), 5)"])
    assert parser.dump(given) == "schedule: Linear(0.0, 0.1, 5) >> Constant(0.1)\n"


@pytest.mark.parametrize(("name", "words"), [("stepsize.Linear", "at least 1, got 0"), ("stepsize.Cosin", "Cosin")])
def test_what_is_wrong_is_said(name, words):
    with pytest.raises((jsonargparse.ArgumentError, ValueError), match=words):
        read(Schedule, of_class(name, start=0, end=0.3, steps=0))
