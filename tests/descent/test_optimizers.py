"""The update rules: against PyTorch on recorded gradients, and against the formulas written out in plain Python."""

import inspect
import math
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stepsize import Exponential
from stepsize.descent import (
    Adadelta,
    AdaGrad,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Optimizer,
    RMSProp,
    optimizer_from,
    optimizers,
)
from stepsize.errors import ArgumentError, ParseError

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]
STEPS = 1_000
DECAY = Exponential(0.05, 0.999)

OF_PYTORCH = {
    GradientDescent(): lambda p: torch.optim.SGD(p),
    Momentum(0.5): lambda p: torch.optim.SGD(p, momentum=0.5),
    Momentum(): lambda p: torch.optim.SGD(p, momentum=0.9),
    Momentum(0.9, nesterov=True): lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True),
    AdaGrad(): lambda p: torch.optim.Adagrad(p),
    AdaGrad(eps=1e-3): lambda p: torch.optim.Adagrad(p, eps=1e-3),
    RMSProp(): lambda p: torch.optim.RMSprop(p, alpha=0.9),
    RMSProp(0.99, eps=1e-2): lambda p: torch.optim.RMSprop(p, eps=1e-2),
    Adadelta(): lambda p: torch.optim.Adadelta(p),
    Adadelta(0.95, eps=1e-3): lambda p: torch.optim.Adadelta(p, rho=0.95, eps=1e-3),
    Adam(): lambda p: torch.optim.Adam(p),
    Adam(0.8, 0.99, 1e-3): lambda p: torch.optim.Adam(p, betas=(0.8, 0.99), eps=1e-3),
    AdamW(): lambda p: torch.optim.AdamW(p),
    AdamW(0.8, 0.99, 1e-3, weight_decay=0.3): lambda p: torch.optim.AdamW(
        p, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3
    ),
}
START = np.array([-5.0, -2.0, 0.3, 40.0])


def recorded_gradients() -> np.ndarray:
    """Of every size from 1e-6 to 1e3, with exact zeros, and one coordinate that is always zero."""
    random = np.random.default_rng(7)
    gradients = random.standard_normal((STEPS, 4)) * 10.0 ** random.uniform(-6, 3, (STEPS, 1))
    gradients[::17, 1] = 0.0
    gradients[:, 3] = 0.0
    return gradients


@pytest.mark.parametrize("rule", OF_PYTORCH, ids=str)
def test_a_thousand_updates_are_those_of_pytorch(rule):
    parameter = torch.tensor(START.copy(), dtype=torch.float64, requires_grad=True)
    theirs = OF_PYTORCH[rule]([parameter])
    x, state = START, rule.init(START)
    ours, expected = [], []
    for step, g in enumerate(recorded_gradients()):
        theirs.param_groups[0]["lr"] = DECAY(step)
        parameter.grad = torch.from_numpy(g.copy())
        theirs.step()
        x, state = rule.update(state, x, g, DECAY(step))
        ours.append(x)
        expected.append(parameter.detach().numpy().copy())
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)


DEFAULTS = {
    AdaGrad: (torch.optim.Adagrad, {"eps": "eps"}),
    RMSProp: (torch.optim.RMSprop, {"eps": "eps"}),
    Adadelta: (torch.optim.Adadelta, {"rho": "rho", "eps": "eps"}),
    Adam: (torch.optim.Adam, {"eps": "eps"}),
    AdamW: (torch.optim.AdamW, {"eps": "eps", "weight_decay": "weight_decay"}),
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults_are_those_of_pytorch(kind):
    theirs, names = DEFAULTS[kind]
    group = theirs([torch.zeros(1, requires_grad=True)]).param_groups[0]
    ours = kind()
    assert {name: getattr(ours, name) for name in names} == {name: group[there] for name, there in names.items()}
    if "betas" in group:
        assert (ours.beta1, ours.beta2) == group["betas"]


# The forms that PyTorch has not, in the words of the texts, one number at a time.


def momentum_inside(gradients, lr, beta, nesterov):
    x, v = 1.0, 0.0
    for t, g in enumerate(gradients):
        v = beta * v + lr(t) * g
        x -= lr(t) * g + beta * v if nesterov else v
    return x


def adagrad_inside(gradients, lr, eps):
    x, s = 1.0, 0.0
    for t, g in enumerate(gradients):
        s += g**2
        x -= lr(t) / math.sqrt(s + eps) * g
    return x


def rmsprop_inside(gradients, lr, gamma, eps):
    x, s = 1.0, 0.0
    for t, g in enumerate(gradients):
        s = gamma * s + (1 - gamma) * g**2
        x -= lr(t) / math.sqrt(s + eps) * g
    return x


def adadelta_outside(gradients, lr, rho, eps):
    x, s, d = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients):
        s = rho * s + (1 - rho) * g**2
        u = (math.sqrt(d) + eps) / (math.sqrt(s) + eps) * g
        d = rho * d + (1 - rho) * u**2
        x -= lr(t) * u
    return x


def adam_inside(gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    x, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        x -= lr(t) * weight_decay * x
        x -= lr(t) * (m / (1 - beta1 ** (t + 1))) / math.sqrt(v / (1 - beta2 ** (t + 1)) + eps)
    return x


def adam_before(gradients, lr, beta1, beta2, eps):
    """The order at the end of section 2 of the paper, in which eps is added to the root of the uncorrected v."""
    x, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        x -= lr(t) * math.sqrt(1 - beta2 ** (t + 1)) / (1 - beta1 ** (t + 1)) * m / (math.sqrt(v) + eps)
    return x


def adamw_of_the_paper(gradients, multiplier, alpha, beta1, beta2, eps, weight_decay):
    """Algorithm 2: the multiplier of the schedule stands before the rate alpha and before the decay."""
    x, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1 ** (t + 1)), v / (1 - beta2 ** (t + 1))
        x -= multiplier(t) * (alpha * m_hat / (math.sqrt(v_hat) + eps) + weight_decay * x)
    return x


WRITTEN_OUT = {
    Momentum(0.7, rate="inside"): lambda g: momentum_inside(g, DECAY, 0.7, False),
    Momentum(0.7, nesterov=True, rate="inside"): lambda g: momentum_inside(g, DECAY, 0.7, True),
    AdaGrad(1e-2, "inside"): lambda g: adagrad_inside(g, DECAY, 1e-2),
    RMSProp(0.8, 1e-2, "inside"): lambda g: rmsprop_inside(g, DECAY, 0.8, 1e-2),
    Adadelta(0.8, 1e-3, "outside"): lambda g: adadelta_outside(g, DECAY, 0.8, 1e-3),
    Adam(0.8, 0.9, 1e-2, "inside"): lambda g: adam_inside(g, DECAY, 0.8, 0.9, 1e-2),
    Adam(0.8, 0.9, 1e-2, "before"): lambda g: adam_before(g, DECAY, 0.8, 0.9, 1e-2),
    AdamW(0.8, 0.9, 1e-2, "inside", 0.1): lambda g: adam_inside(g, DECAY, 0.8, 0.9, 1e-2, 0.1),
    AdamW(0.8, 0.9, 1e-2, weight_decay=0.1, peak_lr=DECAY(0)): lambda g: adamw_of_the_paper(
        g, DECAY / DECAY(0), DECAY(0), 0.8, 0.9, 1e-2, 0.1
    ),
}


@pytest.mark.parametrize("rule", WRITTEN_OUT, ids=str)
def test_the_other_forms_are_those_written_out(rule):
    gradients = recorded_gradients()[:, 0]
    x, state = np.array([1.0]), rule.init([1.0])
    for step, g in enumerate(gradients):
        x, state = rule.update(state, x, [g], DECAY(step))
    assert x[0] == pytest.approx(WRITTEN_OUT[rule](gradients.tolist()), rel=1e-12, abs=1e-12)


ALL = [*OF_PYTORCH, *WRITTEN_OUT]


def test_every_rule_is_public_and_compared_with_another_implementation():
    rules = {
        name
        for name, value in vars(optimizers).items()
        if isinstance(value, type) and issubclass(value, Optimizer) and not inspect.isabstract(value)
    }
    assert set(optimizers.__all__) == rules, "__all__ of optimizers.py and its rules differ"
    missing = rules - {type(rule).__name__ for rule in ALL}
    assert not missing, f"add to OF_PYTORCH or WRITTEN_OUT: {missing}"


def test_the_two_places_of_the_rate_agree_until_the_rate_moves():
    inside, outside = Momentum(0.5, rate="inside"), Momentum(0.5)
    ends = []
    for rule in (inside, outside):
        x, state = rule.update(rule.init([1.0]), [1.0], [1.0], 0.1)
        x, state = rule.update(state, x, [1.0], 0.1)
        ends.append((x[0], rule.update(state, x, [1.0], 0.0)[0][0]))
    assert ends[0][0] == pytest.approx(ends[1][0])
    assert ends[1][1] == ends[1][0]  # outside: a rate of 0 stands still
    assert ends[0][1] == pytest.approx(ends[0][0] - 0.075)  # inside: the velocity goes on


@pytest.mark.parametrize("rule", ALL, ids=str)
@settings(max_examples=10)
@given(
    points=arrays.arrays(np.float64, (3, 2), elements=st.floats(-10, 10)),
    gradients=arrays.arrays(np.float64, (4, 3, 2), elements=st.floats(-1e3, 1e3)),
)
def test_many_starts_as_one_array_go_where_each_goes_alone(rule, points, gradients):
    together, state = points, rule.init(points)
    for g in gradients:
        together, state = rule.update(state, together, g, 0.1)
    for index, alone in enumerate(points):
        own = rule.init(alone)
        for g in gradients:
            alone, own = rule.update(own, alone, g[index], 0.1)
        np.testing.assert_array_equal(together[index], alone)


@pytest.mark.parametrize("rule", ALL, ids=str)
def test_update_changes_none_of_its_arguments(rule):
    x, g = np.array([1.0, -2.0]), np.array([0.5, 0.0])
    state = rule.init(x)
    _, later = rule.update(state, x, g, 0.1)
    kept = pickle.dumps((state, later, x, g))
    for _ in range(2):
        first, second = rule.update(later, x, g, 0.1), rule.update(later, x, g, 0.1)
        np.testing.assert_array_equal(first[0], second[0])
    assert pickle.dumps((state, later, x, g)) == kept


@pytest.mark.parametrize("rule", ALL, ids=str)
def test_an_optimizer_is_a_value_that_is_written_as_it_is_read(rule):
    assert optimizer_from(str(rule)) == rule
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert hash(optimizer_from(str(rule))) == hash(rule)


def test_texts_leave_defaults_out_and_names_may_be_in_any_case():
    assert [str(kind()) for kind in OPTIMIZERS] == [f"{kind.__name__}()" for kind in OPTIMIZERS]
    assert str(Momentum(0.9, True)) == "Momentum(0.9, True)"
    assert [optimizer_from(kind.__name__.lower()) for kind in OPTIMIZERS] == [kind() for kind in OPTIMIZERS]
    assert optimizer_from("sgd") == GradientDescent()
    assert optimizer_from('rmsprop(0.5, eps_place="inside")') == RMSProp(0.5, eps_place="inside")
    assert optimizer_from("AdamW(peak_lr=None)") == AdamW()


REFUSED = {
    "Mometum(0.5)": 'did you mean "Momentum"?',
    "nosuch": "known are GradientDescent, Momentum",
    "Momentum(1.0)": "Momentum(beta=...) must be a number >= 0 and < 1, got 1.0",
    "Momentum(-0.5)": "got -0.5",
    "Momentum(0.5, 1)": "Momentum(nesterov=...) must be a boolean, got 1",
    'Momentum(0.5, rate="between")': 'must be "outside" or "inside"',
    "": "expected the name of an optimizer, such as Momentum(0.9), found nothing",
    "Adam(gamma=0.9)": 'no argument "gamma"; write Adam(beta1=0.9, beta2=0.999, eps=1e-08',
    "Momentum(nestrov=True)": 'no argument "nestrov"; did you mean "nesterov"?',
    "Momentum(0.5, beta=0.6)": 'given "beta" twice',
    "Momentum(beta=0.5, beta=0.6)": 'given "beta" twice',
    'Momentum(0.5, True, "inside", 4)': "too many arguments; write Momentum(beta=0.9, nesterov=False, rate=",
    "GradientDescent(0.1)": "too many arguments; write GradientDescent()",
    "Adam(lr=0.1)": "the rate is not part of an optimizer; give it separately, as lr",
    "Momentum(0.5, true)": '"true" is not a number; did you mean "True"?',
    "Adam(eps=-1)": "Adam(eps=...) must be a finite number >= 0, got -1",
    "Adam(eps=tiny)": '"tiny" is not a number; write texts in quotes',
    "Momentum(0,9)": "must be a boolean, got 9; a number has a decimal point: write 0.9",
    "Adam(Adam())": "an optimizer's argument is a number",
    "Momentum(0.5 >> 2)": "an optimizer's argument is a number, a text, True, False or None",
    "Momentum({'a': 1})": "an optimizer's argument is a number, a text, True, False or None",
    "Momentum([0.5])": "an optimizer's argument is a number, a text, True, False or None",
    "Momentum(none)": 'did you mean "None"?',
    "Momentum(": "expected a number, found the end",
    "Momentum(beta='a' + 1)": "expected a number, found 'a'",
    "Momentum(0.9))": "expected the end, found ')'",
    "Adam(0.9": "never closed",
    "Adam(1if 2 else 3)": "expected , or ), found 'if'",
    "0.9": "expected the name of an optimizer",
    "Adam().head(3)": "expected the name of an optimizer",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_that_is_not_an_optimizer_is_refused_with_the_place(text):
    with pytest.raises(ParseError) as caught:
        optimizer_from(text)
    assert REFUSED[text] in str(caught.value)
    assert str(caught.value).splitlines()[1] == f"  {text}"


@pytest.mark.parametrize("value", [0.1, None, b"sgd", Momentum(0.5)], ids=str)
def test_what_is_not_a_text_is_refused(value):
    with pytest.raises(ArgumentError) as caught:
        optimizer_from(value)
    assert str(caught.value) == f"optimizer_from(text=...) must be a string, got {value}"


@pytest.mark.parametrize(("text", "position"), [("Adam(0.9", 4), ("  Adam 0.9", 7), (" Adam(\0)", 6)])
def test_what_cannot_be_read_is_shown_at_its_place(text, position):
    with pytest.raises(ParseError) as caught:
        optimizer_from(text)
    assert caught.value.position == position


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, "0.1", True, None])
def test_an_invalid_rate_is_refused(lr):
    rule = Adam()
    with pytest.raises(ArgumentError, match=r"Adam\.update\(lr=\.\.\.\) must be a finite number"):
        rule.update(rule.init([1.0]), [1.0], [1.0], lr)


@pytest.mark.parametrize("kind", [each for each in OPTIMIZERS if each is not GradientDescent])
@pytest.mark.parametrize(("made_for", "given"), [((2,), (1,)), ((1,), (3,)), ((3,), (2, 3)), ((), (3,))])
def test_a_state_of_points_of_another_shape_is_refused(kind, made_for, given):
    rule = kind()
    message = f"{kind.__name__}.update(state=...) must be made for the shape of x, {given}, got {made_for}; start with"
    with pytest.raises(ArgumentError, match=re.escape(message)):
        rule.update(rule.init(np.zeros(made_for)), np.zeros(given), np.zeros(given), 0.1)


def test_an_error_of_the_formula_itself_is_not_taken_for_a_wrong_state():
    class Broken(GradientDescent):
        def _step(self, state, x, g, lr):
            raise ValueError("a mistake of its own")

    with pytest.raises(ValueError, match="a mistake of its own"):
        Broken().update((), [1.0], [1.0], 0.1)


def test_a_point_that_is_not_a_number_is_refused():
    message = r"Adam\.update\(x=\.\.\.\) must be a number or an array of numbers, got \['a'\]"
    with pytest.raises(ArgumentError, match=message):
        Adam().update(Adam().init([1.0]), ["a"], [1.0], 0.1)


def test_a_gradient_of_another_shape_is_refused():
    rule = GradientDescent()
    with pytest.raises(ArgumentError, match=r"update\(g=\.\.\.\) must be of the shape of x, \(2,\), got \(1,\)"):
        rule.update(rule.init([1.0, 2.0]), [1.0, 2.0], [1.0], 0.1)


@given(st.text(st.sampled_from("adamSGD().,=0129-'\" \n\té{"), max_size=20))
def test_any_text_is_an_optimizer_or_a_parse_error(text):
    try:
        rule = optimizer_from(text)
    except ParseError:
        return
    assert optimizer_from(str(rule)) == rule


def test_an_optimizer_of_the_users_own_is_found_by_its_name():
    class Signs(GradientDescent):
        def _step(self, state, x, g, lr):
            return x - lr * np.sign(g), ()

    assert optimizer_from("signs") == Signs()
