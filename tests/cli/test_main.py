"""The command line as a user meets it: exit codes, and one clear message instead of a traceback."""

import inspect
import os
import signal
import subprocess
import sys

import pytest
import typer

import stepsize
from installed import STEPSIZE, environment
from stepsize.cli import app
from stepsize.cli.compare import Terminated
from stepsize.cli.options import numbers
from stepsize.descent import descend
from stepsize.lab import Experiment, find_rate
from stepsize.pytorch import range_test

COMMANDS = typer.main.get_command(app).commands


def run(*args, **options):
    return subprocess.run([STEPSIZE, *args], capture_output=True, text=True, timeout=60, env=environment(), **options)


def test_the_version():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"stepsize {stepsize.__version__}\n")


def test_help_names_the_verbs():
    done = run("--help")
    assert done.returncode == 0
    assert "plot" in done.stdout
    assert "compare" in done.stdout


@pytest.mark.parametrize(
    ("verb", "library"), [("compare", Experiment), ("find", find_rate), ("find", range_test), ("descend", descend)]
)
def test_an_option_has_the_default_of_the_library(verb, library):
    parameters = inspect.signature(library).parameters.values()
    expected = {each.name: each.default for each in parameters if each.default not in (each.empty, (), None)}
    options = {
        each.name: numbers(each.default) if each.name == "seeds" else each.default for each in COMMANDS[verb].params
    }
    shared = expected.keys() & options.keys()
    assert len(shared) >= 2
    assert {name: options[name] for name in shared} == {name: expected[name] for name in shared}


def test_the_help_cuts_no_sentence_and_shows_no_type_of_python(typed):
    verbs = typed("--help").stdout.partition("Commands:")[2]
    assert len(verbs.splitlines()) == 1 + len(COMMANDS)
    assert "..." not in verbs
    assert not [verb for verb in COMMANDS if "list[" in typed(verb, "--help").stdout]


def test_the_shell_completes_verbs_and_options():
    words = environment() | {"_STEPSIZE_COMPLETE": "complete_bash", "COMP_WORDS": "stepsize compare --add-se"}
    done = subprocess.run([STEPSIZE], capture_output=True, text=True, timeout=60, env=words | {"COMP_CWORD": "2"})
    assert done.stdout.split() == ["--add-seeds"]


def test_the_shell_gets_its_script_of_completions(typed):
    done = typed("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "_STEPSIZE_COMPLETE=complete_bash" in done.stdout


def test_without_a_command_the_help_is_printed(typed):
    done = typed()
    assert done.returncode == 2
    assert "Usage:" in done.stdout + done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_reported():
    with open("/dev/full", "w") as full:
        done = subprocess.run([STEPSIZE, "plot", "Constant(0.1)"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "stepsize: No space left on device\n"


def test_an_error_of_the_system_names_its_file(typed, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device", "a.txt")

    monkeypatch.setattr(sys.modules["stepsize.cli.convert"], "write_whole", fails)
    monkeypatch.setattr("stepsize.cli._drop_output", lambda: None)
    done = typed("convert", "Constant(0.1)", "--to", "text", "--out", "a.txt")
    assert done == (2, "", "stepsize: a.txt: No space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="needs a system that removes the current folder")
def test_a_current_folder_that_was_removed_is_no_error(typed, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert typed("--version") == (0, f"stepsize {stepsize.__version__}\n", "")


def test_a_reader_that_closes_the_pipe_is_no_error():
    pipe = subprocess.Popen([STEPSIZE, "plot", "Constant(0.1)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe.stdout.close()
    assert pipe.stderr.read() == b""
    pipe.stderr.close()
    assert pipe.wait(60) != 0


def test_a_closed_pipe_sets_the_exit_code_and_drops_what_python_writes_at_its_end(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setattr("sys.path", sys.path[:])
    monkeypatch.setattr("sys.argv", ["stepsize", "convert", "Constant(0.1)", "--to", "text"])
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        with pytest.raises(SystemExit) as caught:
            stepsize.cli.main()
        assert caught.value.code == 1
        print("more", file=pipe, flush=True)
    assert capsys.readouterr().err == ""


def test_ctrl_c_outside_a_verb_ends_with_130(typed, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("stepsize.cli.app", interrupted)
    assert typed() == (130, "", "")


def test_closed_output_is_no_error():
    done = subprocess.run(["sh", "-c", '"$0" plot "Constant(0.1)" >&-', STEPSIZE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


INTERRUPTED = """
import os, signal, sys
import stepsize.cli, stepsize.plots

def interrupted(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()

stepsize.plots.sketch_schedules = interrupted
sys.argv = ["stepsize", "plot", "Constant(0.1)"]
stepsize.cli.main()
"""


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs POSIX signals")
def test_ctrl_c_ends_with_130_and_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "stepsize: interrupted\n")


def test_the_command_line_loads_neither_torch_nor_matplotlib_before_it_must():
    code = "import sys, stepsize.cli; print(sorted({'torch', 'matplotlib', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_interrupt_within_a_verb_ends_with_130_and_a_polite_end_with_143(typed, monkeypatch):
    said = []
    for interrupt in (KeyboardInterrupt("resume it later"), KeyboardInterrupt(), Terminated()):

        def interrupted(*_, interrupt=interrupt, **__):
            raise interrupt

        monkeypatch.setattr("stepsize.lab.compare", interrupted)
        said.append(typed("compare", "--data", "digits"))
    assert said == [
        (130, "", "stepsize: resume it later\n"),
        (130, "", "stepsize: interrupted\n"),
        (143, "", "stepsize: interrupted\n"),
    ]


def test_the_page_has_the_port_and_the_browser_that_were_asked_for(typed, monkeypatch):
    served = []

    def serve(subject, port, tell, browser):
        served.append((len(subject.state.schedules), port, browser))
        tell("http://127.0.0.1:5/token/")

    monkeypatch.setattr("stepsize.play.server.serve", serve)
    assert typed("play").stdout == "http://127.0.0.1:5/token/\nCtrl-C ends it.\n"
    typed("play", "Constant(1)", "--port", 65535, "--no-browser")
    assert served == [(2, 0, True), (1, 65535, False)]
