"""The address of a Ray cluster that does not answer is refused soon, with what to check."""

import signal
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Experiment
from stepsize.lab.engines import ray as ray_engine
from stepsize.lab.engines import ray_cluster, ray_code
from stepsize.lab.engines.choice import chosen
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.environment import cores

pytest.importorskip("ray", reason="needs stepsize[ray]")


@pytest.fixture
def listener(monkeypatch):
    """A socket that takes connections, and whose address is that of the cluster."""
    with socket.create_server(("", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"localhost:{server.getsockname()[1]}")
        yield server


def refusal():
    with pytest.raises(RunError) as refused:
        chosen(Experiment(task="digits", engine="ray", device="cpu"))
    return str(refused.value)


def test_a_port_where_nothing_listens(monkeypatch):
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"localhost:{port}")
    assert refusal() == (
        f"the Ray cluster at localhost:{port}, from RAY_ADDRESS, does not answer (connection refused); check the "
        "address, that the head is running (`ray status` there), and that no firewall is in between"
    )


def test_a_head_that_is_stuck(listener, monkeypatch):
    monkeypatch.setattr(ray_cluster, "PATIENCE", 0.3)
    assert "does not answer (no answer in 0.3 s)" in refusal()


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"HTTP/1.1 400 Bad Request\r\n", "something that is not ray answers"), (b"", "the connection was closed")],
)
def test_a_server_that_is_not_ray(listener, answer, words):
    def serve():
        with closing(listener.accept()[0]) as connection:
            connection.recv(64)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    assert words in refusal()
    thread.join()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "ray://localhost:10001",
            "RAY_ADDRESS is ray://localhost:10001, an address of Ray Client, through which the nodes cannot be "
            "watched; start the comparison on a machine of the cluster, and set RAY_ADDRESS to HOST:PORT of its head",
        ),
        ("somewhere", "RAY_ADDRESS is somewhere, which is not an address ("),
        ("somewhere", "); write HOST:PORT"),
        ("nowhere.invalid:6379", "nowhere.invalid:6379, from RAY_ADDRESS, does not answer ("),
    ],
)
def test_an_address_that_cannot_be_one(monkeypatch, address, words):
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert words in refusal()


def test_the_address_of_a_cluster_that_was_started_here_is_forgotten_with_ray_stop(monkeypatch):
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.setattr("ray._private.services.canonicalize_bootstrap_address", lambda _: f"127.0.0.1:{port}")
    assert refusal() == (
        f"the Ray cluster at 127.0.0.1:{port}, which `ray start` has noted on this machine, does not answer "
        "(connection refused); if it has ended, forget it with `ray stop`; otherwise check that the head is "
        "running (`ray status` there), and that no firewall is in between"
    )


@pytest.mark.parametrize("setting", ["1", "True"])
def test_an_encrypted_cluster_is_not_greeted(listener, monkeypatch, setting):
    """It would not answer to bytes that are not encrypted."""
    monkeypatch.setenv("RAY_USE_TLS", setting)
    assert ray_cluster.cluster_address().endswith(f":{listener.getsockname()[1]}")


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_runs_on_ray_are_on_cpus(device):
    with pytest.raises(ArgumentError, match=r"must be a CPU for Ray, got .*; write device='cpu', or engine='stacked'"):
        ray_engine.check(Experiment(task="digits", engine="ray", device=device))


class Cluster:
    """Ray, as far as a process joins it and leaves it."""

    def __init__(self, connected=False, error=None):
        self.calls, self.connected, self.error = [], connected, error

    def is_initialized(self):
        return self.connected

    def init(self, address, **settings):
        self.calls.append((address, settings))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Ray does
        if self.error:
            raise self.error

    def shutdown(self):
        self.calls.append("left")


@pytest.fixture
def joined(tmp_path, monkeypatch):
    """Join a cluster at an address with code from a folder; what is called, and what the nodes get."""
    (tmp_path / "task.py").write_text("x = 1")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def join(cluster, address=None, workers=None):
        monkeypatch.setattr(ray_cluster, "ray_module", lambda: cluster)
        monkeypatch.setattr(ray_cluster, "cluster_address", lambda: address)
        with ray_cluster.joined_cluster(workers, Code(tmp_path, ())) as (ray, code):
            assert ray is cluster
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            if cluster.calls and (runtime_env := cluster.calls[0][1].get("runtime_env")):
                staged = Path(runtime_env["working_dir"])
                cluster.calls.append(not staged.exists())
        return code

    yield join
    signal.signal(signal.SIGTERM, before)


def test_without_a_cluster_a_ray_of_this_machine_is_started_and_stopped(joined):
    cluster = Cluster()
    assert joined(cluster, workers=3).folder is None
    (address, settings), left = cluster.calls
    assert (address, settings["num_cpus"], settings["include_dashboard"], left) == ("local", 3, False, "left")
    joined(cluster)
    assert cluster.calls[2][1]["num_cpus"] == cores()


def test_a_cluster_gets_the_code(joined, tmp_path):
    cluster = Cluster()
    assert joined(cluster, "head:6379").folder == tmp_path
    assert cluster.calls[0][0] == "head:6379"
    assert cluster.calls[-1] == "left"


def test_a_cluster_does_not_get_code_that_is_too_large(joined, monkeypatch):
    monkeypatch.setattr(ray_code, "MOST_FILES", 0)
    cluster = Cluster()
    assert "it has more than 0 files" in joined(cluster, "head:6379").unsent
    assert cluster.calls[0][1]["runtime_env"] == {}


def test_a_ray_to_which_the_user_has_connected_is_used_as_it_is(joined):
    cluster = Cluster(connected=True)
    assert joined(cluster, "head:6379").unsent.startswith("give ray.init a runtime_env with the working_dir")
    assert cluster.calls == []


def test_a_cluster_that_cannot_be_joined(joined):
    error = RuntimeError("versions differ:\n  2.1 here,\n\n  2.2 there")
    words = "cannot join the Ray cluster at head:6379: versions differ: 2.1 here, 2.2 there"
    with pytest.raises(RunError, match=f"^{words}$"):
        joined(Cluster(error=error), "head:6379")
