"""Layers of image networks: what is read, where, and how it is pooled."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from image_networks import SMALL_VIT, features
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from mne_brainae import ImageEncoder
from mne_brainae.images.columns import FeatureBlock, feature_columns
from mne_brainae.images.encoders import resolve
from mne_brainae.images.layers import LayerReader, Network, find_layers
from mne_brainae.images.libraries import _timm_network

# ---------------------------------------------------------------- layers


@torch.inference_mode()
def check_layers(network, pictures, maps, prefixes=None):
    """Compare every layer with what the library itself returns."""
    names = list(network.layers)
    assert len(names) == len(maps)
    read = LayerReader(network, range(len(names)), "spatial")
    np.testing.assert_allclose(
        read(pictures), torch.cat([m.flatten(1) for m in maps], 1), atol=1e-5
    )
    assert [block.layer for block in read.blocks] == names
    mean = LayerReader(network, names, "mean")(pictures)
    np.testing.assert_allclose(
        mean, torch.cat([m.mean((2, 3)) for m in maps], 1), atol=1e-5
    )
    if prefixes is not None:
        for pool in ("cls", None):
            tokens = LayerReader(network, names, pool)(pictures)
            expected = torch.cat([tokens[:, 0] for tokens in prefixes], 1)
            np.testing.assert_allclose(tokens, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        # the architectures of vit-b-16 and eva02-clip-e-14-plus, made small
        ("vit_base_patch16_224", {"depth": 5, "embed_dim": 48, "num_heads": 4}),
        (
            "eva02_enormous_patch14_clip_224",
            {"depth": 4, "embed_dim": 64, "num_heads": 4},
        ),
        ("test_vit", {}),
        ("resnet18", {}),
        ("convnext_atto", {}),
        ("tf_efficientnet_lite0", {}),
    ],
)
def test_layers_of_timm(model, options):
    module = timm.create_model(model, num_classes=0, **options).eval()
    pictures = torch.randn(2, *module.pretrained_cfg["input_size"])
    with torch.inference_mode():
        final = module(pictures)
        has_tokens = getattr(module, "num_prefix_tokens", 0) > 0
        extra = {"return_prefix_tokens": True} if has_tokens else {}
        out = module.forward_intermediates(pictures, intermediates_only=True, **extra)
    network = _timm_network(module)
    maps = [each[0] for each in out] if has_tokens else out
    prefixes = [each[1] for each in out] if has_tokens else None
    check_layers(network, pictures, maps, prefixes)
    both = LayerReader(network, ["embedding", 0], "mean")
    np.testing.assert_allclose(both(pictures)[:, : final.shape[1]], final, atol=1e-5)


def test_layers_of_swin():
    """Maps with channels last."""
    module = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0).eval()
    pictures = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        maps = module.forward_intermediates(pictures, intermediates_only=True)
    check_layers(_timm_network(module), pictures, maps)


@pytest.mark.parametrize("index", range(3))
def test_layers_of_open_clip(small_clips, index):
    source = resolve(ImageEncoder(small_clips[index], pretrained="random"))
    network = source.build()
    pictures = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        out = network.module.forward_intermediates(pictures, output_extra_tokens=True)
        final = LayerReader(network, ["embedding"], None)(pictures)
    assert final.shape == (2, 24)
    np.testing.assert_allclose(final, out["image_features"], atol=1e-5)
    check_layers(
        network,
        pictures,
        out["image_intermediates"],
        out["image_intermediates_prefix"],
    )


def test_layers_of_a_clip_resnet():
    """The stem pools as well and is no layer; OpenAI's weights want QuickGELU."""
    source = resolve(ImageEncoder("open_clip:RN50/openai", pretrained="random"))
    network = source.build()
    pictures = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        out = network.module.forward_intermediates(pictures)
    maps = out["image_intermediates"][1:]
    check_layers(network, pictures, maps)


@pytest.mark.parametrize(
    ("model", "node"),
    [
        ("alexnet", "features.3"),
        ("resnet18", "layer3.1"),
        ("vit_b_16", "encoder.layers.encoder_layer_2"),
        ("swin_t", "features.3"),
    ],
)
def test_layers_of_torchvision(model, node):
    """Against the graph that torchvision traces. Layers after may work in place."""
    source = resolve(ImageEncoder(f"torchvision:{model}", pretrained="random"))
    network = source.build()
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        module = torchvision.models.get_model(model).eval()
        pictures = torch.randn(1, 3, 224, 224)
        full = create_feature_extractor(module, {node: "out"})(pictures)["out"]
        logits = module(pictures)
        if model == "alexnet":  # features.4 is an in-place ReLU
            full = module.features[:4](pictures)
        found = LayerReader(network, [node], "spatial")(pictures)
        embedding = LayerReader(network, ["embedding"], None)(pictures)
        last = [part for part in module.modules() if isinstance(part, nn.Linear)][-1]
        np.testing.assert_allclose(last(embedding), logits, atol=1e-4)
    if model == "vit_b_16":
        full = full[:, 1:].transpose(1, 2)
    if model == "swin_t":
        full = full.permute(0, 3, 1, 2)
    np.testing.assert_allclose(found, full.flatten(1), atol=1e-5)


@given(st.integers(1, 70), st.data())
@settings(max_examples=60, deadline=None)
def test_share_of_depth(n_layers, data):
    """A share is the layer after which that much of the network is done."""
    blocks = nn.Sequential(*(nn.Identity() for _ in range(n_layers)))
    network = Network(nn.ModuleDict({"blocks": blocks}))
    share = data.draw(st.floats(0.001, 1.0))
    index = list(network.layers).index(network.find(share)[0])
    assert abs((index + 1) - share * n_layers) <= 0.5 or (index == 0 and share < 1)
    number = data.draw(st.integers(-n_layers, n_layers - 1))
    assert network.find(number)[0] == f"blocks.{number % n_layers}"
    for beyond in (n_layers, -n_layers - 1):
        with pytest.raises(ValueError, match=f"below {n_layers}"):
            network.find(beyond)


def test_layers_of_a_plain_network():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.more = nn.Conv2d(4, 5, 3)
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(5, 2)

    assert list(find_layers(Plain())) == ["conv", "more"]


def test_grid_is_the_mean_over_fields():
    spatial = features(SMALL_VIT, layer=3, pool="spatial", pretrained="random")
    side = spatial.columns.get_level_values("row").max() + 1
    assert side == 10
    grid = features(SMALL_VIT, layer=3, pool=5, pretrained="random")
    maps = spatial.to_numpy().reshape(5, -1, 5, 2, 5, 2).mean((3, 5))
    np.testing.assert_allclose(grid, maps.reshape(5, -1), atol=1e-5)
    mean = features(SMALL_VIT, layer=3, pool="mean", pretrained="random")
    by_channel = grid.T.groupby(level="channel").mean().T
    np.testing.assert_allclose(by_channel, mean, atol=1e-5)


def test_several_layers_keep_apart():
    layers = [1, "embedding", "blocks.4"]
    together = features(SMALL_VIT, layer=layers, pool=2, pretrained="random")
    assert together.columns.names == ["layer", "channel", "row", "column"]
    names = ["blocks.1", "embedding", "blocks.4"]
    assert list(together.columns.unique("layer")) == names
    for layer, name in zip(layers, names, strict=True):
        pool = None if layer == "embedding" else 2
        alone = features(SMALL_VIT, layer=layer, pool=pool, pretrained="random")
        np.testing.assert_allclose(together[name], alone[name], atol=1e-5)
    places = together["embedding"].columns
    assert set(places.get_level_values("row")) == {-1}


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.none() | st.integers(1, 4)),
        min_size=1,
        max_size=4,
    )
)
def test_columns_follow_the_memory(shapes):
    """Column (layer, channel, row, column) is where flattening puts that place."""
    blocks = [
        FeatureBlock(f"layer{i}", n, side, side) for i, (n, side) in enumerate(shapes)
    ]
    columns = feature_columns(blocks)
    assert len(columns) == sum(block.size for block in blocks)
    assert columns.is_unique
    start = 0
    for block, (n_channels, side) in zip(blocks, shapes, strict=True):
        shape = (n_channels, side or 1, side or 1)
        for (layer, *place), index in zip(
            columns[start : start + block.size], np.ndindex(shape), strict=True
        ):
            assert layer == block.layer
            assert place == ([index[0], -1, -1] if side is None else list(index))
        start += block.size
