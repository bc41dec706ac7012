"""Which logged number a scheduler or a plateau follows after each epoch."""

from dataclasses import fields

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError
from stepsize.store.run import Epoch

METRICS = tuple(each.name for each in fields(Epoch) if each.name != "step")


def followed_metric(owner: str, argument: str, follower: object, metric: str | None = None) -> str:
    """The name of the number that `follower` gets: `metric`, else its own `metric`, else one that fits its `mode`.

    Raises:
        ArgumentError: there is no such number; its best values are not on the side that the mode says; or nothing says
            which number it is. `argument` of `owner` is where it is chosen.
    """
    among = "" if argument == "metric" else "a Plateau whose metric is "
    mode, name = getattr(follower, "mode", None), metric or getattr(follower, "metric", None)
    if name is None:
        if mode is None:
            rule = f"given for a {type(follower).__name__}, which has neither a metric nor a mode"
            raise ArgumentError(owner, argument, rule, None, "write e.g. {metric}", metric="test_loss")
        return "test_accuracy" if mode == "max" else "test_loss"
    if name not in METRICS:
        raise ArgumentError(owner, argument, f"{among}one of {', '.join(METRICS)}", name, nearest(name, METRICS))
    fitting = "max" if name.endswith("accuracy") else "min"
    if mode not in (None, fitting):
        rule, better = f'{among}one that fits mode="{mode}"', "higher" if fitting == "max" else "lower"
        raise ArgumentError(owner, argument, rule, name, f'a {better} one is better, so write mode="{fitting}"')
    return str(name)
