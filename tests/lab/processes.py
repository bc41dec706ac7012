"""The processes that another process has started."""

import subprocess


def children(pid, containing=""):
    """The ids of the processes whose parent is `pid`, and whose command line contains this."""
    every = ["ps", "-eww", "-o", "ppid=,pid=,args="]  # -ww: or the lines are cut at the width of a terminal
    found = subprocess.run(every, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    return [int(child) for parent, child, args in rows if int(parent) == pid and containing in args]
