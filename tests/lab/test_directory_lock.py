"""One process at a time holds a directory, and the lock of a process that dies is free."""

import os
import re
import subprocess
import sys

import pytest

from stepsize.errors import DataError, OutputError
from stepsize.lab.directory import lock

HOLDER = """
import sys
from stepsize.lab.directory import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the directory until it is killed or its input ends."""
    command = [sys.executable, "-c", HOLDER, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_the_name_of_the_holder(tmp_path, holder):
    for _ in range(2):  # being refused changes nothing
        with (
            pytest.raises(
                OutputError, match=rf"{re.escape(str(tmp_path))} is in use by process {holder.pid} on .*since"
            ),
            lock(tmp_path),
        ):
            pass


def test_the_lock_is_free_if_its_holder_was_killed(tmp_path, holder):
    holder.kill()
    holder.wait()
    with lock(tmp_path):
        pass


def test_the_lock_is_free_if_its_holder_has_ended(tmp_path, holder):
    holder.communicate("")
    with lock(tmp_path):
        pass


@pytest.mark.parametrize(
    "name", [".lock", ".lock-holder", "checkpoints/0.pt", "report.html", "tensorboard/flat-seed0", "runs/a/output.txt"]
)
def test_links_in_results_are_refused_and_what_they_lead_to_stays(tmp_path, name):
    thesis, place = tmp_path / "thesis.tex", tmp_path / "results" / name
    thesis.write_text("years of work")
    place.parent.mkdir(parents=True)
    place.symlink_to(os.path.relpath(thesis, place.parent))
    with pytest.raises(DataError, match=rf"{name} is a link to .*thesis.tex"), lock(tmp_path / "results"):
        pass
    assert thesis.read_text() == "years of work"
    assert [each.name for each in (tmp_path / "results").iterdir()] == [name.partition("/")[0]]


def test_a_link_that_a_loop_of_the_users_own_made_is_its_business(tmp_path):
    own = tmp_path / "runs" / "flat-seed0" / "checkpoint"
    own.mkdir(parents=True)
    (own / "latest").symlink_to("step-3")
    with lock(tmp_path):
        pass


def test_a_process_cannot_hold_the_lock_twice(tmp_path):
    with lock(tmp_path):
        with pytest.raises(OutputError, match=f"is in use by process {os.getpid()}"), lock(tmp_path):
            pass
        (tmp_path / ".lock-holder").unlink()
        words = "is in use by another process; wait until it ends, or name another directory$"
        with pytest.raises(OutputError, match=words), lock(tmp_path):
            pass
    with lock(str(tmp_path)):
        pass


def test_an_error_inside_frees_the_lock_and_is_raised(tmp_path):
    with pytest.raises(KeyError), lock(tmp_path):
        raise KeyError
    with lock(tmp_path):
        pass


def test_a_directory_that_cannot_be_written_to_cannot_be_locked(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot lock .*(not a directory|file exists)"), lock(tmp_path / "file"):
        pass


def test_only_the_lock_file_stays_behind(tmp_path):
    with lock(tmp_path):
        assert (tmp_path / ".lock-holder").exists()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
