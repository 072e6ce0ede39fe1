"""Blurry pictures decoded linearly, and contact sheets."""

import mne
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone

from mne_brainae.commands import main
from mne_brainae.datasets import macaque_v4
from mne_brainae.generation import (
    PictureDecoder,
    contact_sheet,
    read_picture_decoder,
    read_prior,
)
from mne_brainae.generation.metrics import pixel_correlation
from mne_brainae.generation.pixels import as_pictures, as_pixels
from mne_brainae.models.linear_map import ALPHAS, LinearMap


def seen_by_a_linear_brain(n_pictures, noise, n_channels=60, n_times=3, seed=0):
    """Epochs whose every value is a weighted sum of the 4 x 4 x 3 pixels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n_pictures, 4, 4, 3)).astype(np.uint8)
    pictures = {f"{i}": Image.fromarray(one) for i, one in enumerate(pixels)}
    mix = np.random.default_rng(9).standard_normal((48, n_channels * n_times))
    data = (pixels.reshape(n_pictures, -1) / 255 - 0.5) @ mix
    data += noise * rng.standard_normal(data.shape)
    return mne.EpochsArray(
        1e-6 * data.reshape(n_pictures, n_channels, n_times),
        mne.create_info(n_channels, 100.0, "eeg"),
        metadata=pd.DataFrame({"image": list(pictures)}),
    ), pictures


def decoded_correlation(decoder, epochs, pictures):
    decoded = as_pixels(decoder.predict(epochs), 4)
    return pixel_correlation(decoded, as_pixels(list(pictures.values()), 4))


def test_pixels_that_the_brain_holds_are_found():
    epochs, pictures = seen_by_a_linear_brain(400, noise=0.01)
    decoder = PictureDecoder(size=4).fit(epochs[:300], pictures)
    rest = dict(list(pictures.items())[300:])
    assert decoded_correlation(decoder, epochs[300:], rest).mean() > 0.98
    reduced = clone(decoder).set_params(n_components=48).fit(epochs[:300], pictures)
    assert decoded_correlation(reduced, epochs[300:], rest).mean() > 0.98
    assert [p.size for p in decoder.predict(epochs[:2])] == [(4, 4)] * 2


@pytest.mark.stochastic
def test_noise_is_decoded_as_the_mean_picture():
    epochs, pictures = seen_by_a_linear_brain(400, noise=1e4)
    decoder = PictureDecoder(size=4).fit(epochs[:300], pictures)
    decoded = as_pixels(decoder.predict(epochs[300:]), 4)
    mean = as_pixels([decoder.mean_picture_], 4)
    np.testing.assert_allclose(decoded.mean(0), mean[0], atol=0.05)
    assert np.abs(decoded - mean).max() < 0.2


def test_pictures_are_paired_by_name_and_repetitions_averaged():
    epochs, pictures = seen_by_a_linear_brain(60, noise=0.1)
    twice = mne.concatenate_epochs([epochs, epochs[::-1]], verbose="ERROR")
    backwards = dict(reversed(pictures.items()))
    one = PictureDecoder(size=4).fit(epochs, pictures).predict(epochs[:3])
    other = PictureDecoder(size=4).fit(twice, backwards).predict(epochs[:3])
    np.testing.assert_allclose(as_pixels(one, 4), as_pixels(other, 4), atol=2 / 255)


@pytest.mark.parametrize("settings", [{}, {"n_components": 20, "alphas": (0.1, 1.0)}])
def test_a_decoder_that_was_read_decodes_the_same(settings, tmp_path):
    epochs, pictures = seen_by_a_linear_brain(80, noise=0.1)
    chosen = epochs.ch_names[:30]
    decoder = PictureDecoder(size=4, picks=chosen, **settings)
    decoder.fit(epochs[:60], pictures)
    file = tmp_path / "decoder.safetensors"
    decoder.save(file)
    again = read_picture_decoder(file)
    for one, other in zip(
        decoder.predict(epochs[60:]), again.predict(epochs[60:]), strict=True
    ):
        assert one.tobytes() == other.tobytes()
    assert again.mean_picture_.tobytes() == decoder.mean_picture_.tobytes()
    assert again.get_params() == decoder.get_params()
    assert again.alpha_ == decoder.alpha_
    again.save(file, overwrite=True)
    with pytest.raises(FileExistsError):
        decoder.save(file)
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        decoder.save(tmp_path / "decoder.pkl")
    with pytest.raises(ValueError, match="holds picture decoder, expected the prior"):
        read_prior(file)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        read_picture_decoder(file)


def test_components_are_those_of_scikit_learn():
    """The one map that is kept equals principal components, then ridge regression."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    rows, wanted = rng.standard_normal((80, 50)), rng.standard_normal((80, 4))
    theirs = make_pipeline(PCA(10, random_state=0), RidgeCV(ALPHAS)).fit(rows, wanted)
    ours = LinearMap.fit(rows, wanted, ALPHAS, 10)
    assert ours.alpha == theirs[-1].alpha_
    np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), atol=1e-5)


def test_bad_input_is_explained():
    epochs, pictures = seen_by_a_linear_brain(20, noise=0.1)
    with pytest.raises(ValueError, match="no column 'image_path'"):
        PictureDecoder().fit(epochs)
    decoder = PictureDecoder(size=4).fit(epochs, pictures)
    with pytest.raises(ValueError, match="2 times"):
        decoder.predict(epochs.copy().crop(0, 0.01))
    broken = epochs.copy()
    broken._data[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        decoder.predict(broken)
    with pytest.raises(ValueError, match=r"'size' parameter.*Got 0"):
        PictureDecoder(size=0).fit(epochs, pictures)
    with pytest.raises(ValueError, match="images lacks these images"):
        PictureDecoder().fit(epochs, dict(list(pictures.items())[:5]))


def test_sheet_has_a_picture_where_it_says():
    red, blue = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    sheet = contact_sheet(
        {"seen": [red] * 3, "generated": [blue] * 3}, size=20, n_columns=2
    )
    pixels = np.asarray(sheet)
    n_red = (pixels == (255, 0, 0)).all(-1).sum()
    n_blue = (pixels == (0, 0, 255)).all(-1).sum()
    assert n_red == n_blue == 3 * 20 * 20
    with pytest.raises(ValueError, match="as many pictures"):
        contact_sheet({"seen": [red] * 3, "generated": [blue]})


@pytest.mark.data("macaque_v4")
@pytest.mark.stochastic
def test_photographs_are_decoded_from_v4_above_every_control():
    epochs = macaque_v4.read_epochs("210225")
    decoder = PictureDecoder().fit(epochs[:1000])
    decoded = as_pixels(decoder.predict(epochs[1000:]), 64)
    paths = list(epochs.metadata["image_path"].iloc[1000:])
    seen = as_pixels(as_pictures(paths), 64)
    r = pixel_correlation(decoded, seen)
    shuffled = pixel_correlation(np.roll(decoded, 1, axis=0), seen)
    mean = np.broadcast_to(as_pixels([decoder.mean_picture_], 64), seen.shape)
    assert r.mean() > shuffled.mean() + 0.15
    assert r.mean() > pixel_correlation(mean, seen).mean() + 0.08


@pytest.mark.data("macaque_v4")
def test_the_command_prints_scores_and_saves_the_sheet(tmp_path, capsys, monkeypatch):
    whole = macaque_v4.read_epochs("190923")
    monkeypatch.setattr(macaque_v4, "read_epochs", lambda *_, **__: whole[:120])
    command = ["generate", "--data", "macaque_v4", "--session", "190923"]
    main([*command, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "PixCorr" in printed
    assert "shuffled" in printed
    with Image.open(tmp_path / "macaque_v4_190923.png") as sheet:
        assert sheet.size[0] > 500
        height = sheet.size[1]
    main([*command, "--sheet", "generated-only", "--out", str(tmp_path)])
    with Image.open(tmp_path / "macaque_v4_190923.png") as sheet:
        assert sheet.size[1] == height - 2 * 100  # two rows of photographs less
    table = pd.read_csv(tmp_path / "macaque_v4.csv")
    assert list(table["score"]) == ["PixCorr", "SSIM"]
