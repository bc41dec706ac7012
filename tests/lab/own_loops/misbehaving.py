"""A training loop that does what the name of its schedule says, well or badly."""

import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np
import torch


def train(run):
    getattr(sys.modules[__name__], run.name)(run)


def well(run):
    """Meanwhile another comparison begins, and a file appears that Python does not open."""
    for place in ("runs/another/store.sqlite", "events.sqlite"):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        sqlite3.connect(place).execute("CREATE TABLE run (step)").connection.close()
    for step in range(5, run.steps + 1, 5):
        run.log(step, lr=run.schedule(step - 1), train_loss=1 / step, val_f1=step / 100)
    print("all done")
    sys.exit()


def raises(run):
    run.log(5, train_loss=1.0, val_f1=0.1)
    raise ValueError("no more data")


def exits(run):
    run.log(5, train_loss=1.0, val_f1=0.1)
    sys.exit(3)


def leaves(run):
    print("leaving")
    os._exit(0)


def dies(run):
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(run):
    run.log(5, train_loss=1.0, val_f1=0.1)
    time.sleep(1000)


def twice(run):
    run.log(5, train_loss=1.0)
    run.log(5, val_f1=0.1)
    run.log(5, train_loss=0.5)


def backwards(run):
    run.log(10, train_loss=1.0)
    run.log(5, train_loss=0.5)


def text(run):
    run.log(5, train_loss="0.5")


def silent(run):
    pass


def stops(run):
    print("done")
    sys.exit()


def draws(run):
    run.log(1, python=random.random(), numpy=np.random.rand(), torch=torch.rand(()))  # noqa: NPY002


def caches(run):
    """Writes into its own folder, and opens files outside of it to read them."""
    (run.folder / "weights.bin").write_bytes(b"1")
    Path(__file__).read_text()


def unjudged(run):
    run.log(run.steps, train_loss=1.0, lr=0.1)


def diverges(run):
    run.log(5, train_loss=1.0, val_f1=0.1)
    run.log(10, train_loss=float("nan"))
    time.sleep(1000)


def careless(run):
    """Ignores the schedule, stops halfway, and writes into the current folder."""
    Path("weights.bin").write_bytes(b"1")
    run.log(5, lr=0.123, train_loss=1.0, val_f1=0.1)


def without_rate(run):
    run.log(run.steps, train_loss=1.0, val_f1=0.5)
