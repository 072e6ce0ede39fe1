"""Training that shows the encoder parts of responses."""

import numpy as np
import pytest
from building import brain_ae
from hypothesis import given, settings
from hypothesis import strategies as st

import mne_brainae
from mne_brainae.preprocessing.masking import draw_mask


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9)),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_masks_of_any_shape(shape, share, seed):
    mask, again = (
        draw_mask(shape, share, np.random.default_rng(seed)) for _ in range(2)
    )
    assert mask.shape == shape
    np.testing.assert_array_equal(mask, again)
    missing = mask.mean(axis=(1, 2))
    assert (missing < 1).all()
    if share == 1 and shape[1] * shape[2] > 1:
        assert (missing > 0).all()
    if share == 0:
        assert not mask.any()


def test_share_of_masked_responses_and_every_kind():
    rng = np.random.default_rng(0)
    masks = [draw_mask((200, 5, 20), 0.4, rng) for _ in range(80)]
    touched = np.mean([mask.any(axis=(1, 2)).mean() for mask in masks])
    assert abs(touched - 0.4) < 0.02
    one = [mask[mask.any(axis=(1, 2))][0] for mask in masks]
    whole_channels = sum(m.all(axis=1).any() for m in one)
    whole_times = sum(m.all(axis=0).any() for m in one)
    neither = sum(not m.all(axis=1).any() and not m.all(axis=0).any() for m in one)
    assert min(whole_channels, whole_times, neither) > 3


@pytest.fixture(scope="module")
def augmented(recording, small):
    return brain_ae(**small, mask_augmentation=0.5).fit(*recording)


@pytest.mark.stochastic
def test_it_brings_more_of_what_is_missing_back(augmented, model, unseen):
    epochs = mne_brainae.average_repetitions(unseen[0])
    options = {"kinds": ["random", "spatial"], "ratios": [0.75], "random_state": 0}
    skills = [
        mne_brainae.score_reconstruction(each, epochs, **options)
        .table.query("system == 'model'")["skill"]
        .to_numpy()
        for each in (augmented, model)
    ]
    assert (skills[0] > skills[1] + 0.02).all()
    assert augmented.score(*unseen) > 0.8 * model.score(*unseen)


def test_one_seed_gives_one_model_and_goes_on(recording, small, tmp_path):
    settings = small | {"mask_augmentation": 0.5, "max_epochs": 6, "min_updates": 1}
    whole = brain_ae(**settings).fit(*recording)
    path = tmp_path / "fit.safetensors"
    brain_ae(**settings | {"max_epochs": 3}, checkpoint=path).fit(*recording)
    resumed = brain_ae(**settings, checkpoint=path).fit(*recording)
    assert resumed.history_.equals(whole.history_)
    np.testing.assert_array_equal(
        resumed.embed_epochs(recording[0][:5]), whole.embed_epochs(recording[0][:5])
    )
    whole.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.mask_augmentation == 0.5


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"mask_augmentation": 1.5}, r"range \[0.0, 1.0\]"),
        ({"mask_augmentation": -0.1}, r"range \[0.0, 1.0\]"),
        ({"mask_augmentation": 0.5, "computation": "fast"}, "'auto' or 'plain'"),
    ],
)
def test_bad_input(params, match, recording):
    with pytest.raises(ValueError, match=match):
        brain_ae(**params).fit(*recording)
