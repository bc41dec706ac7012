"""A directory is kept to one process at a time, and a process that dies keeps nothing."""

import os
import re
import subprocess
import sys

import pytest

from stepsize.errors import OutputError
from stepsize.records import lock

HOLDER = """
import sys
from stepsize.records import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the directory, until it is killed or its input ends."""
    command = [sys.executable, "-c", HOLDER, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_it(tmp_path, holder):
    for _ in range(2):  # being refused changes nothing
        with (
            pytest.raises(
                OutputError, match=rf"{re.escape(str(tmp_path))} is in use by process {holder.pid} on .*since"
            ),
            lock(tmp_path),
        ):
            pass


def test_it_is_free_when_its_holder_was_killed(tmp_path, holder):
    holder.kill()
    holder.wait()
    with lock(tmp_path):
        pass


def test_it_is_free_when_its_holder_has_ended(tmp_path, holder):
    holder.communicate("")
    with lock(tmp_path):
        pass


def test_a_process_does_not_hold_it_twice(tmp_path):
    with lock(tmp_path):
        with pytest.raises(OutputError, match=f"is in use by process {os.getpid()}"), lock(tmp_path):
            pass
        with pytest.raises(OutputError, match="is in use"), lock(tmp_path):
            pass
    with lock(str(tmp_path)):
        pass


def test_an_error_inside_frees_it_and_goes_on(tmp_path):
    with pytest.raises(KeyError), lock(tmp_path):
        raise KeyError
    with lock(tmp_path):
        pass


def test_a_directory_that_is_not_there_cannot_be_locked(tmp_path):
    with pytest.raises(OutputError, match=r"cannot lock .*no such file or directory"), lock(tmp_path / "nowhere"):
        pass
