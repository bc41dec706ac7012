"""Small inputs that ask for gigabytes or hours are refused, or read, within bounds of time and memory."""

import gzip
import resource
import struct
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest

SECONDS, MEMORY = 20, 1.0  # processor time, and GB on top of what the libraries take

HEAD = """
import sys
import numpy as np
import stepsize as ss
from stepsize.errors import StepsizeError
from stepsize.curves import RangeTest, read_curves
try:
    print(eval(sys.stdin.read()))
except StepsizeError as error:
    print("refused:", error)
"""


def asked(expression: str, head: str = "", folder: str = ".") -> str:
    """What the expression gives in a process of its own with little time and memory."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (int((MEMORY + 0.6) * 2**30),) * 2)

    program = textwrap.dedent(head) + HEAD
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=expression,
        capture_output=True,
        text=True,
        cwd=folder,
        preexec_fn=limited,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout.strip()


CYCLES = "Constant(1,1).repeat({},1,1.0000001)"
TEXTS = {
    "cycles of a million lengths": (CYCLES.format(10**6), "refused: Repeat(times=...) must be at most 10000"),
    "many schedules of many cycles": (" >> ".join([CYCLES.format(10_000)] * 1000), "10000000"),
    "a long number": ("Constant(1, " + "9" * 100_000 + ")", "refused: this number cannot be read"),
    "a power of a power": ("Constant(10) ** 1e300 ** 9", "refused:"),
    "deep brackets": ("(" * 100_000 + "Constant(1)" + ")" * 100_000, "refused: brackets nested deeper than"),
    "a batch that grows for long": ("Linear(0, 1, 1e15).reclock(Piecewise((1, 2), (9e14,)))", "950000000000000"),
    "a long table on long clocks": ("Table((1, 2)).stretch(9000000000000).every(900).repeat(1)", "8100000000000000"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_costs_no_more_than_its_length(name: str) -> None:
    text, answer = TEXTS[name]
    assert asked(f"ss.parse({text!r}).steps").startswith(answer)


def test_curves_of_more_updates_than_fit_into_memory_are_refused(tmp_path) -> None:
    rows = "".join(f"r{i},0,0.1,3\nr{i},20000000,0.1,2\n" for i in range(20))
    (tmp_path / "runs.csv").write_text("run,step,lr,loss\n" + rows)
    said = asked("len(read_curves('runs.csv'))", folder=tmp_path)
    assert said.startswith("refused: the 20 runs have 400,000,000 updates in all, and at most 50,000,000 are read")


def test_a_range_test_of_a_hundred_million_rates_is_refused() -> None:
    runs = [{"losses": [3.0, 2.0], "stopped": "end", "seed": 0, "validation_losses": []}]
    form = {"version": 2, "schedule": "Geometric(1e-7, 10, 100000000)", "runs": runs, "groups": []}
    said = asked(f"RangeTest.of_dict({ {**form, 'smoothing': 0.9, 'fixed_order': False} })")
    assert "must be at most 1000000 steps long" in said


@pytest.mark.parametrize("epochs", [10**7, 10**12])
def test_an_experiment_of_very_many_epochs_is_refused(epochs: int) -> None:
    head = "from stepsize.lab import Experiment\nfrom stepsize.lab.run_spec import shared_beginnings"
    specs = f"Experiment({{'a': \"Linear(0.1, 0, '100%')\", 'b': 'Constant(0.1)'}}, epochs={epochs}).run_specs(1500)"
    said = asked(f"shared_beginnings(dict(enumerate({specs})))", head)
    assert said.startswith(
        "{}" if epochs == 10**7 else "refused: Experiment(epochs=...) must be few enough for runs of"
    )


STATES = """
import torch
from stepsize.pytorch import Scheduler
from stepsize.pytorch.lr_scheduler import MultiStepLR

def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)

def loads(make, keys, *values):
    for value in values:
        scheduler = make(optimizer())
        for key in keys:
            try:
                scheduler.load_state_dict({**scheduler.state_dict(), key: value})
            except ValueError as error:
                assert len(str(error)) < 2000
            scheduler.optimizer.step()
            scheduler.step()
    return "goes on"

deep, huge = [], 10**400
for _ in range(100_000):
    deep = [deep]
plan = lambda optimizer: Scheduler(optimizer, ss.Constant(0.1))
steps = lambda optimizer: MultiStepLR(optimizer, [2], 0.5)
"""
KEYS = ["version", "kind", "clock", "position", "idle", "base_lrs", "plan", "began_with", "replanned", "feedback"]
VALUES = "deep, huge, {'a': deep}, [0.1, 0.1, 0.1], float('nan'), 'x' * 10**7"


def test_a_state_with_any_value_is_loaded_or_refused_and_the_scheduler_goes_on() -> None:
    assert asked(f"loads(plan, {KEYS}, {VALUES})", STATES) == "goes on"


def test_milestones_that_are_counted_very_often_are_read_at_once() -> None:
    counted = "__import__('collections').Counter({2: 50_000_000})"
    assert asked(f"loads(steps, ['milestones'], {counted})", STATES) == "goes on"


def bombs(folder):
    """Small files that ask for gigabytes, minutes or code of theirs to run."""
    from tensorboard.compat.proto.event_pb2 import Event

    (folder / "packed.csv.gz").write_bytes(gzip.compress(b"step,loss\n" + b"1,1\n" * 20_000_000, 1))
    (folder / "packed.log.gz").write_bytes(gzip.compress(b"a" * 100_000_000, 1))
    (folder / "zeros.tfevents.1").write_bytes(gzip.compress(bytes(100_000_000), 1))
    np.savez_compressed(folder / "packed.npz", loss=np.zeros(20_000_000))
    np.savez(folder / "pickled.npz", loss=np.array([Opens()] * 2, dtype=object))
    event = Event(step=1)
    value = event.summary.value.add(tag="loss")
    value.metadata.plugin_data.plugin_name = "scalars"
    value.tensor.dtype = 1
    value.tensor.tensor_shape.dim.add(size=2_000_000_000)
    value.tensor.float_val.append(1.0)
    message = event.SerializeToString()
    record = struct.pack("<Q", len(message)) + bytes(4) + message + bytes(4)
    (folder / "filled.tfevents.1").write_bytes(record)
    long = b"\x80" * 32_000
    body = b"\x01" + long
    (folder / "run-1.wandb").write_bytes(b":W&B\0\0\0" + struct.pack("<IH", zlib.crc32(body), len(long)) + body)
    names = "".join(f'{{"step": {step}, "loss{step}": 1}}\n' for step in range(10_000))
    (folder / "names.jsonl").write_text(names)
    (folder / "cell.csv").write_text("step,loss\n0," + "1" * 200_000 + "\n")


class Opens:
    """What a pickle does when it is loaded."""

    def __reduce__(self):
        return open, ("pwned", "w")


BOMBS = {
    "packed.csv.gz": "unpacks to more than 40 times its size",
    "packed.log.gz": "unpacks to more than 40 times its size",
    "zeros.tfevents.1": "unpacks to more than 40 times its size",
    "packed.npz": "it unpacks to more than 40 times its size",
    "pickled.npz": "Object arrays cannot be loaded",
    "filled.tfevents.1": "has no scalars",
    "run-1.wandb": "is damaged",
    "names.jsonl": "has 10,000 records with 10,001 different names",
    "cell.csv": "cannot be read as a table: field larger than field limit",
}


def test_logs_from_strangers_cost_no_more_than_their_size(tmp_path) -> None:
    bombs(tmp_path)
    head = "def read(name):\n try: read_curves(name)\n except StepsizeError as error: return error\n"
    said = asked(f"'@'.join(str(read(name)) for name in {[*BOMBS]})", head, tmp_path).split("@")
    for (name, words), line in zip(BOMBS.items(), said, strict=True):
        assert words in line, name
    assert not (tmp_path / "pwned").exists()


FILES = {
    "deep values": ("a = " + "[" * 100_000, "is not TOML: it is nested too deeply"),
    "deep keys": (".".join(["a"] * 20_000) + " = 1", "line 1: a key has more than 50 parts"),
    "long numbers": ("epochs = " + "9" * 100_000, "is not TOML: Exceeds the limit"),
    "a long hexadecimal number": ("epochs = 0x" + "f" * 100_000, "epochs must be at most 2**53"),
}


def test_experiment_files_cost_no_more_than_their_size(tmp_path) -> None:
    for name, (text, _) in FILES.items():
        (tmp_path / name).write_text(text)
    head = """
from stepsize.lab import read_experiment
def read(name):
    try: read_experiment(name)
    except StepsizeError as error: return str(error)
"""
    said = asked(f"'@'.join(map(read, {[*FILES]}))", head, tmp_path).split("@")
    for (name, (_, words)), line in zip(FILES.items(), said, strict=True):
        assert words in line, name
