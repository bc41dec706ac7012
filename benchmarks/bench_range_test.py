"""The range test against the bare loop of the same updates: what keeping, watching and giving back cost.

The bare loop writes the same rates, makes the same updates on the same batches from the same weights, and reads each
loss. One thread. The memory is counted, not measured: the bytes of the copies against those of the model's and the
optimizer's tensors.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

import stepsize as ss
from measure import ratio, seconds
from stepsize.lab import LeNet, Transformer
from stepsize.lab.language import next_byte_loss
from stepsize.pytorch import range_test
from stepsize.pytorch.range_testing.snapshot import Snapshot

STEPS, ROUNDS = 100, 7
RATES = ss.Geometric(1e-7, 1e-3, STEPS - 1)

Batches = list[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


def bare(model: nn.Module, optimizer: Optimizer, loss_fn: Loss, batches: Batches) -> list[float]:
    losses = []
    for step in range(STEPS):
        inputs, targets = batches[step % len(batches)]
        for group in optimizer.param_groups:
            group["lr"] = RATES(step)
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


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
        "LeNet, 16 images to a batch": (LeNet(), nn.functional.cross_entropy, images(16)),
        "LeNet, 64 images": (LeNet(), nn.functional.cross_entropy, images(64)),
        "transformer, 4 windows": (Transformer(), next_byte_loss, text(4)),
    }
    for name, (model, loss_fn, batches) in cases.items():
        optimizer = AdamW(model.parameters(), lr=1e-3)
        work, weights = (model, optimizer, loss_fn, batches), copy.deepcopy(model.state_dict())
        tested, plain = [], []
        for _ in range(ROUNDS + 1):
            tested.append(seconds(lambda work=work: range_test(*work, start_lr=1e-7, end_lr=1e-3, steps=STEPS)))
            plain.append(seconds(lambda work=work: bare(*work)))
            model.load_state_dict(weights)  # the bare loop has trained it, and trained networks are quicker
            optimizer.state.clear()
        ratio(f"{name}: {STEPS} updates, times the bare loop", tested[1:], plain[1:], "<= 1.05")
        copies = sum(each.nbytes for each in Snapshot(model, optimizer)._copies)
        print(f"  memory: copies of {copies / tensors_of(model, optimizer):.3f} times model and optimizer; target 1")


if __name__ == "__main__":
    main()
