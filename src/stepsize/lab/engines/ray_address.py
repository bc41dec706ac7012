"""The address of a Ray cluster: where it is written, and whether something answers there."""

import os
import socket
import time

from stepsize.errors import RunError

PATIENCE = 15.0  # seconds for the head of a cluster to answer

_SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # a frame of HTTP/2, which is what gRPC speaks: no settings
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def cluster_address() -> str | None:
    """HOST:PORT of the head of the cluster: in RAY_ADDRESS, or that of `ray start` on this machine; None if neither.

    Raises:
        RunError: nothing answers there, or RAY_ADDRESS is not such an address.
    """
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
    """Begin a conversation with a server of Ray.

    Raises:
        OSError: nothing answers within these seconds, or something that is no Ray.
    """
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
