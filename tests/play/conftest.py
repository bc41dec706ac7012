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
def open_page(browser):
    """Opens an address; fails at the end if the page logged an error or asked for anything elsewhere."""
    contexts, said = [], []

    def opened(address, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda each: each.type in ("error", "warning") and said.append(each.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        root = address.partition("#")[0]
        page.on("request", lambda each: each.url.startswith((root, "data:")) or said.append(each.url))
        page.goto(address)
        page.wait_for_selector("html[data-shown]", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
