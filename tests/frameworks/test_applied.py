"""What the callbacks log is what the updates used, in every framework, also after skipped updates and a resume."""

import csv
import math
from types import SimpleNamespace

import pytest
import torch
from watched import PLAN, WatchedSGD, line, planned, samples

from stepsize import Linear, Plan
from stepsize.curves import read_curves
from stepsize.pytorch import Scheduler
from stepsize.pytorch.applied import AppliedValues

pytestmark = [
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning"),  # meant to be
]

UPDATES = 12
MODES = pytest.mark.parametrize("mode", ["stepped", "auto", "pytorch"])


def scheduler_of(optimizer, mode):
    if mode == "pytorch":
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: PLAN(step) / 0.1)
    return Scheduler(optimizer, PLAN, auto=mode == "auto")


def rates_in(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert [int(row["updates"]) for row in rows] == list(range(1, len(rows) + 1))
    return [float(row["lr"]) for row in rows]


# The hooks.


@pytest.mark.parametrize("fused", [False, True])  # a fused one makes the step and leaves the weights alone
def test_an_update_that_a_grad_scaler_skips_is_not_logged(fused):
    model = line()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    Scheduler(optimizer, PLAN, auto=True)
    applied, scaler, found = AppliedValues(optimizer), torch.amp.GradScaler("cpu"), []
    for overflows in (False, True, False):
        loss = model(torch.ones(2, 4)).sum() * (math.inf if overflows else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        found.append(applied.take())
    assert found == [{"lr": PLAN(0)}, {}, {"lr": PLAN(1)}]


def test_groups_have_names_and_several_optimizers_numbers():
    first, second = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    named = torch.optim.SGD([{"params": [first], "name": "head"}, {"params": [second]}], lr=0.2)
    planned_too = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = Scheduler(planned_too, Plan(lr=0.3, weight_decay=Linear(0.0, 0.1, 10)))
    applied = AppliedValues(named, planned_too)
    named.step()
    assert applied.take() == {"optimizer_0/lr/head": 0.2, "optimizer_0/lr/1": 0.2}
    planned_too.step()
    assert applied.take() == {"optimizer_1/lr": 0.3, "optimizer_1/weight_decay": 0.0}
    scheduler.step()
    planned_too.step()
    assert applied.take() == {"optimizer_1/lr": 0.3, "optimizer_1/weight_decay": Linear(0.0, 0.1, 10)(1)}
    named.step()
    planned_too.step()
    assert [*applied.take()][1:3] == ["optimizer_0/lr/1", "optimizer_1/lr"]
    applied.close()
    named.step()
    assert applied.take() == {}


# The process that writes.


def sgd():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.25)


def with_trainer(optimizer, main, path):
    pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInTrainer

    handler = SimpleNamespace(callbacks=[])
    log = LogAppliedInTrainer(SimpleNamespace(callback_handler=handler, is_world_process_zero=lambda: main), path)
    state = SimpleNamespace(global_step=1, log_history=[{}])
    handler.callbacks.append(log)
    log.on_train_begin(None, None, None, optimizer=optimizer)
    optimizer.step()
    log.on_step_end(None, state, None)
    log.on_log(None, state, None, logs={"loss": 2.0})
    return lambda: log.on_train_end(None, state, None)


def with_lightning(optimizer, main, path):
    pytest.importorskip("lightning.pytorch", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInLightning

    log = LogAppliedInLightning(path)
    trainer = SimpleNamespace(optimizers=[optimizer], is_global_zero=main, accumulate_grad_batches=1)
    module = SimpleNamespace(log_dict=lambda *args, **kwargs: None)
    log.on_train_start(trainer, module)
    optimizer.step()
    log.on_train_batch_end(trainer, module, {"loss": torch.tensor(2.0)}, None, 0)
    return lambda: log.on_train_end(trainer, module)


def with_accelerate(optimizer, main, path):
    from stepsize.interop import LogAppliedInAccelerate

    accelerator = SimpleNamespace(is_main_process=main, register_for_checkpointing=lambda log: None)
    accelerator.log = lambda values, step: None
    log = LogAppliedInAccelerate(accelerator, optimizer, path=path)
    optimizer.step()
    log.step(2.0)
    return lambda: None


@pytest.mark.parametrize("framework", [with_trainer, with_lightning, with_accelerate])
def test_the_main_process_alone_writes_the_curve(framework, tmp_path):
    for main in (True, False):
        path = tmp_path / f"{main}.csv"
        framework(sgd(), main, path)()
        assert path.exists() == main
    assert (tmp_path / "True.csv").read_text() == "updates,mean_loss,lr\n1,2.0,0.25\n"


@pytest.mark.parametrize("framework", [with_trainer, with_lightning])
def test_an_optimizer_is_not_watched_after_the_training(framework, tmp_path):
    optimizer = sgd()
    end = framework(optimizer, True, tmp_path / "curve.csv")
    hooks = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    assert [len(each) for each in hooks] == [1, 1]
    end()
    assert [len(each) for each in hooks] == [0, 0]


def test_a_log_of_the_trainer_names_the_rates_of_the_groups_and_the_first_as_learning_rate(tmp_path):
    pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInTrainer

    optimizer = torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in (0.25, 0.5)])
    log = LogAppliedInTrainer(
        SimpleNamespace(callback_handler=SimpleNamespace(callbacks=[]), is_world_process_zero=bool)
    )
    log._trainer.callback_handler.callbacks += ["a reporter", log]
    log.on_train_begin(None, None, None, optimizer=optimizer)
    assert log._trainer.callback_handler.callbacks == [log, "a reporter"]
    optimizer.step()
    state = SimpleNamespace(global_step=1, log_history=[{"loss": 2.0}])
    log.on_step_end(None, state, None)
    log.on_log(None, state, None, logs={"eval_loss": 1.0})
    assert state.log_history == [{"loss": 2.0}]
    logs = {"loss": 2.0}
    log.on_log(None, state, None, logs=logs)
    rates = {"learning_rate": 0.25, "learning_rate/0": 0.25, "learning_rate/1": 0.5}
    assert logs == {"loss": 2.0} | rates
    assert state.log_history == [{"loss": 2.0} | rates]


def test_an_update_after_the_last_log_of_the_trainer_is_written_at_the_end(tmp_path):
    pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInTrainer

    handler, optimizer = SimpleNamespace(callbacks=[]), sgd()
    log = LogAppliedInTrainer(
        SimpleNamespace(callback_handler=handler, is_world_process_zero=lambda: True), tmp_path / "curve.csv"
    )
    handler.callbacks.append(log)
    log.on_train_begin(None, None, None, optimizer=optimizer)
    for update in (1, 2):
        optimizer.step()
        log.on_step_end(None, SimpleNamespace(global_step=update), None)
    log.on_train_end(None, None, None)
    assert (tmp_path / "curve.csv").read_text() == "updates,mean_loss,lr\n1,,0.25\n2,,0.25\n"


def test_the_loggers_of_lightning_get_the_values_of_each_update_in_double_precision(tmp_path):
    pytest.importorskip("lightning.pytorch", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInLightning

    logged, optimizer, log = [], sgd(), LogAppliedInLightning()
    module = SimpleNamespace(log_dict=lambda values, **kinds: logged.append((values, kinds)))
    log.on_train_start(SimpleNamespace(optimizers=[optimizer]), module)
    optimizer.step()
    log.on_train_batch_end(None, module, None, None, 0)
    log.on_train_batch_end(None, module, None, None, 1)
    ((values, kinds),) = logged
    assert (values["lr"].item(), values["lr"].dtype) == (0.25, torch.float64)
    assert kinds == {"on_step": True, "on_epoch": False}
    assert log.state_dict() == {"updates": 1}


def test_a_loop_logs_the_mean_loss_of_an_update_if_it_has_losses():
    from stepsize.interop import LogAppliedInAccelerate

    logged, registered = [], []
    accelerator = SimpleNamespace(register_for_checkpointing=registered.append)
    accelerator.log = lambda values, step: logged.append((step, values))
    optimizer = sgd()
    log = LogAppliedInAccelerate(accelerator, optimizer)
    assert registered == [log]
    log.step(torch.tensor(1.0))
    optimizer.step()
    log.step(torch.tensor(2.0))
    optimizer.step()
    log.step()
    assert logged == [(1, {"loss": 1.5, "lr": 0.25}), (2, {"lr": 0.25})]
    assert log.state_dict() == {"updates": 2}


# transformers.


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = line()

    def forward(self, x):
        return {"loss": self.layer(x).square().mean()}


def train(folder, mode, resume=None):
    transformers = pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInTrainer

    seen = []

    class Reporter(transformers.TrainerCallback):
        """Stands for what reports to a tracker."""

        def on_log(self, args, state, control, logs=None, **kwargs):
            seen.append(logs)

    model = Line()
    optimizer = WatchedSGD(model.parameters())
    arguments = transformers.TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        max_steps=UPDATES,
        logging_steps=2,
        save_steps=4,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    pair = optimizer, scheduler_of(optimizer, mode)
    data = [{"x": x} for x in samples(80)]
    trainer = transformers.Trainer(model, arguments, train_dataset=data, optimizers=pair, callbacks=[Reporter()])
    trainer.add_callback(LogAppliedInTrainer(trainer, folder / "curve.csv"))
    trainer.train(resume_from_checkpoint=resume)
    return optimizer.used, [logs for logs in seen if "loss" in logs], trainer.state.log_history


@MODES
def test_the_trainer_logs_the_rates_that_it_applied(mode, tmp_path):
    used, logs, history = train(tmp_path, mode)
    assert used == pytest.approx(planned(0, UPDATES), abs=1e-15)
    assert [each["learning_rate"] for each in logs] == used[1::2]
    assert [each["learning_rate"] for each in history if "loss" in each] == used[1::2]
    assert rates_in(tmp_path / "curve.csv") == used
    (curve,) = read_curves(tmp_path / "curve.csv")
    assert curve.losses.tolist() == [each["loss"] for each in logs]


def test_a_resumed_trainer_continues_the_curve(tmp_path):
    used, _, _ = train(tmp_path, "stepped")
    whole = (tmp_path / "curve.csv").read_text()
    again, _, _ = train(tmp_path, "stepped", str(tmp_path / "checkpoint-8"))
    assert again == used[8:]
    assert (tmp_path / "curve.csv").read_text() == whole


# Lightning.


def fit(folder, mode, resume=None, micro_batches=10):
    lightning = pytest.importorskip("lightning.pytorch", reason="needs stepsize[frameworks]")
    from stepsize.interop import LogAppliedInLightning

    class Regression(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = line()

        def training_step(self, batch, index):
            return self.layer(batch).square().mean()

        def configure_optimizers(self):
            self.watched = WatchedSGD(self.parameters())
            scheduler = scheduler_of(self.watched, mode)
            return {"optimizer": self.watched, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    keeping = lightning.callbacks.ModelCheckpoint(folder, "{step}", every_n_train_steps=6, save_top_k=-1)
    module, logger = Regression(), lightning.loggers.CSVLogger(folder)
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        accumulate_grad_batches=4,
        max_steps=UPDATES,
        default_root_dir=folder,
        logger=logger,
        log_every_n_steps=1,
        callbacks=[LogAppliedInLightning(folder / "curve.csv"), keeping],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(samples(2 * micro_batches), batch_size=2), ckpt_path=resume)
    return module.watched.used, f"{logger.log_dir}/metrics.csv"


@MODES
def test_lightning_logs_the_rates_that_it_applied(mode, tmp_path):
    """An epoch has 10 micro-batches, so that the last update of each has a group of 2."""
    used, metrics = fit(tmp_path, mode)
    assert used == pytest.approx(planned(0, UPDATES), abs=1e-15)
    assert rates_in(tmp_path / "curve.csv") == used
    with open(metrics) as file:
        assert [float(row["lr"]) for row in csv.DictReader(file)] == used


def test_the_curve_of_lightning_has_the_mean_loss_of_the_micro_batches(tmp_path):
    fit(tmp_path, "stepped", micro_batches=8)
    model = line()
    optimizer, losses = WatchedSGD(model.parameters()), []
    for rate in planned(0, UPDATES):
        optimizer.param_groups[0]["lr"] = rate
        loss = model(torch.stack(samples(2))).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with open(tmp_path / "curve.csv") as file:
        assert [float(row["mean_loss"]) for row in csv.DictReader(file)] == pytest.approx(losses, rel=1e-5, abs=1e-9)


# The equal samples make it no matter which of them come after the checkpoint.
@pytest.mark.filterwarnings(
    "ignore:You're resuming from a checkpoint that ended before the epoch:UserWarning:lightning"
)
def test_a_resumed_lightning_run_continues_the_curve(tmp_path):
    used, _ = fit(tmp_path, "stepped", micro_batches=20)
    whole = (tmp_path / "curve.csv").read_text()
    again, _ = fit(tmp_path, "stepped", tmp_path / "step=6.ckpt", micro_batches=20)
    assert again == used[6:]
    assert (tmp_path / "curve.csv").read_text() == whole


# Accelerate.


def loop(folder, mode, resume=None, epochs=2):
    accelerate = pytest.importorskip("accelerate", reason="needs stepsize[frameworks]")
    from accelerate.tracking import GeneralTracker

    from stepsize.interop import LogAppliedInAccelerate

    logged = []

    class Tracker(GeneralTracker):
        name, requires_logging_directory, tracker = "kept", False, None

        def store_init_configuration(self, values):
            pass

        def log(self, values, step=None, **kwargs):
            logged.append((step, values))

    accelerator = accelerate.Accelerator(gradient_accumulation_steps=4, cpu=True, log_with=Tracker())
    accelerator.init_trackers("curve")
    model = line()
    optimizer = WatchedSGD(model.parameters())
    data = torch.utils.data.DataLoader(samples(20), batch_size=2)
    used = optimizer.used
    model, optimizer, data, scheduler = accelerator.prepare(model, optimizer, data, scheduler_of(optimizer, mode))
    log = LogAppliedInAccelerate(accelerator, optimizer, path=folder / "curve.csv")
    if resume:
        accelerator.load_state(resume)
    for _ in range(epochs):
        for batch in data:
            with accelerator.accumulate(model):
                loss = model(batch).square().mean()
                accelerator.backward(loss)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            log.step(loss)
    accelerator.save_state(folder / f"after {epochs}")
    return used, logged


@MODES
def test_accelerate_logs_the_rates_that_it_applied(mode, tmp_path):
    used, logged = loop(tmp_path, mode)
    assert used == pytest.approx(planned(0, 6), abs=1e-15)
    assert rates_in(tmp_path / "curve.csv") == used
    assert [(step, values["lr"]) for step, values in logged] == list(enumerate(used, start=1))


def test_a_resumed_accelerate_loop_continues_the_curve(tmp_path):
    used, _ = loop(tmp_path, "auto")
    whole = (tmp_path / "curve.csv").read_text()
    loop(tmp_path, "auto", epochs=1)
    again, _ = loop(tmp_path, "auto", resume=tmp_path / "after 1", epochs=1)
    assert again == used[3:]
    assert (tmp_path / "curve.csv").read_text() == whole
