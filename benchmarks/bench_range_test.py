"""The range test against the bare loop of the same updates: what keeping, watching and giving back cost.

The bare loop makes the same updates at the same rates on the same batches from the same weights; its rates are numbers
in a list, and it reads no loss. One thread, and the GPU where there is one. The two take turns of ten updates, so that
a machine that is slower for some seconds is so for both; processor seconds are given beside wall time. The memory is
counted, not measured: the bytes of the copies against those of the model's and the optimizer's tensors.
"""

import copy
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

import stepsize as ss
from measure import ratio
from stepsize.lab.tasks.images import lenet
from stepsize.lab.tasks.language import Transformer, next_byte_loss
from stepsize.pytorch import range_test
from stepsize.pytorch.snapshot import Snapshot

STEPS, TURN, ROUNDS = 100, 10, 15
RATES = ss.Geometric(1e-7, 1e-3, STEPS - 1).sample(STEPS).tolist()
CLOCKS: dict[str, Callable[[], float]] = {"wall time": time.perf_counter, "processor time": time.process_time}

Batches = list[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


def bare(model: nn.Module, loss_fn: Loss, batches: Batches) -> Iterator[None]:
    """The loop alone, with a stop after every turn."""
    optimizer = AdamW(model.parameters(), lr=1e-3)
    for step in range(STEPS):
        inputs, targets = batches[step % len(batches)]
        for group in optimizer.param_groups:
            group["lr"] = RATES[step]
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % TURN == 0:
            if inputs.is_cuda:
                torch.cuda.synchronize()
            yield


def taken(model: nn.Module, loss_fn: Loss, batches: Batches) -> dict[str, tuple[float, float]]:
    """Seconds of the range test and of the bare loop in turns, on either clock."""
    optimizer = AdamW(model.parameters(), lr=1e-3)
    other, spent = bare(copy.deepcopy(model), loss_fn, batches), dict.fromkeys(CLOCKS, 0.0)

    def turn(step: int, rate: float, loss: float) -> None:
        if (step + 1) % TURN == 0:
            begun = {name: clock() for name, clock in CLOCKS.items()}
            next(other)
            for name, clock in CLOCKS.items():
                spent[name] += clock() - begun[name]

    begun = {name: clock() for name, clock in CLOCKS.items()}
    test = range_test(
        model, optimizer, loss_fn, batches, start_lr=RATES[0], end_lr=RATES[-1], steps=STEPS, observe=turn
    )
    whole = {name: clock() - begun[name] for name, clock in CLOCKS.items()}
    assert len(test.losses) == STEPS, f"the test stopped after {len(test.losses)} updates"
    return {name: (whole[name] - spent[name], spent[name]) for name in CLOCKS}


def on(device: str, batches: Batches) -> Batches:
    return [(inputs.to(device), targets.to(device)) for inputs, targets in batches]


def images(size: int) -> Batches:
    return [(torch.randn(size, 1, 28, 28), torch.randint(10, (size,))) for _ in range(10)]


def text(size: int) -> Batches:
    return [(torch.randint(256, (size, 128)), torch.randint(256, (size, 128))) for _ in range(10)]


def tensors_of(model: nn.Module, optimizer: Optimizer) -> int:
    """The bytes of the model's and the optimizer's tensors."""
    state = [value for entry in optimizer.state.values() for value in entry.values() if isinstance(value, Tensor)]
    return sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers(), *state])


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cases: dict[str, tuple[nn.Module, Loss, Batches]] = {
        "LeNet, 16 images to a batch": (lenet(), nn.functional.cross_entropy, images(16)),
        "LeNet, 64 images": (lenet(), nn.functional.cross_entropy, images(64)),
        "transformer, 4 windows": (Transformer(), next_byte_loss, text(4)),
    }
    if torch.cuda.is_available():
        cases["LeNet, 256 images, GPU"] = (lenet().cuda(), nn.functional.cross_entropy, on("cuda", images(256)))
        cases["transformer, 64 windows, GPU"] = (Transformer().cuda(), next_byte_loss, on("cuda", text(64)))
    for name, work in cases.items():
        rounds = [taken(*work) for _ in range(ROUNDS + 1)][1:]  # the first warms up
        for clock in CLOCKS:
            tested, loop = zip(*(each[clock] for each in rounds), strict=True)
            label = f"{name}: {clock} of {STEPS} updates, times the bare loop's {min(loop):.2f} s"
            ratio(label, list(tested), list(loop), "<= 1.05")
        optimizer = AdamW(work[0].parameters(), lr=1e-3)
        copies = sum(each.nbytes for each in Snapshot(work[0], optimizer)._copies)
        print(f"  memory: copies of {copies / tensors_of(work[0], optimizer):.3f} times model and optimizer; target 1")


if __name__ == "__main__":
    main()
