"""One run of an experiment from its beginning, or its checkpoint, as far as it is to go; wherever it is made."""

from collections.abc import Callable
from pathlib import Path

from stepsize.lab.checkpoint import Checkpoint
from stepsize.lab.experiment import Experiment, RunSpec, fingerprint
from stepsize.lab.journal import Journal, RecordStore
from stepsize.lab.optimizers import experiment_optimizer, plan_scheduler
from stepsize.lab.tasks import experiment_task
from stepsize.lab.training import TrainingLog, train
from stepsize.store.run import Epoch, Point

THREADS = 1
"""PyTorch's threads in each process: on small networks several processes do more than several threads."""


def make_run(
    number: int,
    plan: RunSpec,
    experiment: Experiment,
    book: RecordStore,
    checkpoint: Path,
    observe: Callable[[Point | Epoch], object],
    should_stop: Callable[[], bool],
) -> TrainingLog:
    """Make the run, or what is left of it; all it logs is in the book when this returns, and `observe` has heard of it.

    So it is when this raises. It goes on from its checkpoint if there is one. `should_stop` is asked as by `train`.
    """
    task = experiment_task(experiment)
    model = task.initial_model(plan.seed).to(experiment.device)
    optimizer = experiment_optimizer(experiment, model)
    scheduler = plan_scheduler(optimizer, plan)
    journal = Journal(book, number)
    laid_down = Checkpoint(checkpoint, experiment.checkpoint_every, title(plan, experiment), journal)

    def note(record: Point | Epoch) -> None:
        journal.add(record)
        observe(record)

    try:
        return train(
            model,
            task,
            optimizer,
            scheduler,
            epochs=experiment.epochs,
            batch_size=experiment.batch_size,
            accumulation=experiment.accumulation,
            seed=plan.seed,
            device=experiment.device,
            precision=experiment.precision,
            clip_norm=experiment.clip_norm,
            loss_limit=experiment.loss_limit,
            log_every=experiment.log_every,
            observe=note,
            should_stop=should_stop,
            checkpoint=laid_down,
        )
    finally:
        journal.flush()  # what a run that fails has logged is kept too


def title(plan: RunSpec, experiment: Experiment) -> str:
    """What tells the run from others, as text."""
    settings = fingerprint(experiment, "schedules", "seeds")  # of the other runs
    return f"{plan.name}, seed {plan.seed}, {experiment.task}, {plan.schedule}, settings {settings}"
