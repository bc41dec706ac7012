"""A plain PyTorch script as a training loop, with a checkpoint."""

import os

import torch

from stepsize.lab import TrainingRun


def train(run: TrainingRun) -> None:
    x = torch.linspace(-1, 1, 64)[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, run.schedule)
    parts, first = {"model": model, "optimizer": optimizer, "scheduler": scheduler}, 0
    if run.checkpoint.exists():
        saved = torch.load(run.checkpoint)
        first = saved.pop("step")
        for name, state in saved.items():
            parts[name].load_state_dict(state)
    for step in range(first, run.steps):
        rate = optimizer.param_groups[0]["lr"]
        loss = torch.nn.functional.mse_loss(model(x), torch.sin(3 * x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        run.log(step + 1, lr=rate, train_loss=loss)
        if (step + 1) % 10 == 0 or run.stop:
            new = run.folder / "new.pt"
            torch.save({"step": step + 1} | {name: part.state_dict() for name, part in parts.items()}, new)
            os.replace(new, run.checkpoint)
        if run.stop:
            return
    with torch.no_grad():
        run.log(run.steps, test_loss=torch.nn.functional.mse_loss(model(x), torch.sin(3 * x)))
