"""The schedules of one training as one value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from stepsize.arguments import Flag, Maybe, apply_rules, refuse_unknown
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, StepsizeError, gathered, raise_together
from stepsize.horizon import ClockName, Horizon, MaybeHorizon
from stepsize.schedules.assignment import Assignment, ConstantProduct
from stepsize.schedules.base import Schedule
from stepsize.schedules.text import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Plan(Mapping[str, Any]):
    """The schedules of one training run, one for each hyperparameter, by name.

    A plan is immutable and comparable, and a mapping: `plan["lr"]` is a schedule, and `**plan` passes all of them. An
    entry is one of these:

    - a schedule, its text, a number, or a function of the step;
    - a tuple of these, for a hyperparameter that is a tuple: `betas=(Linear(0.85, 0.95, 1000), 0.999)`;
    - a list with an entry for each parameter group, or a mapping of the groups' names to entries;
    - a `ConstantProduct`, which ties a hyperparameter to `lr`.

    `str(plan)` is the text that `Plan.parse` reads back.

    Args:
        relative: what a `Scheduler` does with `lr`: True multiplies each group's own rate, False is the rate of every
            group; if None, the groups must have one rate.
        horizon: the run that units in texts refer to.
        schedules: the entries by the hyperparameter's name.

    Raises:
        ArgumentError: there is no entry, or one is not of these kinds.
        ParseError: a text is not a schedule, or has a unit and there is no horizon.

    Example:
        >>> plan = Plan(lr=Linear(0.0, 0.3, 500), weight_decay=0.1, betas=("Cosine(0.85, 0.95, 500)", 0.999))
        >>> plan
        Plan(lr=Linear(0.0, 0.3, 500), weight_decay=0.1, betas=(Cosine(0.85, 0.95, 500), 0.999))
        >>> plan(500)
        {'lr': 0.3, 'weight_decay': 0.1, 'betas': (0.95, 0.999)}
        >>> plan["lr"]
        Linear(0.0, 0.3, 500)
        >>> Plan.parse(str(plan)) == plan
        True
    """

    assignments: dict[str, Assignment]
    relative: bool | None

    def __init__(
        self,
        *,
        relative: Annotated[bool | None, Maybe(Flag())] = None,
        horizon: MaybeHorizon = None,
        **schedules: Any,
    ) -> None:
        apply_rules("Plan", Plan, {"relative": relative, "horizon": horizon})
        vars(self).update(vars(Plan.of("Plan", schedules, relative, horizon)))

    @classmethod
    def of(
        cls,
        owner: str,
        given: Mapping[str, Any],
        relative: bool | None = None,
        horizon: Horizon | None = None,
        clock: str = "steps",
    ) -> "Plan":
        """The plan of these entries; errors name `owner`."""
        if not given:
            raise ArgumentError(owner, "lr", "given if nothing else is scheduled", None)
        assignments, errors = dict[str, Assignment](), list[StepsizeError]()
        for key, each in given.items():
            with gathered(errors):
                if not (key.isidentifier() and key.isascii()) or key in ("relative", "horizon"):
                    raise ArgumentError(owner, key, "the name of a hyperparameter", key)
                if isinstance(each, Plan):
                    raise ArgumentError(owner, key, "a schedule, its text or a number", each)
                assignments[key] = Assignment.of(owner, key, each, horizon, clock)
                for tie in assignments[key].items.values():
                    if key == "lr" and isinstance(tie, ConstantProduct):
                        raise ArgumentError(owner, key, "a schedule", tie, "only other hyperparameters can follow lr")
        raise_together(errors)
        return cls.with_assignments(assignments, relative)

    @classmethod
    def with_assignments(cls, assignments: dict[str, Assignment], relative: bool | None) -> "Plan":
        plan = cls.__new__(cls)
        vars(plan).update(assignments=assignments, relative=relative)
        return plan

    @classmethod
    @checked
    def parse(
        cls,
        text: Text,
        horizon: MaybeHorizon = None,
        *,
        functions: Annotated[bool, Flag()] = False,
        clock: ClockName = "steps",
    ) -> "Plan":
        """The plan that a text describes, `Plan(lr=..., weight_decay=...)`; `Plan.parse(str(plan)) == plan`.

        The entries are written as `parse` reads schedules, or as numbers; a tuple stands in ( ), a list with an entry
        for each group in [ ], and a mapping by the groups' names in { }. Each schedule may have one `"rest"`.

        Args:
            text: ASCII.
            horizon: the run that units refer to.
            functions: read `Function("package.module:name")`, which imports and runs that code when it is called.
            clock: what the steps of the schedules count, as in `parse`.

        Raises:
            ParseError: the text is not a plan; points at the place.

        Example:
            >>> horizon = Horizon(samples=60_000, batch=256, epochs=10)
            >>> Plan.parse('Plan(lr={"head": Cosine(0.3, 0, "100%"), "body": 0.01}, momentum=0.9)', horizon)
            Plan(lr={"head": Cosine(0.3, 0.0, 2350), "body": 0.01}, momentum=0.9)
        """
        from stepsize.schedules.plan_text import parse_plan

        return parse_plan(text, horizon, functions, clock)

    @classmethod
    @checked
    def from_dict(cls, form: Mapping[str, Any], *, functions: Annotated[bool, Flag()] = False) -> "Plan":
        """The plan that `to_dict` wrote.

        Args:
            form: the dictionary.
            functions: read `Function`, which imports and runs the code it names when the schedule is called.

        Raises:
            FormatError: the version is unknown, or something is missing, unknown or of the wrong kind; says where.

        Example:
            >>> plan = Plan(lr=0.1, betas=(0.9, 0.999))
            >>> Plan.from_dict(to_dict(plan)) == plan
            True
        """
        from stepsize.schedules.dictionary import plan_from_dict

        return plan_from_dict(form, functions)

    def __call__(self, step: Any) -> dict[str, Any]:
        """The values at a step, or at every step of an array, by name and nested as the entries are.

        Under `relative=True`, `lr` is the factor on each group's own rate.
        """
        rates = self.assignments.get("lr")
        return {key: each.at(step, rates) for key, each in self.assignments.items()}

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Every schedule by a readable name: "lr", "lr[1]", 'lr of "head"', "betas[0]"."""
        return {name: item for each in self.assignments.values() for name, item in each.schedules().items()}

    def map(self, change: Callable[[Schedule], Schedule], *names: str) -> "Plan":
        """The plan with each schedule changed by a function; only those of some hyperparameters if `names` are given.

        Example:
            >>> Plan(lr=Linear(0.0, 0.3, 500), momentum=0.9).map(lambda rate: rate / 2, "lr")
            Plan(lr=Linear(0.0, 0.3, 500) / 2.0, momentum=0.9)
        """
        refuse_unknown("the plan", names, self)

        def changed(schedule: Schedule) -> Schedule:
            result = change(schedule)
            if not isinstance(result, Schedule):
                raise ArgumentError("map", "change", "a function that returns a schedule", result)
            return result

        chosen = names or self.assignments
        assignments = {key: each.changed(changed) if key in chosen else each for key, each in self.assignments.items()}
        return Plan.with_assignments(assignments, self.relative)

    def plot(self, axes: Any = None) -> "NDArray[np.object_]":
        """Draw each hyperparameter on axes of its own (a new figure if None), and return them; needs matplotlib."""
        from stepsize.plots import plot_plan  # as in Schedule.plot, an import that goes upward

        return plot_plan(self, axes)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from stepsize.schedules.pydantic_field import field_schema

        return field_schema(cls)

    def __getitem__(self, key: str) -> Any:
        return self.assignments[key].as_given()

    def __iter__(self) -> Iterator[str]:
        return iter(self.assignments)

    def __len__(self) -> int:
        return len(self.assignments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return (self.assignments, self.relative) == (other.assignments, other.relative)

    def __hash__(self) -> int:
        return hash((frozenset(self.assignments.values()), self.relative))

    def __repr__(self) -> str:
        relative = [] if self.relative is None else [f"relative={self.relative}"]
        return f"Plan({', '.join([*map(str, self.assignments.values()), *relative])})"
