"""Pages that a test plays with, served by the command in a process of its own."""

import signal
import subprocess
import sys

import pytest


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
        process.stdout.close()
        if process.poll() is None:  # and no test has ended it
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        assert log.read_text() == ""


@pytest.fixture
def open_page(open_in_browser):
    """Opens an address of `play`, and waits until the page shows what it is about."""

    def opened(address, **options):
        page = open_in_browser(address, **options)
        page.wait_for_selector("html[data-shown]", state="attached")
        return page

    return opened
