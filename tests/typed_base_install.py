"""A program that uses the base install. Two type checkers and Python run it against the wheel: see scripts/package."""

from typing import TYPE_CHECKING, Any, assert_type

import stepsize as ss
from stepsize.errors import ArgumentError


def peak(schedule: ss.Schedule) -> float:
    return float(schedule.sample().max())


plan = ss.Linear(0.0, 0.3, 10) >> ss.Cosine(0.3, 0.01, 90)
assert_type(plan(5), float)
assert_type(plan.head(20), ss.Schedule)
assert_type(ss.parse("wsd(0.3, 10, 70, 20)"), ss.Schedule)
assert_type(ss.from_dict(ss.to_dict(plan)), ss.Schedule)
assert_type(ss.minimum(plan, 0.2) ** 2, ss.Schedule)

training = ss.Plan(lr=plan, weight_decay="Constant(0.1)", betas=(0.9, 0.999))
horizon = ss.Horizon(samples=60_000, batch=256, epochs=10)
steps: int = horizon.steps
written: dict[str, Any] = ss.to_dict(plan)

try:
    ss.Cosine(0.3, 0.01, 0)
except ArgumentError as error:
    advice: str | None = error.advice
else:
    raise AssertionError

if TYPE_CHECKING:
    misspelled = ss.Cosin  # type: ignore[attr-defined]

print(f"{peak(plan)} over {plan.steps} steps")
