"""What the lab's care costs a run: store, log, checkpoints and scheduler over the bare loop; LeNet on Fashion-MNIST.

The bare loop trains the same network in the same memory format on the same batches of data that lie in memory, with a
rate written by hand; it reads no loss, keeps no accuracy and writes nothing. Both evaluate after every epoch. Single
thread. The lab's run is the one that its workers make: a point every 50 updates, a checkpoint every 500 and at the end,
all in a store on the disk. The two take turns of 50 updates within one process, so that a machine that is slower for
some seconds is so for both. Processor seconds are given beside wall time. Left out: the start of processes and the
report, which bench_compare has.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from measure import ratio
from stepsize.lab import Experiment, load_task
from stepsize.lab.engines.runs import Job, make_run
from stepsize.lab.tasks.images import lenet
from stepsize.store import Store, load_runs

EPOCHS, BATCH, ROUNDS = 3, 256, 5
RATE = 0.1
TURN = 50

Clock = Callable[[], float]


def bare() -> Iterator[None]:
    """The loop alone, with a stop after every turn and every evaluation."""
    task = load_task("fashion-mnist")
    (inputs, targets), (test_inputs, test_targets) = task.train, task.test
    torch.manual_seed(0)
    model = lenet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    criterion = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        model.train()
        for update, chosen in enumerate(torch.randperm(len(inputs)).split(BATCH), start=1):
            optimizer.param_groups[0]["lr"] = RATE
            criterion(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
            optimizer.zero_grad()
            if update % TURN == 0:
                yield
        model.eval()
        with torch.no_grad():
            correct = sum(
                int((model(x).argmax(1) == y).sum())
                for x, y in zip(test_inputs.split(500), test_targets.split(500), strict=True)
            )
        assert correct > 5000, f"the bare loop does not learn: {correct} of 10,000 right"
        yield


def by_the_lab(turn: Callable[[], None]) -> None:
    """The same as a run of an experiment; after each of its turns that of the other comes."""

    def should_stop() -> bool:
        turn()
        return False

    experiment = Experiment(
        {"flat": f"Constant({RATE})"}, "fashion-mnist", epochs=EPOCHS, batch_size=BATCH, device="cpu", log_every=TURN
    )
    (plan,) = experiment.run_specs(load_task("fashion-mnist").samples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        run = (plan.name, str(plan.schedule), plan.seed)
        with Store.create(path / "store.sqlite", {}, {}, [run]) as store:
            job = Job({0: plan}, "one run", path / "0.pt")
            end = make_run(job, experiment, store, lambda number, record: None, should_stop)
        assert end.status == "finished"
        assert len(load_runs(path).runs()[0].points) == EPOCHS * (60_000 // BATCH // TURN + 1)


def taken() -> dict[str, tuple[float, float]]:
    """Seconds of the lab and of the bare loop in turns, on either clock."""
    clocks: dict[str, Clock] = {"wall time": time.perf_counter, "processor time": time.process_time}
    other, spent = bare(), dict.fromkeys(clocks, 0.0)

    def turn() -> None:
        begun = {name: clock() for name, clock in clocks.items()}
        next(other, None)
        for name, clock in clocks.items():
            spent[name] += clock() - begun[name]

    begun = {name: clock() for name, clock in clocks.items()}
    by_the_lab(turn)
    whole = {name: clock() - begun[name] for name, clock in clocks.items()}
    assert next(other, "at its end") == "at its end", "the lab had fewer turns than the bare loop"
    return {name: (whole[name] - spent[name], spent[name]) for name in clocks}


def main() -> None:
    torch.set_num_threads(1)
    rounds = [taken() for _ in range(ROUNDS + 1)][1:]  # the first warms up
    for name in rounds[0]:
        lab, loop = zip(*(each[name] for each in rounds), strict=True)
        print(f"{name}: bare loop {min(loop):.1f} s at best, the lab {min(lab):.1f} s ({EPOCHS} epochs)")
        ratio(f"{name} of the lab's run, times the bare loop", list(lab), list(loop), "<= 1.05")


if __name__ == "__main__":
    main()
