"""Tables from CSV files and their kin: of one run, of several runs, of a panel of Weights & Biases, or of a store."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepsize.curves.column_names import is_held_out
from stepsize.curves.conventions import KEPT, convention_of
from stepsize.curves.sheet import LOOKED_AT, NUMBERED, Sheet, cells_of, is_number, sign_between
from stepsize.curves.store_logs import schedule_of_text
from stepsize.curves.table import Table
from stepsize.errors import DataError, first_few, quoted
from stepsize.files import text_of_cell

EXPORTED = ("run", "name", "schedule", "seed", "status", "step")
"""The first columns of what `Results.write_csv` writes."""
_BEGIN = 2**16  # characters, by which a table is recognized
_RUNS = re.compile(r"(?:run|experiment|exp|trial)(?:[ _]?(?:name|id))?|name|seed", re.IGNORECASE)

_PARTS = re.compile(r"split|phase|mode|stage|subset|set|partition|kind|type|event", re.IGNORECASE)
"""Names of columns that tell rows of training from others."""


def is_delimited(head: str) -> bool:
    """Whether a text begins with the names of columns, or with numbers, and has a column of numbers below."""
    begin = head[:_BEGIN]
    lines = [line for line in begin[: begin.rfind("\n")].splitlines() if line.strip() and line[0] != "#"][:LOOKED_AT]
    sign, share = sign_between(lines)
    if share < 0.5 or len(lines) < 2:
        return False
    first, *rows = (row for _, row in cells_of(lines, sign))
    numbers = [*map(is_number, first)]
    return all(numbers) or (
        not any(number and name.strip() for number, name in zip(numbers, first, strict=True))
        and any(all(map(is_number, column)) and any(column) for column in zip(*rows, strict=False))
    )


def read_delimited(path: Path) -> list[Table]:
    """The tables in a file, one for each run."""
    sheet = Sheet.read(path)
    if sheet.names[: len(EXPORTED)] == EXPORTED:
        return _exported(sheet)
    if len(sheet.names) > 1 and " - " not in sheet.names[0] and all(" - " in name for name in sheet.names[1:]):
        return _panel(sheet)
    return tables_of(sheet)


def tables_of(sheet: Sheet, name: str = "", **known: Any) -> list[Table]:
    """A table for each run that columns such as "run" and "seed" name; `known` are further attributes of them."""
    sheet = _of_training(sheet)
    columns = [name for name in sheet.names if _RUNS.fullmatch(name)]
    cells = {name: [*map(str.strip, sheet.texts(name))] for name in columns}
    few = [name for name, each in cells.items() if all(each) and len({*each}) <= max(1, len(sheet.rows) // 2)]
    parts = sheet.split(few)
    varying = [place for place in range(len(few)) if len({texts[place] for texts in parts}) > 1]
    alone = [place for place, name in enumerate(few) if name.lower() != "seed"][:1]
    numbers = [name for name in sheet.names if name not in few]
    kind = convention_of([numbers], KEPT)
    known = {"steps_done": kind.steps_done, "means": kind.means} | known
    tables = []
    for texts, part in parts.items():
        label = ", ".join(_label(few[place], texts[place]) for place in varying or alone)
        source = f"{sheet.path}, {label}" if varying else str(sheet.path)
        tables.append(part.table(label or name or run_name(sheet.path), numbers, source=source, **known))
    return tables


def _of_training(sheet: Sheet) -> Sheet:
    """The rows without those that are about held-out data, as a column says."""
    for name in sheet.names:
        others = {text for text in sheet.texts(name) if is_held_out(text)} if _PARTS.fullmatch(name) else set()
        kept = [row for row, text in enumerate(sheet.texts(name)) if text not in others] if others else []
        if kept:
            note = f"rows of {name} {first_few(sorted(others), 3)} are left out"
            sheet = replace(sheet.of_rows(kept), notes=(*sheet.notes, note))
    return sheet


def run_name(path: Path) -> str:
    """The name of a file without its endings."""
    return path.name.removesuffix(".gz").rpartition(".")[0] or path.name


def _label(column: str, text: str) -> str:
    return f"{column} {text}" if text.isdecimal() else text_of_cell(text)


def _panel(sheet: Sheet) -> list[Table]:
    """A table for each run of a panel, whose columns are "<run> - <metric>"; __MIN and __MAX are left out."""
    step, *names = sheet.names
    runs: dict[str, dict[str, str]] = {}
    seen = Counter[str]()
    for name in names:
        plain = NUMBERED.sub("", name)
        run, _, metric = plain.rpartition(" - ")
        if not metric.endswith(("__MIN", "__MAX")):
            seen[plain] += 1
            label = run if seen[plain] == 1 else f"{run} ({seen[plain]})"  # another run of the same name
            runs.setdefault(label, {})[name] = metric
    tables = []
    for run, metrics in runs.items():
        table = sheet.table(run, [step, *metrics], source=f"{sheet.path}, run {quoted(run)}", step=step)
        columns = {metrics.get(name, name): values for name, values in table.columns.items()}
        unfit = {metrics.get(name, name): why for name, why in table.unfit.items()}
        tables.append(replace(table, columns=columns, unfit=unfit))
    return tables


def _exported(sheet: Sheet) -> list[Table]:
    """The tables of the runs of a store; diverged runs are left out, as when the store itself is read."""
    parts = [part for part in sheet.split(["run"]).values() if part.texts("status")[0] != "diverged"]
    if not parts:
        raise DataError(f"{sheet.path} has no run with a loss curve")
    several = len({part.texts("seed")[0] for part in parts}) > 1
    tables = []
    for part in parts:
        name, text, seed = (text_of_cell(part.texts(column)[0]) for column in ("name", "schedule", "seed"))
        label = f"{name}, seed {seed}" if several else name
        known = {"source": f"{sheet.path}, {label}", "schedule": schedule_of_text(text)}
        tables.append(part.table(label, sheet.names[5:], steps_done=True, means=True, step="step", **known))
    return tables
