"""Chains of layers computed for several rows at once give what each row gives by itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stepsize.lab import load_task
from stepsize.lab.engines.stack import GroupedNetwork

pytestmark = pytest.mark.usefixtures("one_thread")

ACTIVATIONS = st.sampled_from([nn.ReLU(inplace=True), nn.Tanh(), nn.GELU(), nn.LeakyReLU(0.2), nn.Identity()])


@st.composite
def chains(draw):
    """What makes a network for images (3, 12, 12): convolutions and pools, then perhaps dense layers."""
    channels, size, plan = 3, 12, []
    for _ in range(draw(st.integers(0, 3))):
        groups = draw(st.sampled_from([1, channels]))
        width = groups * draw(st.integers(1, 3))
        more = {"dilation": draw(st.integers(1, 2)), "padding": draw(st.sampled_from(["same", 2])), "groups": groups}
        plan.append((nn.Conv2d, (channels, width, 3), more | {"bias": draw(st.booleans())}))
        channels = width
        plan.append(draw(ACTIVATIONS))
        if size > 3 and draw(st.booleans()):
            plan.append(draw(st.sampled_from([nn.MaxPool2d(2), nn.AvgPool2d(3, 1, padding=1)])))

    def make():
        torch.manual_seed(make.seed)
        make.seed += 1
        layers = [kind if isinstance(kind, nn.Module) else kind[0](*kind[1], **kind[2]) for kind in plan]
        front = nn.Sequential(*layers)
        features = front(torch.zeros(1, 3, 12, 12)).numel()
        dense = nn.Sequential(nn.Flatten(), nn.Linear(features, 5, bias=False), nn.Tanh(), nn.Linear(5, 4))
        return nn.Sequential(front, dense).double() if layers else dense.double()

    make.seed = 0
    return make


def stacked(models):
    values = [dict(model.named_parameters()) for model in models]
    return {name: torch.stack([row[name].detach() for row in values]).requires_grad_() for name in values[0]}


@settings(max_examples=25, deadline=None)
@given(chains(), st.integers(1, 3), st.booleans())
def test_outputs_and_gradients_of_each_row_are_those_of_its_network_by_itself(make, rows, shared):
    models = [make() for _ in range(rows)]
    network, values = GroupedNetwork.of(models[0]), stacked(models)
    assert network is not None
    inputs = torch.randn(*(() if shared else (rows,)), 4, 3, 12, 12, dtype=torch.float64)
    outputs = network(values, inputs, shared)
    weights = torch.randn_like(outputs)
    gradients = dict(zip(values, torch.autograd.grad((outputs * weights).sum(), values.values()), strict=True))
    for row, model in enumerate(models):
        own = model(inputs.clone() if shared else inputs[row].clone())
        torch.testing.assert_close(outputs[row], own, rtol=1e-10, atol=1e-12)
        (own * weights[row]).sum().backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name][row], parameter.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_images_of_other_channels_than_the_network_has_are_refused(shared):
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), nn.LazyLinear(2))
    model(torch.zeros(1, 1, 5, 5))
    inputs = torch.zeros(*(() if shared else (2,)), 4, 3, 5, 5)
    with pytest.raises(RuntimeError, match="channels"):
        GroupedNetwork.of(model)(stacked([model, model]), inputs, shared)


def hooked():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


def tied():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    return model


TWICE = nn.Linear(2, 2)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Backwards(nn.Sequential):
    def forward(self, x):
        return super().forward(x.flip(1))


@pytest.mark.parametrize(
    "model",
    [
        hooked(),
        tied(),
        nn.Sequential(TWICE, nn.Tanh(), TWICE),
        nn.Sequential(Doubled(2, 2)),
        Backwards(nn.Linear(2, 2)),
        nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")),
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)),
        nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)),
        nn.Sequential(nn.Flatten(1, 2), nn.Linear(2, 2)),
        nn.Sequential(nn.MaxPool2d(2, return_indices=True)),
        nn.Sequential(),
    ],
    ids=[
        "hooks",
        "tied",
        "twice",
        "derived",
        "own forward",
        "circular",
        "batch norm",
        "flatten all",
        "flatten two",
        "indices",
        "empty",
    ],
)
def test_networks_that_are_not_chains_of_known_layers_are_not_grouped(model):
    assert GroupedNetwork.of(model) is None


@pytest.mark.parametrize("name", ["digits", "fashion-mnist"])
def test_the_networks_of_images_are_grouped(name):
    try:
        task = load_task(name)
    except Exception as error:  # the data set is not installed
        pytest.skip(str(error))
    assert GroupedNetwork.of(task.initial_model(0)) is not None


@pytest.mark.parametrize("layer", [lambda: nn.Linear(3, 2), lambda: nn.Conv2d(3, 2, 3)])
def test_a_network_may_be_a_single_layer(layer):
    models = [layer() for _ in range(2)]
    inputs = torch.randn(2, 5, *([3] if isinstance(models[0], nn.Linear) else [3, 6, 6]))
    outputs = GroupedNetwork.of(models[0])(stacked(models), inputs, shared=False)
    torch.testing.assert_close(outputs, torch.stack([model(x) for model, x in zip(models, inputs, strict=True)]))
