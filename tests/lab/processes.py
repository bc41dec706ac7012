"""The processes that another process has started."""

import subprocess


def workers(pid):
    """The ids of the processes that train for the process `pid`: on Linux those that its fork server has forked."""
    servers = _children(pid, "multiprocessing.forkserver")
    return [child for server in servers for child in _children(server)] or _children(pid, "spawn_main")


def _children(pid, containing=""):
    """The ids of the processes whose parent is `pid`, and whose command line contains this."""
    every = ["ps", "-eww", "-o", "ppid=,pid=,args="]  # -ww: or the lines are cut at the width of a terminal
    found = subprocess.run(every, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    return [int(child) for parent, child, args in rows if int(parent) == pid and containing in args]
