"""`stepsize ...` within this process: quick, with the same exit code and output as the installed command."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from stepsize.cli import main


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path) -> Callable[..., Done]:
    """Run the command line with these words, from an empty folder; keywords are variables of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*words: object, **variables: str) -> Done:
        for name, value in ({"COLUMNS": "80", "LINES": "30"} | variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "path", sys.path[:])
        monkeypatch.setattr(sys, "argv", ["stepsize", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(typed) -> Callable[..., str]:
    """The message with which the command line refuses these words."""

    def run(*words: object) -> str:
        done = typed(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("stepsize: ")
        assert "Traceback" not in done.stderr
        return done.stderr

    return run
