"""Statements in lines of at most 88 characters, broken where ruff and black break them."""

import re

WIDTH = 88
INDENT = "    "
_TOKEN = re.compile(r"(?P<open>[\[(])|(?P<close>[\])])| (?P<operator>\+|-|\*\*?|//?|%) |(?P<comma>, )")
_BINDS = {"+": 0, "-": 0, "*": 1, "/": 1, "//": 1, "%": 1, "**": 2}


def statement(text: str, width: int = WIDTH) -> list[str]:
    """The lines of "return value" or "name = value".

    A value with at most one operator has its brackets opened if it ends with one; others get brackets of their own.
    """
    if len(text) <= width:
        return [text]
    before = "return " if text.startswith("return ") else text[: text.index(" = ") + 3]
    value = text[len(before) :]
    if len(_operands(value)) <= 2 and value[-1] in ")]":
        opened = _opened(value, width, before)
        if max(map(len, opened)) <= width:
            return opened
    return [f"{before}(", *_indented(_within(value, width - len(INDENT))), ")"]


def _within(value: str, width: int, before: str = "", after: str = "") -> list[str]:
    """The lines of a value in brackets, which may break before each operator; one line if it is nested too deep."""
    if len(before) + len(value) + len(after) <= width or width <= 0:
        return [before + value + after]
    *others, (operator, last) = _operands(value)
    if not others:
        return _opened(value, width, before, after)
    lines: list[str] = []
    for sign, operand in others:
        lines += _within(operand, width, f"{sign} " if sign else before)
    return lines + _within(last, width, f"{operator} ", after)


def _opened(value: str, width: int, before: str, after: str = "") -> list[str]:
    """The lines of a value, with each bracket opened that does not fit on its line."""
    lines, line, done = [], before, 0
    brackets = _brackets(value)
    nexts = [*(start for start, _ in brackets[1:]), len(value)]
    for (start, end), following in zip(brackets, nexts, strict=True):
        rest = value[done:following] + (after if following == len(value) else "")
        if len(line) + len(rest) <= width:
            line += value[done:end]
        else:
            lines += [line + value[done:start], *_indented(_bracketed(value, start, end, width - len(INDENT)))]
            line = ""
        done = end
    return [*lines, line + value[done:] + after]


def _bracketed(value: str, start: int, end: int, width: int) -> list[str]:
    """The lines of a list, of the arguments of a call, or of a value in brackets."""
    inside, is_list, is_call = value[start:end], value[end] == "]", value[start - 2 : start - 1].isalnum()
    if len(inside) <= width and not is_list:
        return [inside]
    if is_list or is_call:
        return [line for item in _items(inside) for line in _within(item, width, after=",")]
    return _within(inside, width)


def _indented(lines: list[str]) -> list[str]:
    return [INDENT + line for line in lines]


def _outside(text: str) -> list[re.Match[str]]:
    """The operators and commas outside of brackets."""
    depth, found = 0, []
    for token in _TOKEN.finditer(text):
        depth += {"open": 1, "close": -1}.get(token.lastgroup or "", 0)
        if depth == 0 and token.lastgroup in ("operator", "comma"):
            found.append(token)
    return found


def _operands(value: str) -> list[tuple[str, str]]:
    """The operands of the operators that bind least, each with the operator before it."""
    operators = [(token["operator"], *token.span()) for token in _outside(value)]
    least = min((_BINDS[operator] for operator, _, _ in operators), default=0)
    found, start, before = [], 0, ""
    for operator, end, after in operators:
        if _BINDS[operator] == least:
            found.append((before, value[start:end]))
            start, before = after, operator
    return [*found, (before, value[start:])]


def _items(text: str) -> list[str]:
    """What the commas outside of brackets separate."""
    ends = [token.span() for token in _outside(text) if token["comma"]]
    starts = [0, *(after for _, after in ends)]
    return [text[start:end] for start, end in zip(starts, [*(end for end, _ in ends), len(text)], strict=True)]


def _brackets(text: str) -> list[tuple[int, int]]:
    """Where the insides of the outermost brackets begin and end."""
    found, opened = [], []
    for token in _TOKEN.finditer(text):
        if token["open"]:
            opened.append(token.end())
        elif token["close"]:
            start = opened.pop()
            if not opened:
                found.append((start, token.start()))
    return found
