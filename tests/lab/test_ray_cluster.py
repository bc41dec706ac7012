"""The address of a Ray cluster that does not answer is refused soon, with what to check."""

import socket
import threading
from contextlib import closing

import pytest

from stepsize.errors import RunError
from stepsize.lab import Experiment
from stepsize.lab.engines import ray_cluster
from stepsize.lab.engines.choice import chosen

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
        ("ray://localhost:10001", "an address of Ray Client, through which the nodes cannot be watched"),
        ("somewhere", "RAY_ADDRESS is somewhere, which is not an address"),
        ("nowhere.invalid:6379", "nowhere.invalid:6379, from RAY_ADDRESS, does not answer ("),
    ],
)
def test_an_address_that_cannot_be_one(monkeypatch, address, words):
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert words in refusal()
