"""transformers' Trainer: the rate at every real update, the rate it logs, and a resume from its checkpoints."""

import json
import sys
from pathlib import Path

import pytest
import torch
from watched import PLAN, WatchedSGD, in_two_processes, line, planned, samples

from stepsize import Horizon
from stepsize.pytorch import Scheduler

transformers = pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
accelerate = pytest.importorskip("accelerate", reason="needs stepsize[frameworks]")

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

    def __init__(self, folder, auto, resume=None, micro_batches=40, **more):
        self.model = Line()
        self.optimizer = WatchedSGD(self.model.parameters())
        self.scheduler = Scheduler(self.optimizer, PLAN, auto=auto)
        self.trainer = transformers.Trainer(
            self.model,
            transformers.TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=2,
                gradient_accumulation_steps=ACCUMULATED,
                logging_steps=1,
                save_steps=5,
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
                **(more or {"max_steps": UPDATES}),
            ),
            train_dataset=[{"x": x} for x in samples(2 * micro_batches)],
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
def test_pain_2_what_is_left_over_at_the_end_of_an_epoch_makes_one_update(auto, tmp_path):
    training = Training(tmp_path, auto, micro_batches=10, num_train_epochs=2)
    horizon = Horizon(samples=20, batch=2, epochs=2, accumulation=ACCUMULATED)
    assert training.optimizer.used == planned(0, horizon.steps) == planned(0, 6)


@MODES
@pytest.mark.parametrize("done", [5, 10, 15])
def test_pain_1_a_run_resumed_from_a_checkpoint_is_the_same_run(auto, done, tmp_path):
    whole = Training(tmp_path, auto)
    again = Training(tmp_path, auto, resume=str(tmp_path / f"checkpoint-{done}"))
    assert again.optimizer.used == planned(done, UPDATES)
    assert torch.equal(again.model.layer.weight, whole.model.layer.weight)


def test_pain_2_with_two_processes_the_trainer_makes_one_step_for_an_update(tmp_path):
    """Unlike Accelerate by itself, on which it stands."""
    in_two_processes(Path(__file__).name, tmp_path)
    for process in (0, 1):
        assert json.loads((tmp_path / f"{process}.json").read_text()) == [2, planned(0, UPDATES), UPDATES]


def one_of_two_processes(folder):
    torch.set_num_threads(1)
    training = Training(folder / "out", auto=False)
    result = [torch.distributed.get_world_size(), training.optimizer.used, training.scheduler.position]
    (folder / f"{torch.distributed.get_rank()}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    accelerate.debug_launcher(one_of_two_processes, args=(Path(sys.argv[1]),), num_processes=2)
