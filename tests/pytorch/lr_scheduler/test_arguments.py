"""Arguments and attributes: what is refused, and what may be set as in PyTorch."""

import pytest

import stepsize as ss
from pytorch.lr_scheduler.drawn import HERE, THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def test_functions_may_be_set_as_in_pytorch():
    for name, expected in (("LambdaLR", 0.05), ("MultiplicativeLR", 0.05)):
        for module in (THERE, HERE):
            optimizer = sgd()
            scheduler = module[name](optimizer, lambda t: 1.0)
            scheduler.lr_lambdas = [lambda t: 0.5]
            stepped(optimizer, scheduler)
            assert rates(optimizer) == [expected]


def test_attributes_and_base_rates_may_be_set_as_in_pytorch():
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, 10)
    scheduler.T_max = 20
    scheduler.base_lrs = [0.2]
    assert scheduler.group_schedules == (ss.Cosine(0.2, 0.0, 20),)


def test_a_refused_construction_leaves_the_optimizers_step_alone():
    optimizer = sgd()
    with pytest.raises(ArgumentError):
        StepLR(optimizer, 0)
    assert "step" not in vars(optimizer)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda o: StepLR(o, 0),
            ArgumentError,
            r"^StepLR\(step_size=...\) must be a whole number of at least 1, got 0",
        ),
        (lambda o: StepLR(o, 2.5), ArgumentError, r"^StepLR\(step_size=...\) .* got 2.5"),
        (lambda o: StepLR(o, 5, -1.0), ArgumentError, r"^StepLR\(gamma=...\)"),
        (lambda o: ExponentialLR(o, -0.5), ArgumentError, r"^ExponentialLR\(gamma=...\) .* got -0.5"),
        (lambda o: ConstantLR(o, 0.5, 2.5), ArgumentError, r"^ConstantLR\(total_iters=...\)"),
        (
            lambda o: CosineAnnealingLR(o, 0),
            ArgumentError,
            r"^CosineAnnealingLR\(T_max=...\) must be a finite number > 0",
        ),
        (lambda o: LinearLR(o, total_iters=float("inf")), ArgumentError, "total_iters"),
        (lambda o: PolynomialLR(o, 0), ArgumentError, r"^PolynomialLR\(total_iters=...\)"),
        (lambda o: PolynomialLR(o, 2.5), ArgumentError, r"^PolynomialLR\(total_iters=...\)"),
        (lambda o: PolynomialLR(o, 5, -1), ArgumentError, r"^PolynomialLR\(power=...\)"),
        (lambda o: MultiStepLR(o, [-1]), ArgumentError, r"^MultiStepLR\(milestones\[0\]=...\)"),
        (lambda o: ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
        (lambda o: LambdaLR(o, 3), ArgumentError, "function of the step"),
        (lambda o: LambdaLR(o, []), ValueError, "Expected 1 lr_lambdas"),
        (lambda o: MultiplicativeLR(o, 3), ArgumentError, "lr_lambda must be a function"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 2.5), ArgumentError, r"CyclicLR\(step_size_up"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 0, 4), ArgumentError, r"CyclicLR\(step_size_up"),
        (lambda o: CyclicLR(o, 0.1, 0.5, 0), ArgumentError, r"^CyclicLR\(step_size_up=...\) .* at least 1, got 0"),
        (lambda o: CyclicLR(o, 0.1, 0.5, 4, -1), ArgumentError, r"^CyclicLR\(step_size_down=...\)"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 5, mode="saw"), ValueError, "mode is invalid"),
        (lambda o: OneCycleLR(o, 0.1), ValueError, "total_steps OR"),
        (lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 1), StepLR(o, 1)], [5, 3]), ArgumentError, "rising"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [5]), ValueError, "one more"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), ValueError, "ReduceLROnPlateau"),
        (lambda o: ChainedScheduler([]), ArgumentError, "at least one"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda o: StepLR(o, 5, on_change="ask"), ArgumentError, "on_change"),
        (lambda o: StepLR("sgd", 5), TypeError, "str is not an Optimizer"),
    ],
)
def test_bad_arguments_are_one_error_and_leave_the_optimizer_alone(make, error, message):
    optimizer = sgd(0.1, momentum=0.9)
    with pytest.raises(error, match=message):
        make(optimizer)
    assert rates(optimizer) == [0.1]
    assert optimizer.param_groups[0]["momentum"] == 0.9
