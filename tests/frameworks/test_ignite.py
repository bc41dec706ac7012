"""Ignite: the rate at every real update, and a resume from its checkpoints."""

import pytest
import torch
from watched import PLAN, WatchedSGD, line, planned, samples

from stepsize.pytorch import Scheduler

engine = pytest.importorskip("ignite.engine", reason="needs stepsize[frameworks]")
handlers = pytest.importorskip("ignite.handlers", reason="needs stepsize[frameworks]")
Events = engine.Events

MODES = pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])


class Training:
    """A trainer and what it trains; without `auto` the scheduler is stepped every `step_every` iterations."""

    def __init__(self, auto, accumulate=1, step_every=None):
        self.model = line()
        self.optimizer = WatchedSGD(self.model.parameters())
        self.scheduler = Scheduler(self.optimizer, PLAN, auto=auto)
        self.trainer = engine.create_supervised_trainer(
            self.model, self.optimizer, torch.nn.functional.mse_loss, gradient_accumulation_steps=accumulate
        )
        if step_every is not None:
            event = Events.ITERATION_COMPLETED(every=step_every)
            self.trainer.add_event_handler(event, lambda: self.scheduler.step())

    @property
    def saved(self):
        """What goes into a checkpoint."""
        names = ("trainer", "model", "optimizer", "scheduler")
        return {name: getattr(self, name) for name in names}

    def run(self, iterations_an_epoch=10):
        self.trainer.run([(x, torch.zeros(1)) for x in samples(iterations_an_epoch)], max_epochs=2)
        return self


def test_the_rate_at_every_update():
    training = Training(auto=False, step_every=1).run()
    assert training.optimizer.used == planned(0, 20)


def test_pain_2_accumulated_iterations_are_stepped_by_their_number():
    training = Training(auto=False, accumulate=4, step_every=4).run(iterations_an_epoch=12)
    assert training.optimizer.used == planned(0, 6)


def test_pain_2_stepped_at_every_iteration_the_schedule_runs_ahead_of_the_updates():
    training = Training(auto=False, accumulate=4, step_every=1)
    with pytest.warns(UserWarning, match="came before the first optimizer.step"):
        training.run(iterations_an_epoch=12)
    assert training.optimizer.used == planned(0, 24)[3::4]


@pytest.mark.parametrize(("accumulate", "updates"), [(1, 20), (4, 5)])
def test_an_auto_scheduler_needs_no_handler(accumulate, updates):
    """Ignite counts micro-batches over the end of an epoch: 20 of them make 5 updates."""
    training = Training(auto=True, accumulate=accumulate).run()
    assert training.optimizer.used == planned(0, updates)
    assert training.scheduler.position == updates


@MODES
def test_pain_1_a_run_resumed_from_a_checkpoint_is_the_same_run(auto, tmp_path):
    def training():
        return Training(auto, accumulate=2, step_every=2)

    whole = training()
    keeping = handlers.Checkpoint(whole.saved, handlers.DiskSaver(tmp_path), n_saved=None)
    whole.trainer.add_event_handler(Events.ITERATION_COMPLETED(every=10), keeping)
    whole.run(iterations_an_epoch=10)
    assert whole.optimizer.used == planned(0, 10)

    again = training()
    handlers.Checkpoint.load_objects(again.saved, torch.load(tmp_path / "checkpoint_10.pt", weights_only=True))
    assert again.scheduler.get_last_lr() == [PLAN(5)]
    again.run(iterations_an_epoch=10)
    assert again.optimizer.used == planned(5, 10)
    assert torch.equal(again.model.weight, whole.model.weight)


def test_ignites_own_handler_of_pytorchs_schedulers():
    training = Training(auto=False)
    training.trainer.add_event_handler(Events.ITERATION_STARTED, handlers.LRScheduler(training.scheduler))
    training.run()
    assert training.optimizer.used == planned(0, 20)


def test_ignites_preview_of_a_scheduler():
    scheduler = Scheduler(WatchedSGD(line().parameters()), PLAN)
    assert [rate for _, rate in handlers.LRScheduler.simulate_values(20, scheduler)] == planned(0, 20)
    assert (scheduler.position, scheduler.get_last_lr()) == (0, [PLAN(0)])
