"""The classes are PyTorch's by name, signature and descent."""

import inspect
import warnings

import pytest
import torch

from pytorch.lr_scheduler.drawn import HERE, THERE, Spec
from pytorch.lr_scheduler.stepping import rates, sgd, stepped
from stepsize.pytorch import lr_scheduler
from stepsize.pytorch.lr_scheduler import StepLR


def test_every_public_class_of_pytorch_is_here_and_a_subclass_of_it():
    assert set(lr_scheduler.__all__) == set(torch.optim.lr_scheduler.__all__) | {"SWALR", "options"}
    assert lr_scheduler.LRScheduler is torch.optim.lr_scheduler.LRScheduler
    for name in set(lr_scheduler.__all__) - {"LRScheduler", "options"}:
        assert issubclass(getattr(lr_scheduler, name), THERE[name])


@pytest.mark.parametrize("name", sorted(set(lr_scheduler.__all__) - {"LRScheduler", "options"}))
def test_the_signature_is_pytorchs_with_keywords_added(name):
    theirs = inspect.signature(THERE[name]).parameters
    ours = inspect.signature(getattr(lr_scheduler, name)).parameters
    added = [parameter for key, parameter in ours.items() if key not in theirs]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in added)
    assert [(key, ours[key].default) for key in theirs] == [(key, p.default) for key, p in theirs.items()]


def test_every_other_name_of_pytorchs_module_is_here():
    for name in vars(torch.optim.lr_scheduler):
        assert hasattr(lr_scheduler, name)
    assert lr_scheduler.EPOCH_DEPRECATION_WARNING is torch.optim.lr_scheduler.EPOCH_DEPRECATION_WARNING
    assert lr_scheduler._LRScheduler is torch.optim.lr_scheduler._LRScheduler
    with pytest.raises(AttributeError, match="no attribute 'NoSuchLR'"):
        lr_scheduler.NoSuchLR  # noqa: B018


def test_step_counts_as_frameworks_read_them_are_pytorchs():
    for name, arguments in {"StepLR": {"step_size": 3}, "OneCycleLR": {"max_lr": 0.1, "total_steps": 9}}.items():
        counts = []
        for module in (THERE, HERE):
            optimizer = sgd(momentum=0.9)
            scheduler = module[name](optimizer, **arguments)
            stepped(optimizer, scheduler, times=3)
            counts.append((scheduler._step_count, scheduler.last_epoch, getattr(scheduler, "total_steps", None)))
        assert counts[0] == counts[1]


def test_a_subclass_has_its_rates_without_warnings():
    class Half(StepLR):
        """A subclass, as people write them."""

    optimizer = sgd()
    scheduler = Half(optimizer, 1, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stepped(optimizer, scheduler, times=2)
    assert rates(optimizer) == [0.025]
    assert Spec("StepLR", {"step_size": 1}).made(HERE, sgd()).group_schedules[0].steps == float("inf")
