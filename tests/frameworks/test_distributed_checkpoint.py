"""`torch.distributed.checkpoint`: saved at some update and loaded into fresh objects, the rest is the same run."""

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from watched import PLAN, WatchedSGD, line, planned, samples

import stepsize as ss
from stepsize.pytorch import Plateau, Scheduler

# One process is no mistake here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:torch.distributed is disabled, unavailable or uninitialized:UserWarning"
)


class Training:
    """A model, an optimizer and a scheduler, and what of them goes into a checkpoint."""

    def __init__(self, auto, stateful, plan=PLAN, **more):
        self.model = line()
        self.optimizer = WatchedSGD(self.model.parameters())
        self.scheduler = Scheduler(self.optimizer, plan, auto=auto, **more)
        self.stateful = stateful

    def run(self, updates):
        for sample in samples(updates):
            self.optimizer.zero_grad()
            self.model(sample).square().sum().backward()
            self.optimizer.step()
            self.scheduler.step()
        return self

    def state(self):
        model, optimizer = get_state_dict(self.model, self.optimizer)
        scheduler = self.scheduler if self.stateful else self.scheduler.state_dict()
        return {"model": model, "optimizer": optimizer, "scheduler": scheduler}

    def save(self, folder):
        dcp.save(self.state(), checkpoint_id=folder)
        return self

    def load(self, folder, scheduler_first=False):
        state = self.state()
        dcp.load(state, checkpoint_id=folder)
        if scheduler_first and not self.stateful:
            self.scheduler.load_state_dict(state["scheduler"])
        set_state_dict(self.model, self.optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        if not scheduler_first and not self.stateful:
            self.scheduler.load_state_dict(state["scheduler"])
        return self


@pytest.mark.parametrize("scheduler_first", [False, True], ids=["optimizer first", "scheduler first"])
@pytest.mark.parametrize("stateful", [False, True], ids=["its state", "itself"])
@pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])
def test_pain_1_a_resume_is_the_same_run(auto, stateful, scheduler_first, tmp_path):
    whole = Training(auto, stateful).run(7).save(tmp_path).run(11)
    assert whole.optimizer.used == planned(0, 18), "saving makes no update"
    again = Training(auto, stateful).load(tmp_path, scheduler_first)
    assert (again.scheduler.position, again.scheduler.get_last_lr()) == (7, [PLAN(7)])
    again.optimizer.used.clear()
    again.run(11)
    assert again.optimizer.used == planned(7, 18)
    assert torch.equal(again.model.weight, whole.model.weight)


@pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])
def test_the_step_that_makes_the_optimizers_state_is_no_update(auto):
    """A fresh optimizer has no state to load into, so the checkpoint makes one by a step with a rate of 0."""
    training = Training(auto, stateful=False, plan=ss.Linear(0.3, 0.1, 20))
    training.state()
    assert training.optimizer.used == [0.0]
    assert (training.scheduler.position, training.scheduler.get_last_lr()) == (0, [0.3])


def test_the_plateau_comes_along(tmp_path):
    def training():
        return Training(auto=False, stateful=False, feedback=Plateau(factor=0.5, patience=1))

    first = training().run(6)
    for loss in (1.0, 1.0, 1.0):
        first.scheduler.observe(loss)
    first.save(tmp_path)
    again = training().load(tmp_path)
    assert again.scheduler.get_last_lr() == first.scheduler.get_last_lr() == [0.5 * PLAN(6)]
    assert again.scheduler.state_dict() == first.scheduler.state_dict()


def test_a_replanned_run_goes_on_as_replanned(tmp_path):
    first = Training(auto=False, stateful=False).run(6)
    first.scheduler.replan(ss.Linear(PLAN(6), 0.0, 4))
    first.save(tmp_path)
    again = Training(auto=False, stateful=False).load(tmp_path)
    assert again.scheduler.schedules == first.scheduler.schedules
