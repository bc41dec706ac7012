"""Runs as JSON files, written whole or not at all."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsize.files import write_whole
from stepsize.records.run import Epoch, Point, Run


def write_run(path: Path, run: Run) -> None:
    """Write one run; a loss that is no number (a diverged run has one) is written as null."""
    form = json.dumps(_finite(asdict(run)), indent=1, allow_nan=False)
    write_whole(path, f"{form}\n".encode())


def read_run(path: Path) -> Run:
    """Read what `write_run` wrote."""
    form = json.loads(path.read_text(encoding="utf-8"))
    points = tuple(Point(**_numbers(point)) for point in form.pop("points"))
    epochs = tuple(Epoch(**_numbers(epoch)) for epoch in form.pop("epochs"))
    return Run(**form, points=points, epochs=epochs)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(form: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in form.items()}
