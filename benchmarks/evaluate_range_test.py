"""How good the suggestions of the range test are: each rule's rate against the best of a grid, both really trained.

LeNet on Fashion-MNIST and the language model on the standard library's source, with SGD and AdamW, constant rates. The
range test sees training samples only. Every rate, of the grid or suggested, is then trained with the same seeds and the
same data, and judged by its loss on training samples that are held out; the test sets are not looked at.

For each rule the table has the rate, its loss, and its excess: (loss - best of the grid) / (first loss - best of the
grid), so that 0% is as good as the grid and 100% is no progress. One thread; `--quick` is for trying it out.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from stepsize.curves import RangeTest
from stepsize.lab import Task, find_rate, load_task, train
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.training.samples import Samples, measure

HALF_DECADES = [10.0 ** (half / 2) for half in range(-10, 3)]


@dataclass(frozen=True)
class Setting:
    """One network to train, by one optimizer, and the grid of its rates."""

    task: str
    optimizer: str
    batch_size: int
    samples: int
    held_out: int
    seeds: tuple[int, ...]
    lowest: float
    highest: float

    @property
    def grid(self) -> list[float]:
        """Half a decade apart."""
        return [rate for rate in HALF_DECADES if 0.99 * self.lowest < rate < 1.01 * self.highest]

    def limited(self) -> Task:
        """The task with as many samples as the setting has, and held-out training samples as its test set."""
        task = load_task(self.task).held_out()
        (inputs, targets), (held, right) = task.train, task.test
        return replace(
            task,
            train=(inputs[: self.samples], targets[: self.samples]),
            test=(held[: self.held_out], right[: self.held_out]),
        )

    def range_test(self, task: Task, seed: int) -> RangeTest:
        """With the defaults of `stepsize find`."""
        return find_rate(task, self.optimizer, batch_size=self.batch_size, seeds=[seed], device="cpu")

    def loss_at(self, task: Task, rate: float) -> float:
        """The mean held-out loss after one epoch over the seeds; infinite where a run diverged."""
        losses = []
        for seed in self.seeds:
            model = task.initial_model(seed)
            optimizer = make_optimizer(self.optimizer, model.parameters(), rate)
            log = train(model, task, optimizer, rate, epochs=1, batch_size=self.batch_size, seed=seed)
            losses.append(math.inf if log.status == "diverged" else log.epochs[-1].test_loss)
        return sum(losses) / len(losses)

    def first_loss(self, task: Task) -> float:
        """Before any update."""
        samples = Samples.on(torch.device("cpu"), task.test)
        return sum(measure(task.initial_model(seed), task, samples)[0] for seed in self.seeds) / len(self.seeds)


def settings(quick: bool) -> list[Setting]:
    images = {"task": "fashion-mnist", "batch_size": 64, "samples": 1024 if quick else 24_000, "held_out": 6000}
    text = {"task": "stdlib-lm", "batch_size": 32, "samples": 512 if quick else 9600, "held_out": 500}
    images["seeds"], text["seeds"] = (0,) if quick else (0, 1, 2), (0,)
    ranges = {"sgd": (1e-3, 10.0), "adamw": (1e-5, 1e-1)}
    return [
        Setting(**kind, optimizer=optimizer, lowest=low, highest=high)
        for kind in (images, text)
        for optimizer, (low, high) in ranges.items()
    ]


def evaluate(setting: Setting) -> dict[str, object]:
    task = setting.limited()
    tests = [setting.range_test(task, seed) for seed in (0, 1, 2)]
    rates = [test.suggest().by_rule for test in tests]
    first = setting.first_loss(task)
    losses = {rate: setting.loss_at(task, rate) for rate in setting.grid}
    best = min(losses, key=losses.__getitem__)
    updates = -(-setting.samples // setting.batch_size)
    print(f"\n{setting.task}, {setting.optimizer}, {updates} updates, held-out loss {first:.3f} before")
    print("grid: " + ", ".join(f"{rate:.1e} {loss:.3f}" for rate, loss in losses.items()))
    print(f"best of the grid: {best:.2g}, loss {losses[best]:.3f}", flush=True)
    rules = {}
    for rule in rates[0] or rates[1] or rates[2]:
        seen = [each[rule] for each in rates if each]
        rate = seen[0]
        loss = setting.loss_at(task, rate)
        excess = (loss - losses[best]) / (first - losses[best])
        rules[rule] = {"rates": seen, "loss": loss, "excess": excess}
        others = ", ".join(f"{each:.2g}" for each in seen)
        print(
            f"  {rule:17} {rate:8.2g}  loss {loss:.3f}  excess {excess:6.1%}  (rates of three seeds: {others})",
            flush=True,
        )
    print("  " + "; ".join(test.suggest().reason for test in tests if test.suggest().reason), flush=True)
    return {
        "setting": asdict(setting),
        "first": first,
        "grid": losses,
        "best": best,
        "rules": rules,
        "tests": [test.as_dict() for test in tests],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few updates each: a minute or two")
    parser.add_argument("--out", type=Path, help="write all losses and curves as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [evaluate(setting) for setting in settings(options.quick)]
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
