"""`stepsize check`: what a config of another tool does, and what in it looks unintended."""

import math
from typing import Annotated

import typer

from stepsize.cli.given import BaseRate, Given, Reader, RunSteps, ToolName
from stepsize.cli.schedules import HorizonText
from stepsize.errors import one_line
from stepsize.horizon import Horizon
from stepsize.interop.config_check import Finding, findings
from stepsize.interop.tool_schedule import Run, ToolSchedule


def check(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|TEXT", help="Configs of other tools, or texts of them with --from.")
    ],
    tool: ToolName = None,
    base_lr: BaseRate = None,
    horizon: HorizonText = None,
    steps: RunSteps = None,
) -> None:
    """Say what looks unintended in a config of another tool.

    For each config it prints the tool and its scheduler, the schedule as text, the rates at the updates that matter,
    what looks unintended, and the line that would mend it. A note is a finding that costs little, or that matters only
    if the run continues after the end of the schedule. The exit code is 0 if there are no findings other than notes,
    1 if there are, and 2 after an error.
    """
    reader = Reader(context, tool, base_lr, horizon, steps)
    given = reader.read(files)
    length = Run.of("check", reader.run_length()).horizon
    unintended = False
    for index, each in enumerate(given):
        found = _show(each, length, blank_before=index > 0)
        unintended = unintended or any(not finding.note for finding in found)
    if unintended:
        raise typer.Exit(1)


def _show(given: Given, horizon: Horizon | None, *, blank_before: bool) -> tuple[Finding, ...]:
    rates = given.rates
    meaning = given.meaning or ToolSchedule("", rates, warmup_steps=1, total_steps=rates.steps, tool="stepsize")
    found = findings(meaning, horizon)
    if blank_before:
        print()
    print(f"{one_line(given.name, 60)}: {meaning.tool} {meaning.name}".rstrip())
    print(f"  {given.value}")
    columns = [("update", "factor" if meaning.relative else "rate")]
    columns += [(f"{update:,}", f"{meaning.rates(update):.4g}") for update in _telling_updates(meaning, horizon)]
    for line in (0, 1):
        print("  " + "  ".join(column[line].rjust(max(map(len, column))) for column in columns))
    for finding in found:
        print(f"  {'note: ' if finding.note else ''}{finding.sentence}")
        if finding.mend:
            is_line = finding.mend in meaning.mends.values()
            print(f"    {'write' if is_line else 'as a schedule of stepsize:'} {finding.mend}")
    if all(finding.note for finding in found):
        print("  nothing looks unintended")
    return found


def _telling_updates(meaning: ToolSchedule, horizon: Horizon | None) -> list[int]:
    """The first updates, those around the end of the warmup, and those around the end."""
    ends = [meaning.warmup_steps, horizon.steps if horizon else math.inf, meaning.total_steps]
    around = [int(end) + near for end in ends if end < math.inf for near in (-1, 0, 1)]
    return sorted({0, 1, *(each for each in around if each >= 0)})
