"""A comparison whose disk is full: the message, and the resume once there is room."""

import os
import subprocess

import pytest
from silent import Silent

from stepsize.errors import OutputError
from stepsize.lab import Experiment, compare, resume
from stepsize.store import load_runs


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 200 KB, and a function that enlarges it."""

    def mounted(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "none", place]
        return os.name == "posix" and subprocess.run(command, capture_output=True).returncode == 0

    place = tmp_path / "disk"
    place.mkdir()
    try:
        made = mounted("size=200k")
    except FileNotFoundError:
        made = False
    if not made:
        pytest.skip("only root can mount a small disk, and not everywhere")
    yield place, lambda: mounted("remount,size=20m")
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_reported_with_advice_that_works(small_disk):
    place, enlarge = small_disk
    experiment = Experiment({"flat": "Constant(0.1)"}, "own_tasks:line", epochs=200, batch_size=8, log_every=1)
    with pytest.raises(
        OutputError, match=rf"store\.sqlite.*disk.*make room, and continue with: stepsize compare --resume {place}/out$"
    ):
        compare(experiment, place / "out", workers=1, display=Silent())
    (stopped,) = load_runs(place / "out").runs()
    assert len(stopped.points) < 1600
    assert enlarge()
    (run,) = resume(place / "out", workers=1, display=Silent()).runs
    assert (run.status, [point.step for point in run.points]) == ("finished", [*range(1, 1601)])
