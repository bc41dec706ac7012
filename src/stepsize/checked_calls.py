"""Calls whose arguments are checked: they must fit the signature, and then their rules."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Self, TypeVar

from stepsize.arguments import Instance, Maybe, apply_rules, argument_name, rules
from stepsize.errors import ArgumentError, StepsizeError, raise_together

F = TypeVar("F", bound=Callable[..., Any])
_OWN = {"self", "cls"}  # what Python passes to a method


def checked(function: F) -> F:
    """Apply the rules of the parameters before the function runs; errors name this function."""

    @functools.wraps(function)
    def apply(*args: Any, **kwargs: Any) -> Any:
        bound = bound_arguments(function, args, kwargs)
        bound.arguments.update(apply_rules(_name(function), function, bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return apply  # type: ignore[return-value]


class CallChecked:
    """A base of classes that are made with arguments; arguments that do not fit raise ArgumentError."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made: Any = cls  # mypy knows no hash of type[Self]
        unnamed, needed, names = _parameters(made)
        filled = {*unnamed[: len(args)], *kwargs}
        if not needed <= filled <= names or len(filled) < len(args) + len(kwargs):
            bound_arguments(made, args, {argument_name(name): value for name, value in kwargs.items()})
        return super().__new__(cls)

    def __reduce__(self) -> Any:  # pickle would call __new__ without arguments
        if is_dataclass(self):
            return type(self), tuple(getattr(self, each.name) for each in fields(self) if each.init)
        return object.__new__, (type(self),), self.__getstate__()


_signature = functools.cache(inspect.signature)  # read at the first call, so that importing does not wait for it


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
    """The names of the arguments that may be given unnamed, of those without a default, and of all."""
    named = {
        name: p
        for name, p in _signature(function).parameters.items()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    unnamed = tuple(name for name, p in named.items() if p.kind is p.POSITIONAL_OR_KEYWORD)
    return unnamed, frozenset(name for name, p in named.items() if p.default is p.empty), frozenset(named)


def bound_arguments(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments by name; ArgumentError, whose advice shows a whole call, if they do not fit the signature."""
    try:
        return _signature(function).bind(*args, **kwargs)
    except TypeError:
        raise_together(_misfits(function, args, kwargs))
        raise


def _misfits(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> list[StepsizeError]:
    parameters, owner = _signature(function).parameters, _name(function)
    unnamed, needed, names = _parameters(function)
    filled = unnamed[: len(args)]
    wrong: list[tuple[str, str, str, Any]]
    unknown = [each for each in kwargs if each not in names]
    if len(args) > len(unnamed):
        own = len(_OWN.intersection(unnamed))
        about = f"the number of unnamed arguments of {owner}"
        wrong = [(about, "", f"at most {len(unnamed) - own}", len(args) - own)]
    elif unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        wrong = [(owner, each, "", None) for each in unknown]
    else:
        twice = [(owner, each, "given once", kwargs[each]) for each in filled if each in kwargs]
        missing = [each for each in parameters if each in needed and each not in filled and each not in kwargs]
        wrong = twice or [(owner, each, "given", inspect.Parameter.empty) for each in missing]
    fitting = [_setting(function, value) for value in args[len(unnamed) :]]
    whole = ", ".join(fitting) if fitting and all(fitting) else usage(function)
    advice = [*[""] * (len(wrong) - 1), f"write {whole}"]  # once, at the end
    return [ArgumentError(*each, how) for each, how in zip(wrong, advice, strict=False)]


def _name(function: Callable[..., Any]) -> str:
    """What errors call the function; a class method has the name of its class too, such as `Plan.parse`."""
    return function.__qualname__ if "cls" in _signature(function).parameters else function.__name__


def _setting(function: Callable[..., Any], value: Any) -> str:
    """The argument that takes an object of the value's class, such as `horizon=Horizon(...)`; "" if there is none."""
    for name, rule in rules(function).items():
        each = rule.each if isinstance(rule, Maybe) else rule
        if isinstance(each, Instance) and isinstance(value, each.kind):
            return f"{name}={type(value).__name__}(...)"
    return ""


def usage(function: Callable[..., Any]) -> str:
    """A call of the function with its parameters and their defaults, such as `Linear(start, end, steps)`."""
    parameters = [p for p in _signature(function).parameters.values() if p.name not in _OWN]
    words = [str(p.replace(annotation=p.empty)) for p in parameters]
    return f"{_name(function)}({', '.join(words)})"
