"""A program that trains in two processes on the CPU; its argument is the folder to write to.

With Accelerate, process n writes n.json: for each case of `CASES` the rates that its updates used, the scheduler's
position and the weights at the end. With transformers' Trainer, if there is one, process n writes trainer-n.json.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import torch
from accelerate import Accelerator, debug_launcher
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DataLoaderConfiguration
from watched import PLAN, WatchedSGD, line, samples

from stepsize import Horizon
from stepsize.pytorch import Scheduler

BATCHES = 10  # of each process; in groups of 4 they make 3 updates

CASES = {
    "by default": {},
    "by default, accumulating": {"accumulate": 4},
    "auto": {"auto": True},
    "auto, accumulating": {"auto": True, "accumulate": 4},
    "auto, not prepared": {"auto": True, "accumulate": 4, "prepared": False},
    "auto, of the prepared optimizer": {"auto": True, "accumulate": 4, "of_prepared": True},
    "of the prepared optimizer": {"of_prepared": True, "split_batches": True},
    "split batches": {"split_batches": True},
    "split batches, accumulating": {"split_batches": True, "accumulate": 4},
    "not with the optimizer": {"step_with_optimizer": False},
    "not with the optimizer, accumulating": {"step_with_optimizer": False, "accumulate": 4},
    "not with the optimizer, when synced": {"step_with_optimizer": False, "accumulate": 4, "when_synced": True},
}


class Training:
    """One training, in each of the processes."""

    def __init__(
        self,
        auto=False,
        accumulate=1,
        prepared=True,
        of_prepared=False,
        split_batches=False,
        step_with_optimizer=True,
        when_synced=False,
        horizon=None,
    ):
        AcceleratorState._reset_state()
        GradientState._reset_state()
        self.accelerator = Accelerator(
            cpu=True,
            gradient_accumulation_steps=accumulate,
            step_scheduler_with_optimizer=step_with_optimizer,
            dataloader_config=DataLoaderConfiguration(split_batches=split_batches),
        )
        self.when_synced = when_synced
        model = line()
        self.watched = WatchedSGD(model.parameters())
        whole_batch = 4 if split_batches else 2
        data = torch.utils.data.DataLoader(samples(2 * 2 * BATCHES), batch_size=whole_batch)
        prepare = self.accelerator.prepare
        if of_prepared:
            self.model, self.optimizer, self.data = prepare(model, self.watched, data)
            self.scheduler = Scheduler(self.optimizer, PLAN, auto=auto, horizon=horizon)
            assert self.scheduler.optimizer is self.watched
            self.stepped = prepare(self.scheduler)
        elif prepared:
            self.scheduler = Scheduler(self.watched, PLAN, auto=auto, horizon=horizon)
            self.model, self.optimizer, self.data, self.stepped = prepare(model, self.watched, data, self.scheduler)
        else:
            self.scheduler = self.stepped = Scheduler(self.watched, PLAN, auto=auto, horizon=horizon)
            self.model, self.optimizer, self.data = prepare(model, self.watched, data)
            self.accelerator.register_for_checkpointing(self.scheduler)

    def run(self):
        for batch in self.data:
            with self.accelerator.accumulate(self.model):
                self.accelerator.backward(self.model(batch).square().mean())
                self.optimizer.step()
                if not self.when_synced or self.accelerator.sync_gradients:
                    self.stepped.step()
                self.optimizer.zero_grad()
        return self

    def result(self):
        weights = [value for parameter in self.model.parameters() for value in parameter.flatten().tolist()]
        return {"used": self.watched.used, "position": self.scheduler.position, "weights": weights}


def resumed(folder, **case):
    """Three updates, a checkpoint and three more; and the last three again, by fresh objects."""
    whole = Training(accumulate=4, **case).run()
    whole.accelerator.save_state(str(folder))
    whole.run()
    again = Training(accumulate=4, **case)
    again.accelerator.load_state(str(folder))
    again.run()
    return {"whole": whole.result(), "again": again.result()}


def warned_of():
    """What the default mode is warned of, given the horizon."""
    horizon = Horizon(samples=2 * 2 * BATCHES, batch=2, epochs=1, processes=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Training(horizon=horizon).run()
    return [str(warning.message) for warning in caught if warning.category is UserWarning]


def main(folder):
    torch.set_num_threads(1)
    results = {name: Training(**case).run().result() for name, case in CASES.items()}
    results["resumed"] = {
        "auto": resumed(folder / "auto", auto=True),
        "auto, not prepared": resumed(folder / "registered", auto=True, prepared=False),
        "split batches": resumed(folder / "split", split_batches=True),
    }
    results["warned of"] = warned_of()
    results["processes"] = [torch.distributed.get_world_size(), torch.distributed.get_backend()]
    (folder / f"{torch.distributed.get_rank()}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    debug_launcher(main, args=(target,), num_processes=2)
    if importlib.util.find_spec("transformers") is not None:
        from test_transformers import one_of_two_processes

        debug_launcher(one_of_two_processes, args=(target,), num_processes=2)
