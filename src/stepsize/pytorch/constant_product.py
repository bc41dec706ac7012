"""A hyperparameter tied to the rate."""

import math
from dataclasses import dataclass

from stepsize.arguments import NonNegative, rules


@dataclass(frozen=True)
class ConstantProduct:
    """Ties a hyperparameter to the rate: product / rate, and 0 where the rate is 0.

    For `weight_decay` of an optimizer with decoupled decay (AdamW), which shrinks weights by rate x decay at every
    update: however the rate changes, the shrinking stays the same.

    Args:
        product: rate x hyperparameter.

    Raises:
        ArgumentError: the product is negative or no finite number.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import ConstantProduct, Scheduler
        >>> optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
        >>> scheduler = Scheduler(optimizer, Linear(0.0, 0.5, 2), weight_decay=ConstantProduct(0.01))
        >>> optimizer.param_groups[0]["weight_decay"]
        0.0
        >>> scheduler.seek(2)
        >>> optimizer.param_groups[0]["weight_decay"]
        0.02
    """

    product: NonNegative

    def __post_init__(self) -> None:
        rule = rules(ConstantProduct)["product"]
        object.__setattr__(self, "product", rule("ConstantProduct", "product", self.product))

    def at(self, rate: float) -> float:
        """The value at this rate."""
        value = self.product / rate if rate > 0.0 else 0.0
        return value if value < math.inf else 0.0  # rates as small as that are 0 for every purpose
