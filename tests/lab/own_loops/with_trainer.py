"""The Trainer of transformers as a training loop, with a small model."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments


class Logs(TrainerCallback):
    """Passes what the Trainer logs to the run, and a request to stop to the Trainer."""

    def __init__(self, run):
        self.run = run

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            self.run.log(state.global_step, lr=logs["learning_rate"], train_loss=logs["loss"])

    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = control.should_training_stop or self.run.stop


def train(run):
    config = GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config)
    tokens = torch.arange(64 * 8).reshape(64, 8) % 16
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, run.schedule)
    arguments = TrainingArguments(
        output_dir=str(run.folder),
        max_steps=run.steps,
        per_device_train_batch_size=8,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        seed=run.seed,
        use_cpu=run.device == "cpu",
        disable_tqdm=True,
    )
    samples = [{"input_ids": row, "labels": row} for row in tokens]
    Trainer(model, arguments, train_dataset=samples, optimizers=(optimizer, scheduler), callbacks=[Logs(run)]).train()
