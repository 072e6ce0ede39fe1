"""A model of many subjects, and what it tells of a newcomer."""

import copy

import mne
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import mne_brainae
from mne_brainae.datasets import simulate_group

SIZES = {
    "n_images": 80,
    "n_test_images": 40,
    "n_features": 20,
    "n_common": 3,
    "n_repetitions": 3,
    "n_channels": (6, 6, 9, 9),
    "snr": 0.5,
    "verbose": "ERROR",
}
NEW, NOISE = "sub-01", "sub-04"


@pytest.fixture(scope="module")
def data():
    return simulate_group(4, n_noise=1, random_state=0, **SIZES)


@pytest.fixture(scope="module")
def group(data):
    members = {name: data.train[name] for name in ("sub-02", "sub-03", NOISE)}
    with pytest.warns(RuntimeWarning, match="Left out of the group: 'sub-04'"):
        return mne_brainae.fit(members, data.features)


def few(data, n_images, name=NEW):
    images = data.train[name].metadata["image"]
    return data.train[name][np.flatnonzero(images.isin(images.unique()[:n_images]))]


@pytest.fixture(scope="module")
def adapted(data, group):
    return group.adapt(few(data, 16), data.features)


def shown(data, name=NEW):
    return data.features.loc[data.test[name].metadata["image"]]


def test_fit_of_a_dict_is_a_group_and_noise_leaves_it(group):
    assert isinstance(group, mne_brainae.GroupModel)
    assert group.subjects_ == ["sub-02", "sub-03", NOISE]
    assert [member.name for member in group.members_] == ["sub-02", "sub-03"]
    assert group.slopes_[NOISE] < 0.1 < group.slopes_[["sub-02", "sub-03"]].min()
    assert "2 of them in the group" in group.selection_


def test_a_newcomer_of_few_images_gains_by_the_group(data, adapted):
    own = mne_brainae.LinearBrainAE(spatial_window=None, verbose="ERROR")
    own.fit(few(data, 16), data.features)
    predicted = adapted.predict_epochs(shown(data), subject=NEW)
    alone = data.skill(NEW, own.predict_epochs(shown(data)))
    assert data.skill(NEW, predicted) > alone + 0.1


def test_shuffled_images_leave_nothing_but_the_mean_map(data, group):
    epochs = few(data, 80)
    images = epochs.metadata["image"].unique()
    wrong = data.features.copy()
    order = np.random.default_rng(0).permutation(len(images))
    wrong.loc[images] = data.features.loc[images[order]].to_numpy()
    with mne.utils.use_log_level("ERROR"):
        shuffled = group.adapt(epochs, wrong)
    predicted = shuffled.predict_epochs(shown(data), subject=NEW)
    assert abs(data.skill(NEW, predicted)) < 0.1


def test_adapt_returns_a_new_model_and_leaves_the_group(group, adapted):
    assert NEW not in group.subjects_
    assert adapted.subjects_ == [*group.subjects_, NEW]
    assert adapted.members_ == group.members_
    assert list(adapted.weights_.index) == adapted.subjects_
    assert (adapted.weights_ >= 0).all(axis=None)
    assert "16 images" in adapted.for_subject(NEW).selection_


def test_a_name_stands_for_one_image(data, group):
    """Otherwise what a member knows of one image would be taken for another's."""
    epochs = few(data, 8)
    known = data.train["sub-02"].metadata["image"].unique()[:8]
    images = epochs.metadata["image"]
    renamed = dict(zip(images.unique(), known, strict=True))
    epochs.metadata = epochs.metadata.assign(image=images.map(renamed))
    features = data.features.loc[images.unique()].rename(index=renamed)
    with pytest.raises(ValueError, match="differ from those of subject 'sub-02'"):
        group.adapt(epochs, features)


def test_an_unknown_subject_of_fewer_channels_is_served_on_these(data, group):
    """By channels of the group, and not with zeros for those that are absent."""
    test = data.test[NEW].copy().pick(data.test[NEW].ch_names[:4])
    model = group.for_epochs(test)
    assert model.info_["ch_names"] == test.ch_names
    both = [
        group.for_epochs(each).predict_epochs(shown(data))
        for each in (test, data.test[NEW])
    ]
    picked = both[1].get_data(picks=test.ch_names)
    deviations = [each - each.mean(axis=0) for each in (both[0].get_data(), picked)]
    np.testing.assert_allclose(*deviations, atol=1e-2 * np.abs(picked).max())
    assert len(group.retrieve(test, shown(data)).ranks) == 40
    bare = test.copy().rename_channels(lambda name: f"X{name}").set_montage(None)
    with pytest.raises(ValueError, match="Nothing is known of the channels 'X"):
        group.retrieve(bare, shown(data))


def test_a_subject_is_read_from_the_metadata(data, adapted):
    test = data.test[NEW]
    by_metadata = adapted.embed_epochs(test)
    pd.testing.assert_frame_equal(by_metadata, adapted.embed_epochs(test, subject=NEW))
    other = adapted.embed_epochs(test, subject="sub-02")
    assert not np.allclose(by_metadata.to_numpy()[:, :3], other.to_numpy()[:, :3])
    found = adapted.retrieve(test, shown(data))
    assert "subject 'sub-01'" in found.protocol["model selection"]
    evoked = adapted.predict_evoked(shown(data)[:1], subject="sub-03")
    assert evoked.ch_names == data.train["sub-03"].ch_names


def test_an_unknown_subject_is_the_mean_map(data, group, tmp_path):
    """Of 0 images; what is removed is the mean of the given responses."""
    test = data.test[NEW]
    found = group.retrieve(test, shown(data), similarity="likelihood")
    assert found.protocol["task"] == "retrieval"
    said = found.protocol["model selection"]
    assert "zero-shot" in said
    assert "mean response to 40 test images was removed" in said
    for model in (group.anyone_, group.for_epochs(test.copy().pick(test.ch_names[:4]))):
        slope = model.latent_.slope
        assert 0 < slope < 1
        assert model.latent_.errors.slope == slope  # around which the errors are
    group.for_epochs(test).save(tmp_path / "anyone.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "anyone.safetensors")
    for each in (found, read.retrieve(test, shown(data), similarity="likelihood")):
        with pytest.warns(RuntimeWarning, match="as far as it is like the group"):
            each.probabilities  # noqa: B018
    shifted = test.copy()
    shifted._data += 1e-6
    again = group.retrieve(shifted, shown(data), similarity="likelihood")
    np.testing.assert_array_equal(found.ranks, again.ranks)


def test_other_channels_are_interpolated_and_said(data, group):
    assert "interpolated" in group.for_subject("sub-03").selection_
    bare = few(data, 16)
    bare = mne.EpochsArray(
        bare.get_data(),
        mne.create_info([f"X{k}" for k in range(6)], 50.0, "eeg"),
        metadata=bare.metadata,
    )
    adapted = group.adapt(bare, data.features)
    assert adapted.weights_.loc[NEW, "mean"] == 0
    assert "interpolated" not in adapted.for_subject(NEW).selection_


def test_metadata_and_a_dict_give_the_same(data, group):
    parts = [few(data, 20, name) for name in ("sub-01", "sub-02")]
    joined = mne.concatenate_epochs(parts)
    by_metadata = mne_brainae.fit(joined, data.features, recipe="linear", n_shared=5)
    by_dict = mne_brainae.GroupModel(n_shared=5).fit(
        dict(zip(["sub-01", "sub-02"], parts, strict=True)), data.features
    )
    pd.testing.assert_frame_equal(by_metadata.weights_, by_dict.weights_)


def test_a_file_holds_all_subjects(data, adapted, tmp_path):
    fname = tmp_path / "group.safetensors"
    adapted.save(fname)
    again = mne_brainae.read_brainae(fname)
    assert repr(again) == repr(adapted)
    pd.testing.assert_frame_equal(again.weights_, adapted.weights_)
    for subject in (None, *adapted.subjects_):
        first, second = (
            model.predict_epochs(shown(data), subject=subject, output="array")
            for model in (adapted, again)
        )
        np.testing.assert_array_equal(first, second)
    epochs = few(data, 16, "sub-02")
    pd.testing.assert_frame_equal(
        again.adapt(epochs, data.features).weights_,
        adapted.adapt(epochs, data.features).weights_,
    )


def test_unread_epochs_give_the_same(data, tmp_path):
    loaded = {name: few(data, 20, name) for name in ("sub-02", "sub-03")}
    recordings = {}
    for name in loaded:
        fname = tmp_path / f"{name}-epo.fif"
        loaded[name].save(fname, verbose=False)
        recordings[name] = mne.read_epochs(fname, preload=False, verbose=False)
    unfitted = mne_brainae.GroupModel(verbose="ERROR")
    group = clone(unfitted).fit(loaded, data.features)
    again = clone(unfitted).fit(recordings, data.features)
    assert not any(epochs.preload for epochs in recordings.values())
    np.testing.assert_allclose(again.weights_, group.weights_, atol=0.05)


def test_other_recipes_average_over_subjects_and_warn(data):
    joined = mne.concatenate_epochs([few(data, 8), few(data, 8, "sub-02")])
    small = {"max_epochs": 1, "min_updates": 0, "n_kernels": 2, "validation_size": 2}
    with pytest.warns(RuntimeWarning, match="of several subjects"):
        mne_brainae.fit(joined, data.features, recipe="paper", **small)


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (lambda g, d: g.fit({}, d.features), ValueError, "empty dict"),
        (lambda g, d: g.fit({"a": 3}, d.features), TypeError, "epochs.'a'."),
        (lambda g, d: g.fit(d.train, np.zeros((3, 2))), TypeError, "must be named"),
        (
            lambda g, d: g.predict_evoked(shown(d), subject="sub-3"),
            ValueError,
            "sub-03",
        ),
        (lambda g, d: g.adapt(few(d, 16), d.features.iloc[:, :5]), ValueError, "20"),
        (
            lambda g, d: g.adapt(
                mne.concatenate_epochs([few(d, 8), few(d, 8, "sub-02")]), d.features
            ),
            ValueError,
            "of 2 subjects",
        ),
        (
            lambda g, d: mne_brainae.fit(d.train, d.features, recipe="nice"),
            ValueError,
            "fit_many",
        ),
        (
            lambda g, d: mne_brainae.score_adaptation(few(d, 8), d.features),
            ValueError,
            "one subject",
        ),
    ],
)
def test_bad_input_is_refused(data, group, bad, error, words):
    with pytest.raises(error, match=words):
        bad(group, data)


def test_epochs_that_name_no_subject_are_refused(data, group):
    epochs = data.test[NEW].copy()
    epochs.metadata = epochs.metadata.drop(columns="subject")
    with pytest.raises(ValueError, match="do not name their subject"):
        group.retrieve(epochs, shown(data))
    assert len(group.retrieve(epochs, shown(data), subject="sub-02").ranks) == 40


@pytest.fixture(scope="module")
def scores(data):
    train = {name: few(data, 40, name) for name in ("sub-01", "sub-02")}
    with mne.utils.use_log_level("ERROR"):
        return mne_brainae.score_adaptation(train, data.features, n_images=(12,))


def test_scores_of_newcomers(scores):
    table = scores.to_data_frame()
    assert set(table["n_images"]) == {0, 12, 32}
    assert set(table["system"]) == {"group", "own"}
    assert table[["top_1", "r"]].notna().all(axis=None)
    assert scores.chance == {"sub-01": 1 / 8, "sub-02": 1 / 8}
    assert "unseen by all subjects" in repr(scores)
    with pytest.raises(ValueError, match="signed-rank"):
        scores.compare(12)
    with pytest.raises(ValueError, match="n_images"):
        scores.compare(13)


def test_plot_of_newcomers(scores):
    axes = scores.plot(show=False).axes[0]
    assert axes.get_xlabel() == "images of the newcomer"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"group", "own"} <= set(labels)


def test_processes_change_nothing(data, group):
    members = {name: data.train[name] for name in ("sub-02", "sub-03", NOISE)}
    with pytest.warns(RuntimeWarning, match="Left out of the group: 'sub-04'"):
        again = mne_brainae.GroupModel(n_jobs=2).fit(members, data.features)
    pd.testing.assert_frame_equal(again.weights_, group.weights_, rtol=1e-4)
    pd.testing.assert_series_equal(again.slopes_, group.slopes_, rtol=1e-4)
    for name in (*group.subjects_, None):
        found, expected = (
            model.for_subject(name).predict_evoked(data.features).data
            for model in (again, group)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-10)


def test_a_group_says_where_it_computes(data, adapted):
    """Tests of a real card are in tests/cuda."""
    assert adapted.device_ == "cpu"
    back = copy.deepcopy(adapted).to("cpu")
    found, expected = (
        model.predict_evoked(shown(data), subject=NEW).data for model in (back, adapted)
    )
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="device='nowhere'"):
        back.to("nowhere")
