"""Runs per hour of `stepsize compare` against a plain DataLoader loop; LeNet on Fashion-MNIST, on a CPU.

The peer is the loop most people write: TensorDataset, DataLoader, one process, at the best of several thread and worker
counts found here first. Both train the same network for the same epochs with the same batch size and evaluate on the
test set after every epoch. The lab's time is that of the whole call, start of its processes, data, records and pictures
included; the peer's begins when its data is in memory. Left out: memory, and GPUs.
"""

import itertools
import multiprocessing
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from measure import Silent, ratio, seconds
from stepsize.lab import Experiment, compare, load_task
from stepsize.lab.environment import cores
from stepsize.lab.tasks.images import lenet

EPOCHS, BATCH, ROUNDS = 10, 256, 3
THREADS = sorted({min(2**power, cores()) for power in range(cores().bit_length() + 1)})
WORKERS = [0, *THREADS]


def plain_run(threads: int, workers: int, epochs: float = EPOCHS) -> None:
    """One run of the plain loop; a fraction of an epoch for the search of its best setting."""
    torch.set_num_threads(threads)
    task = load_task("fashion-mnist")
    train, test = TensorDataset(*task.train), TensorDataset(*task.test)
    batches = DataLoader(train, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    torch.manual_seed(0)
    model = lenet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(max(int(epochs), 1)):
        model.train()
        for images, labels in itertools.islice(batches, int(len(batches) * min(epochs, 1.0))):
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
        if epochs >= 1:
            model.eval()
            with torch.no_grad():
                correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(test, 500))
            assert correct > 5000, f"the peer does not learn: {correct} of 10,000 right in epoch {epoch}"


def side_by_side(threads: int, workers: int) -> None:
    """As many plain runs at once as there are cores, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=plain_run, args=(threads, workers)) for _ in range(cores())]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0, "a plain run failed"


def lab_runs(engine: str) -> None:
    """Six runs, under the six schedules."""
    asked = Experiment(epochs=EPOCHS, batch_size=BATCH, engine=engine, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        compare(asked, Path(folder) / "out", display=Silent())


def main() -> None:
    load_task("fashion-mnist")
    settings = {
        (threads, workers): min(seconds(lambda t=threads, w=workers: plain_run(t, w, 0.25)) for _ in range(2))
        for threads in THREADS
        for workers in WORKERS
    }
    for (threads, workers), taken in settings.items():
        print(f"plain loop, {threads} threads, {workers} workers: a quarter of an epoch in {taken:.2f} s")
    best = min(settings, key=settings.__getitem__)
    alone = min((s for s in settings if s[0] == 1), key=settings.__getitem__)
    print(f"best: {best[0]} threads, {best[1]} workers")

    plain, pair, local, stacked = [], [], [], []
    for _ in range(ROUNDS):
        plain.append(seconds(lambda: plain_run(*best)))
        pair.append(seconds(lambda: side_by_side(*alone)) / cores())
        local.append(seconds(lambda: lab_runs("local")) / 6)
        stacked.append(seconds(lambda: lab_runs("stacked")) / 6)
    by_name = {
        "plain loop": plain,
        f"{cores()} plain loops side by side": pair,
        "lab, engine local": local,
        "lab, engine stacked": stacked,
    }
    for name, taken in by_name.items():
        print(f"{name}: {3600 / min(taken):.0f} runs an hour at best ({EPOCHS} epochs each)")
    for name, taken in (("local", local), ("stacked", stacked)):
        ratio(f"runs an hour of the lab by {name}, times one plain loop", plain, taken, ">= 1.5")
        ratio(f"runs an hour of the lab by {name}, times plain loops side by side", pair, taken, "none")


if __name__ == "__main__":
    main()
