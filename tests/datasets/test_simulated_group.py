"""A simulated group: what subjects share, and what they do not."""

import numpy as np
import pytest

from mne_brainae.datasets import simulate_group

SMALL = {
    "n_images": 24,
    "n_test_images": 6,
    "n_features": 20,
    "n_channels": (6, 9),
    "verbose": "ERROR",
}


@pytest.fixture(scope="module")
def group():
    return simulate_group(3, n_noise=1, random_state=0, **SMALL)


def test_a_seed_gives_the_same_recordings(group):
    again = simulate_group(3, n_noise=1, random_state=0, **SMALL)
    other = simulate_group(3, n_noise=1, random_state=1, **SMALL)
    for name in group.subjects:
        first = group.train[name].get_data()
        np.testing.assert_array_equal(first, again.train[name].get_data())
        assert not np.allclose(first, other.train[name].get_data())


def test_channels_images_and_names_are_as_asked(group):
    assert [len(group.train[name].ch_names) for name in group.subjects] == [6, 9, 6]
    shown = [set(epochs.metadata["image"]) for epochs in group.train.values()]
    assert not shown[0] & shown[1]
    assert set.union(*shown) <= set(group.features.index)
    assert group.features.index.is_unique
    assert group.noise_subjects == ["sub-03"]
    same = simulate_group(2, images="same", random_state=0, **SMALL)
    shown = [list(epochs.metadata["image"]) for epochs in same.train.values()]
    assert shown[0] == shown[1]


def test_a_subject_of_pure_noise_responds_to_all_images_alike(group):
    for name in group.subjects:
        spread = group.truth[name].get_data().std(axis=0).max()
        assert (spread < 1e-15) == (name == "sub-03")


def test_skill_of_the_truth_and_of_the_mean(group):
    truth = group.truth["sub-01"]
    assert group.skill("sub-01", truth) == pytest.approx(1)
    mean = truth.copy()
    mean._data[:] = truth.get_data().mean(axis=0)
    assert group.skill("sub-01", mean) == pytest.approx(0)


def test_common_drives_give_correlated_responses_and_own_drives_do_not():
    """The similarities of responses over images agree only if drives are common."""

    def agree(**drives):
        data = simulate_group(
            2, **drives, random_state=0, **SMALL | {"n_test_images": 40}
        )
        flat = [data.truth[name].get_data().reshape(40, -1) for name in data.subjects]
        upper = np.triu_indices(40, 1)
        return np.corrcoef(*(np.corrcoef(rows)[upper] for rows in flat))[0, 1]

    common, own = agree(n_common=3), agree(n_common=0, n_own=3)
    assert common > 0.5 > abs(own) + 0.3


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"n_common": 0, "n_own": 0}, "at least one drive"),
        ({"n_noise": 4}, "more than the 3 subjects"),
        ({"n_images": 10}, "multiple of n_exemplars"),
        ({"snr": (0.4, 0.2)}, "ascending"),
        ({"n_channels": (3, 9)}, "from 4 to 63"),
        ({"images": "all"}, "images"),
    ],
)
def test_what_is_impossible_is_refused(bad, words):
    with pytest.raises(ValueError, match=words):
        simulate_group(3, **SMALL | bad)
