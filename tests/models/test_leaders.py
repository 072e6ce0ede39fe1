"""Recipes of the systems that lead today: what they learn, and single trials."""

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import mne_brainae
from mne_brainae import ImageEncoder
from mne_brainae.models.augmentation import SMOOTHED, Augmentation, smooth
from mne_brainae.models.recipes import RECIPES
from mne_brainae.models.single_trials import TrialPairs
from mne_brainae.models.training import step_factor
from mne_brainae.nn.losses import WIDTHS, squared_mmd

LEADERS = ("multi_blur", "ubp", "neurobridge", "samga")
#: What makes them small and quick, beside their own.
QUICK = {
    "learning_rate": 1e-2,
    "batch_size": 36,
    "max_epochs": 15,
    "min_updates": 1,
    "random_state": 0,
    "verbose": "WARNING",
}
SMALL = {
    "multi_blur": {
        "image_projection": {
            "mixture": {"weights": "dimension", "n_free": 4, "n_hidden": 16}
        }
    },
    "ubp": {},
    "neurobridge": {"brain_encoder": {"flat": {"n_hidden": 16}}, "n_embedding": 8},
    "samga": {
        "brain_encoder": {"flat": {"n_hidden": 16}},
        "image_projection": {"mixture": {"start": (-1.0, 0.0), "n_reduced": 8}},
        "n_embedding": 8,
    },
}


def two_versions(features):
    """Return the features, and a blurred version of them beside."""
    blurred = features.to_numpy() + 0.3 * np.roll(features.to_numpy(), 1, axis=1)
    both = pd.concat({"original": features, "blur": features * 0 + blurred}, axis=1)
    return both.rename_axis(columns=["version", "feature"])


@pytest.fixture(scope="module")
def recording():
    """Return training and test epochs, three trials an image, of a linear brain."""
    mix = np.random.default_rng(5).standard_normal((12, 8, 20))
    info = mne.create_info(8, 100.0, "eeg")

    def record(n_concepts, prefix, seed):
        rng = np.random.default_rng(seed)
        names = [f"{prefix}-{i}" for i in range(4 * n_concepts)]
        features = rng.standard_normal((len(names), 12)).astype(np.float32)
        data = np.repeat(np.tensordot(features, mix, 1), 3, axis=0)
        data += 2 * rng.standard_normal(data.shape)
        concept = [f"{prefix} {i // 4}" for i in range(len(names))]
        metadata = pd.DataFrame({"image": names, "concept": concept})
        metadata = metadata.loc[metadata.index.repeat(3)].reset_index(drop=True)
        epochs = mne.EpochsArray(1e-6 * data, info, metadata=metadata)
        return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))

    return record(40, "train", 0), record(10, "test", 1)


def fit(recipe, epochs, features, **params):
    if "mixture" in str(SMALL[recipe]):
        features = two_versions(features)
    params = QUICK | SMALL[recipe] | params
    return mne_brainae.fit(epochs, features, recipe=recipe, **params), features


@pytest.mark.parametrize("recipe", LEADERS)
@pytest.mark.stochastic
def test_leaders_decode_unseen_images(recording, recipe, tmp_path):
    train, (epochs, features) = recording
    model, _ = fit(recipe, *train)
    averaged = mne_brainae.average_repetitions(epochs)
    gallery = two_versions(features) if "mixture" in str(SMALL[recipe]) else features
    found = model.retrieve(averaged, gallery)
    assert found.p_value(5) < 1e-4
    assert "whole concepts" in model.selection_
    model.save(tmp_path / "model.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    again = read.retrieve(averaged, gallery)
    np.testing.assert_array_equal(again.ranks, found.ranks)
    assert read.training.get_params() == model.training.get_params()


@pytest.mark.parametrize("recipe", ["multi_blur", "samga"])
@pytest.mark.stochastic
def test_shuffled_images_fall_to_chance(recording, recipe):
    """The mean rank of 40 candidates is 20.5 by chance, and 1.8 apart by luck."""
    (epochs, features), (test, unseen) = recording
    mixed = features.set_axis(np.random.default_rng(3).permutation(features.index))
    model, _ = fit(recipe, epochs, mixed)
    averaged = mne_brainae.average_repetitions(test)
    found = model.retrieve(averaged, two_versions(unseen))
    assert abs(found.ranks.mean() - 20.5) < 8


@pytest.mark.parametrize("recipe", LEADERS)
def test_recipes_are_as_published(recipe):
    """Temperature is the inverse of the published scale; no side but one is free."""
    model = mne_brainae.make_model(recipe)
    model.check()
    scale = {"multi_blur": 1.0, "ubp": 2.727, "neurobridge": 14.29, "samga": 2.73}
    np.testing.assert_allclose(1 / model.temperature, scale[recipe], rtol=5e-3)
    assert not model.normalize_brain
    assert model.training.optimizer == "adamw"
    assert isinstance(model.image_encoder, ImageEncoder)


def test_blurs_are_those_of_the_kernels():
    """The standard deviations that OpenCV takes for kernels of so many pixels."""
    encoder = mne_brainae.make_model("multi_blur").image_encoder
    pixels = [224 * float(name.partition(":")[2]) for name in encoder.degradations[1:]]
    expected = [0.8, 1.7, 2.6, 3.5, 4.4, 5.3, 6.2, 7.1, 8.0, 8.9, 9.8]
    np.testing.assert_allclose(pixels, expected, atol=0.02)
    assert encoder.degradations[0] == "original"


def test_a_mixture_of_versions_of_images(recording, tmp_path):
    """Images pass the encoder in all versions, at fit and in the gallery."""
    epochs = mne_brainae.average_repetitions(recording[0][0])[:40]
    rng = np.random.default_rng(0)
    for name in epochs.metadata["image"]:
        pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    encoder = ImageEncoder("gabor", degradations=["original", "blur"], versions="stack")
    model = mne_brainae.fit(
        epochs,
        tmp_path,
        recipe="multi_blur",
        image_encoder=encoder,
        image_projection="mixture",
        **QUICK | {"max_epochs": 1},
    )
    assert model.network_.image_projection.n_versions == 2
    assert model.n_embedding_ == len(model.feature_names_) // 2
    assert model.compute_features(tmp_path).shape == (40, len(model.feature_names_))
    with pytest.raises(ValueError, match="of equal size side by side"):
        mne_brainae.fit(epochs, tmp_path, recipe="multi_blur", image_encoder="gabor")


def test_a_mixture_in_the_autoencoder(recording):
    epochs, features = recording[0]
    model = mne_brainae.fit(
        epochs,
        two_versions(features),
        recipe="paper",
        brain_encoder="time_mlp",
        brain_decoder="linear",
        image_projection="mixture",
        n_embedding=8,
        validation_size=0.2,
        **QUICK | {"max_epochs": 2},
    )
    assert model.network_.image_projection.mixing().shape == (2, 1)
    assert np.isfinite(model.history_).all(axis=None)


# -- parts of training -----------------------------------------------------------------


def test_mmd_by_hand():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)) + 1
    both = np.concatenate([left, right])
    distances = ((both[:, None] - both) ** 2).sum(-1)

    def kernel(x, y):
        squared = ((x - y) ** 2).sum() / distances.mean()
        return np.mean([np.exp(-squared / (2 * w**2)) for w in WIDTHS])

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(z) for y in np.delete(z, i, 0)])
        for z in (left, right)
    ]
    across = np.mean([kernel(x, y) for x in left for y in right])
    found = squared_mmd(torch.from_numpy(left), torch.from_numpy(right))
    np.testing.assert_allclose(found, sum(within) - 2 * across, rtol=1e-6)


def test_mmd_is_about_zero_for_one_distribution():
    torch.manual_seed(0)
    same = [squared_mmd(*torch.randn(2, 50, 4)).item() for _ in range(40)]
    moved = squared_mmd(torch.randn(50, 4), torch.randn(50, 4) + 1).item()
    assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(40)
    assert moved > 5 * np.std(same)


def test_smoothing_is_a_moving_average():
    torch.manual_seed(0)
    brain = torch.randn(2, 3, 12)
    found = smooth(brain)
    half = SMOOTHED // 2
    for time in range(12):
        window = brain[..., max(time - half, 0) : time + half + 1]
        torch.testing.assert_close(found[..., time], window.mean(-1))
    rng = np.random.default_rng(0)
    many = torch.randn(200, 10, 12)
    seen = Augmentation(0.0, 0.3, rng)(many)
    changed = (seen != many).any(-1)
    assert abs(changed.float().mean() - 0.3) < 0.04
    torch.testing.assert_close(seen[changed], smooth(many)[changed])


def test_step_size_by_epochs():
    steps = ((20, 0.5), (40, 0.1))
    assert [step_factor(steps, e, 60) for e in (0, 19, 20, 39, 40)] == [
        1,
        1,
        0.5,
        0.5,
        0.1,
    ]
    assert step_factor(None, 3, 10) == 1
    cosine = [step_factor("cosine", epoch, 10) for epoch in range(10)]
    np.testing.assert_allclose([cosine[0], cosine[5]], [1, 0.5])
    assert 0 < cosine[-1] < 0.05


@pytest.fixture
def pairs():
    brain = torch.arange(6.0)[:, None, None].repeat(1, 2, 3)
    trials_of = torch.tensor([[0, 2, 5], [1, 3, 0], [4, 0, 0]])
    counts = torch.tensor([3, 2, 1])
    return lambda average: TrialPairs(
        brain, torch.eye(3), trials_of=trials_of, counts=counts, average=average
    )


def test_single_trials_are_drawn_from_their_image(pairs):
    own = [{0.0, 2.0, 5.0}, {1.0, 3.0}, {4.0}]
    one = pairs(False)
    assert len(one) == 3
    rows = torch.tensor([2, 0, 1])
    seen = [set(), set(), set()]
    for epoch in range(40):
        one.begin(0, epoch)
        brain, image, _ = one.take(rows, torch.device("cpu"))
        for row, value in zip(rows, brain[:, 0, 0], strict=True):
            seen[row].add(value.item())
        assert torch.equal(image.argmax(1), rows)
    assert seen == own
    one.begin(0, 7)
    first = one.take(rows, torch.device("cpu"))[0]
    one.begin(0, 7)  # a training that goes on draws the same
    torch.testing.assert_close(one.take(rows, torch.device("cpu"))[0], first)


def test_means_of_random_numbers_of_trials(pairs):
    """All subsets of three trials come, and each weighs its trials alike."""
    some = pairs("random")
    some.begin(0, 0)
    weights = some.weights(torch.zeros(400, dtype=torch.long))
    torch.testing.assert_close(weights.sum(1), torch.ones(400))
    assert len(torch.unique(weights > 0, dim=0)) == 7
    n_drawn = (weights > 0).sum(1)
    torch.testing.assert_close(weights.max(1).values, 1 / n_drawn)
    assert abs((n_drawn == 2).float().mean() - 1 / 3) < 0.1


def test_trials_of_every_image_are_found(recording):
    """The mean over the trials of a row is the averaged response of its image."""
    from mne_brainae.models.single_trials import with_trials
    from mne_brainae.models.training_set import Reading, TrainingSet

    epochs, features = recording[0]
    how = Reading("gabor", validation="concept", validation_size=0.2)
    shuffled = epochs[np.random.default_rng(0).permutation(len(epochs))]
    data = TrainingSet.read(shuffled, features, how, 0)
    trials = with_trials(data, False).training
    assert len(trials) == len(data.training)
    mean = trials.brain[trials.trials_of].mean(1)
    torch.testing.assert_close(mean, data.training.brain, rtol=1e-4, atol=1e-5)


def test_all_leaders_are_recipes():
    assert set(LEADERS) <= set(RECIPES)
