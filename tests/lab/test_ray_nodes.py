"""The engine on two real Ray nodes, which have their own networks, processes and folders.

The first is where the command is typed. All times are printed (`pytest -s`).
"""

import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from commands import numbers
from machines import ADDRESS, CAN, two_machines

import stepsize
from installed import STEPSIZE
from stepsize.store import load_runs

pytest.importorskip("ray", reason="needs stepsize[ray]")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CAN, reason="two machines on one need Linux, root, ip, unshare and nsenter"),
]

TASK = """
import torch
from torch import nn

from beside import inputs
from stepsize.lab import Task


def dropping():
    net = lambda: nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1))
    x = inputs()
    return Task(net, (x, x**2), (x, x**2), nn.functional.mse_loss, None, "dropping")


def reading():
    with open("{data}/points.txt") as file:
        x = torch.tensor([[float(line)] for line in file])
    return Task(lambda: nn.Linear(1, 1), (x, x), (x, x), nn.functional.mse_loss, None, "reading")
"""
BESIDE = """
import torch


def inputs():
    return torch.linspace(-1.0, 1.0, 64)[:, None]
"""
ASKED = """
epochs = 300
batch_size = 8
seeds = [0, 1]
log_every = 20
checkpoint_every = 200
optimizer = "adamw"
device = "cpu"

[schedules]
flat = "Constant(0.01)"
down = "Cosine(0.01, 0.0, '100%')"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder of the data of a task."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "points.txt").write_text("0\n1\n")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory, data):
    """The folder where the commands are typed."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mine.py").write_text(TASK.replace("{data}", str(data)))
    (folder / "beside.py").write_text(BESIDE)
    (folder / "asked.toml").write_text(ASKED)
    return folder


@pytest.fixture(scope="module")
def by_local(home):
    asked = [STEPSIZE, "compare", "asked.toml", "--task", "mine:dropping", "--engine", "local", "--out", "local"]
    subprocess.run(asked, cwd=home, check=True, stdout=subprocess.DEVNULL)
    return numbers(home / "local")


@pytest.fixture
def both(tmp_path, home):
    """Two nodes; the second does not have the folder where the commands are typed."""
    with two_machines(tmp_path) as machines:
        machines.second.hide(home)
        yield machines


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, home):
    """The same, for tests after which both nodes are as they were."""
    with two_machines(tmp_path_factory.mktemp("machines")) as machines:
        machines.second.hide(home)
        yield machines


def start(machines, home, *words, address=ADDRESS):
    asked = [STEPSIZE, "compare", *words]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": {"RAY_ADDRESS": address}}
    return machines.first.start(*asked, cwd=home, **given)


def start_asked(machines, home, out):
    return start(machines, home, "asked.toml", "--task", "mine:dropping", "--engine", "ray", "--out", out)


def wait_for_checkpoints(command, out, least=1):
    while len([*(out / "checkpoints").glob("*.pt")]) < least:
        assert command.poll() is None, command.communicate()[0]
        time.sleep(0.1)


def ended(command):
    said, _ = command.communicate(timeout=500)
    return said


def test_a_task_that_exists_only_where_the_command_was_typed(undisturbed, home, by_local):
    begun = time.time()
    command = start_asked(undisturbed, home, "stopped")
    wait_for_checkpoints(command, home / "stopped")
    print(f"\nfirst checkpoint after {time.time() - begun:.0f} s")
    undisturbed.first.interrupt(command)
    pressed = time.time()
    said = ended(command)
    print(f"Ctrl-C: ended after {time.time() - pressed:.1f} s")
    assert "interrupted; what the runs have done is kept in stopped" in said
    assert numbers(home / "stopped") != by_local
    assert "Report and picture" in ended(start(undisturbed, home, "--resume", "stopped"))
    assert numbers(home / "stopped") == by_local
    assert {event.kind for event in load_runs(home / "stopped").events()} == {"resumed"}


def test_data_that_one_node_does_not_have(undisturbed, home, data):
    undisturbed.second.hide(data)
    words = ["asked.toml", "--task", "mine:reading", "--engine", "ray", "--out", "lacking"]
    said = ended(start(undisturbed, home, *words))
    undisturbed.second.restore(data)
    assert said.strip().splitlines()[-1] == (
        "stepsize: nodes of the Ray cluster cannot train the task: second (10.77.0.2): there is no "
        f"{data}/points.txt; copy it there, or put it on a disk that all nodes share"
    )
    assert not (home / "lacking").exists()


def test_another_version_on_one_node(undisturbed, home, tmp_path):
    file, other = Path(stepsize.__file__), tmp_path / "other.py"
    other.write_text(file.read_text().replace(f'"{stepsize.__version__}"', '"0.0.1"'))
    undisturbed.second.replace(file, other)
    said = ended(start_asked(undisturbed, home, "other"))
    undisturbed.second.restore(file)
    assert said.strip().splitlines()[-1] == (
        "stepsize: nodes of the Ray cluster cannot train the task: second (10.77.0.2): stepsize 0.0.1 instead of "
        f"{stepsize.__version__}; install the same versions there"
    )


def test_an_address_that_swallows_what_is_sent(undisturbed, home):
    undisturbed.first.run("ip", "neighbour", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:09", "dev", "bridge")
    begun = time.time()
    words = ["--task", "digits", "--engine", "ray", "--device", "cpu", "--out", "refused"]
    said = ended(start(undisturbed, home, *words, address="10.77.0.9:6379"))
    print(f"\nno answer: said after {time.time() - begun:.0f} s")
    assert "the Ray cluster at 10.77.0.9:6379, from RAY_ADDRESS, does not answer (no answer in 15 s)" in said
    assert time.time() - begun < 180.0, "Ray itself tries for more than ten minutes"
    assert not (home / "refused").exists()


@pytest.mark.parametrize("disturbance", ["pulled", "killed"])
def test_the_runs_of_a_lost_node_go_on_elsewhere_with_the_same_numbers(both, home, by_local, disturbance):
    out = home / disturbance
    command = start_asked(both, home, disturbance)
    wait_for_checkpoints(command, out, least=2)  # a run on each node
    both.pull() if disturbance == "pulled" else both.second.kill()
    lost = time.time()
    said = ended(command)
    assert command.returncode == 0, said
    assert numbers(out) == by_local
    noticed, *_ = (event for event in load_runs(out).events() if event.kind in ("node lost", "process died"))
    seconds = datetime.fromisoformat(noticed.time).timestamp() - lost
    print(f"\n{disturbance}: noticed after {seconds:.1f} s, all runs ended after {time.time() - lost:.0f} s")
    assert seconds < 60.0
