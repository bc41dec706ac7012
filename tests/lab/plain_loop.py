"""The oracle: training as one would write it in thirty lines of plain PyTorch, without stepsize's loop."""

import numpy as np
import torch
from torch import nn


def plain_loop(model, task, rate, seed, epochs, batch_size, log_every):
    """Train with SGD, and return rows (step, rate, loss, accuracy) and (step, train loss, accuracy, test loss, ...)."""
    (train_x, train_y), (test_x, test_y) = task.train, task.test
    model = model.to(memory_format=torch.channels_last)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    points, rows, step = [], [], 0
    for epoch in range(epochs):
        model.train()
        word = int(np.random.SeedSequence(seed, spawn_key=(epoch,)).generate_state(1, np.uint64)[0])
        order = torch.randperm(len(train_y), generator=torch.Generator().manual_seed(word))
        loss_sum = hits = n = epoch_loss_sum = epoch_hits = 0
        starts = range(0, len(order), batch_size)
        for i, start in enumerate(starts, start=1):
            batch = order[start : start + batch_size]
            x, y = train_x[batch].contiguous(memory_format=torch.channels_last), train_y[batch]
            optimizer.param_groups[0]["lr"] = rate(step)
            output = model(x)
            loss = criterion(output, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            correct = (output.argmax(1) == y).sum().item()
            loss_sum, hits, n = loss_sum + loss.item() * len(y), hits + correct, n + len(y)
            epoch_loss_sum, epoch_hits = epoch_loss_sum + loss.item() * len(y), epoch_hits + correct
            step += 1
            if i % log_every == 0 or i == len(starts):
                points.append((step, rate(step - 1), loss_sum / n, hits / n))
                loss_sum = hits = n = 0
        model.eval()
        test_loss_sum = test_hits = 0
        with torch.no_grad():
            for x, y in zip(test_x.split(500), test_y.split(500), strict=True):
                output = model(x)
                test_loss_sum += criterion(output, y).item() * len(y)
                test_hits += (output.argmax(1) == y).sum().item()
        means = (epoch_loss_sum / len(train_y), epoch_hits / len(train_y))
        rows.append((step, *means, test_loss_sum / len(test_y), test_hits / len(test_y)))
    return points, rows
