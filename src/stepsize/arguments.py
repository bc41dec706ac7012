"""Rules for arguments, written beside a parameter as `Annotated[type, rule]`.

A rule turns a given value into its stored form (a Python float, an int, a tuple) or raises `ArgumentError`. Schedules
apply the rules of their fields, and recipes those of their parameters. The text form learns from them which arguments
are lengths.
"""

import dataclasses
import functools
import itertools
import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, get_args, get_type_hints, runtime_checkable

from stepsize.errors import ArgumentError, StepsizeError, gathered, one_line, quoted, raise_together, shown

LONGEST = 2**53
"""The largest length: beyond it, floats cannot tell neighbouring steps apart."""


@runtime_checkable
class Rule(Protocol):
    """Turns a given value into the stored one, or raises `ArgumentError`."""

    def __call__(self, owner: str, name: str, value: Any) -> Any:
        """Return the stored form of `value`; `owner` and `name` say whose argument it is."""


@dataclass(frozen=True)
class Number:
    """A finite real number within the given bounds, stored as a float."""

    above: float | None = None
    least: float | None = None
    most: float | None = None
    infinite: bool = False
    measures_steps: bool = False
    """Whether it is a span of steps, which the text form may write with a unit."""

    def __call__(self, owner: str, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ArgumentError(owner, name, self._words(), value, "write a number such as 0.1")
        try:
            number = float(value) + 0.0  # + 0.0 turns -0.0 into 0.0, so that equal values have equal texts
        except OverflowError:
            number = -math.inf if value < 0 else math.inf
        within = (
            (math.isfinite(number) or (self.infinite and not math.isnan(number)))
            and (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
        )
        if not within:
            raise ArgumentError(owner, name, self._words(), value)
        return number

    def _words(self) -> str:
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in ((">", self.above), (">=", self.least), ("<=", self.most))
            if bound is not None
        ]
        return " ".join(["a number" if self.infinite else "a finite number", " and ".join(bounds)]).rstrip()


@dataclass(frozen=True)
class Whole:
    """A whole number, stored as an int; also `inf` if `endless`."""

    least: int = 1
    endless: bool = False

    def __call__(self, owner: str, name: str, value: Any) -> float:
        words = f"a whole number of at least {self.least}" + (", or inf" if self.endless else "")
        if isinstance(value, str):
            raise ArgumentError(owner, name, words, value, self._instead_of(value))
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ArgumentError(owner, name, words, value)
        if value == math.inf and self.endless:
            return math.inf
        if value in (math.inf, -math.inf) or value != value:
            raise ArgumentError(owner, name, words, value)
        whole = int(math.floor(value))  # noqa: RUF046  (floor of a user's number class may return any type)
        if value != whole:
            raise ArgumentError(owner, name, words, value, self._whole_near(value, whole))
        if whole < self.least:
            raise ArgumentError(owner, name, words, value)
        if whole > LONGEST:
            raise ArgumentError(owner, name, f"at most 2**53 = {LONGEST}", value)
        return whole

    def _whole_near(self, value: Any, below: int) -> str:
        return f"write {below} or {below + 1}" if below >= self.least else ""

    def _instead_of(self, text: str) -> str:
        word = text.strip()
        if word.isdecimal():
            return f"write {one_line(word, 20)} without quotes"
        return "write a number such as 3" + ("; only a length may have a unit" if word[:1].isdecimal() else "")


class Length(Whole):
    """A whole number of steps, which the text form may write with a unit."""

    measures_steps = True

    def _whole_near(self, value: Any, below: int) -> str:
        if 0 < value < 1:
            part = f"{100 * float(value):g}%"
            return f'for {part} of the run write that many steps, or "{part}" in a text'
        return super()._whole_near(value, below)

    def _instead_of(self, text: str) -> str:
        return f"lengths with a unit are read by parse(text, horizon=...) or Horizon(...).of({quoted(text)})"


class Seed(Whole):
    """A whole number that begins a stream of random numbers."""

    def _instead_of(self, text: str) -> str:
        first, dash, last = (part.strip() for part in text.partition("-"))
        if dash and first.isdecimal() and last.isdecimal():
            return f"on the command line a range is written {one_line(first, 20)}..{one_line(last, 20)}"
        return super()._instead_of(text)


class BatchSize(Whole):
    """A whole number of samples, in whose place a schedule of them may stand."""

    def _instead_of(self, text: str) -> str:
        return super()._instead_of(text) if text.strip().isdecimal() else 'for a schedule, write parse("...")'


class Flag:
    """True or False, and not 1 or 0."""

    def __call__(self, owner: str, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ArgumentError(owner, name, "a boolean", value)
        return value


@dataclass(frozen=True)
class Maybe:
    """None, or a value under another rule."""

    each: Rule

    def __call__(self, owner: str, name: str, value: Any) -> Any:
        return None if value is None else self.each(owner, name, value)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def __call__(self, owner: str, name: str, value: Any) -> str:
        if isinstance(value, str) and value in self.options:
            return value
        allowed = " or ".join(f'"{option}"' for option in self.options)
        raise ArgumentError(owner, name, allowed, value, nearest(value, self.options))


@dataclass(frozen=True)
class Instance:
    """An instance of a class, or of one of several."""

    kind: Any
    words: str
    advice: str = ""

    def __call__(self, owner: str, name: str, value: Any) -> Any:
        if isinstance(value, type) and issubclass(value, self.kind):
            raise ArgumentError(owner, name, self.words, value, f"write {value.__name__}(...)")
        if not isinstance(value, self.kind):
            raise ArgumentError(owner, name, self.words, value, self.advice)
        return value


@dataclass(frozen=True)
class Many:
    """A sequence, stored as a tuple, each item under one rule."""

    each: Rule
    rising: str = ""
    """The order: "" for any; "weakly" if an item may equal the one before; "strictly" if each is larger."""
    distinct: bool = False
    """Whether all items must differ."""
    empty: bool = False
    """Whether the sequence may be empty."""

    @property
    def measures_steps(self) -> bool:
        return getattr(self.each, "measures_steps", False)

    def __call__(self, owner: str, name: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            if "[" in name:  # an item of a sequence, not an argument
                raise ArgumentError(owner, name, "a sequence", value, f"write ({shown(value)},)")
            raise ArgumentError(owner, name, "a sequence", value, f"write {{{name}}}", **{name: (value,)})
        items = tuple(self.each(owner, f"{name}[{index}]", item) for index, item in enumerate(value))
        if not items and not self.empty:
            raise ArgumentError(owner, name, "a sequence of at least one item", value)
        if self.distinct and len(set(items)) < len(items):
            raise ArgumentError(owner, name, "different from one another", value)
        if self.rising:
            for index, (before, after) in enumerate(itertools.pairwise(items), start=1):
                if after < before or (after == before and self.rising == "strictly"):
                    once = " and write each once" if self.rising == "strictly" else ""
                    advice = f"sort them{once}; here {before} is followed by {after}"
                    raise ArgumentError(owner, f"{name}[{index}]", f"{self.rising} rising", after, advice)
        return items


def nearest(word: object, known: Iterable[str]) -> str:
    """`did you mean "..."?` if a known word is close, else nothing."""
    import difflib  # late: rarely needed

    lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(str(word)[:100].lower(), lower, n=1, cutoff=0.6)
    return f'did you mean "{lower[found[0]]}"?' if found else ""


@functools.cache
def rules(function: Callable[..., Any]) -> dict[str, Rule]:
    """The rule of every annotated parameter of a function, or of a class's constructor."""
    target: Any = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    found: dict[str, Rule] = {}
    for name, hint in get_type_hints(target, include_extras=True).items():
        if any(map(_holds_a_rule, get_args(hint))):  # as in Real | None: it would never be applied
            raise TypeError(f"the rule of {function.__qualname__}({name}: {hint}) must be outermost, as in Maybe")
        for rule in _rules_on(hint):
            found[name] = rule
    return found


def _rules_on(hint: Any) -> list[Rule]:
    return [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Rule)]


def _holds_a_rule(hint: Any) -> bool:
    return bool(_rules_on(hint)) or any(map(_holds_a_rule, get_args(hint)))


def apply_rules(owner: str, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given arguments in their stored form; one ArgumentError holds all that break their rules."""
    stored, errors = dict(given), list[StepsizeError]()
    for name, rule in rules(function).items():
        if name in stored:
            with gathered(errors):
                stored[name] = rule(owner, name, stored[name])
    raise_together(errors)
    return stored


def argument_name(field: str) -> str:
    """The argument for a field; `every_` is the field of `every`, which is also the name of a method."""
    return field.rstrip("_")


def apply_field_rules(instance: Any) -> None:
    """Replace the fields of a frozen dataclass by their stored form."""
    cls: Any = type(instance)
    errors: list[StepsizeError] = []
    for field, argument, rule in _field_rules(cls):
        try:
            object.__setattr__(instance, field, rule(cls.__name__, argument, getattr(instance, field)))
        except StepsizeError as error:
            errors.append(error)
    raise_together(errors)


@functools.cache
def _field_rules(cls: Any) -> list[tuple[str, str, Rule]]:
    of_arguments = rules(cls)
    named = [(field.name, argument_name(field.name)) for field in dataclasses.fields(cls)]
    return [(field, argument, of_arguments[argument]) for field, argument in named if argument in of_arguments]


def refuse_unknown(owner: str, given: Iterable[str], known: Iterable[str], other: str = "") -> None:
    """Raise one ArgumentError for all names that `owner` does not know; `other` is advice for one like none of them."""
    known = list(known)
    otherwise = "; ".join(filter(None, [listed(known), other]))
    unknown = [name for name in given if name not in known]
    raise_together([ArgumentError(owner, name, "", None, nearest(name, known) or otherwise) for name in unknown])


def listed(known: Iterable[str]) -> str:
    """The known names, as advice."""
    return f"known are {', '.join(known)}"


Real = Annotated[float, Number()]
MaybeReal = Annotated[float | None, Maybe(Number())]
NonNegative = Annotated[float, Number(least=0.0)]
Positive = Annotated[float, Number(above=0.0)]
MaybePositive = Annotated[float | None, Maybe(Number(above=0.0))]
MaybeNonNegative = Annotated[float | None, Maybe(Number(least=0.0))]
Fraction = Annotated[float, Number(least=0.0, most=1.0)]
MaybeFraction = Annotated[float | None, Maybe(Number(least=0.0, most=1.0))]
Switch = Annotated[bool, Flag()]
Count = Annotated[int, Whole(1)]
"""A whole number that is not a span of steps."""
MaybeCount = Annotated[int | None, Maybe(Whole(1))]
EndlessCount = Annotated[float, Whole(1, endless=True)]
Steps = Annotated[int, Length(1)]
Phase = Annotated[int, Length(0)]
"""A length; a phase of 0 steps is left out."""
MaybeSteps = Annotated[int | None, Maybe(Length(1))]
MaybePhase = Annotated[int | None, Maybe(Length(0))]
EndlessSteps = Annotated[float, Length(1, endless=True)]
EndlessPhase = Annotated[float, Length(0, endless=True)]
SEEDS = Many(Seed(0), distinct=True)
"""The rule of seeds: one run for each."""
