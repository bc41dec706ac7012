"""Logs in the folders of MLflow: a file for each metric of each run, with a time, a value and a step on every line."""

import re
from pathlib import Path

from stepsize.curves.series import Series, table_of
from stepsize.curves.table import Table
from stepsize.curves.text_file import text_of
from stepsize.errors import DataError, shown

_DELETED = re.compile(r"^lifecycle_stage: *deleted", re.MULTILINE)
_NAME = re.compile(r"^run_name: *['\"]?(.*?)['\"]?\s*$", re.MULTILINE)


def is_mlflow_run(folder: Path) -> bool:
    """Whether a folder is that of one run: mlruns/<experiment>/<run>."""
    return (folder / "meta.yaml").is_file() and (folder / "metrics").is_dir()


def is_deleted(folder: Path) -> bool:
    """Whether the run was deleted, which MLflow only marks."""
    return _DELETED.search(_meta(folder)) is not None


def read_mlflow_run(folder: Path) -> list[Table]:
    """The metrics of one run as one table."""
    metrics = folder / "metrics"
    files = sorted(file for file in metrics.rglob("*") if file.is_file())
    return [table_of(folder, _name(folder), {file.relative_to(metrics).as_posix(): _read(file) for file in files})]


def _meta(folder: Path) -> str:
    return text_of(folder / "meta.yaml")


def _read(file: Path) -> Series:
    points = list[tuple[float, float]]()
    for number, line in enumerate(text_of(file).splitlines(), 1):
        try:
            _, value, step = map(float, line.split()[:3])
        except ValueError:
            raise DataError(f"{file}, line {number}: not a time, a value and a step: {shown(line)}") from None
        points.append((step, value))
    return points


def _name(folder: Path) -> str:
    tag = folder / "tags" / "mlflow.runName"
    found = _NAME.search(_meta(folder))
    return text_of(tag).strip() if tag.is_file() else found[1] if found else folder.name
