"""Lightning's Trainer as a training loop."""

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset


class Line(lightning.LightningModule):
    def __init__(self, schedule):
        super().__init__()
        self.layer, self.schedule = torch.nn.Linear(1, 1), schedule

    def training_step(self, batch):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Logs(lightning.Callback):
    """Passes what the Trainer logs to the run, and a request to stop to the Trainer."""

    def __init__(self, run):
        self.run = run

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.rate = optimizer.param_groups[0]["lr"]

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.run.log(trainer.global_step, lr=self.rate, train_loss=outputs["loss"])
        trainer.should_stop = self.run.stop


def train(run):
    x = torch.linspace(-1, 1, 64)[:, None]
    trainer = lightning.Trainer(
        max_steps=run.steps,
        max_epochs=-1,
        accelerator="cuda" if run.device == "cuda" else "cpu",
        default_root_dir=run.folder,
        callbacks=[Logs(run)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(Line(run.schedule), DataLoader(TensorDataset(x, 2 * x + 1), batch_size=16, shuffle=True))
