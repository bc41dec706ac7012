"""Pages that a test plays with, served by the command in a process of its own."""

import signal
import subprocess
import sys

import pytest

from chromium import browser  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def play(tmp_path_factory):
    """Serves the page about the words; returns its address, and the process. All end with the module."""
    processes = []

    def served(*words, folder=None):
        command = [sys.executable, "-m", "stepsize", "play", "--no-browser", *map(str, words)]
        log = tmp_path_factory.mktemp("play") / "stderr"
        with log.open("w") as stderr:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=folder)
        processes.append((process, log))
        for line in process.stdout:
            if line.startswith("http://"):
                return line.strip(), process
        raise AssertionError(log.read_text())

    yield served
    for process, log in processes:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert (process.wait(20), log.read_text()) == (0, "")
