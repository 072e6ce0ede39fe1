"""Cross-validation holds out whole images, and scores what no fit has seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import mne_brainae
from mne_brainae.scoring.encoding import score_encoding

QUIET = {"verbose": "ERROR"}


class Noted(mne_brainae.RidgeModel):
    """A model that notes what each of its copies was fitted to."""

    seen = []  # noqa: RUF012  every copy adds to one list

    def fit(self, epochs, images=None):
        super().fit(epochs, images)
        self.seen.append((self, set(epochs.metadata["image"]), set(self.train_images_)))
        return self


@pytest.fixture(scope="module")
def data(recording):
    epochs, features = recording
    names = features.index[:40]
    return epochs[epochs.metadata["image"].isin(names).to_numpy()], features.loc[names]


@pytest.fixture(scope="module")
def scores(data):
    return mne_brainae.cross_validate(
        mne_brainae.RidgeModel(), *data, n_splits=4, random_state=0, **QUIET
    )


def test_no_fit_sees_what_it_is_scored_on(data):
    Noted.seen.clear()
    model = Noted()
    found = mne_brainae.cross_validate(
        model, *data, n_splits=4, random_state=0, **QUIET
    )
    assert not hasattr(model, "latent_")
    assert len({id(copy) for copy, _, _ in Noted.seen}) == 4
    names = set(data[1].index)
    for (_, shown, learned), identification in zip(
        Noted.seen, found.identifications, strict=True
    ):
        assert shown == learned == names - set(identification.candidates)
    held_out = [name for each in found.identifications for name in each.candidates]
    assert sorted(held_out) == sorted(names)
    assert found.protocol["test images seen in fit"] == 0


def test_scores_are_those_of_the_folds_by_hand(data, scores):
    epochs, features = data
    parts = mne_brainae.split_epochs(epochs, "image", n_splits=4, random_state=0)
    values, sizes = [], []
    for train, test in parts:
        model = mne_brainae.RidgeModel().fit(train, features)
        shown = features.loc[test.metadata["image"].unique()]
        predicted = model.predict_epochs(shown)
        encoding = score_encoding(test, predicted, model.evoked_, n_bootstraps=0)
        found = model.retrieve(mne_brainae.average_repetitions(test), shown)
        r = encoding.table.loc[["prediction", "mean response"], "r_pattern"]
        values.append([*r, found.top_k(1), found.chance(1)])
        sizes.append(len(shown))
    expected = np.average(values, axis=0, weights=sizes)
    table = scores.table.loc[["r_pattern", "top-1"], ["value", "baseline"]]
    np.testing.assert_allclose(table.to_numpy().ravel(), expected)


def test_predictions_are_of_every_image_once(data, scores):
    names = scores.predicted.metadata["image"]
    assert sorted(names) == sorted(data[1].index)
    folds = scores.predicted.metadata.groupby("fold")["image"].agg(set)
    for number, found in enumerate(scores.identifications):
        assert folds[number] == set(found.candidates)


def test_it_beats_chance_and_the_mean_response(scores):
    table = scores.table
    assert table.loc["top-1", "value"] > 3 * table.loc["top-1", "baseline"]
    assert table.loc["r_images", "value"] > 0.3
    assert table.loc["r_images", "baseline"] == 0
    assert table.loc["mse", "value"] < table.loc["mse", "baseline"]
    assert "held out: image by image, in 4 folds" in repr(scores)
    assert len(scores.plot(show=False).axes) == 1


@pytest.mark.parametrize("by", ["image", "concept"])
def test_groups_stay_whole(data, by):
    epochs, _ = data
    labels = epochs.metadata[by]
    parts = mne_brainae.split_epochs(epochs, by, n_splits=3, random_state=1, **QUIET)
    tested = []
    for train, test in parts:
        assert not set(train.metadata[by]) & set(test.metadata[by])
        tested += list(test.metadata[by].unique())
    assert sorted(tested) == sorted(labels.unique())


def test_sessions_with_images_that_were_not_shown_elsewhere(data):
    epochs, features = data
    epochs = epochs.copy()
    half = features.index[: len(features) // 2]
    first = epochs.metadata["image"].isin(half)
    epochs.metadata = epochs.metadata.assign(session=np.where(first, "a", "b"))
    found = mne_brainae.cross_validate(
        mne_brainae.RidgeModel(),
        epochs,
        features,
        by="session",
        n_splits=None,
        disjoint="image",
        **QUIET,
    )
    assert [set(each.candidates) for each in found.identifications] == [
        set(half),
        set(features.index) - set(half),
    ]


def test_a_model_that_only_decodes(data):
    model = mne_brainae.make_model(
        "nice", max_epochs=1, min_updates=0, brain_encoder="linear", random_state=0
    )
    found = mne_brainae.cross_validate(model, *data, n_splits=2, **QUIET)
    assert found.predicted is None
    assert list(found.table.index) == ["top-1", "top-5"]


def test_features_of_every_epoch(data, scores):
    epochs, features = data
    rows = features.loc[epochs.metadata["image"]].to_numpy()
    found = mne_brainae.cross_validate(
        mne_brainae.RidgeModel(), epochs, rows, n_splits=4, random_state=0, **QUIET
    )
    pd.testing.assert_frame_equal(found.table, scores.table)


def test_folds_of_one_image(data):
    with pytest.raises(ValueError, match=r"holds out only one image.*n_splits"):
        mne_brainae.cross_validate(mne_brainae.RidgeModel(), *data, n_splits=40)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_scikit_learn_is_told(data):
    epochs, features = data
    rows = features.loc[epochs.metadata["image"]].to_numpy()
    for y in (None, rows):
        with pytest.raises(ValueError, match=r"mne_brainae\.cross_validate"):
            cross_val_score(clone(mne_brainae.RidgeModel()), epochs, y)
