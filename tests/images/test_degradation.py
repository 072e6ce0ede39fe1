"""Degraded images: what each kind does, and features averaged over versions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mne_brainae import ImageEncoder, compute_image_features
from mne_brainae.images.degradation import STRENGTHS, check_degradations, degrade


def noise(seed, size=(60, 80)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Image.fromarray(pixels)


def change(image, degradation):
    """Return the absolute change of every pixel."""
    (full,) = check_degradations(degradation)
    worse = degrade(image, full)
    return np.abs(np.asarray(worse, float) - np.asarray(image, float)).mean(-1)


def mean_color(images):
    return np.array([np.asarray(image).mean((0, 1)) for image in images])


def roughness(images):
    return np.array(
        [[np.abs(np.diff(np.asarray(i, float), axis=0)).mean()] for i in images]
    )


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([*STRENGTHS, "original"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    data=st.data(),
)
def test_size_and_mode_stay(kind, size, data):
    if kind != "original":
        kind += f":{data.draw(st.floats(0.01, 1.0)):.3f}"
    image = noise(0, size)
    (full,) = check_degradations(kind)
    worse = degrade(image, full)
    assert (worse.size, worse.mode) == (image.size, "RGB")
    again = degrade(image.copy(), full)
    np.testing.assert_array_equal(again, worse)


@pytest.mark.parametrize("kind", STRENGTHS)
def test_strength_has_a_direction(kind):
    """More blur, noise and tile change more; more pixels kept change less."""
    weak, strong = (change(noise(1), f"{kind}:{s}").mean() for s in (0.05, 0.5))
    assert weak > strong if kind == "lowres" else weak < strong
    assert change(noise(1), kind).mean() > 1


def test_foveated_blur_spares_the_center():
    change_of = change(noise(2, (101, 101)), "foveate:0.1")
    assert change_of[48:53, 48:53].mean() < 0.15 * change_of[:5, :5].mean()
    ring = [change_of[50, 50 + r] for r in (2, 45)]
    assert ring[0] < ring[1]


def test_a_mosaic_keeps_the_mean_of_its_tiles():
    image = noise(3, (60, 60))
    worse = np.asarray(degrade(image, "mosaic:0.1"), float)
    tiles = worse.reshape(10, 6, 10, 6, 3)
    assert np.ptp(tiles, axis=(1, 3)).max() == 0
    means = np.asarray(image, float).reshape(10, 6, 10, 6, 3).mean((1, 3))
    np.testing.assert_allclose(tiles[:, 0, :, 0], means, atol=1)  # it rounds twice


def test_noise_is_of_the_strength_and_the_picture():
    gray = Image.new("RGB", (100, 100), (128, 128, 128))
    added = np.asarray(degrade(gray, "noise:0.1"), float) - 128
    assert abs(added.std() / 25.5 - 1) < 0.05
    other = Image.new("RGB", (100, 100), (127, 128, 128))
    more = np.asarray(degrade(other, "noise:0.1"), float) - [127, 128, 128]
    assert abs(np.corrcoef(added.ravel(), more.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(
    "encoder",
    [mean_color, roughness, "gabor", "timm:test_vit"],
    ids=lambda encoder: getattr(encoder, "__name__", encoder),
)
def test_features_are_averaged_over_versions(encoder):
    pictures = {str(seed): noise(seed) for seed in range(70)}
    versions = ("blur", "noise:0.2", "original")
    options = {"cache": None, "device": "cpu"}
    if isinstance(encoder, str):
        pictures = dict(list(pictures.items())[:13])
    if encoder == "timm:test_vit":
        options["pretrained"] = "random"
    found = compute_image_features(pictures, encoder, degradations=versions, **options)
    parts = [
        compute_image_features(
            {name: degrade(image, version) for name, image in pictures.items()},
            encoder,
            **options,
        )
        for version in check_degradations(versions)
    ]
    np.testing.assert_allclose(found, sum(parts) / 3, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["gabor", "timm:test_vit"])
def test_versions_stand_side_by_side(encoder, tmp_path):
    """Each block is what the version alone gives; the cache gives the same."""
    pretrained = None if encoder == "gabor" else "random"
    versions = ("original", "blur:0.05", "fovea")
    stack = ImageEncoder(
        encoder, pretrained=pretrained, degradations=versions, versions="stack"
    )
    pictures = {str(seed): noise(seed) for seed in range(3)}
    options = {"device": "cpu", "cache": tmp_path}
    found = compute_image_features(pictures, stack, **options)
    again = compute_image_features(pictures, stack, **options)
    pd.testing.assert_frame_equal(again, found)
    assert found.columns.names[0] == "version"
    for version in check_degradations(versions):
        alone = ImageEncoder(encoder, pretrained=pretrained, degradations=[version])
        expected = compute_image_features(pictures, alone, **options)
        assert_close = np.testing.assert_allclose
        assert_close(found[version], expected, rtol=1e-4, atol=1e-4)
        assert found[version].shape == expected.shape
    assert stack.for_gallery() is stack


def test_one_version_cannot_be_stacked():
    with pytest.raises(ValueError, match="at least two degradations"):
        ImageEncoder("gabor", degradations="blur", versions="stack")


def test_fovea_is_half_sharp_in_the_center():
    """A point of light: half of it stays in the center, e^-3 / 2 in the corner."""
    for place, share in (((50, 50), 0.5), ((0, 0), np.exp(-3) / 2)):
        pixels = np.zeros((101, 101, 3), np.uint8)
        pixels[place] = 255
        image = Image.fromarray(pixels)
        (full,) = check_degradations("fovea:0.2")
        blurred = np.asarray(degrade(image, "blur:0.2"), float)[place]
        expected = share * 255 + (1 - share) * blurred
        found = np.asarray(degrade(image, full), float)[place]
        np.testing.assert_allclose(found, expected, atol=0.6)


def test_the_protocol_says_what_is_degraded():
    encoder = ImageEncoder("gabor", degradations=["blur", "mosaic"])
    assert str(encoder).endswith("training images degraded by blur:0.02, mosaic:0.05")
    whole = ImageEncoder("gabor", degradations="blur", degrade_gallery=True)
    assert "training and gallery images degraded by blur:0.02" in str(whole)
    assert str(encoder.for_gallery()) == "gabor"
    assert whole.for_gallery() is whole
