"""Schedules that are written for each tool, and what is recorded of each: the config, or the refusal.

`python tests/interop/writing.py` records it again.
"""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from meanings import with_twelve_digits
from measuring import HERE, Case, loop_of, random_cases

import stepsize as ss
import stepsize.interop
from stepsize.errors import ArgumentError
from stepsize.interop.frameworks import FRAMEWORKS, WRITTEN
from stepsize.interop.tool_schedule import Run, ToolSchedule
from stepsize.interop.writers.forms import written
from stepsize.schedules.clock import Every
from stepsize.schedules.shape import all_of

RECORDED = HERE / "recorded" / "written.json"
OF_RANDOM = 100


def read_schedules(tool: str) -> list[tuple[ss.Schedule, Any]]:
    """What the tool's reader makes of the configs of the tests; with the horizon, if it is one of epochs."""
    found = []
    for case in [*loop_of(tool).CASES, *random_cases(tool, OF_RANDOM)]:
        if isinstance(case.horizon, dict):
            case = replace(case, horizon=case.horizon | {"epochs": 30})
        rates = read(tool, case).rates
        found.append((rates, horizon_of(case) if any(all_of(Every, rates)) else None))
    return found


def read(tool: str, case: Case) -> ToolSchedule:
    framework = next(each for each in FRAMEWORKS if each.name == tool)
    return framework.read(case.config, Run.of("read", horizon_of(case), case.base_lr))


def horizon_of(case: Case) -> Any:
    return ss.Horizon(**case.horizon) if isinstance(case.horizon, dict) else case.horizon


def random_schedule(rng: random.Random) -> ss.Schedule:
    """A warmup, a stable phase, a decay, and an end, or something that few tools have."""
    peak, low, warmup, stable, decay = rng.random(), rng.choice([0.0, rng.random() / 5]), *rng.choices(range(9), k=3)
    shapes = ["linear", "cosine", "1-sqrt", "rex", "polynomial(2)", "exponential"]
    kinds: list[Callable[[], ss.Schedule]] = [
        lambda: ss.wsd(peak, warmup, stable, decay + 1, rng.choice([0.0, low]), low + 1e-3, rng.choice(shapes)),
        lambda: ss.warmup_cosine(peak, warmup, warmup + decay + 1, 0.0, low),
        lambda: ss.wsd(peak, warmup, stable + 1, 0, low),
        lambda: ss.inverse_sqrt(peak, warmup),
        lambda: ss.sgdr(peak, decay + 1, stable + 1, low, rng.choice([1.0, 0.5]), rng.choice([1, 2])),
        lambda: ss.Exponential(peak, rng.random()),
        lambda: ss.MultiStep(peak, 0.1, (warmup, warmup + decay)),
        lambda: ss.Piecewise((peak, low, peak), (warmup + 1, warmup + decay + 2)),
        lambda: ss.Linear(0.0, peak, warmup + 1) >> ss.Linear(peak, 0.0, decay + 1),
    ]
    schedule = rng.choice(kinds)()
    return rng.choice([schedule, schedule, schedule * 2.0, schedule.shift(1), schedule.head(7)])


def schedules_for(tool: str) -> list[tuple[ss.Schedule, Any]]:
    """Those that the tool's reader makes, if it is written as data, and random ones; each with its horizon."""
    rng = random.Random(1)
    read = [] if tool in ("mlx", "optax") else read_schedules(tool)
    return [*read, *((random_schedule(rng), None) for _ in range(OF_RANDOM))]


def outcome(tool: str, schedule: ss.Schedule, horizon: Any) -> Any:
    """What is written for a schedule, or the refusal."""
    try:
        return getattr(stepsize.interop, f"to_{tool}")(schedule, horizon)
    except ArgumentError as error:
        return error


def texts_of(tool: str, schedules: list[tuple[ss.Schedule, Any]], outcomes: list[Any]) -> list[str]:
    """The text of every outcome; that of a function is its source."""
    pairs = zip(schedules, outcomes, strict=True)
    found = [written(schedule, tool) if callable(made) else made for (schedule, _), made in pairs]
    return [with_twelve_digits(each) for each in found]


def recorded() -> dict[str, list[str]]:
    """The recorded texts by tool."""
    found: dict[str, list[str]] = json.loads(RECORDED.read_text())
    return found


if __name__ == "__main__":
    texts = {}
    for tool in WRITTEN:
        schedules = schedules_for(tool)
        texts[tool] = texts_of(tool, schedules, [outcome(tool, *each) for each in schedules])
    tools = (f"{json.dumps(tool)}: [\n" + ",\n".join(map(json.dumps, found)) + "\n]" for tool, found in texts.items())
    RECORDED.write_text("{" + ",\n".join(tools) + "}\n")
