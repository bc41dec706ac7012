"""Runs as JSON files, written whole or not at all."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsize.errors import DataError
from stepsize.files import write_whole
from stepsize.records.run import Epoch, Point, Run

VERSION = 1


def write_run(path: Path, run: Run) -> None:
    """Write one run; what is no finite number (a diverged run has such losses) is written as "nan", "inf" or "-inf".

    Raises:
        OutputError: it cannot be written there.
    """
    form = json.dumps({"version": VERSION, **_written(asdict(run))}, indent=1, allow_nan=False)
    write_whole(path, f"{form}\n".encode())


def read_run(path: Path) -> Run:
    """Read what `write_run` wrote.

    Raises:
        DataError: there is no such file, or it is not a run's.
    """
    try:
        form = json.loads(Path(path).read_text(encoding="utf-8"))
        if form.pop("version") != VERSION:
            raise DataError(f"{path} is of another version than {VERSION}, which this stepsize reads")
        points = tuple(Point(**_read(point)) for point in form.pop("points"))
        epochs = tuple(Epoch(**_read(epoch)) for epoch in form.pop("epochs"))
        return Run(**form, points=points, epochs=epochs)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is not the file of a run, or is cut short: {error}") from error


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(form: dict[str, Any]) -> dict[str, Any]:
    return {key: float(value) if isinstance(value, str) else value for key, value in form.items()}
