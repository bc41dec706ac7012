"""Messages of the library in the words of the command line: keywords of functions become options."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from stepsize.errors import ArgumentError, DataError, FitError

Verb = TypeVar("Verb", bound=Callable[..., None])

OPTIONS = (
    (r"design\(warmup_steps=\.\.\.\)", "--warmup"),
    (r"design\(final_lr=\.\.\.\)", "--lowest"),
    (r"design\(peak_lr=\.\.\.\)", "--peak"),
    (r"plan_cooldowns\(starts=\.\.\.\)", "--at"),
    (r"plan_cooldowns\((?:end|final_lr)=\.\.\.\)", "--end"),
    (r"\w+\((steps|shape|level)=\.\.\.\)", r"--\1"),
    (r"\bwarmup_steps=\.\.\.", "--log-warmup N"),
    (r"\bschedule=\.\.\.", "--log-schedule TEXT"),
    (r"\bmeans=False", "--no-log-means"),
    (r"\brates='([^']*)'", r"--rates \1"),
    (r'\b(step|lr|loss)="([^"]*)"', r"--columns \1=\2"),
    (r"\bsteps=(\d+)", r"--steps \1"),
    (r"\bfit law=MomentumLaw", "give --law momentum"),
    (r"\bLossCurve\.smoothed", "--smooth"),
)


def in_options(message: str) -> str:
    """The message as one who typed a command reads it."""
    for keyword, option in OPTIONS:
        message = re.sub(keyword, option, message)
    return message


def speaks_of_options(verb: Verb) -> Verb:
    """The verb, whose errors speak of its options."""

    @wraps(verb)
    def speak(*args: Any, **kwargs: Any) -> None:
        try:
            verb(*args, **kwargs)
        except (ArgumentError, DataError, FitError) as error:
            raise type(error)(in_options(str(error))) from error

    return speak  # type: ignore[return-value]
