"""When the range test stops: false divergences of networks that have converged, and how early real ones are caught.

Every curve is recorded to its end, and two rules are then applied to it: the loss alone (far above its lowest), and the
rule of `range_test`, which also asks whether noise explains the rise. For converged networks a stop before the rate has
reached 1e-4 counts as false. The rule was chosen with other seeds, and with synthetic noise. One thread.
"""

import argparse
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from stepsize.lab import load_task
from stepsize.lab.optimizers import make_optimizer
from stepsize.pytorch import range_test
from stepsize.pytorch.range_sweep import Judge

FALSE_BELOW = 1e-4
FIRST_SEED = 1000
DIGITS = load_task("digits")
Loss = Callable[[Tensor, Tensor], Tensor]


def perceptron(outputs: int = 10) -> nn.Module:
    layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs)]
    return nn.Sequential(nn.Flatten(), *layers)


def regression(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs.squeeze(1), (targets.float() - 4.5) / 3.0)


def zero_mean(outputs: Tensor, targets: Tensor) -> Tensor:
    """Log-probabilities weighted by advantages of both signs."""
    chosen = functional.log_softmax(outputs, 1).gather(1, targets[:, None]).squeeze(1)
    return ((targets % 2 * 2 - 1) * chosen).mean()


@dataclass(frozen=True)
class Case:
    """A network, trained for some epochs, and the range test that follows."""

    name: str
    make: Callable[[], nn.Module]
    loss: Loss
    epochs: int
    optimizer: str
    batch_size: int = 16
    start_lr: float = 1e-7
    end_lr: float = 10.0

    def model(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = self.make()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        for _ in range(self.epochs):
            for inputs, targets in batches(64, seed):
                optimizer.zero_grad()
                self.loss(model(inputs), targets).backward()
                optimizer.step()
        return model

    def stops(self, model: nn.Module, seed: int) -> tuple[int, int, float]:
        """The updates until the stop by the loss alone and by the rule, and the rate at the latter's stop."""
        begin = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        moved = []

        def observe(*_: float) -> None:
            now = nn.utils.parameters_to_vector(model.parameters()).detach()
            moved.append(bool((now - begin).norm() > begin.norm()))

        test = range_test(
            *(
                model,
                make_optimizer(self.optimizer, model.parameters(), 0.1),
                self.loss,
                batches(self.batch_size, seed),
            ),
            start_lr=self.start_lr,
            end_lr=self.end_lr,
            stop_factor=math.inf,
            observe=observe,
        )
        losses = test.runs[0].losses
        step = 0
        alone, rule = (Judge(4.0, test.smoothing, has_moved=lambda: moved[step]) for _ in range(2))
        found = []
        for decides in (alone.is_far_above, rule.is_over):
            for step, loss in enumerate(losses):  # noqa: B007  (has_moved reads it)
                if decides(loss):
                    break
            found.append(step + 1)
        return found[0], found[1], float(test.schedule(found[1] - 1))


def batches(size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*DIGITS.train), size, shuffle=True, generator=order)


CONVERGED = [
    Case("LeNet, 40 epochs, AdamW", DIGITS.model, functional.cross_entropy, 40, "adamw"),
    Case("perceptron, 30 epochs, AdamW", perceptron, functional.cross_entropy, 30, "adamw"),
    Case("perceptron, 60 epochs, SGD", perceptron, functional.cross_entropy, 60, "sgd"),
    Case("perceptron, hinge, 60 epochs, AdamW", perceptron, functional.multi_margin_loss, 60, "adamw"),
    Case("perceptron, regression, 60 epochs, AdamW", lambda: perceptron(1), regression, 60, "adamw"),
    Case("perceptron, zero-mean loss, AdamW", perceptron, zero_mean, 0, "adamw"),
]
NEW = [
    Case("LeNet, SGD", DIGITS.model, functional.cross_entropy, 0, "sgd", 32, end_lr=1000.0),
    Case("LeNet, AdamW", DIGITS.model, functional.cross_entropy, 0, "adamw", 32),
    Case("perceptron, SGD", perceptron, functional.cross_entropy, 0, "sgd", 32, end_lr=1000.0),
    Case("perceptron, AdamW", perceptron, functional.cross_entropy, 0, "adamw", 32),
    Case("perceptron, regression, SGD", lambda: perceptron(1), regression, 0, "sgd", 32),
    Case("perceptron, AdamW from 0.5", perceptron, functional.cross_entropy, 0, "adamw", 32, 0.5),
    Case("perceptron, SGD from 8", perceptron, functional.cross_entropy, 0, "sgd", 32, 8.0, 100.0),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200, help="orders of the batches for each converged network")
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    for case in CONVERGED:
        found = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            if (seed - FIRST_SEED) % 40 == 0:
                model = case.model(seed)
            found.append(case.stops(model, seed))
        before = math.log(FALSE_BELOW / case.start_lr) / math.log(case.end_lr / case.start_lr) * 99.0
        alone = sum(each < before for each, _, _ in found)
        false = sum(rate < FALSE_BELOW for _, _, rate in found)
        later = [rule - each for each, rule, _ in found if each >= before]
        print(
            f"{case.name}: false stops {false} of {seeds} (by the loss alone {alone}); stop after "
            f"{statistics.median(rule for _, rule, _ in found):g} updates, {statistics.median(later):g} later than by "
            f"the loss alone if that is not false",
            flush=True,
        )
    for case in NEW:
        found = [case.stops(case.model(seed), seed) for seed in range(FIRST_SEED, FIRST_SEED + 20)]
        alone, rule = ([each[which] for each in found] for which in (0, 1))
        later = max(b - a for a, b in zip(alone, rule, strict=True))
        print(
            f"{case.name}, new: stop after {statistics.median(rule):g} updates, by the loss alone "
            f"{statistics.median(alone):g}; at most {later} later",
            flush=True,
        )


if __name__ == "__main__":
    main()
