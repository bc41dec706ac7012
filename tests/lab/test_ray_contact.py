"""What is asked of the nodes of a Ray cluster and what their answers mean, with a stand-in for Ray."""

import os
import re
import signal
import sys
from types import SimpleNamespace

import pytest

import stepsize
from stepsize.errors import RunError
from stepsize.lab import Experiment, load_task
from stepsize.lab.engines import ray_cluster
from stepsize.lab.engines.ray_cluster import Contact, check_nodes, versions
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.own_loops import processes
from stepsize.lab.own_loops.processes import RayTask
from stepsize.lab.own_loops.training_run import RunPlace
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Constant

pytest.importorskip("ray", reason="needs stepsize[ray]")


def identifier(name):
    """As Ray's: a hexadecimal number."""
    return name.encode().hex().rjust(56, "0")


def node(name, alive=True):
    labels = {"ray.io/node-id": identifier(name)}
    place = {"NodeManagerHostname": name, "NodeManagerAddress": f"address of {name}", "NodeManagerPort": 1}
    return {"NodeID": identifier(name), "Alive": alive, "Labels": labels, **place}


class Cluster:
    """Ray with these nodes; a task is what its call gives, or raises, when it is asked for."""

    class exceptions:  # noqa: N801
        class RayError(Exception): ...

        class RayTaskError(RayError):
            def __init__(self, cause):
                super().__init__(f"Traceback\n{cause}")
                self.cause = cause

        class NodeDiedError(RayError): ...

        class TaskUnschedulableError(RayError): ...

    def __init__(self, *nodes, answers=()):
        self.present, self.answers, self.ready, self.cancelled = [*nodes], list(answers), True, []

    def nodes(self):
        return self.present

    def remote(self, **options):
        self.options = options
        return lambda function: SimpleNamespace(remote=lambda *arguments: object())

    def wait(self, tasks, timeout):
        return ([tasks[0]], tasks[1:]) if self.ready else ([], tasks)

    def get(self, task):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def cancel(self, task, force):
        self.cancelled.append(force)


@pytest.fixture
def clock(monkeypatch):
    """The time of the looks, and which nodes answer."""
    state = SimpleNamespace(now=0.0, silent=set())

    def greet(address, port, seconds):
        if address.removeprefix("address of ") in state.silent:
            raise ConnectionRefusedError

    monkeypatch.setattr(ray_cluster, "greet", greet)
    monkeypatch.setattr(ray_cluster.time, "monotonic", lambda: state.now)
    return state


def test_a_node_is_lost_after_half_a_minute_without_an_answer(clock):
    contact = Contact(Cluster(node("a"), node("b")))
    clock.silent = {"b"}
    assert contact.lost() == frozenset(), "it may be about to answer"
    lost = {}
    for clock.now in (5.0, 30.0, 34.9, 35.0):
        lost[clock.now] = contact.lost()
    assert lost == {5.0: set(), 30.0: set(), 34.9: set(), 35.0: {identifier("b")}}, "looks are 5 s apart"
    clock.silent, clock.now = set(), 41.0
    assert contact.lost() == frozenset()


def test_a_node_that_ray_has_given_up_is_lost_at_once(clock):
    contact = Contact(Cluster(node("a"), node("b", alive=False)))
    assert contact.lost() == {identifier("b")}
    assert [each["NodeID"] for each in contact.alive()] == [identifier("a")]
    assert contact.names({identifier("b")}) == ["b (address of b)"]


def test_a_task_stays_away_from_lost_nodes():
    contact = Contact(Cluster(node("a"), node("b")))
    assert contact.elsewhere(frozenset()) == {}
    strategy = contact.elsewhere(frozenset({identifier("b")}))["scheduling_strategy"]
    (condition,) = strategy.hard
    assert (condition.key, condition.operator.values) == ("ray.io/node-id", [identifier("b")])


ERRORS = Cluster.exceptions
ASKED = Experiment({"flat": "Constant(0.1)"}, "digits", device="cpu")


def checked(*answers):
    cluster = Cluster(*(node(f"n{number}") for number in range(len(answers))), answers=answers)
    check_nodes(Contact(cluster), ASKED, Code(None, (), unsent="copy the code there"))


def test_nodes_that_have_what_the_runs_need_or_are_lost_meanwhile_are_no_problem(clock):
    checked("", ERRORS.NodeDiedError("gone"), ERRORS.TaskUnschedulableError("gone"))


def test_what_nodes_lack_is_said_once_with_the_names_of_the_nodes(clock):
    with pytest.raises(RunError) as refused:
        checked(
            "numpy 1 instead of 2",
            "numpy 1 instead of 2",
            ERRORS.RayTaskError(ModuleNotFoundError("No module named 'stepsize.lab'")),
            ERRORS.RayTaskError(ValueError("no")),
            ERRORS.RayError("out of memory\nand more"),
        )
    assert str(refused.value) == (
        "nodes of the Ray cluster cannot train the task: n0 (address of n0), n1 (address of n1): numpy 1 instead of 2; "
        f"n2 (address of n2): stepsize is missing or old; install stepsize {stepsize.__version__} there; "
        "n3 (address of n3): ValueError('no'); n4 (address of n4): out of memory; copy the code there"
    )


def test_four_nodes_that_lack_the_same_are_named_and_the_others_counted(clock):
    named = ", ".join(f"n{number} (address of n{number})" for number in range(4))
    with pytest.raises(RunError, match=rf": {re.escape(named)} and 2 more: no data; copy the code there$"):
        checked(*["no data"] * 6)


def test_a_node_that_is_lost_while_it_is_asked_is_not_waited_for(clock):
    cluster = Cluster(node("a"), node("b", alive=False))
    cluster.ready = False
    contact = Contact(cluster)
    contact.alive = cluster.nodes
    clock.silent = {"a"}

    def wait(tasks, timeout):
        clock.now += 40.0
        return [], tasks

    cluster.wait = wait
    check_nodes(contact, ASKED, Code(None, ()))


def test_a_node_looks_for_versions_the_task_and_its_data(tmp_path):
    code, digests = Code(None, ()), load_task("digits").digests
    look = ray_cluster._look
    assert look(Experiment(task="digits", digests=digests), code, versions()) == ""
    others = versions() | {"numpy": "0"}
    assert look(ASKED, code, others) == f"numpy {versions()['numpy']} instead of 0; install the same versions there"
    altered = (digests[0].replace(":", ": 1 x", 1), *digests[1:])
    said = look(Experiment(task="digits", digests=altered), code, versions())
    assert said.startswith('the task "digits" gives other data (')
    assert said.endswith("); copy the data there")
    gone = tmp_path / "gone.csv"
    (tmp_path / "reads.py").write_text(f"def task():\n    open({str(gone)!r})\n")
    said = look(Experiment(task=f"{tmp_path}/reads.py:task"), code, versions())
    assert said == f"there is no {gone}; copy it there, or put it on a disk that all nodes share"
    (tmp_path / "raises.py").write_text("def task():\n    raise ValueError(3)\n")
    assert "raised ValueError(3)" in look(Experiment(task=f"{tmp_path}/raises.py:task"), code, versions())


def test_the_process_of_an_own_loop_in_a_task(tmp_path):
    cluster = Cluster(answers=[3, ERRORS.RayTaskError(RunError("no folder")), ERRORS.RayError("lost")])
    cluster.wait = lambda tasks, timeout: (tasks, []) if cluster.ready else ([], tasks)
    task = RayTask(cluster, None)
    assert cluster.options == {"num_cpus": 1, "max_retries": 0}
    cluster.ready = False
    assert task.exit_code() is None
    cluster.ready = True
    assert task.exit_code() == 3
    with pytest.raises(RunError, match=r"^no folder$"):
        task.exit_code()
    assert task.exit_code() == -signal.SIGKILL
    task.kill()
    assert cluster.cancelled == [True]


def test_the_task_of_an_own_loop_needs_the_folder_and_the_modules(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(processes, "start", lambda place: SimpleNamespace(wait=lambda: 7))
    spec, results = RunSpec("flat", Constant(0.1), 0, 1, 20), tmp_path / "checkpoints"
    place = RunPlace(spec, "own:train", None, tmp_path, results / "0.jsonl", results / "0.stop", "cpu", "")
    with pytest.raises(RunError) as refused:
        processes._in_task(place, [])
    assert str(refused.value) == (
        f"the machine {os.uname().nodename} of the Ray cluster does not have the folder {results}; put the results on "
        "a disk that all machines share"
    )
    results.mkdir()
    assert processes._in_task(place, [sys.path[0], "/only/here"]) == 7
    assert sys.path.count(sys.path[0]) == 1
    assert sys.path[-1] == "/only/here"
