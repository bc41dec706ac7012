"""`stepsize init`: a commented experiment file to start from."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from stepsize.errors import OutputError
from stepsize.files import write_whole


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("experiment.toml"),
) -> None:
    """Write an experiment file that explains every setting.

    Run the experiment with `stepsize compare FILE`.
    """
    from stepsize.lab.experiment_file import EXAMPLE  # late: it loads PyTorch

    if path.exists():
        raise OutputError(f"{path} exists already and is left unchanged", "name another file")
    write_whole(path, EXAMPLE.replace("experiment.toml", shlex.quote(str(path)), 1).encode())
    print(f"Wrote {path}; run it with: stepsize compare {shlex.quote(str(path))}")
