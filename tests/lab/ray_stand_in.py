"""A stand-in for Ray, which runs tasks in this process."""

from contextlib import contextmanager

from stepsize.lab.engines import ray as engine
from stepsize.lab.engines.ray_cluster import Contact


class Here:
    """The part of Ray that the engine uses; `get` runs the task."""

    class exceptions:  # noqa: N801
        class RayError(Exception): ...

        class RayTaskError(RayError): ...

    def remote(self, **options):
        return lambda function: Remote(function)

    def is_initialized(self):
        return True

    def cluster_resources(self):
        return {"CPU": 1}

    def wait(self, tasks, num_returns, timeout):
        return tasks[:num_returns], tasks[num_returns:]

    def get(self, said):
        return said

    def cancel(self, task, force): ...


class Remote:
    """A function whose calls are tasks."""

    def __init__(self, function):
        self.remote = function


class Watched(Contact):
    """All nodes answer."""

    def lost(self):
        return frozenset()

    def names(self, identifiers):
        return sorted(identifiers)

    def elsewhere(self, lost):
        return {}


def stand_in(monkeypatch, ray=Here):
    """Let the engine use the stand-in."""

    @contextmanager
    def joined(workers, code):
        yield ray(), code

    monkeypatch.setattr(engine, "ray_module", Here)
    monkeypatch.setattr(engine, "joined_cluster", joined)
    monkeypatch.setattr(engine, "check_nodes", lambda contact, experiment, code: None)
    monkeypatch.setattr(engine, "Contact", Watched)
    monkeypatch.setattr(engine, "this_node", lambda: "here")
