"""What the lab's care costs a run: store, log, checkpoints and scheduler over the bare loop; LeNet on Fashion-MNIST.

The bare loop trains the same network in the same memory format on the same batches of data that lie in memory, with a
rate written by hand; it reads no loss, keeps no accuracy and writes nothing. Both evaluate after every epoch. Single
thread. The lab's run is the one that its workers make: a point every 50 updates, a checkpoint every 500, all in a store
on the disk. Processor seconds are given beside wall time, which other work on the machine spoils. Left out: the start
of processes and the report, which bench_compare has.
"""

import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from measure import ratio
from stepsize.lab import Experiment, LeNet, load_task
from stepsize.lab.engines.one_run import make_run
from stepsize.records import Store, load_runs

EPOCHS, BATCH, ROUNDS = 1, 256, 15
RATE = 0.1


def bare() -> None:
    """The loop alone."""
    task = load_task("fashion-mnist")
    (inputs, targets), (test_inputs, test_targets) = task.train, task.test
    torch.manual_seed(0)
    model = LeNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    criterion = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            optimizer.param_groups[0]["lr"] = RATE
            criterion(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            correct = sum(
                int((model(x).argmax(1) == y).sum())
                for x, y in zip(test_inputs.split(500), test_targets.split(500), strict=True)
            )
        assert correct > 5000, f"the bare loop does not learn: {correct} of 10,000 right"


def by_the_lab() -> None:
    """The same as a run of an experiment."""
    experiment = Experiment(
        {"flat": f"Constant({RATE})"}, "fashion-mnist", epochs=EPOCHS, batch_size=BATCH, device="cpu"
    )
    (plan,) = experiment.plans(load_task("fashion-mnist").samples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        run = (plan.name, str(plan.schedule), plan.seed)
        with Store.create(path / "store.sqlite", {}, {}, [run]) as store:
            log = make_run(0, plan, experiment, store, path / "0.pt", lambda _: None, lambda: False)
        assert log.status == "finished"
        assert len(load_runs(path).runs()[0].points) == len(log.points)


def taken(work) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    torch.set_num_threads(1)
    times = [(taken(by_the_lab), taken(bare)) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    for index, name in enumerate(("wall time", "processor time")):
        lab, loop = [round[0][index] for round in times], [round[1][index] for round in times]
        print(f"{name}: bare loop {min(loop):.1f} s at best, the lab {min(lab):.1f} s ({EPOCHS} epochs)")
        ratio(f"{name} of the lab's run, times the bare loop", lab, loop, "<= 1.05")


if __name__ == "__main__":
    main()
