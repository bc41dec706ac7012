"""What the page shows, as a value: from and to the part of an address after "#", and from the page's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints
from urllib.parse import parse_qsl, quote, urlencode

from stepsize.arguments import (
    Choice,
    Flag,
    Instance,
    Many,
    MaybeCount,
    MaybePositive,
    Number,
    Whole,
    apply_field_rules,
    refuse_unknown,
)
from stepsize.errors import ArgumentError, StepsizeError, Words, shown
from stepsize.horizon import Horizon

LONGEST_TEXT = 8_000  # characters of a schedule or a config
LONGEST_ADDRESS = 60_000
MOST_SCHEDULES = 12
MOST_UPDATES = 1_000  # of a descent

RUN = ("samples", "batch", "epochs", "accumulation", "processes", "tokens_per_sample")
"""The fields that describe a run by its data."""
LABELS = {  # in errors, by fields
    "steps": "the steps of the run",
    "samples": "the samples of the run",
    "batch": "the batch size of the run",
    "epochs": "the epochs of the run",
    "accumulation": "the accumulation of the run",
    "processes": "the processes of the run",
    "tokens_per_sample": "the tokens in a sample",
    "schedules": "the number of schedules",
    "text": "the text of a schedule",
    "name": "the name of a schedule",
    "peak": "the peak rate",
    "updates": "the number of updates",
    "start": "the start",
}
_ADVICE = {  # in errors, what to set
    "horizon": "samples, batch and epochs under Run",
    "steps": "a number of steps under Run",
    "functions": "stepsize plot --functions, as this page runs no code",
    "tool": "a setting that only its tool has",
    "form": 'the form "Python alone"',
}


@dataclass(frozen=True)
class Text:
    """The rule of a text of at most `longest` characters."""

    longest: int

    def __call__(self, owner: str, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise ArgumentError(owner, name, "a text", value)
        if len(value) > self.longest:
            raise ArgumentError(owner, name, f"at most {self.longest:,} characters long", len(value))
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ArgumentError(owner, name, "a text of whole characters", value) from None
        return value


@dataclass(frozen=True)
class Entry:
    """A schedule on the page: its text or config, the name that it was given, and whether its curve is hidden."""

    text: Annotated[str, Text(LONGEST_TEXT)]
    name: Annotated[str, Text(100)] = ""
    hidden: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        apply_field_rules(self)


def _entries(owner: str, name: str, value: Any) -> tuple[Entry, ...]:
    entries = Many(Instance(Entry, "an entry"), empty=True)(owner, name, value)
    if len(entries) > MOST_SCHEDULES:
        raise ArgumentError(owner, name, f"at most {MOST_SCHEDULES}", len(entries))
    return entries


@dataclass(frozen=True)
class State:
    """What the page shows.

    `steps`, or `samples`, `batch` and `epochs` with the further fields of a `Horizon`, describe the run; without them
    each schedule runs to its own end. The fields from `surface` on belong to the tab with the surface: `followed` is
    the index of the schedule there, `peak` the rate that its highest value becomes.

    Raises:
        ArgumentError: a field is not allowed.
    """

    schedules: Annotated[tuple[Entry, ...], _entries] = ()
    steps: MaybeCount = None
    samples: MaybeCount = None
    batch: MaybeCount = None
    epochs: MaybePositive = None
    accumulation: MaybeCount = None
    processes: MaybeCount = None
    tokens_per_sample: MaybeCount = None
    clock: Annotated[str, Choice(("steps", "epochs", "tokens"))] = "steps"
    log: Annotated[bool, Flag()] = False
    tab: Annotated[str, Choice(("schedules", "surface", "comparison"))] = "schedules"
    form: Annotated[str, Text(20)] = "python"
    copied: Annotated[int, Whole(0)] = 0
    surface: Annotated[str, Text(20)] = "bowl"
    optimizers: Annotated[str, Text(400)] = "momentum(0.5)\nadam"
    peak: Annotated[float, Number(above=0.0)] = 0.4
    updates: Annotated[int, Whole(1)] = 100
    start: Annotated[tuple[float, ...], Many(Number(), empty=True)] = ()
    followed: Annotated[int, Whole(0)] = 0

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if self.updates > MOST_UPDATES:
            raise ArgumentError("State", "updates", f"at most {MOST_UPDATES:,}", self.updates)

    @property
    def horizon(self) -> Horizon | None:
        """The run; None if none is described, or not completely."""
        if self.samples and self.batch and self.epochs:
            given = {name: value for name in RUN if (value := getattr(self, name)) is not None}
            return Horizon(**given)
        return None if self.steps is None else Horizon(samples=self.steps, batch=1, epochs=1)

    @property
    def address(self) -> str:
        """The state as it stands after "#"; `State.of_address` is the inverse. Defaults are left out.

        Example:
            >>> State((Entry("Linear(0, 0.3, 500)", "way up"),), log=True).address
            'text=Linear(0,+0.3,+500)&name=way+up&log=1'
        """
        pairs: list[tuple[str, str]] = []
        for entry in self.schedules:
            pairs.append(("text", entry.text))
            pairs += [("name", entry.name)] * bool(entry.name) + [("hidden", "1")] * entry.hidden
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value != field.default:
                pairs.append((field.name, _written(value)))
        return urlencode(pairs, safe="(),*/:[]{}' ", quote_via=quote).replace(" ", "+")

    @classmethod
    def of_address(cls, address: str) -> "State":
        """The state that an address describes; StepsizeError if it is too long, or no address of this page."""
        if len(address) > LONGEST_ADDRESS:
            raise StepsizeError(
                f"this address has {len(address):,} characters, and at most {LONGEST_ADDRESS:,} are read"
            )
        try:
            pairs = parse_qsl(address, keep_blank_values=True, strict_parsing=bool(address), max_num_fields=100)
        except ValueError:
            raise StepsizeError(
                f"{shown(address)} is not an address of this page", "open the page without it"
            ) from None
        entries: list[dict[str, Any]] = []
        given: dict[str, Any] = {}
        for name, text in pairs:
            if name == "text":
                entries.append({"text": text})
            elif name in ("name", "hidden"):
                if not entries:
                    raise StepsizeError(f"{name}={shown(text)} stands before the first text=...")
                entries[-1][name] = _read(name, text, bool) if name == "hidden" else text
            else:
                refuse_unknown("the address", [name], _KINDS)
                given[name] = _read(name, text, _KINDS[name])
        return cls(tuple(Entry(**entry) for entry in entries), **given)

    @classmethod
    def of_json(cls, form: Any) -> "State":
        """The state that the page sends; StepsizeError if it is none."""
        if not isinstance(form, Mapping):
            raise StepsizeError("the page sent no state")
        given = dict(form)
        refuse_unknown("the state", given, ("schedules", *_KINDS))
        entries = given.pop("schedules", ())
        if not isinstance(entries, list) or not all(isinstance(each, Mapping) and "text" in each for each in entries):
            raise ArgumentError("State", "schedules", "a list of texts", entries)
        for entry in entries:
            refuse_unknown("a schedule", entry, ("text", "name", "hidden"))
        return cls(tuple(Entry(**entry) for entry in entries), **given)

    def as_json(self) -> dict[str, Any]:
        """The state for the page; `State.of_json` is the inverse."""
        return {**vars(self), "schedules": [vars(entry) for entry in self.schedules]}


_TYPES = get_type_hints(State)
_KINDS: dict[str, Any] = {field.name: _TYPES[field.name] for field in fields(State)[1:]}
"""The types of the fields with one value in an address."""


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(repr, value)) if isinstance(value, tuple) else str(value)


def _read(name: str, text: str, kind: Any) -> Any:
    """The value of a field; what cannot be read stays a text, for the rule of the field to refuse."""
    if kind is str:
        return text
    if kind is bool:
        return {"1": True, "0": False}.get(text, text)
    try:
        if kind == tuple[float, ...]:
            return tuple(float(each) for each in text.split(",") if each)
        return float(text) if float in getattr(kind, "__args__", (kind,)) else int(text)
    except ValueError:
        return text


class PageWords(Words):
    """Errors in the words of the page: fields of the page by their labels, arguments of a text as in Python."""

    def argument(self, owner: str, name: str) -> str:
        if owner in ("State", "Entry", "Horizon", "descend", "play"):
            return LABELS.get(name, name.replace("_", " "))
        return super().argument(owner, name)

    def setting(self, owner: str, name: str, value: Any) -> str:
        return _ADVICE.get(name) or super().setting(owner, name, value)
