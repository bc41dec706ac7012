"""Schedules in the configuration of a LightningCLI."""

import pytest
import torch

import stepsize as ss
from stepsize import Horizon, Schedule
from stepsize.pytorch import Scheduler

L = pytest.importorskip("lightning.pytorch", reason="needs stepsize[frameworks]")
cli = pytest.importorskip("lightning.pytorch.cli", reason="needs stepsize[frameworks]")

# Lightning's own use of PyTorch and jsonargparse, not yet adapted to the newest.
pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning",
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning",
)

TRAINER = """
trainer: {accelerator: cpu, devices: 1, max_epochs: 1, logger: false, enable_checkpointing: false,
          enable_progress_bar: false, enable_model_summary: false}
"""


class Line(L.LightningModule):
    def __init__(self, schedule: Schedule | str, weight_decay: Schedule | float = 0.0) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.schedule, self.weight_decay = schedule, weight_decay
        self.rates = []

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2)

    def training_step(self, batch, index):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return self.layer(batch).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        horizon = Horizon(samples=8, batch=2, epochs=1)
        self.scheduler = Scheduler(optimizer, self.schedule, weight_decay=self.weight_decay, horizon=horizon)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler, "interval": "step"}}


@pytest.mark.parametrize(
    "schedule",
    [
        """'Linear(0.1, 0.3, "50%") >> Cosine(0.3, 0, "rest")'""",
        "{class_path: stepsize.parse, init_args: {text: 'Linear(0.1, 0.3, 2) >> Cosine(0.3, 0, 2)'}}",
        """
      class_path: stepsize.schedules.clock.Chain
      init_args:
        parts:
          - {class_path: stepsize.Linear, init_args: {start: 0.1, end: 0.3, steps: 2}}
          - {class_path: stepsize.Cosine, init_args: {start: 0.3, end: 0.0, steps: 2}}
""",
    ],
    ids=["text", "parse", "class_path"],
)
def test_a_training_follows_the_schedule_of_its_configuration(schedule, tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text(f"{TRAINER}\nmodel:\n  schedule: {schedule}\n  weight_decay: 0.1\n")
    monkeypatch.setattr(
        "sys.argv", ["train.py", "fit", f"--config={file}", f"--trainer.default_root_dir={tmp_path}/logs"]
    )
    made = cli.LightningCLI(Line, seed_everything_default=False)
    assert made.model.rates == (ss.Linear(0.1, 0.3, 2) >> ss.Cosine(0.3, 0.0, 2))([0, 1, 2, 3]).tolist()
    assert made.model.scheduler.plan["weight_decay"] == ss.Constant(0.1)
