"""What tools really do: each tool runs its own scheduler and optimizer in a process of its own.

A file of `loops/` belongs to one tool. It has `PACKAGE`, the package that must be importable; `CASES`, configs that
stand for the kinds there are; `random_case(rng)`; and `rates(case)`, which runs the tool. If the package is not
installed, the recorded rates of `CASES` and of some random cases stand in. `python tests/interop/measuring.py TOOL`
records them again, and `scripts/peers` installs the packages in build/peers.
"""

import functools
import importlib
import importlib.metadata
import json
import os
import random
import subprocess
import sys
import types
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECORDED = 25  # random cases of each tool
PEERS = HERE.parents[1] / "build" / "peers"


@dataclass(frozen=True)
class Case:
    """A config, what it leaves to the program, how many updates to make, and which hyperparameter to compare."""

    config: Any
    updates: int = 32
    horizon: Any = None  # a number of updates, or the arguments of a Horizon
    base_lr: float | None = None
    of: str = "lr"  # of a tuple, the first item


def without_init(*packages: str) -> None:
    """Let files of these packages be imported without what their `__init__` imports, which schedulers do not need."""
    for package in packages:
        parent, _, name = package.rpartition(".")
        places = sys.modules[parent].__path__ if parent else sys.path
        module = types.ModuleType(package)
        module.__path__ = [str(Path(place, name)) for place in places if Path(place, name).is_dir()]
        sys.modules[package] = module


def loop_of(tool: str) -> Any:
    return importlib.import_module(f"loops.{tool}_loop")


@functools.cache
def is_installed(tool: str) -> bool:
    """Whether the tool can run here; found without importing it."""
    program = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({loop_of(tool).PACKAGE!r}) is None)"
    return subprocess.run([sys.executable, "-c", program], env=_environment(), check=False).returncode == 0


def recorded_cases(tool: str) -> list[Case]:
    loop = loop_of(tool)
    return [*loop.CASES, *(random_cases(tool, RECORDED) if hasattr(loop, "random_case") else [])]  # MaxText has none


def random_cases(tool: str, number: int) -> list[Case]:
    rng = random.Random(0)
    return [loop_of(tool).random_case(rng) for _ in range(number)]


def measured(tool: str, cases: list[Case]) -> list[list[float]]:
    """The rate of every update of every case, from the tool's own loop."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, tool, "--serve"],
        input=json.dumps([asdict(case) for case in cases]),
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def recorded(tool: str) -> list[list[float]]:
    found: list[list[float]] = json.loads((HERE / "recorded" / f"{tool}.json").read_text())["rates"]
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(PEERS)]), "OMP_NUM_THREADS": "1"}


def _record(tool: str) -> None:
    lines = ",\n".join(json.dumps(rates) for rates in measured(tool, recorded_cases(tool)))
    package = importlib.metadata.packages_distributions()[loop_of(tool).PACKAGE][0]
    form = f'{{"package": "{package} {importlib.metadata.version(package)}", "rates": [\n{lines}\n]}}\n'
    (HERE / "recorded" / f"{tool}.json").write_text(form)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        run = loop_of(sys.argv[1]).rates
        print(json.dumps([[float(rate) for rate in run(Case(**case))] for case in json.load(sys.stdin)]))
    else:
        sys.path.append(str(PEERS))
        _record(sys.argv[1])
