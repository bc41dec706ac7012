"""Parameter groups by depth: the nearer a layer is to the input, the smaller its rate."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Annotated

from torch import nn

from stepsize.arguments import Instance, Maybe, Number, Whole
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, quoted
from stepsize.pytorch.grouping import Model, ParameterGroups, Patterns, groups_by_label, is_normalization, module_of


@checked
def layer_decay(
    model: Model,
    factor: Annotated[float, Number(above=0.0, most=1.0)],
    *,
    depth: Annotated[
        Callable[[str], int] | None,
        Maybe(Instance(Callable, "a function of a parameter's name", "for a dictionary write depths.__getitem__")),
    ] = None,
    no_decay: Patterns = (),
) -> ParameterGroups:
    """Group a model's parameters by depth, with a rate that falls from the output to the input.

    The rate at depth d is multiplied by factor^(D - d), where D is the greatest depth. The blocks of a model are the
    items of its lists of modules, such as `blocks.0`, `encoder.layer.5`, `layer1.0` and `layers.0.blocks.1`; each has a
    depth of its own. Parameters before the first block have depth 0, and those after the last have depth D. A
    normalization right after the blocks belongs to the last of them. timm's `param_groups_layer_decay` gives the same
    factors for its ViT, DeiT, BEiT, EVA, Swin, ConvNeXt and ResNet.

    The groups "layer_0_no_decay", ... have no weight decay. They hold biases, the parameters of normalizations, and all
    others with at most one dimension. Frozen parameters are in no group.

    Args:
        model: its parameters have the names that `named_parameters()` gives them.
        factor: the ratio of the rates of two successive depths, in (0, 1]; 0.65 to 0.9 are common.
        depth: gives the depth of a parameter, at least 0, by its name; for a model without blocks, or with others.
        no_decay: patterns of further parameters without weight decay, such as `model.no_weight_decay()` of timm.

    Raises:
        ArgumentError: the model has no lists of blocks and `depth` is left out, or an argument is out of its range.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Scheduler, layer_decay
        >>> model = torch.nn.Sequential(*(torch.nn.Linear(2, 2, bias=False) for _ in range(3)))
        >>> optimizer = torch.optim.AdamW(layer_decay(model, 0.5).groups)
        >>> scheduler = Scheduler(optimizer, Constant(0.1))
        >>> {group["name"]: group["lr"] for group in optimizer.param_groups}
        {'layer_0': 0.025, 'layer_1': 0.05, 'layer_2': 0.1}

    Reference: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", arXiv 1801.06146
    (2018); Bao et al., "BEiT", arXiv 2106.08254 (2021).
    """
    names = [name for name, _ in model.named_parameters()]
    if depth is None:
        depths = _found_depths(model, names)
    else:
        rule = Whole(0)
        depths = {name: int(rule("layer_decay", f"depth({quoted(name)})", depth(name))) for name in names}
    greatest = max(depths.values())
    factors = {f"layer_{each}": factor ** (greatest - each) for each in sorted(set(depths.values()))}
    return groups_by_label(model, {name: f"layer_{depths[name]}" for name in names}, factors, no_decay)


def _found_depths(model: nn.Module, names: Sequence[str]) -> dict[str, int]:
    known = _depths_of_blocks(model)
    if not known:
        advice = "give the depth of each parameter by its name: {depth}"
        raise ArgumentError("layer_decay", "model", "a model with lists of blocks", type(model), advice, depth=...)
    last_block, last = max(known.items(), key=lambda item: item[1])
    found, depth = dict[str, int](), 0
    for name in names:
        own = [known[path] for path in accumulate(name.split("."), "{}.{}".format) if path in known]
        if own:
            depth = own[-1]
        elif depth == last and not _is_final_norm(model, name, last_block):
            depth = last + 1
        found[name] = depth
    ranks = {depth: rank for rank, depth in enumerate(sorted(set(found.values())))}
    return {name: ranks[depth] for name, depth in found.items()}


def _depths_of_blocks(model: nn.Module) -> dict[str, int]:
    """The depth of each block by its path, from 1 on. A stage that holds blocks has the depth of the first."""
    lists = list(_lists_of_blocks(model, ""))
    if not lists and isinstance(model, nn.Sequential):
        lists = [("", model)]
    found: dict[str, int] = {}
    depth = 0
    for path, items in lists:
        for index, item in items.named_children():
            stage = f"{path}{index}"
            inner = [(f"{stage}.", item), *((f"{stage}.{name}.", child) for name, child in item.named_children())]
            blocks = [f"{at}{number}" for at, each in inner if _is_alike(each) for number, _ in each.named_children()]
            found[stage] = depth + 1
            for block in blocks or [stage]:
                found[block] = depth = depth + 1
    return found


def _lists_of_blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """The outermost lists of modules that consist of other modules."""
    if _has_blocks(module):
        yield path, module
    else:
        for name, child in module.named_children():
            yield from _lists_of_blocks(child, f"{path}{name}.")


def _has_blocks(module: nn.Module) -> bool:
    if not isinstance(module, nn.ModuleList | nn.Sequential) or not len(module):
        return False
    return all(any(True for _ in item.children()) for item in module)


def _is_alike(module: nn.Module) -> bool:
    return _has_blocks(module) and len(set(map(type, module.children()))) == 1


def _is_final_norm(model: nn.Module, name: str, block: str) -> bool:
    """Whether the parameter belongs to a normalization beside the blocks; timm's `fc_norm` belongs to the head."""
    beside, _, own = name.rpartition(".")[0].rpartition(".")
    near = not beside or block.startswith(f"{beside}.")
    return near and not own.startswith("fc_") and is_normalization(module_of(model, name))
