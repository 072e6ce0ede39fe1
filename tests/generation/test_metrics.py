"""The metrics of generated pictures."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from mne_brainae import ImageEncoder
from mne_brainae.generation import (
    FeatureNetwork,
    GeneratedPictures,
    score_pictures,
)
from mne_brainae.generation.metrics import (
    _in_rounds,
    correlation_distance,
    pixel_correlation,
    structural_similarity,
    two_way_identification,
)
from mne_brainae.generation.networks import NETWORKS
from mne_brainae.generation.pixels import (
    as_pictures,
    as_pixels,
    from_pixels,
    names_of,
    resize,
)

needs_skimage = pytest.mark.skipif(
    find_spec("skimage") is None,
    reason="scikit-image is not installed (extra 'generation')",
)


def random_pictures(n, seed=0, size=24):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (n, 6, 6, 3)).astype(np.uint8)
    return [Image.fromarray(one).resize((size, size)) for one in coarse]


def mean_color(pictures):
    return np.array([np.asarray(one, float).mean((0, 1)) for one in pictures])


def coarse_color(pictures):
    return np.array([np.asarray(one.resize((4, 4)), float).ravel() for one in pictures])


# -- single metrics --------------------------------------------------------------------


def test_pixel_correlation_is_that_of_numpy():
    one, other = as_pixels(random_pictures(5), 32), as_pixels(random_pictures(5, 1), 32)
    expected = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(pixel_correlation(one, other), expected, rtol=1e-6)
    np.testing.assert_allclose(pixel_correlation(one, one), 1)
    assert pixel_correlation(np.full_like(one, 0.3), one).tolist() == [0] * 5


@needs_skimage
def test_ssim_is_that_of_wang_et_al():
    one, other = as_pixels(random_pictures(2), 64), as_pixels(random_pictures(2, 1), 64)
    gray = np.array([0.2125, 0.7154, 0.0721])
    expected = []
    for a, b in zip(one @ gray, other @ gray, strict=True):

        def local_mean(values):
            return gaussian_filter(values, 1.5, truncate=3.5)

        mean_a, mean_b = local_mean(a), local_mean(b)
        var_a = local_mean(a * a) - mean_a**2
        var_b = local_mean(b * b) - mean_b**2
        cov = local_mean(a * b) - mean_a * mean_b
        c1, c2 = 0.01**2, 0.03**2
        ssim = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
        ssim /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
        expected.append(ssim[5:-5, 5:-5].mean())
    found = structural_similarity(one, other)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(structural_similarity(one, one), 1)


@given(n=st.integers(3, 12), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=20)
def test_two_way_identification_counts_pairs(n, seed):
    rng = np.random.default_rng(seed)
    stimuli = rng.standard_normal((n, 9))
    generated = stimuli + rng.standard_normal((n, 9))
    found = two_way_identification(generated, stimuli)
    r = np.corrcoef(generated, stimuli)[:n, n:]
    for i in range(n):
        others = [r[i, j] < r[i, i] for j in range(n) if j != i]
        assert found[i] == pytest.approx(np.mean(others))
    assert two_way_identification(stimuli, stimuli).tolist() == [1] * n


def test_chance_is_one_half():
    rng = np.random.default_rng(0)
    unrelated, stimuli = rng.standard_normal((2, 400, 50))
    assert two_way_identification(unrelated, stimuli).mean() == pytest.approx(
        0.5, abs=0.04
    )
    without_features = np.ones((400, 50))
    assert two_way_identification(without_features, stimuli).tolist() == [0.5] * 400


def test_correlation_distance_is_that_of_scipy():
    from scipy.spatial.distance import correlation

    one, other = np.random.default_rng(0).standard_normal((2, 6, 20))
    expected = [correlation(a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(correlation_distance(one, other), expected)
    np.testing.assert_allclose(correlation_distance(one, one), 0, atol=1e-12)


def test_pictures_survive_the_way_to_arrays_and_back():
    pictures = random_pictures(3)
    again = from_pixels(as_pixels(pictures, 24))
    for one, other in zip(pictures, again, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    pixels = np.full((2, 8, 8, 3), 0.25, np.float32)
    np.testing.assert_allclose(resize(pixels, 19), 0.25, atol=1e-6)


# -- the table -------------------------------------------------------------------------


@needs_skimage
def test_stimuli_score_one_and_their_shuffle_one_half():
    stimuli = random_pictures(8)
    networks = {
        "color": coarse_color,
        "far": FeatureNetwork(
            ImageEncoder("torchvision:alexnet", "features.2", "mean", "random"),
            64,
            "distance",
        ),
    }
    scores = score_pictures(stimuli, stimuli, networks=networks, random_state=0)
    table = scores.table
    assert list(table.columns) == ["generated", "shuffled", "stimuli", "better"]
    for column in ("generated", "stimuli"):
        values = table.loc[["PixCorr", "SSIM", "color"], column]
        np.testing.assert_allclose(values.astype(float), 1)
        assert table.loc["far", column] == pytest.approx(0, abs=1e-6)
    assert abs(table.loc["PixCorr", "shuffled"]) < 0.2
    assert table.loc["SSIM", "shuffled"] < 0.9
    assert table.loc["color", "shuffled"] == pytest.approx(0.5, abs=0.2)
    assert table.loc["far", "shuffled"] > 0
    assert table["better"].to_dict() == {
        "PixCorr": "higher",
        "SSIM": "higher",
        "color": "higher",
        "far": "lower",
    }
    assert scores.protocol["stimuli"] == 8


@needs_skimage
def test_several_pictures_per_stimulus_are_averaged(tmp_path):
    stimuli, others = random_pictures(4), random_pictures(4, 1)
    names = {}
    for index, picture in enumerate(stimuli):
        names[f"{index}"] = tmp_path / f"{index}.png"
        picture.save(names[f"{index}"])
    how = {"networks": {"color": coarse_color}, "random_state": 0}
    pairs = [list(pair) for pair in zip(stimuli, others, strict=True)]
    both = score_pictures(pairs, names, controls={"prior only": others}, **how)
    assert both.protocol["pictures per stimulus"] == 2
    both = both.table
    first = score_pictures(stimuli, stimuli, **how).table
    second = score_pictures(others, tmp_path, **how).table
    half = (first["generated"] + second["generated"]) / 2
    pd.testing.assert_series_equal(
        both["generated"], half, check_dtype=False, check_exact=False
    )
    pd.testing.assert_series_equal(
        both["prior only"], second["generated"], check_names=False
    )


def test_bad_input_is_explained():
    stimuli = random_pictures(4)
    with pytest.raises(ValueError, match="holds 3 pictures for 4 stimuli"):
        score_pictures(stimuli[:3], stimuli)
    with pytest.raises(ValueError, match="stimuli must be at least three, got 2"):
        score_pictures(stimuli[:2], stimuli[:2])
    with pytest.raises(ValueError, match=r"AlexNet\(2\)"):
        score_pictures(stimuli, stimuli, networks=["AlexNet"])
    with pytest.raises(TypeError, match="or, for 'AlexNet"):
        score_pictures(stimuli, stimuli, networks={"mine": 3})
    with pytest.raises(ValueError, match=r"array of shape \(4,\) for 4 pictures"):
        score_pictures(
            stimuli, stimuli, networks={"one": lambda ps: np.array([1.0] * len(ps))}
        )
    with pytest.raises(ValueError, match="score"):
        FeatureNetwork(ImageEncoder("torchvision:alexnet"), score="accuracy")


# -- the networks of Table 3 -----------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_published_weights_are_known_and_the_layer_is_there(name):
    network = NETWORKS[name]
    source = network._source()
    assert source.published.address.startswith("https://")
    if name != "CLIP":
        sketch = source.sketch()
        assert sketch.find(network.encoder.layer)[0] == network.encoder.layer


def test_alexnet_sees_whole_pictures_of_256():
    """The layers and the size by hand, with the same random weights."""
    from torchvision.models.feature_extraction import create_feature_extractor

    pixels = as_pixels(random_pictures(2), 256)
    encoder = ImageEncoder(
        "torchvision:alexnet/IMAGENET1K_V1", "features.4", "spatial", "random"
    )
    known = NETWORKS["AlexNet(2)"]
    assert (known.encoder.layer, known.encoder.pool) == ("features.4", "spatial")
    found = FeatureNetwork(encoder, known.size).features(pixels, "cpu")
    module = FeatureNetwork(encoder)._source().build().module
    extractor = create_feature_extractor(module, return_nodes=["features.4"])
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    prepared = (torch.from_numpy(pixels).permute(0, 3, 1, 2) - mean) / spread
    with torch.inference_mode():
        expected = extractor(prepared)["features.4"].flatten(1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_of_swav_are_read_beside_its_other_heads(tmp_path):
    from torchvision.models import resnet50

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        published = resnet50(weights=None)
    weights = {f"module.{key}": value for key, value in published.state_dict().items()}
    del weights["module.fc.weight"], weights["module.fc.bias"]
    weights["module.projection_head.0.weight"] = torch.zeros(3, 3)
    weights["module.prototypes.weight"] = torch.zeros(3, 3)
    file = tmp_path / "swav_800ep_pretrain.pth.tar"
    torch.save(weights, file)
    pixels = as_pixels(random_pictures(2), 64)
    encoder = ImageEncoder(NETWORKS["SwAV"].encoder.name, "avgpool", "mean", file)
    network = FeatureNetwork(encoder, 64, "distance")
    found = network.features(pixels, "cpu")
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    published.fc = torch.nn.Identity()
    published.eval()
    with torch.inference_mode():
        prepared = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        expected = published((prepared - mean) / spread).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    torch.save({"conv1.weight": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="another network than resnet50"):
        FeatureNetwork(encoder, 64).features(pixels, "cpu")


def test_a_file_of_weights_stands_for_a_network_of_the_paper(tmp_path):
    file = tmp_path / "alexnet.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, file)
    stimuli = random_pictures(3)
    with pytest.raises(ValueError, match="another network than alexnet"):
        score_pictures(stimuli, stimuli, networks={"AlexNet(2)": file}, device="cpu")


# -- which picture is of which stimulus ------------------------------------------------


@pytest.fixture
def numbered(tmp_path):
    """Stimuli whose order as text is not that of their numbers, saved in a folder."""
    names = ["1.png", "2.png", "10.png", "cat/11.png"]
    seen = dict(zip(names, random_pictures(4, size=64), strict=True))
    for name, picture in seen.items():
        (tmp_path / "stimuli" / name).parent.mkdir(exist_ok=True, parents=True)
        picture.save(tmp_path / "stimuli" / name)
    return seen, tmp_path


def test_saved_pictures_are_paired_by_name(numbered):
    seen, folder = numbered
    pairs = [[picture, picture.rotate(180)] for picture in seen.values()]
    GeneratedPictures(pairs, list(seen), None).save(folder / "generated")
    for generated in (folder / "generated", dict(zip(seen, pairs, strict=True))):
        stimuli = names_of(folder / "stimuli")
        assert sorted(stimuli) != list(seen)  # the order of text, not of numbers
        rounds = [as_pictures(one) for one in _in_rounds(generated, stimuli, "x")]
        for number, pictures in enumerate(rounds):
            expected = [pairs[list(seen).index(name)][number] for name in stimuli]
            assert pictures == expected


@needs_skimage
def test_scores_of_files_are_those_of_pictures(numbered):
    seen, folder = numbered
    found = score_pictures(dict(reversed(seen.items())), folder / "stimuli").table
    assert found.loc["PixCorr", "generated"] > 0.999


def test_names_that_do_not_say_which_stimulus(numbered):
    seen, folder = numbered
    wrong = {f"x{index}.png": picture for index, picture in enumerate(seen.values())}
    with pytest.raises(ValueError, match="do not say which picture"):
        score_pictures(wrong, folder / "stimuli")
