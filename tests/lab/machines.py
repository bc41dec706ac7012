"""Two machines on this one, with Ray on both: their own network, processes, names and temporary files.

A machine is a process in namespaces of its own (Linux, as root). A bridge in the first machine joins them, so the
cable of the second can be pulled: its network card loses the carrier, and nothing else changes on either side.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "10.77.0.1:6379"
CAN = sys.platform == "linux" and os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare", "nsenter")))
_OWN = ("--net", "--mount", "--uts", "--pid")


@dataclass
class Machine:
    """A name, an address, and the process that keeps the namespaces: all others end with it."""

    name: str
    address: str
    keeper: subprocess.Popen
    init: int

    def start(self, *words, cwd="/", **more):
        """A process on this machine."""
        inside = ["nsenter", "-t", str(self.init), *_OWN, f"--wd={cwd}", *map(str, words)]
        return subprocess.Popen(inside, env=os.environ | more.pop("env", {}), **more)

    def run(self, *words, **more):
        """What a process on this machine prints until it ends."""
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def hide(self, *folders):
        """Make the folders empty on this machine."""
        for folder in folders:
            self.run("mount", "-t", "tmpfs", "tmpfs", folder)

    def replace(self, file, by):
        """Put another file in the place of one, on this machine."""
        self.run("mount", "--bind", by, file)

    def restore(self, place):
        """Undo `hide` or `replace`."""
        self.run("umount", place)

    def ray(self, *options):
        """Start Ray, with one CPU."""
        asked = ["--node-ip-address", self.address, "--num-cpus", 1, "--object-store-memory", 100 * 2**20]
        self.run(Path(sys.executable).with_name("ray"), "start", *asked, "--disable-usage-stats", *options)

    def interrupt(self, process):
        """Press Ctrl-C in a process of this machine."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        os.kill(int(children.split()[0]), signal.SIGINT)

    def kill(self):
        """End all processes of this machine at once."""
        self.keeper.kill()
        self.keeper.wait()


@dataclass
class TwoMachines:
    """The first has the bridge; the cable of the second goes there."""

    first: Machine
    second: Machine

    def pull(self):
        """Pull the cable between them."""
        self.first.run("ip", "link", "set", "port", "down")


@contextmanager
def two_machines(folder):
    """Both, with Ray joined; `folder` holds the files of Ray, and all that a machine has started ends with it."""
    machines = []
    try:
        for number, name in enumerate(("first", "second"), 1):
            machines.append(_machine(name, f"10.77.0.{number}", folder / f"tmp-{name}"))
        first, second = machines
        first.run("ip", "link", "add", "bridge", "type", "bridge")
        first.run("ip", "address", "add", f"{first.address}/24", "dev", "bridge")
        cable = f"ip link add port netns {first.init} type veth peer name card netns {second.init}"
        subprocess.run(cable.split(), check=True)
        first.run("ip", "link", "set", "port", "master", "bridge", "up")
        first.run("ip", "link", "set", "bridge", "up")
        second.run("ip", "address", "add", f"{second.address}/24", "dev", "card")
        second.run("ip", "link", "set", "card", "up")
        first.ray("--head", "--port", 6379, "--include-dashboard", "false")
        second.ray("--address", ADDRESS)
        yield TwoMachines(first, second)
    finally:
        for each in machines:
            each.kill()


def _machine(name, address, folder):
    folder.mkdir()
    Path("/tmp/ray").mkdir(exist_ok=True)  # where Ray writes
    script = f"hostname {name}; ip link set lo up; mount --make-rprivate /; mount --bind {folder} /tmp/ray; echo up"
    command = ["unshare", *_OWN, "--fork", "--mount-proc", "--kill-child", "sh", "-ec", f"{script}; exec sleep inf"]
    keeper = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with keeper.stdout as said:
        assert said.readline() == "up\n"
    children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text()
    return Machine(name, address, keeper, int(children.split()[0]))
