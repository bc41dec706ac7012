"""Runs per hour stacked into one program against the same runs one after another in eager PyTorch; digits.

The peer is `train`, the loop of one run (held by the tests to a plain PyTorch loop, bit for bit), data on the device,
one run after another in one process. Both include the making of the networks and the tests after each epoch, and log
once an epoch; neither writes anything. On a GPU the peak memory is PyTorch's, on a CPU that of the process so far.
The peer of many runs is timed on a few of them, which follow one another and so take their share of the time.

    python benchmarks/bench_engines.py [--device cuda] [--task fashion-mnist] [--runs 1,4,16,64,256]
"""

import argparse
import resource

import torch

from measure import ratio, rounds
from stepsize.lab import Experiment, load_task, train
from stepsize.lab.engines.runs import training_loop
from stepsize.lab.engines.stack import Stack
from stepsize.lab.engines.stack_training import StackTraining, update_rule
from stepsize.lab.seeding import seeded_draws

EPOCHS, BATCH, ROUNDS, PEERS = 2, 64, 5, 4


def experiment_of(runs: int, task: str, device: str) -> Experiment:
    """This many runs: four rates, as many seeds as it takes."""
    rates = {str(rate): f"Constant({rate})" for rate in (0.05, 0.1, 0.15, 0.2)[: min(runs, 4)]}
    settings = {"batch_size": BATCH, "epochs": EPOCHS, "log_every": 10**6, "device": device}
    return Experiment(rates, task, seeds=tuple(range(max(runs // 4, 1))), **settings)


def finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def stacked(experiment: Experiment) -> None:
    """All of them as one program."""
    task, device = load_task(experiment.task), torch.device(experiment.device)
    plans = experiment.run_specs(task.samples)
    stack = Stack(task, [plan.seed for plan in plans], device)
    rule = update_rule(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1))
    with seeded_draws(0, device):
        ends = list(training_loop(StackTraining(stack, rule, plans), task, experiment).records())
    assert all(end.test_loss < 2.4 for end in ends[-1]), "the stack does not learn"
    finish(experiment.device)


def one_after_another(experiment: Experiment, runs: int) -> None:
    """Train the first `runs` runs."""
    task = load_task(experiment.task)
    for plan in experiment.run_specs(task.samples)[:runs]:
        model = task.initial_model(plan.seed).to(experiment.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        settings = {"batch_size": BATCH, "epochs": EPOCHS, "log_every": experiment.log_every, "seed": plan.seed}
        train(model, task, optimizer, plan.schedule, device=experiment.device, **settings)
    finish(experiment.device)


def peak(device: str) -> float:
    """The peak memory in MiB."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--task", default="digits")
    parser.add_argument("--runs")
    asked = parser.parse_args()
    on_cpu = asked.device == "cpu"
    if on_cpu:
        torch.set_num_threads(1)
    counts = [int(count) for count in (asked.runs or ("1,4,16,64" if on_cpu else "1,4,16,64,256")).split(",")]
    for runs in counts:
        experiment, peers = experiment_of(runs, asked.task, asked.device), min(runs, PEERS)
        if not on_cpu:
            torch.cuda.reset_peak_memory_stats()
        taken = rounds(
            {
                "stacked": lambda e=experiment: stacked(e),
                "one by one": lambda e=experiment, n=peers: one_after_another(e, n),
            },
            ROUNDS,
        )
        alone = [seconds * runs / peers for seconds in taken["one by one"]]
        hourly = 3600 * runs / min(taken["stacked"])
        print(f"{runs} runs stacked: {hourly:.0f} runs an hour at best, peak {peak(asked.device):.0f} MiB")
        target = ">= 15" if runs == 64 and not on_cpu else "none"
        ratio(f"{runs} runs an hour stacked, times one after another", alone, taken["stacked"], target)


if __name__ == "__main__":
    main()
