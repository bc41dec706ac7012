"""Lightning: the rate at every real update, what its monitor logs, and a resume through its Trainer."""

import csv

import pytest
import torch
from watched import PLAN, WatchedSGD, line, planned, samples

from stepsize import Horizon
from stepsize.pytorch import Scheduler

L = pytest.importorskip("lightning.pytorch", reason="needs stepsize[frameworks]")
callbacks = pytest.importorskip("lightning.pytorch.callbacks", reason="needs stepsize[frameworks]")
loggers = pytest.importorskip("lightning.pytorch.loggers", reason="needs stepsize[frameworks]")

# Lightning's own use of PyTorch, not yet adapted to the newest.
pytestmark = pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning")

MODES = pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])


class Line(L.LightningModule):
    """A module with one optimizer and its scheduler, in the way of Lightning's documentation."""

    def __init__(self, auto, **config):
        super().__init__()
        self.layer, self.auto, self.config = line(), auto, config

    def training_step(self, batch, index):
        return self.layer(batch).square().mean()

    def configure_optimizers(self):
        self.watched = WatchedSGD(self.parameters())
        self.scheduler = Scheduler(self.watched, PLAN, auto=self.auto)
        return {"optimizer": self.watched, "lr_scheduler": {"scheduler": self.scheduler, **self.config}}


def fit(module, folder, micro_batches, accumulate=1, resume=None, **more):
    """Two epochs of this many micro-batches, unless `more` says otherwise."""
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        accumulate_grad_batches=accumulate,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"max_epochs": 2, "logger": False, "enable_checkpointing": False, **more},
    )
    trainer.fit(module, torch.utils.data.DataLoader(samples(2 * micro_batches), batch_size=2), ckpt_path=resume)
    return module


@MODES
@pytest.mark.parametrize(("accumulate", "updates"), [(1, 20), (4, 6)])
def test_pain_2_the_rate_at_every_update_and_in_the_monitors_log(auto, accumulate, updates, tmp_path):
    """With 10 micro-batches in an epoch the last update of each has a group of 2."""
    logger, monitor = loggers.CSVLogger(tmp_path), callbacks.LearningRateMonitor("step")
    module = Line(auto, interval="step")
    fit(module, tmp_path, 10, accumulate, logger=logger, callbacks=[monitor], log_every_n_steps=1)
    assert module.watched.used == planned(0, updates)
    assert Horizon(samples=20, batch=2, epochs=2, accumulation=accumulate).steps == updates
    assert module.scheduler.position == updates
    with open(f"{logger.log_dir}/metrics.csv") as file:
        logged = {int(row["step"]): float(row["lr-WatchedSGD"]) for row in csv.DictReader(file)}
    assert [logged[update] for update in sorted(logged)] == module.watched.used


def test_pain_5_by_default_lightning_steps_a_scheduler_once_an_epoch(tmp_path):
    module = fit(Line(auto=False), tmp_path, micro_batches=5)
    assert module.watched.used == [PLAN(0)] * 5 + [PLAN(1)] * 5


def test_an_auto_scheduler_ignores_the_interval(tmp_path):
    module = fit(Line(auto=True), tmp_path, micro_batches=5)
    assert module.watched.used == planned(0, 10)


@MODES
@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning")  # it is meant to be
# The equal samples make it no matter which of them come after the checkpoint.
@pytest.mark.filterwarnings(
    "ignore:You're resuming from a checkpoint that ended before the epoch:UserWarning:lightning"
)
def test_pain_1_a_run_resumed_from_a_checkpoint_is_the_same_run(auto, tmp_path):
    def run(resume=None):
        keeping = callbacks.ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=3, save_top_k=-1)
        more = {"callbacks": [keeping], "enable_checkpointing": True}
        return fit(Line(auto, interval="step"), tmp_path, 20, 4, resume, **more)

    whole = run()
    assert whole.watched.used == planned(0, 10)
    for done in (3, 6, 9):
        again = run(tmp_path / f"step={done}.ckpt")
        assert again.watched.used == planned(done, 10)
        assert torch.equal(again.layer.weight, whole.layer.weight)


# Steps or epochs: it is one scheduler all the same.
@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch:UserWarning")
def test_weight_averaging_takes_over_from_a_scheduler_that_is_stepped(tmp_path):
    averaging = callbacks.StochasticWeightAveraging(0.05, swa_epoch_start=0.5, annealing_epochs=1)
    with pytest.warns(UserWarning, match="something else has set it to 0.05"):
        module = fit(Line(auto=False, interval="step"), tmp_path, micro_batches=5, callbacks=[averaging], max_epochs=4)
    assert module.watched.used[:6] == planned(0, 6)
    assert module.watched.used[10:] == [0.05] * 10


def test_under_auto_weight_averaging_cannot_take_over(tmp_path):
    """It sets its rate once an epoch, and the scheduler its own at every update."""
    averaging = callbacks.StochasticWeightAveraging(0.05, swa_epoch_start=0.5, annealing_epochs=1)
    with pytest.warns(UserWarning, match="something else has set it to 0.05"):
        module = fit(Line(auto=True), tmp_path, micro_batches=5, callbacks=[averaging], max_epochs=4)
    assert module.watched.used[11:15] == planned(11, 15)


class Manual(Line):
    """A module that steps the optimizer itself, and makes the scheduler from Lightning's wrapper of it."""

    automatic_optimization = False

    def configure_optimizers(self):
        self.watched = WatchedSGD(self.parameters())
        return self.watched

    def on_fit_start(self):
        self.scheduler = Scheduler(self.optimizers(), PLAN, auto=self.auto)
        assert self.scheduler.optimizer is self.watched

    def training_step(self, batch, index):
        self.manual_backward(super().training_step(batch, index) / 2)
        if index % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()
            self.scheduler.step()


@MODES
def test_manual_optimization(auto, tmp_path):
    module = fit(Manual(auto), tmp_path, micro_batches=10)
    assert module.watched.used == planned(0, 10)
