"""Mutations of valid texts, states, experiment files, stores and logs: each is read, or refused in one error.

`pytest -m long tests/test_fuzz.py` runs for ten minutes; STEPSIZE_FUZZ_SECONDS and STEPSIZE_FUZZ_SEED set another time
and the seed, which is printed. Each batch of cases is a process that may take 10 s and 1 GB for a case.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

SECONDS = float(os.environ.get("STEPSIZE_FUZZ_SECONDS", "600"))
BATCH = 200
PROGRAM = Path(__file__).parent / "fuzz" / "batch.py"


def cases_of(seed: int, folder: Path) -> list[str]:
    """Run the cases of one seed in a process; the last line that it prints is the case that it was at."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM, str(seed), str(BATCH)],
        capture_output=True, text=True, cwd=folder, timeout=600,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]} of seed {seed}: {done.returncode}\n{done.stderr[-2000:]}"
    return lines


def run_for(seconds: float, folder: Path) -> int:
    """Run batches for so long; return the number of cases."""
    seed = int(os.environ.get("STEPSIZE_FUZZ_SEED", random.randrange(10**9)))
    print(f"seed {seed}")
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        inside = folder / "inside"
        inside.mkdir()
        number += len(cases_of(seed, inside))
        assert [each.name for each in folder.iterdir()] == ["inside"], "nothing is written outside"
        subprocess.run(["rm", "-rf", inside], check=True)
        seed += 1
    print(f"{number} cases")
    return number


@pytest.mark.long
def test_mutations_are_read_or_refused(tmp_path: Path) -> None:
    assert run_for(SECONDS, tmp_path) > 0


def test_some_mutations_are_read_or_refused(tmp_path: Path) -> None:
    lines = cases_of(0, tmp_path)
    assert {line.split()[1] for line in lines} == {"text", "state", "experiment", "store", "log"}
    assert {line.split()[2] for line in lines} == {"read", "refused"}
