"""Settings and circumstances as a reader takes them."""

from collections.abc import Mapping

from stepsize.lab.experiment import Experiment

HELD_OUT = (
    "The runs were judged on a fifth of the training set, which was held out and not trained on; the test set was not "
    "looked at."
)
"""What is said where `judged_on` is "held-out"."""
_WITHOUT_WEIGHT = (
    *("schedules", "task", "epochs", "seeds", "batch_size", "accumulation", "optimizer", "optimizer_args", "device"),
    *("engine", "runs_at_once", "log_every", "checkpoint_every", "tune_peak", "held_out", "functions"),
    "digests",
)
"""They have a place of their own in a report, or change nothing of what is trained."""


def in_words(values: Mapping[str, object]) -> dict[str, str]:
    """Names and values; schedules have their own place in a report."""
    return {name.replace("_", " "): _plain(value) for name, value in values.items() if name != "schedules"}


def unusual(experiment: Experiment) -> dict[str, str]:
    """The settings that are not the default, without those that have a place of their own or change no number.

    Example:
        >>> from stepsize.lab import Experiment
        >>> from stepsize.lab.report.settings import unusual
        >>> unusual(Experiment(clip_norm=1.0, precision="bf16"))
        {'clip norm': '1.0', 'precision': 'bf16'}
    """
    usual = Experiment().as_dict()
    given = experiment.as_dict().items()
    return in_words({name: value for name, value in given if name not in _WITHOUT_WEIGHT and value != usual[name]})


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)
