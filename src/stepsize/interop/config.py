"""The settings in another tool's config, whatever it is: a mapping, a dataclass, an object, an argument list."""

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from stepsize.arguments import Many, apply_rules, listed, nearest, refuse_unknown
from stepsize.errors import ArgumentError, StepsizeError, gathered, raise_together
from stepsize.interop.calls import Call
from stepsize.interop.command_lines import options, plain


def settings_of(owner: str, config: Any) -> dict[str, Any]:
    """The settings by name: of a mapping, a dataclass, a namespace, a Pydantic model, an object or an argument list.

    `--lr-decay-style cosine` in an argument list is the setting lr_decay_style. Numbers in it are numbers, and an
    argument without a value is True.
    """
    if isinstance(config, Mapping):
        return dict(config)
    if isinstance(config, Sequence):
        if any(isinstance(each, Mapping) for each in config):
            raise ArgumentError(owner, "config", "one scheduler, not a list of several", config)
        return options(owner, config)
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {each.name: getattr(config, each.name) for each in dataclasses.fields(config)}
    if hasattr(config, "__dict__") and not isinstance(config, type):
        with_fields = getattr(config, "model_dump", None) or getattr(config, "to_dict", None)
        return dict(with_fields()) if with_fields else dict(vars(config))
    rule = "a mapping, a dataclass, a namespace or an argument list"
    raise ArgumentError(owner, "config", rule, config)


def section(owner: str, settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings in a part of a config that may be missing, or None."""
    found = settings.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping) and not hasattr(found, "__dict__"):
        raise ArgumentError(owner, name, "a mapping with settings", found)
    return settings_of(owner, found)


def bind(
    owner: str, function: Callable[..., Any], settings: Mapping[str, Any], *, others: bool = False
) -> dict[str, Any]:
    """The settings that are parameters of `function`, in their stored form.

    `owner` is the tool's name of what is set, for errors. A parameter whose type is a dataclass takes the settings
    that are its fields. If `others` is true, settings that the function does not have are left out; they do not
    concern the schedule.

    Raises:
        ArgumentError: settings are unknown, missing, "auto", or break the rules of the parameters; one error holds
            all of them.
    """
    groups, known = _groups(function), settings_for(function)
    given = {each.name: _number(settings[each.name]) for each in known if each.name in settings}
    errors: list[StepsizeError] = []
    if not others:
        with gathered(errors):
            refuse_unknown(owner, settings, [each.name for each in known])
    for each in known:
        if each.default is each.empty and each.name not in given:
            errors.append(ArgumentError(owner, each.name, "given", None))
        elif given.get(each.name) == "auto":
            advice = "a program fills it in when it starts: write the value that it gets"
            errors.append(ArgumentError(owner, each.name, "a value", given.pop(each.name), advice))
    for part in (function, *groups.values()):
        with gathered(errors):
            given = apply_rules(owner, part, given)
    raise_together(errors)
    for name, group in groups.items():
        given[name] = group(**{each.name: given.pop(each.name) for each in _keywords(group) if each.name in given})
    return given


def _number(value: Any) -> Any:
    """The number that a text is: YAML reads 2e-4 as a text."""
    number = plain(value) if isinstance(value, str) else value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else value


Items = Annotated[tuple[Any, ...], Many(lambda owner, name, value: value)]
"""Items that are read later."""


def settings_for(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The settings that `bind` gives to a function."""
    groups = _groups(function)
    parts = ([each] if each.name not in groups else _keywords(groups[each.name]) for each in _keywords(function))
    return list(itertools.chain.from_iterable(parts))


def settings_of_call(owner: str, call: Call, function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a call by name; those without a name are the first parameters of `function`."""
    names = [each.name for each in settings_for(function)]
    if len(call.args) > len(names):
        raise ArgumentError(owner, "", f"called with at most {len(names)} arguments", len(call.args))
    first = dict(zip(names, call.args, strict=False))
    for name in first.keys() & call.kwargs.keys():
        raise ArgumentError(owner, name, "given once", call.kwargs[name])
    return {**first, **call.kwargs}


def _groups(function: Callable[..., Any]) -> dict[str, Any]:
    return {each.name: each.annotation for each in _keywords(function) if dataclasses.is_dataclass(each.annotation)}


@functools.cache
def _keywords(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [each for each in inspect.signature(function).parameters.values() if each.kind is each.KEYWORD_ONLY]


def chosen(owner: str, argument: str, name: Any, known: Iterable[str]) -> str:
    """The known name that `name` is, in any case; `name` may be a member of an enumeration."""
    name = getattr(name, "value", name)
    by_lower = {each.lower(): each for each in known}
    if str(name).lower() not in by_lower:
        advice = nearest(name, by_lower.values()) or listed(by_lower.values())
        raise ArgumentError(owner, argument, "the name of a scheduler", name, advice)
    return by_lower[str(name).lower()]
