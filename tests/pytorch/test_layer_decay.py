"""Parameter groups by depth, against timm's."""

import itertools

import pytest
import torch
from torch import nn
from torch.optim import AdamW

import stepsize as ss
from stepsize import ConstantProduct
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, layer_decay

# The `lr_scale` that `param_groups_layer_decay(model, layer_decay=0.75)` of timm 1.0.31 gives the parameters of these
# modules, and the parameters that stand alone.
TIMM = {
    "VisionTransformer": {
        0.421875: "cls_token pos_embed patch_embed.proj",
        0.5625: "blocks.0.norm1 blocks.0.attn.qkv blocks.0.attn.proj blocks.0.norm2 blocks.0.mlp.fc1 blocks.0.mlp.fc2",
        0.75: "blocks.1.norm1 blocks.1.attn.qkv blocks.1.attn.proj blocks.1.norm2 blocks.1.mlp.fc1 norm",
        1.0: "head",
    },
    "VisionTransformer with average pooling": {
        0.421875: "cls_token pos_embed patch_embed.proj",
        0.5625: "blocks.0.norm1 blocks.0.attn.qkv blocks.0.attn.proj blocks.0.norm2 blocks.0.mlp.fc1 blocks.0.mlp.fc2",
        0.75: "blocks.1.norm1 blocks.1.attn.qkv blocks.1.attn.proj blocks.1.norm2 blocks.1.mlp.fc1 blocks.1.mlp.fc2",
        1.0: "fc_norm head",
    },
    "ResNet": {
        0.177978515625: "conv1.0 conv1.1 conv1.3 conv1.4 conv1.6 bn1",
        0.2373046875: "layer1.0.conv1 layer1.0.bn1 layer1.0.conv2 layer1.0.bn2 layer1.0.downsample.0",
        0.31640625: "layer2.0.conv1 layer2.0.bn1 layer2.0.downsample.0 layer2.0.downsample.1",
        0.421875: "layer2.1.conv1 layer2.1.bn1 layer2.1.conv2 layer2.1.bn2",
        0.5625: "layer3.0.conv1 layer3.0.bn1 layer3.0.downsample.0 layer3.0.downsample.1",
        0.75: "layer4.0.conv1 layer4.0.bn1 layer4.0.downsample.0 layer4.0.downsample.1",
        1.0: "fc",
    },
    "ConvNeXt": {
        0.177978515625: "stem.0 stem.1",
        0.2373046875: "stages.0.blocks.0.gamma stages.0.blocks.0.conv_dw stages.0.blocks.0.norm",
        0.31640625: "stages.1.downsample.0 stages.1.downsample.1 stages.1.blocks.0.gamma stages.1.blocks.0.mlp.fc1",
        0.421875: "stages.1.blocks.1.gamma stages.1.blocks.1.conv_dw stages.1.blocks.1.norm stages.1.blocks.1.mlp.fc1",
        0.5625: "stages.2.downsample.0 stages.2.downsample.1 stages.2.blocks.0.gamma stages.2.blocks.0.mlp.fc1",
        0.75: "stages.3.downsample.0 stages.3.downsample.1 stages.3.blocks.0.gamma stages.3.blocks.0.mlp.fc1",
        1.0: "head.norm head.fc",
    },
    "SwinTransformer": {
        0.31640625: "patch_embed.proj patch_embed.norm",
        0.421875: "layers.0.blocks.0.norm1 layers.0.blocks.0.attn.qkv layers.0.blocks.0.mlp.fc1",
        0.5625: "layers.1.downsample.norm layers.1.downsample.reduction layers.1.blocks.0.mlp.fc1",
        0.75: "layers.1.blocks.1.norm1 layers.1.blocks.1.attn.qkv layers.1.blocks.1.mlp.fc1 norm",
        1.0: "head.fc",
    },
}


def built(paths):
    """A model with modules at these paths; numbered ones are in lists."""
    model = nn.Module()
    for path in paths:
        *_, last = parts = path.split(".")
        holder = model
        for name, following in itertools.pairwise(parts):
            if name not in dict(holder.named_children()):
                holder.add_module(name, nn.ModuleList() if following.isdecimal() else nn.Module())
            holder = holder.get_submodule(name)
        if last in ("cls_token", "pos_embed", "gamma"):
            holder.register_parameter(last, nn.Parameter(torch.ones(1, 1, 2)))
        else:
            holder.add_module(last, nn.LayerNorm(2) if "norm" in last or "bn" in last else nn.Linear(2, 2))
    return model


def scales(model, grouped):
    """The factor of each parameter, by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(each)]: group["lr_scale"] for group in grouped.groups for each in group["params"]}


@pytest.mark.parametrize("kind", TIMM)
def test_factors_are_those_of_timm(kind):
    expected = {path: scale for scale, paths in TIMM[kind].items() for path in paths.split()}
    model = built(expected)
    found = scales(model, layer_decay(model, 0.75))
    assert len(found) == len(list(model.parameters()))
    for name, scale in found.items():
        owner = name if name in expected else name.rpartition(".")[0]
        assert scale == expected[owner], name


def test_stacks_follow_one_another_and_layers_of_different_classes_are_blocks():
    model = nn.Transformer(4, 2, 2, 2, 4, batch_first=True)
    found = scales(model, layer_decay(model, 0.5))
    assert found["encoder.layers.0.linear1.weight"] == 0.125
    assert found["encoder.norm.weight"] == found["encoder.layers.1.linear1.weight"] == 0.25
    assert found["decoder.norm.weight"] == found["decoder.layers.1.linear1.weight"] == 1.0
    mixed = nn.Sequential(nn.TransformerEncoderLayer(4, 1, 4), nn.TransformerDecoderLayer(4, 1, 4))
    assert set(layer_decay(mixed, 0.5).factors.values()) == {0.5, 1.0}
    blocks = [nn.Sequential(nn.MultiheadAttention(4, 1), nn.Sequential(nn.Linear(4, 4))) for _ in range(2)]
    assert set(layer_decay(nn.Sequential(*blocks), 0.5).factors.values()) == {0.5, 1.0}


def test_all_layers_of_a_sequential_before_its_stages_have_depth_0_and_all_after_them_the_greatest():
    stages = [nn.Sequential(*(nn.TransformerEncoderLayer(4, 1, 4) for _ in range(2))) for _ in range(2)]
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), *stages, nn.Linear(4, 4), nn.Linear(4, 2))
    found = scales(model, layer_decay(model, 0.5))
    assert found["0.weight"] == found["1.weight"] == 0.5**5
    assert [found[f"{at}.linear1.weight"] for at in ("2.0", "2.1", "3.0", "3.1")] == [0.5**4, 0.5**3, 0.5**2, 0.5]
    assert found["4.weight"] == found["5.weight"] == 1.0


def test_groups_have_readable_names_and_no_decay_for_biases_and_norms():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LayerNorm((2, 2, 2)), nn.Linear(2, 2), nn.PReLU())
    model[3].position_bias = nn.Parameter(torch.zeros(2, 2))
    groups = layer_decay(model, 0.5, no_decay=["no.such", "2.w*"]).groups
    decays = {group["name"]: group.get("weight_decay") for group in groups}
    assert decays == {
        "layer_0": None,
        "layer_0_no_decay": 0.0,
        "layer_1_no_decay": 0.0,  # also the weight of the norm, which has three dimensions
        "layer_2_no_decay": 0.0,
        "layer_3_no_decay": 0.0,
    }


def test_scheduled_rate_and_decay_keep_the_factors_and_the_zeros():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    grouped = layer_decay(model, 0.5)
    optimizer = AdamW(grouped.groups)
    scheduler = Scheduler(optimizer, ss.Linear(0.8, 0.0, 4), weight_decay=grouped.decayed(ConstantProduct(0.01)))
    scheduler.seek(2)
    assert scheduler.get_last_lr() == [0.1, 0.1, 0.2, 0.2, 0.4, 0.4]
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    assert decays == pytest.approx([0.1, 0.0, 0.05, 0.0, 0.025, 0.0])
    assert list(scheduler.values())[:2] == ["lr/layer_0", "lr/layer_0_no_decay"]


def test_depth_may_be_given_by_a_function_of_the_name():
    model = nn.ModuleDict({"head": nn.Linear(2, 2), "body": nn.Linear(2, 2)})
    found = scales(model, layer_decay(model, 0.5, depth=lambda name: 3 if name.startswith("head") else 0))
    assert found == {"head.weight": 1.0, "head.bias": 1.0, "body.weight": 0.125, "body.bias": 0.125}


def test_frozen_parameters_are_left_out_and_do_not_move_the_others():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    model[1].requires_grad_(False)
    assert scales(model, layer_decay(model, 0.5))["0.weight"] == 0.25
    assert len(scales(model, layer_decay(model, 0.5))) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((nn.Linear(2, 2), 0.5), r"a model with lists of blocks.*depth=\.\.\."),
        ((nn.Sequential(nn.Linear(2, 2)), 75), "factor.*<= 1"),
        (("model", 0.5), "torch.nn.Module"),
        ((nn.ReLU(), 0.5), "a torch.nn.Module with parameters"),
        (
            (nn.Sequential(nn.LazyLinear(2)), 0.5),
            "without lazy layers, which have no parameters yet, got Sequential; run it on one batch first",
        ),
    ],
)
def test_what_has_no_depth_is_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        layer_decay(*arguments)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"depth": {"0.weight": 1}},
            "must be a function of a parameter's name, .*; for a dictionary write depths.__getitem__$",
        ),
        ({"depth": lambda name: None}, r'depth\("0.weight"\)'),
        ({"no_decay": "bias"}, r"no_decay=\('bias',\)"),
        ({"no_decay": [1]}, r'no_decay\[0\]=...\) must be a pattern of parameter names such as "\*.bias", got 1'),
    ],
)
def test_wrong_depths_and_patterns_are_refused(more, words):
    with pytest.raises(ArgumentError, match=words):
        layer_decay(nn.Sequential(nn.Linear(2, 2)), 0.5, **more)
