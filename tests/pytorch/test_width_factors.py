"""The factors of muP, by the table of its paper, and what they do to the features of wide models."""

import pytest
import torch
from torch import nn

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, width_factors


def mlp(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))


def by_name(model, grouped):
    """The role and the factor of each parameter."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = grouped.groups
    return {names[id(p)]: (group["name"], group["lr_scale"]) for group in groups for p in group["params"]}


@pytest.mark.parametrize(
    ("optimizer", "vector", "hidden", "output"), [("adam", 1.0, 0.25, 0.25), ("sgd", 4.0, 1.0, 0.25)]
)
def test_an_mlp_four_times_as_wide_follows_table_3(optimizer, vector, hidden, output):
    model = mlp(64)
    assert by_name(model, width_factors(model, mlp(16), optimizer=optimizer)) == {
        "0.weight": ("input", vector),
        "0.bias": ("input_no_decay", vector),
        "2.weight": ("hidden", hidden),
        "2.bias": ("input_no_decay", vector),
        "4.weight": ("output", output),
        "4.bias": ("fixed_no_decay", 1.0),
    }


@pytest.mark.parametrize(("optimizer", "vector", "hidden", "output"), [("adam", 1, 0.5, 0.5), ("sgd", 2, 1, 0.5)])
def test_a_transformer_twice_as_wide_follows_table_3(optimizer, vector, hidden, output):
    class Model(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.position = nn.Parameter(torch.zeros(5, width))
            self.embed = nn.Embedding(7, width)
            self.layer = nn.TransformerEncoderLayer(width, 2, 4 * width, batch_first=True)
            self.head = nn.Linear(width, 7)

    model = Model(16)
    found = by_name(model, width_factors(model, Model(8), optimizer=optimizer))
    matrices = ["self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"]
    vectors = ["norm1.weight", "norm1.bias", "linear1.bias", "linear2.bias", "self_attn.in_proj_bias"]
    assert {found[f"layer.{name}"] for name in matrices} == {("hidden", hidden)}
    assert {found[f"layer.{name}"] for name in vectors} == {("input_no_decay", vector)}
    assert found["position"] == found["embed.weight"] == ("input", vector)
    assert found["head.weight"] == ("output", output)
    assert found["head.bias"] == ("fixed_no_decay", 1.0)


def test_fans_that_grow_differently_and_weights_with_the_fan_in_first():
    linear = pytest.importorskip("transformers.pytorch_utils").Conv1D  # of (fan-out, fan-in)

    def net(width, inner):
        return nn.Sequential(linear(width, 3), linear(inner, width), linear(width, inner), linear(3, width))

    model = net(16, 8)
    factors = {"adam": [1.0, 0.25, 0.5, 0.25], "sgd": [4.0, 0.5, 2.0, 0.25]}
    for optimizer, expected in factors.items():
        found = by_name(model, width_factors(model, net(4, 4), optimizer=optimizer))
        assert [found[f"{layer}.weight"][1] for layer in range(4)] == expected
    named = [group["name"] for group in width_factors(model, net(4, 4), optimizer="sgd").groups]
    assert [name for name in named if not name.endswith("_no_decay")] == ["input_4", "hidden_2", "hidden_0.5", "output"]
    assert found["1.weight"][0] == "hidden_0.5"
    assert found["2.weight"][0] == "hidden_2"


def test_convolutions_have_channels_as_fans():
    def net(width):
        down, deep = nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 3, groups=width)
        return nn.Sequential(down, deep, nn.Conv2d(width, 2 * width, 1), nn.ConvTranspose2d(2 * width, 3, 2))

    model = net(8)
    found = by_name(model, width_factors(model, net(4)))
    roles = [found[f"{index}.weight"] for index in range(4)]
    assert roles == [("input", 1.0), ("input", 1.0), ("hidden", 0.5), ("output", 0.5)]


def test_the_base_model_itself_has_the_factor_1_throughout():
    model = mlp(16)
    assert set(width_factors(model, mlp(16), optimizer="sgd").factors) == {"fixed", "fixed_no_decay"}


def test_the_base_model_may_have_no_data():
    with torch.device("meta"):
        base = mlp(16)
    assert width_factors(mlp(64), base, no_decay=["0.*"]).factors == {
        "input_no_decay": 1.0,
        "hidden": 0.25,
        "output": 0.25,
        "fixed_no_decay": 1.0,
    }


def change(width, optimizer, rate, use_factors):
    """How much a few updates change the hidden features and the outputs, by root mean square."""
    torch.manual_seed(0)
    model = mlp(width)
    grouped = width_factors(model, mlp(32), optimizer=optimizer)
    for parameter in grouped.parameters.get("output", [model[4].weight]):
        nn.init.zeros_(parameter)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimizer]
    made = kind(grouped.groups if use_factors else model.parameters(), lr=rate)
    scheduler = Scheduler(made, ss.Constant(rate))
    inputs, targets = torch.randn(32, 8), torch.randn(32, 2)
    before = model[:4](inputs), model(inputs)
    for _ in range(4):
        made.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        made.step()
        scheduler.step()
    after = model[:4](inputs), model(inputs)
    return [float((new - old).detach().square().mean().sqrt()) for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.01), ("sgd", 0.1)])
def test_features_of_wide_models_change_as_much_as_those_of_the_base_and_more_without_the_factors(optimizer, rate):
    narrow, wide = (change(width, optimizer, rate, use_factors=True) for width in (32, 1024))
    without = change(1024, optimizer, rate, use_factors=False)
    for base, scaled, unscaled in zip(narrow, wide, without, strict=True):
        assert 0.5 < scaled / base < 2.0
        assert unscaled / base > 2.5


@pytest.mark.parametrize("first", ["embedding", "head"])
def test_a_weight_that_an_embedding_shares_with_the_output_is_an_input_weight(first):
    def tied(width):
        layers = {"embedding": nn.Embedding(7, width), "head": nn.Linear(width, 7, bias=False)}
        layers["head"].weight = layers["embedding"].weight
        return nn.ModuleDict(sorted(layers.items(), key=lambda item: item[0] != first))

    assert width_factors(tied(8), tied(4)).factors == {"input": 1.0}


def test_another_model_is_refused_as_the_base():
    with pytest.raises(
        ArgumentError,
        match=r"model in another width, got Sequential; the two differ in parameters or dimensions: 5\.bias, 5",
    ):
        width_factors(mlp(8), mlp(4).append(nn.Linear(2, 2)))
    with pytest.raises(ArgumentError, match=r"dimensions: 5\.bias, 5\.weight, .*8\.bias, 8\.weight, \.\.\.$"):
        width_factors(mlp(8), mlp(4).extend(nn.Linear(2, 2) for _ in range(5)))
    base = mlp(4)
    base[2] = nn.Conv1d(4, 4, 1)
    with pytest.raises(ArgumentError, match=r"dimensions: 2\.weight$"):
        width_factors(mlp(8), base)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ArgumentError, match='"adam" or "sgd"'):
        width_factors(mlp(8), mlp(4), optimizer="adamw")
