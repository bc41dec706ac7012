"""The optimizers by name, and their text form."""

from dataclasses import fields
from typing import Any

from stepsize.arguments import nearest
from stepsize.descent.adam import Adam, AdamW
from stepsize.descent.adaptive import Adadelta, AdaGrad, RMSProp
from stepsize.descent.momentum import GradientDescent, Momentum
from stepsize.descent.rule import Optimizer
from stepsize.errors import ArgumentError, ParseError, quoted, shown
from stepsize.schedules.grammar import Call, Literal, Negative, Node, Reader

OPTIMIZERS: tuple[type[Optimizer[Any]], ...] = (GradientDescent, Momentum, AdaGrad, RMSProp, Adadelta, Adam, AdamW)

_BY_NAME = {kind.__name__.lower(): kind for kind in OPTIMIZERS} | {"sgd": GradientDescent}
_FLAGS = {"True": True, "False": False}


def optimizer_from(text: str) -> Optimizer[Any]:
    """The optimizer that a text names, in any case, with its arguments where it has some: the inverse of `str`.

    Raises:
        ParseError: the text names no optimizer, or arguments that it does not take; points at the place.

    Example:
        >>> from stepsize.descent import optimizer_from
        >>> optimizer_from("momentum"), optimizer_from("Adam(0.9, beta2=0.99)")
        (Momentum(), Adam(0.9, 0.99))
    """
    if not isinstance(text, str):
        raise ArgumentError(f"optimizer_from() reads a text, got {shown(text)}")
    if not text.strip():
        raise ParseError("expected the name of an optimizer, such as Momentum(0.9), found nothing", text, 0)
    reader = Reader(text)
    node = reader.tree()
    if isinstance(node, Literal) and node.kind == "name":
        node = Call(str(node.value), None, (), (), node.position)
    if not isinstance(node, Call) or node.target is not None:
        raise reader.error("expected the name of an optimizer, such as Momentum(0.9)", node.position)
    kind = _BY_NAME.get(node.name.lower())
    if kind is None:
        advice = nearest(node.name, [each.__name__ for each in OPTIMIZERS])
        known = f"known are {', '.join(each.__name__ for each in OPTIMIZERS)}"
        raise reader.error(f"{quoted(node.name)} is no optimizer; {advice or known}", node.position)
    given = _arguments(reader, node, kind)
    try:
        return kind(**given)
    except ArgumentError as error:
        raise reader.error(str(error), node.position) from None


def _arguments(reader: Reader, node: Call, kind: type[Optimizer[Any]]) -> dict[str, Any]:
    """The values of the arguments by name."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    takes = f"{kind.__name__} takes {', '.join(names) or 'no arguments'}"
    if len(node.arguments) > len(names):
        raise reader.error(f"too many arguments; {takes}", node.arguments[len(names)].position)
    given = {name: _value(reader, argument) for name, argument in zip(names, node.arguments, strict=False)}
    for name, argument in node.keywords:
        if name == "lr":
            raise reader.error("the rate is no part of an optimizer; it is given beside it, as lr", argument.position)
        if name not in names:
            raise reader.error(f"no argument {quoted(name)}; {nearest(name, names) or takes}", argument.position)
        if name in given:
            raise reader.error(f"{quoted(name)} is given twice", argument.position)
        given[name] = _value(reader, argument)
    return given


def _value(reader: Reader, node: Node) -> Any:
    if isinstance(node, Negative) and isinstance(node.operand, Literal) and node.operand.kind == "number":
        return -float(node.operand.value)
    if not isinstance(node, Literal):
        raise reader.error("an optimizer's argument is a number, a text or True or False", node.position)
    if node.kind != "name":
        return node.value
    if node.value not in _FLAGS:
        advice = nearest(node.value, _FLAGS) or "texts stand in quotes"
        raise reader.error(f"{quoted(str(node.value))} is not a number; {advice}", node.position)
    return _FLAGS[str(node.value)]
