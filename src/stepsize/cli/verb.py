"""A verb of the command line, whose options have rules as arguments of the library do."""

import re
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from stepsize.arguments import apply_rules, refuse_unknown
from stepsize.cli.options import number
from stepsize.errors import ArgumentError, StepsizeError, first_few, gathered, raise_together, shown

UsageError: Any = typer.BadParameter.__base__  # typer does not export it
OPTION = re.compile(r"--[^\s=]+(=.*)?|-[A-Za-z]", re.DOTALL)  # and not a text such as "--lr 3e-4 --min-lr 3e-5"
CONFIG = re.compile(r"--[^\s=]+=\S*\s+--.*", re.DOTALL)  # a text such as "--lr=3e-4 --min-lr=3e-5"


class Verb(TyperCommand):
    """A command whose parameters have rules beside their types, as functions of the library do."""

    # -5,-2 and -1 * Linear(0, 1, 9) are arguments; `parse_args` refuses unknown options.
    ignore_unknown_options = True

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters; the help shows an argument by its metavar alone, and not as `FILE <list[str]>`."""
        parameters: list[Any] = super().get_params(ctx)
        for each in parameters:
            if isinstance(each, TyperArgument):
                each.display_type_rich = lambda ctx: ""  # type: ignore[method-assign]
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a command line; one error holds all their problems."""
        owner = f"stepsize {self.name}"
        parameters = self.get_params(ctx)
        known = [name for each in parameters for name in (*each.opts, *each.secondary_opts) if name.startswith("-")]
        words = takewhile("--".__ne__, args)
        typed = [word.partition("=")[0] for word in words if OPTION.fullmatch(word) and not CONFIG.fullmatch(word)]
        verb: Any = self.callback
        errors, misuse = list[StepsizeError](), list[StepsizeError]()
        with gathered(errors):
            if "--from" in typed and len(unknown := [name for name in typed if name not in known]) > 1:
                how = f"put the config in quotes, as in --from TOOL '{unknown[0]} ...'"
                raise StepsizeError(f"{self.name} has no options {first_few(unknown, 3)}", how)
            refuse_unknown(owner, typed, known)
        try:
            rest = super().parse_args(ctx, [*args])
        except UsageError as error:
            ctx.resilient_parsing = True  # the other options can still be read
            rest = super().parse_args(ctx, [*args])
            misuse = [] if errors else _misuse(owner, error, parameters, ctx.params, rest)
        checked = typed_in(ctx)
        if errors:  # an unknown option and its value were read as arguments
            checked -= {each.name for each in parameters if isinstance(each, TyperArgument)}
        with gathered(errors):
            ctx.params |= apply_rules(owner, verb, {name: ctx.params[name] for name in checked})
        raise_together([*errors, *misuse])  # a wrong word comes before a missing one
        return rest


def typed_in(context: typer.Context) -> set[str]:
    """The names of the parameters that were typed."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _misuse(
    owner: str, error: Any, parameters: list[Any], values: dict[str, Any], rest: list[str]
) -> list[StepsizeError]:
    """An option with or without a value, left-over words, or missing parameters."""
    if option := getattr(error, "option_name", ""):
        rule = "given without a value" if "not take" in error.message else "given a value"
        return [ArgumentError("", option, rule, None)]
    if rest:
        takes = " ".join(each.metavar for each in parameters if not isinstance(each, TyperOption))
        reason = f"{owner.split()[-1]} takes only {takes or 'options'}, got also {shown(' '.join(rest))}"
        if all(isinstance(number(word), int | float) for word in rest):
            return [StepsizeError(reason, "join the numbers of one option with commas and without blanks")]
        in_quotes = any(" " in word for word in rest)
        return [StepsizeError(reason, "leave it out" if in_quotes else "put a text with blanks in quotes")]
    missing = {each.name: each for each in parameters if each.required and values[each.name] in (None, (), [])}
    advice = {name: f"write {{{name}}}" for name, each in missing.items() if isinstance(each, TyperOption)}
    return [ArgumentError(owner, name, "given", None, advice.get(name, ""), **{name: ...}) for name in missing]
