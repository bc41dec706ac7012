"""Parameter groups by width: the factors with which muP transfers a rate from a narrow model to a wide one."""

import math
from typing import Annotated

from torch import Size, nn

from stepsize.arguments import Choice
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError
from stepsize.pytorch.grouping import Model, ParameterGroups, Patterns, groups_by_label

_ROLES = {  # whether the fan-in and the fan-out grow with the width
    (False, True): "input",
    (True, True): "hidden",
    (True, False): "output",
    (False, False): "fixed",
}


@checked
def width_factors(
    model: Model,
    base_model: Model,
    *,
    optimizer: Annotated[str, Choice(("adam", "sgd"))] = "adam",
    no_decay: Patterns = (),
) -> ParameterGroups:
    """Group a model's parameters by their role in muP, with a factor on the rate for the model's width.

    A rate that was tuned on the base model then suits the wider model. With n_in and n_out, the fan-in and fan-out of a
    weight divided by those in the base model, the factors are those of table 3 of the paper:

        role                                        Adam        SGD
        "input": input weights, biases, norms       1           n_out
        "hidden": both fans grow with the width     1 / n_in    n_out / n_in
        "output": only the fan-in grows             1 / n_in    1 / n_in

    The rule for Adam holds for AdamW and other optimizers that normalize each entry of the update; that for SGD holds
    with momentum too. Parameters of the same shape in both models are "fixed", with the factor 1. If a role has
    several factors, each has a group that is named for it: "hidden_0.5", "hidden_0.25". Embeddings are input weights.

    This function changes no weights, and muP asks for more than rates. Weights of the output must start at 0, or with a
    standard deviation that falls as 1 / fan-in; hidden ones with one that falls as 1 / sqrt(fan-in), as PyTorch's
    layers do. Attention must divide its scores by the size of the heads, not by its square root. If the output shares
    its weight with an embedding, divide the logits by n_in.

    The groups "hidden_no_decay", ... have no weight decay. They hold biases, the parameters of normalizations, and all
    others with at most one dimension. AdamW shrinks weights by rate x decay, so hidden weights shrink more slowly in a
    wider model; `grouped.decayed(ConstantProduct(...))` keeps the product. Frozen parameters are in no group.

    Args:
        model: the model to train.
        base_model: the same model in the width for which the rate was tuned; it may be on the device "meta".
        optimizer: "adam" or "sgd".
        no_decay: patterns of further parameters without weight decay.

    Raises:
        ArgumentError: the models differ in their parameters or numbers of dimensions, or an argument is out of its
            range.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Scheduler, width_factors
        >>> def mlp(width):
        ...     hidden = torch.nn.Linear(width, width, bias=False)
        ...     return torch.nn.Sequential(torch.nn.Linear(3, width), hidden, torch.nn.Linear(width, 2, bias=False))
        >>> with torch.device("meta"):
        ...     base = mlp(64)
        >>> grouped = width_factors(mlp(256), base)
        >>> optimizer = torch.optim.AdamW(grouped.groups)
        >>> scheduler = Scheduler(optimizer, Constant(0.1))
        >>> {group["name"]: group["lr"] for group in optimizer.param_groups}
        {'input': 0.1, 'input_no_decay': 0.1, 'hidden': 0.025, 'output': 0.025}

    Reference: Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
    arXiv 2203.03466 (2022), table 3.
    """
    shapes, base = ({name: p.shape for name, p in each.named_parameters()} for each in (model, base_model))
    numbers = ({(name, len(shape)) for name, shape in each.items()} for each in (shapes, base))
    if different := sorted({name for name, _ in set.symmetric_difference(*numbers)}):
        some = f"{', '.join(different[:8])}{', ...' * (len(different) > 8)}"
        rule, advice = "the same model in another width", f"the two differ in parameters or dimensions: {some}"
        raise ArgumentError("width_factors", "base_model", rule, type(base_model), advice)
    embeddings_last = sorted(model.modules(), key=lambda each: isinstance(each, nn.Embedding))
    holders = {id(p): each for each in embeddings_last for p in each.parameters(recurse=False)}
    found: dict[str, tuple[str, float]] = {}
    for name, parameter in model.named_parameters():
        grown_in, grown_out = _growth(holders[id(parameter)], parameter.shape, base[name])
        role = _ROLES[grown_in != 1.0, grown_out != 1.0]
        found[name] = role, (1.0 if optimizer == "adam" else grown_out) / grown_in
    ratios = {role: {factor for each, factor in found.values() if each == role} for role in _ROLES.values()}
    named = {
        (role, factor): role if len(factors) == 1 else f"{role}_{factor:g}"
        for role, factors in ratios.items()
        for factor in sorted(factors, reverse=True)
    }
    labels = {name: named[each] for name, each in found.items()}
    return groups_by_label(model, labels, {label: factor for (_, factor), label in named.items()}, no_decay)


def _growth(module: nn.Module, shape: Size, base: Size) -> tuple[float, float]:
    """The ratios by which the fan-in and the fan-out of a parameter grow."""
    ratios = {dim: now / before for dim, (now, before) in enumerate(zip(shape, base, strict=True)) if now != before}
    reverse = getattr(module, "transposed", False) or type(module).__name__ == "Conv1D"  # transformers' linear layer
    if len(ratios) < 2:
        ratio = math.prod(ratios.values())
        multiplies = len(shape) > 1 and (reverse or hasattr(module, "in_features") or hasattr(module, "in_channels"))
        return (ratio, 1.0) if multiplies and (0 if reverse else 1) in ratios else (1.0, ratio)
    out, inner = list(ratios.values())[:2]
    return (out, inner) if reverse else (inner, out)
