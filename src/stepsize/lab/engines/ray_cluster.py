"""A Ray cluster, or a local Ray: how it is joined, what its nodes must have for the runs, and whether they answer."""

import os
import signal
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import stepsize
from stepsize.errors import MissingExtraError, RunError, first_few, quoted
from stepsize.lab.engines.failures import reason
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.environment import cores, environment
from stepsize.lab.experiment import Experiment
from stepsize.lab.tasks.by_name import other_data, task_of

PATIENCE = 15.0  # seconds for the head of a cluster to answer
SILENCE = 30.0  # seconds without an answer after which a node is lost
LOOK = 5.0  # seconds between two looks at the nodes
_NODE_PATIENCE = 3.0  # seconds for one answer of a node
_AT_ONCE = 32  # nodes that are asked at the same time
_MOST_NAMED = 4
_VERSIONS = ("stepsize", "python", "torch", "numpy")
_STORE_BYTES = 100 * 2**20  # of the object store of a local Ray, which holds the checkpoints of the runs in progress
_QUIET = {"log_to_driver": False, "logging_level": "ERROR"}
_SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # a frame of HTTP/2, which is what gRPC speaks: no settings
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def cluster_address() -> str | None:
    """HOST:PORT of the head of the cluster: in RAY_ADDRESS, or that of `ray start` on this machine; None if neither."""
    from ray._private.services import canonicalize_bootstrap_address  # what ray.init calls, and then waits for minutes

    named = os.environ.get("RAY_ADDRESS", "")
    if named.startswith("ray://"):
        raise RunError(
            f"RAY_ADDRESS is {named}, an address of Ray Client, through which the nodes cannot be watched",
            "start the comparison on a machine of the cluster, and set RAY_ADDRESS to HOST:PORT of its head",
        )
    try:
        address = canonicalize_bootstrap_address("auto")
    except ConnectionError:  # no Ray is known on this machine
        return None
    except (ValueError, OSError) as error:
        raise RunError(f"RAY_ADDRESS is {named}, which is not an address ({error})", "write HOST:PORT") from error
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    try:
        greet(host.strip("[]"), int(port), PATIENCE)
    except OSError as error:
        why = f"no answer in {PATIENCE:g} s" if isinstance(error, TimeoutError) else error.strerror or str(error)
        where = f"{named}, from RAY_ADDRESS," if named else f"{address}, which `ray start` has noted on this machine,"
        check = "check the address," if named else "if it has ended, forget it with `ray stop`; otherwise check"
        advice = f"{check} that the head is running (`ray status` there), and that no firewall is in between"
        raise RunError(f"the Ray cluster at {where} does not answer ({why.lower()})", advice) from error
    return str(address)


def greet(host: str, port: int, seconds: float) -> None:
    """Begin a conversation with a server of Ray; OSError if nothing answers in time, or something else."""
    until = time.monotonic() + seconds
    with socket.create_connection((host, port), seconds) as connection:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return  # it would answer encrypted
        connection.sendall(_GREETING)
        answer = b""
        while len(answer) < len(_SETTINGS):
            connection.settimeout(max(0.01, until - time.monotonic()))
            if not (part := connection.recv(len(_SETTINGS) - len(answer))):
                raise ConnectionError("the connection was closed, so it is not Ray")
            answer += part
    if answer[3:4] != b"\4":
        raise ConnectionError("something that is not Ray answers")


def ray_module() -> Any:
    """The package; MissingExtraError if it is not installed."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("Ray", "ray") from error
    return ray


@contextmanager
def joined_cluster(workers: int | None, code: Code) -> Iterator[tuple[Any, Code]]:
    """Ray, connected to the running cluster or to a local Ray until the end of the block; and what its nodes got.

    The cluster gets a copy of the code's folder. A Ray to which the user has connected is used as it is.
    """
    ray = ray_module()
    if ray.is_initialized():
        unsent = "give ray.init a runtime_env with the working_dir of the code, if they lack the code"
        yield ray, replace(code, unsent=unsent)
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with TemporaryDirectory() as stage:
        address = cluster_address()
        if address is None:
            code = replace(code, folder=None)
            cpus = workers or cores()
            ray.init("local", num_cpus=cpus, object_store_memory=_STORE_BYTES, include_dashboard=False, **_QUIET)
        else:
            code = code.stage(Path(stage))
            runtime_env = {} if code.folder is None or code.unsent else {"working_dir": stage}
            try:
                ray.init(address, runtime_env=runtime_env, **_QUIET)
            except (RuntimeError, ConnectionError, ValueError) as error:
                raise RunError(f"cannot join the Ray cluster at {address}: {' '.join(str(error).split())}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets a handler of its own, which ends the process
    try:
        yield ray, code
    finally:
        ray.shutdown()


def versions() -> dict[str, str]:
    """The versions that must be the same on all nodes."""
    here = environment("cpu")
    return {name: here[name] for name in _VERSIONS}


def other_versions(asked: dict[str, str]) -> str:
    """How the versions in this process differ from those: `torch 2.13.0 instead of 2.14.0`; "" if they do not."""
    return ", ".join(f"{name} {has} instead of {asked[name]}" for name, has in versions().items() if has != asked[name])


def this_node() -> str:
    """The identifier that Ray gives to the node of this process."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def check_nodes(contact: "Contact", experiment: Experiment, code: Code) -> None:
    """Look on every node, before anything is trained, for the versions, the task and its data."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray, looks = contact.ray, {}
    for node in contact.alive():
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        look = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(_look)
        looks[look.remote(experiment, code, versions())] = node
    nodes_with: dict[str, list[str]] = defaultdict(list)
    while looks:
        ready, _ = ray.wait(list(looks), timeout=LOOK)
        lost = contact.lost()
        for look in [each for each, node in looks.items() if each in ready or node["NodeID"] in lost]:
            node = looks.pop(look)
            if look in ready and (problem := _problem(ray, look)):
                nodes_with[problem].append(_name(node))
    if nodes_with:
        lacking = "; ".join(f"{first_few(nodes, _MOST_NAMED)}: {problem}" for problem, nodes in nodes_with.items())
        raise RunError(f"nodes of the Ray cluster cannot train the task: {lacking}", code.unsent)


def _problem(ray: Any, look: Any) -> str:
    """What a node lacks; "" if nothing, or if it was lost meanwhile, as no run then goes there."""
    try:
        return str(ray.get(look))
    except ray.exceptions.RayTaskError as error:
        if "No module named 'stepsize" in str(error):
            return f"stepsize is missing or old; install stepsize {stepsize.__version__} there"
        return reason(error.cause)
    except (ray.exceptions.NodeDiedError, ray.exceptions.TaskUnschedulableError):
        return ""
    except ray.exceptions.RayError as error:
        return str(error).partition("\n")[0]


def _look(experiment: Experiment, code: Code, asked: dict[str, str]) -> str:
    """What this node lacks for the runs of an experiment; "" if nothing."""
    if others := other_versions(asked):
        return f"{others}; install the same versions there"
    try:
        task = task_of(code.arrived(experiment))
        others = "; ".join(other_data(experiment.digests, task))
    except (Exception, SystemExit) as error:
        missing = error.__cause__
        if isinstance(missing, FileNotFoundError) and missing.filename is not None:
            why = f"there is no {missing.filename}; copy it there, or put it on a disk that all nodes share"
        else:
            why = reason(error)
        return code.in_our_words(why)
    return f"the task {quoted(experiment.task)} gives other data ({others}); copy the data there" if others else ""


@dataclass
class Contact:
    """Which nodes answer. Ray itself may take minutes to report that the task of a lost node is lost."""

    ray: Any
    _heard: dict[str, float] = field(default_factory=dict)
    _next_look: float = 0.0
    _lost: frozenset[str] = frozenset()

    def alive(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def names(self, identifiers: Set[str]) -> list[str]:
        return [_name(node) for node in self.ray.nodes() if node["NodeID"] in identifiers]

    def elsewhere(self, lost: frozenset[str]) -> dict[str, Any]:
        """The option of a task that must not go to these nodes, some of which Ray may not have given up yet."""
        from ray.util import scheduling_strategies

        if not lost:
            return {}
        strategies: Any = scheduling_strategies  # which is typed in part
        labels = ((name, value, node["NodeID"]) for node in self.ray.nodes() for name, value in node["Labels"].items())
        name = next(name for name, value, identifier in labels if value == identifier)
        return {"scheduling_strategy": strategies.NodeLabelSchedulingStrategy({name: strategies.NotIn(*lost)})}

    def lost(self) -> frozenset[str]:
        """The nodes that have not answered for a while, or that Ray has given up, as of the last look."""
        if time.monotonic() >= self._next_look:
            nodes = self.ray.nodes()
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                answers = [*pool.map(_answers, nodes)]
            now = time.monotonic()
            self._next_look = now + LOOK
            for node, answer in zip(nodes, answers, strict=True):
                if answer or node["NodeID"] not in self._heard:
                    self._heard[node["NodeID"]] = now
            self._lost = frozenset(
                node["NodeID"] for node in nodes if not node["Alive"] or now - self._heard[node["NodeID"]] > SILENCE
            )
        return self._lost


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _answers(node: dict[str, Any]) -> bool:
    if not node["Alive"]:
        return False
    try:
        greet(node["NodeManagerAddress"], node["NodeManagerPort"], _NODE_PATIENCE)
    except OSError:
        return False
    return True
