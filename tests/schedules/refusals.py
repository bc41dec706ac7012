"""A check for refusals, and the schedule, the JSON form and the horizon that the tests of bad input share."""

from collections.abc import Callable

import pytest

from stepsize import Horizon, Linear

LINE = Linear(0.0, 1.0, 4)
LINE_FORM = {"type": "Linear", "start": 0.0, "end": 1.0, "steps": 4}
HORIZON = Horizon(samples=1000, batch=10, epochs=2)


def refused(kind: type[Exception], fragment: str, make: Callable[[], object]) -> str:
    """The message of the error, which must be of exactly this kind and contain this fragment."""
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert fragment in message
    return message
