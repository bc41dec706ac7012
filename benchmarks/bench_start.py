"""How long `stepsize compare` takes for two runs of a tenth of a second: start, data, training, report and pictures.

The yardstick is a process that imports PyTorch and makes one update of an optimizer, which the runs need in any case.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ratio, rounds

ROUNDS = 5
SCHEDULES = ["--schedule", "flat=Constant(0.1)", "--schedule", 'down=Linear(0.2, 0, "100%")']
ONE_UPDATE = (
    "import torch; w = torch.ones(1, requires_grad=True); o = torch.optim.SGD([w]); w.sum().backward(); o.step()"
)


def two_runs() -> None:
    """The installed command in an empty folder; one epoch of the digits."""
    command = str(Path(sys.executable).with_name("stepsize"))
    with tempfile.TemporaryDirectory() as folder:
        asked = [command, "compare", "--task", "digits", "--epochs", "1", *SCHEDULES]
        subprocess.run(asked, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def one_update() -> None:
    """PyTorch and an update."""
    subprocess.run([sys.executable, "-c", ONE_UPDATE], check=True)


def main() -> None:
    taken = rounds({"two runs": two_runs, "one update": one_update}, ROUNDS)
    for name, each in taken.items():
        print(f"{name}: {min(each):.1f} s at best, {max(each):.1f} s at worst of {ROUNDS} rounds")
    print("target for two runs on an idle machine: 4 s")
    ratio("two runs, times one update", taken["two runs"], taken["one update"], "none")


if __name__ == "__main__":
    main()
