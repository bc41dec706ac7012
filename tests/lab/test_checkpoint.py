"""A run that continues from a checkpoint ends in the same bits."""

import dataclasses

import pytest
import torch
from own_tasks import dropping

import stepsize as ss
from stepsize.errors import StateError
from stepsize.lab.training.checkpoint import RecordBuffer
from stepsize.lab.training.loop import train
from stepsize.store.run import Point

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


def test_the_seconds_of_a_run_are_those_of_all_its_parts(tmp_path):
    path = tmp_path / "c.pt"
    run(checkpoint=path, should_stop=lambda: True)
    state = torch.load(path)
    torch.save({**state, "seconds": 1000.0}, path)
    log, _ = run(checkpoint=path)
    assert 1000 < log.seconds < 1100


class Kept:
    """A store that keeps the numbers of records that it is given at a time."""

    def __init__(self):
        self.sizes = []

    def log(self, number, records):
        self.sizes.append(len(records))


def test_records_are_written_some_dozens_at_a_time():
    buffer = RecordBuffer(store := Kept(), 0)
    for step in range(1, 71):
        buffer.add(Point(step, 0.1, 1.0, 0.5))
    assert store.sizes == [32, 32]
    buffer.flush()
    buffer.flush()
    assert store.sizes == [32, 32, 6]
    assert buffer.length == 70


def test_a_checkpoint_of_another_run_or_damaged_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    run(checkpoint=path)
    for other in ({"accumulation": 2}, {"drop_last": True}, {"precision": "bf16"}, {"step_every": "epoch"}):
        with pytest.raises(StateError, match="a checkpoint of another run"):
            run(checkpoint=path, **other)
    state = torch.load(path)
    torch.save({**state, "version": state["version"] - 1}, tmp_path / "older.pt")
    with pytest.raises(StateError, match=r"older.pt has version \d+, and this version of stepsize reads version \d"):
        run(checkpoint=tmp_path / "older.pt")
    with pytest.raises(
        StateError, match=r"a checkpoint of another run, dropping, seed 3, .* and this run is dropping, seed 4"
    ):
        run(checkpoint=path, seed=4)
    other = {"accumulation": 2, "drop_last": True, "precision": "bf16", "batch_size": 4, "step_every": "epoch"}
    with pytest.raises(StateError) as refused:
        run(checkpoint=path, **other)
    assert str(refused.value) == (
        f"{path} is a checkpoint of another run, dropping, seed 3, batches of 8 x 1, fp32, Cosine(0.1, 0.0, 32), and "
        "this run is dropping, seed 3, batches of 4 x 2, whole ones, bf16, Cosine(0.1, 0.0, 32), stepped after each "
        "epoch; delete it to start the run from the beginning"
    )
    path.write_bytes(path.read_bytes()[:-100])
    damaged = f"^{path} is damaged, or is not a checkpoint; delete it to start the run from the beginning$"
    with pytest.raises(StateError, match=damaged):
        run(checkpoint=path)
