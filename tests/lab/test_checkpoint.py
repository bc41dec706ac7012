"""A run that continues from a checkpoint ends in the same bits."""

import dataclasses

import pytest
import torch
from own_tasks import dropping

import stepsize as ss
from stepsize.errors import StateError
from stepsize.lab.training.loop import train

SETTINGS = {"epochs": 4, "batch_size": 8, "log_every": 3, "seed": 3, "checkpoint_every": 5}


def run(kind=torch.optim.AdamW, **settings):
    task = dropping()
    model = task.initial_model(0)
    optimizer = kind(model.parameters(), lr=0.1)
    log = train(model, task, optimizer, ss.Cosine(0.1, 0.0, 32), **SETTINGS | settings)
    return log, torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize(
    ("kind", "stop_at"), [*((torch.optim.AdamW, stop_at) for stop_at in range(1, 15)), (torch.optim.SGD, 7)]
)
def test_a_run_stopped_anywhere_ends_in_the_same_bits(tmp_path, kind, stop_at):
    whole, weights = run(kind)
    seen = []

    def stop(record):
        seen.append(record)
        if len(seen) == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(kind, observe=stop, checkpoint=tmp_path / "c.pt")
    rest, again = run(kind, checkpoint=tmp_path / "c.pt")
    assert torch.equal(again, weights)
    for resumed, uninterrupted in ((rest.points, whole.points), (rest.epochs, whole.epochs)):
        assert repr(resumed) == repr(uninterrupted[len(uninterrupted) - len(resumed) :])
    if stop_at > 4:
        assert len(rest.points) < len(whole.points)


def test_a_checkpoint_changes_nothing(tmp_path):
    plain, weights = run()
    saved, again = run(checkpoint=tmp_path / "c.pt", checkpoint_every=1)
    assert torch.equal(weights, again)
    assert repr(dataclasses.replace(saved, seconds=0.0)) == repr(dataclasses.replace(plain, seconds=0.0))


def test_a_checkpoint_of_another_run_or_damaged_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    run(checkpoint=path)
    with pytest.raises(
        StateError, match=r"a checkpoint of another run, dropping, seed 3, .* and this run is dropping, seed 4"
    ):
        run(checkpoint=path, seed=4)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StateError, match="damaged"):
        run(checkpoint=path)
