"""transformers' Trainer: the rate at every real update, the rate it logs, and a resume from its checkpoints."""

import pytest
import torch
from watched import PLAN, WatchedSGD, line, planned, samples

from stepsize.pytorch import Scheduler

transformers = pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
pytest.importorskip("accelerate", reason="needs stepsize[frameworks]")

UPDATES = 16
ACCUMULATED = 4

MODES = pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])


class Line(torch.nn.Module):
    """A model of the form that the Trainer asks for."""

    def __init__(self):
        super().__init__()
        self.layer = line()

    def forward(self, x):
        return {"loss": self.layer(x).square().mean()}


class Training:
    """What one run of the Trainer leaves behind."""

    def __init__(self, folder, auto, resume=None):
        self.model = Line()
        self.optimizer = WatchedSGD(self.model.parameters())
        self.scheduler = Scheduler(self.optimizer, PLAN, auto=auto)
        self.trainer = transformers.Trainer(
            self.model,
            transformers.TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=2,
                gradient_accumulation_steps=ACCUMULATED,
                max_steps=UPDATES,
                logging_steps=1,
                save_steps=5,
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=[{"x": x} for x in samples(10 * 2 * ACCUMULATED)],
            optimizers=(self.optimizer, self.scheduler),
        )
        self.trainer.train(resume_from_checkpoint=resume)

    def logged(self):
        return [entry["learning_rate"] for entry in self.trainer.state.log_history if "learning_rate" in entry]


@MODES
def test_pain_2_the_rate_at_every_update(auto, tmp_path):
    training = Training(tmp_path, auto)
    assert training.optimizer.used == planned(0, UPDATES)
    assert training.scheduler.position == UPDATES


def test_the_rate_that_is_logged_is_the_one_that_was_used(tmp_path):
    training = Training(tmp_path, auto=False)
    assert training.logged() == training.optimizer.used


def test_under_auto_the_rate_that_is_logged_is_the_next_one(tmp_path):
    """The Trainer asks between the optimizer's step and the scheduler's, when the next rate is written already."""
    training = Training(tmp_path, auto=True)
    assert training.logged() == planned(1, UPDATES + 1)


@MODES
@pytest.mark.parametrize("done", [5, 10, 15])
def test_pain_1_a_run_resumed_from_a_checkpoint_is_the_same_run(auto, done, tmp_path):
    whole = Training(tmp_path, auto)
    again = Training(tmp_path, auto, resume=str(tmp_path / f"checkpoint-{done}"))
    assert again.optimizer.used == planned(done, UPDATES)
    assert torch.equal(again.model.layer.weight, whole.model.layer.weight)
