"""The engine `stacked`: the runs of an experiment as one program, on a device that one run alone leaves idle."""

import time
from collections.abc import Mapping
from math import ceil
from pathlib import Path

import torch
from torch import Tensor

from stepsize.errors import ArgumentError, OutputError, RunError, shown
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import account
from stepsize.lab.engines.pool import Channel, Job, cores, run_jobs
from stepsize.lab.engines.stack import Named, Stack
from stepsize.lab.engines.stack_checkpoint import (
    Cut,
    cut_stack,
    cuts_in,
    load_stack,
    records_laid_down,
    save_stack,
)
from stepsize.lab.engines.stack_loop import StackLoop
from stepsize.lab.engines.stack_updates import UpdateRule, update_rule
from stepsize.lab.experiment import Experiment, RunSpec, fingerprint
from stepsize.lab.journal import Journal
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.samples import Samples, Tally
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.standings import COMPLETE, Watcher
from stepsize.lab.task import Task
from stepsize.lab.tasks import experiment_task
from stepsize.lab.training import has_diverged
from stepsize.store import Store, load_runs
from stepsize.store.run import Status

MOST_ON_A_CPU = 3
"""So many runs a core works on at once, unless the experiment says: more pay for small networks only."""


def check(experiment: Experiment) -> None:
    """Try two networks on two samples.

    Raises:
        ArgumentError: the optimizer or the network cannot be stacked.
    """
    task = experiment_task(experiment)
    _rule(experiment, task)
    inputs, targets = (part[:2].expand(2, *part[:2].shape) for part in task.train)
    try:
        with seeded_draws(0, torch.device("cpu")):
            stack = Stack(task, (0, 1), torch.device("cpu"))  # two seeds: what they share can be stacked if this can
            stack.gradients(inputs, targets, Tally())
            stack.measure(Samples(*(part[:2] for part in task.test)))
            together = stack.gradients(inputs, targets, Tally(), training=False)
            for row, seed in enumerate(stack.seeds):
                alone, again = (_gradients(task, seed, inputs[row], targets[row]) for _ in range(2))
                if _alike(alone, again) and not _alike(alone, {name: each[row] for name, each in together.items()}):
                    raise RunError("its gradients are others there, as by a hook, or by a number that each draws")
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ArgumentError(
            f'the network of the task {task.name!r} cannot be stacked: {reason}; write engine = "local"'
        ) from error


def _gradients(task: Task, seed: int, inputs: Tensor, targets: Tensor) -> Named:
    """What a network by itself learns from a batch, in evaluation mode."""
    model = task.initial_model(seed).eval()
    task.mean_loss(model(inputs.clone()), targets).backward()  # type: ignore[no-untyped-call]
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def _alike(some: Named, others: Named) -> bool:
    """Whether gradients are the same but for rounding."""
    return all(torch.allclose(each, others[name], rtol=1e-2, atol=1e-4, equal_nan=True) for name, each in some.items())


def run_plans(
    numbered: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: Watcher,
) -> None:
    """Make the runs, `runs_at_once` in one program; on a CPU a program a core, on a GPU one at a time.

    What is put together is put down first: what a row draws depends on its place, and so do the last bits.
    """
    on_cpu = experiment.device == "cpu"
    if workers is None:
        workers = cores() if on_cpu else 1
    cuts = cuts_in(directory)
    cut = {number for each in cuts for number in each.seeds}
    fresh = [number for number in sorted(numbered) if number not in cut]
    most = min(MOST_ON_A_CPU, ceil(len(fresh) / cores())) if on_cpu else len(fresh)
    at_once = experiment.runs_at_once or max(1, most)
    for begin in range(0, len(fresh), at_once):
        seeds = {number: numbered[number].seed for number in fresh[begin : begin + at_once]}
        cuts.append(cut_stack(directory, seeds))
    jobs: list[Job] = [
        {number: numbered[number] for number in each.seeds if number in numbered}
        for each in cuts
        if not numbered.keys().isdisjoint(each.seeds)
    ]

    def checkpoint(job: Job) -> Path:
        return next(each.checkpoint for each in cuts if min(job) in each.seeds)

    run_jobs(_work, jobs, experiment, directory, workers, watcher, checkpoint)


def _rule(experiment: Experiment, task: Task) -> UpdateRule:
    """How the optimizer updates, once it is known that it has the parameters that a stack trains: all that can be."""
    model = task.initial_model(experiment.seeds[0])
    made = experiment_optimizer(experiment, model)
    rule = update_rule(made)
    taken = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    left = [name for name, each in model.named_parameters() if each.requires_grad and id(each) not in taken]
    if left:
        raise ArgumentError(
            f'the engine "stacked" trains every parameter that requires a gradient, and the optimizer '
            f'{shown(experiment.optimizer)} leaves out {", ".join(left)}; write engine = "local"'
        )
    return rule


def _work(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    with Store.open(directory.store) as store:
        outcomes = load_runs(directory.path).outcomes()
        # Of a job whose process died some runs may have ended before.
        left = {number: Journal(store, number) for number in job if outcomes[number].status not in COMPLETE}
        try:
            try:
                _train(job, left, experiment, directory, channel, store)
            finally:
                for journal in left.values():
                    journal.flush()  # what runs that fail have logged is kept too
        except OutputError:
            raise
        except BaseException as error:
            for number in left:
                store.end(number, "failed", 0.0)
                store.event("failed", account(error), number)
            if isinstance(error, torch.OutOfMemoryError):
                raise RunError(
                    f"there is no memory for {len(job)} runs at once; start over in another directory with "
                    f"runs_at_once = {max(1, len(job) // 2)}"
                ) from error
            raise


def _train(
    job: Job,
    left: dict[int, Journal],
    experiment: Experiment,
    directory: ResultDirectory,
    channel: Channel,
    store: Store,
) -> None:
    """Train the stack from its beginning or its checkpoint; a run that ends is struck off `left`.

    A run's seconds are its share of the stack's.
    """
    started = time.perf_counter()
    cut = next(each for each in cuts_in(directory) if min(job) in each.seeds)
    numbers, title = tuple(cut.seeds), _title(cut, experiment)
    task, device = experiment_task(experiment), torch.device(experiment.device)
    stack = Stack(task, tuple(cut.seeds.values()), device, experiment.precision)
    plans = [job.get(number) for number in numbers]  # None: it has ended, and its row only takes part
    training, test = Samples.on(device, task.train), Samples.on(device, task.test)
    loop = StackLoop(stack, _rule(experiment, task), plans, experiment, training, test)
    status: Status = "finished"
    with seeded_draws(stack.seeds[0], device):
        if _goes_on(cut, title, left):
            started -= load_stack(cut.checkpoint, loop)
        laid_down = loop.progress.step

        def end(number: int, status: Status, diverged_at: int | None = None) -> None:
            left.pop(number).flush()
            store.end(number, status, (time.perf_counter() - started) / len(numbers), diverged_at)

        for records in loop.records():
            for number, record in zip(numbers, records, strict=True):
                if number in left:
                    left[number].add(record)
                    channel.news.put((number, record))
                    if has_diverged(record, experiment.loss_limit):
                        end(number, "diverged", record.step)
            if not left:
                break
            if loop.epoch_to_come:
                continue
            stopping = channel.stop.is_set()
            if stopping or loop.progress.step - laid_down >= experiment.checkpoint_every:
                for journal in left.values():
                    journal.flush()
                lengths = {number: left[number].length for number in left}
                save_stack(cut.checkpoint, loop, lengths, title, time.perf_counter() - started)
                laid_down = loop.progress.step
            if stopping:
                status = "interrupted"
                break
        for number in sorted(left):
            end(number, status)
    if status == "finished":
        cut.checkpoint.unlink(missing_ok=True)


def _goes_on(cut: Cut, title: str, left: Mapping[int, Journal]) -> bool:
    """Whether the stack goes on from a checkpoint; the records of its runs are taken back to there, or to nothing.

    It begins again if there is none, or if some of the records before it are lost, as they may be in a store that was
    recovered.
    """
    if cut.checkpoint.exists():
        step, records = records_laid_down(cut.checkpoint, title)
        for journal in left.values():
            journal.rewind(step)
        if all(journal.length == records.get(number) for number, journal in left.items()):
            return True
        cut.checkpoint.unlink()
    for journal in left.values():
        journal.rewind(0)
    return False


def _title(cut: Cut, experiment: Experiment) -> str:
    """What tells the stack from others, as text."""
    return f"the runs {', '.join(map(str, cut.seeds))}, {experiment.task}, settings {fingerprint(experiment)}"
