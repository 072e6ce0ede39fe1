"""Pictures by name, every kind of picture, and the Gabor features."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mne_brainae import compute_image_features
from mne_brainae.images import find_images, read_image


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("b/two.png", "a/one.png", "a/three.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).save(path)
    return tmp_path


def test_names_and_order(folder):
    """A name may be the path, the file name, or either without suffix."""
    everything = compute_image_features(folder)
    assert list(everything.index) == ["a/one.png", "a/three.jpg", "b/two.png"]
    wanted = ["two", "a/one", "three.jpg"]
    some = compute_image_features(folder, names=wanted)
    assert list(some.index) == wanted
    assert some.dtypes.eq("float32").all()
    np.testing.assert_array_equal(some.loc["two"], everything.loc["b/two.png"])


def test_a_row_depends_on_its_picture_alone(folder):
    together = compute_image_features(folder)
    alone = compute_image_features(folder / "a" / "one.png")
    np.testing.assert_array_equal(alone.iloc[0], together.loc["a/one.png"])


def test_missing_and_ambiguous_names(folder):
    with pytest.raises(ValueError, match="nine"):
        find_images(folder, ["nine"])
    (folder / "b" / "one.png").write_bytes((folder / "a" / "one.png").read_bytes())
    with pytest.raises(ValueError, match="one"):
        find_images(folder, ["one"])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 30000, np.uint16))
    else:
        image = Image.new("RGB", (8, 8), (100, 120, 140)).convert(mode)
    path = tmp_path / ("picture.tif" if mode in ("CMYK", "I;16") else "picture.png")
    image.save(path)
    assert read_image(path).mode == "RGB"
    if mode == "I;16":
        assert abs(np.asarray(read_image(path)).mean() - 30000 / 257) < 2


def test_broken_picture_is_named(tmp_path, folder):
    whole = (folder / "a" / "three.jpg").read_bytes()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        read_image(broken)
    broken.write_text("no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        read_image(broken)


def test_own_encoder(folder):
    def mean_colour(images):
        return np.array([np.asarray(image).mean((0, 1)) for image in images])

    features = compute_image_features(folder, mean_colour)
    assert features.shape == (3, 3)
    with pytest.raises(ValueError, match="shape"):
        compute_image_features(folder, lambda images: np.zeros(len(images) + 1))


def test_ready_features_are_checked():
    table = pd.DataFrame(np.eye(3), index=list("abc"))
    assert list(compute_image_features(table, names=["c", "a"]).index) == ["c", "a"]
    table.iloc[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        compute_image_features(table)


def _grating(angle, phase, cycles=16, size=128):
    y, x = np.mgrid[:size, :size] / size
    wave = np.sin(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    pixels = np.uint8(np.rint(127.5 + 80 * wave))
    return Image.fromarray(np.repeat(pixels[..., None], 3, axis=2))


def test_gabor_energy_tells_orientation_but_not_phase():
    pictures = [_grating(a, p) for a in (0, np.pi / 2) for p in (0, np.pi / 2)]
    rows = compute_image_features(pictures).to_numpy(np.float64)

    def distance(i, j):
        return np.linalg.norm(rows[i] - rows[j])

    assert distance(0, 1) < 0.25 * distance(0, 2)
    assert distance(2, 3) < 0.25 * distance(1, 3)
