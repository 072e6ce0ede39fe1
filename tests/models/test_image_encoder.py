"""A fitted model remembers the encoder, its layers and its pooling."""

import numpy as np
import pandas as pd
import pytest
from building import brain_ae
from PIL import Image

import mne_brainae
from mne_brainae import ImageEncoder, compute_image_features

ENCODER = ImageEncoder(
    "timm:test_vit",
    layer=[0.5, "embedding"],
    pool=2,
    pretrained="random",
    degradations=["blur", "original"],
)


def noise(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def pictures(recording, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    for seed, name in enumerate(recording[1].index):
        (folder / name).parent.mkdir(exist_ok=True)
        noise(seed).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def fitted(recording, pictures, small):
    settings = small | {"max_epochs": 3, "min_updates": 0}
    return brain_ae(image_encoder=ENCODER, device="cpu", **settings).fit(
        recording[0], pictures
    )


def test_a_new_picture_also_after_reading(fitted, tmp_path):
    noise(999).save(tmp_path / "new.png")
    evoked = fitted.predict_evoked(tmp_path / "new.png")
    fitted.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.image_encoder == ENCODER
    assert again.image_encoder_ == ENCODER.for_gallery()
    assert again.feature_names_ == fitted.feature_names_
    found = again.predict_evoked(tmp_path / "new.png")
    np.testing.assert_array_equal(found.data, evoked.data)


def test_training_is_degraded_and_new_pictures_are_not(fitted, pictures, recording):
    names = list(recording[1].index[:3])
    plain = compute_image_features(pictures, ENCODER.for_gallery(), names=names)
    worse = compute_image_features(pictures, ENCODER, names=names)
    z = fitted.embed_images(pictures / names[0])
    expected = fitted.embed_images(plain)
    np.testing.assert_allclose(z.to_numpy()[0], expected.to_numpy()[0], atol=1e-4)
    assert not np.allclose(z.to_numpy()[0], fitted.embed_images(worse).to_numpy()[0])


def test_the_protocol_names_encoder_and_degradation(fitted, recording, pictures):
    with pytest.warns(RuntimeWarning, match="seen in fit"):
        found = fitted.retrieve(recording[0], pictures)
    assert found.protocol["image encoder"] == str(ENCODER)
    assert "training images degraded by blur:0.02, original" in str(ENCODER)


def test_columns_of_several_layers_reach_the_model(fitted):
    table = pd.Series(fitted.feature_names_)
    assert table.str.startswith("('blocks.2', ").any()
    assert table.str.startswith("('embedding', ").any()
