"""Epochs whose bad ones are dropped only on reading give what drop_bad() gives.

Names, sessions and numbers that are looked at before belong to other epochs.
"""

import mne
import numpy as np
import pandas as pd
import pytest
from recordings import driven, lazy, renamed

import mne_brainae
from mne_brainae.generation import RidgePrior, fit_prior
from mne_brainae.models.fingerprints import fingerprint_epochs, fingerprint_images

pytestmark = pytest.mark.filterwarnings("ignore:.*seen in fit:RuntimeWarning")


@pytest.fixture(scope="module")
def recording():
    epochs, features = driven(repetitions=4)
    return renamed(epochs, session=np.repeat([1, 2], 48)), features


@pytest.fixture(scope="module")
def model(recording):
    return mne_brainae.fit(*recording, recipe="linear")


@pytest.fixture(scope="module")
def mvnn(recording):
    return mne_brainae.MVNN().fit(recording[0])


def retrieve(model, epochs, features):
    found = model.retrieve(epochs, features)
    return found.ranks, found.truth


def averages(model, epochs, features):
    scores = mne_brainae.score_averages(
        lambda e: model.retrieve(e, features), epochs, random_state=0
    )
    return scores.to_data_frame()


def occlusion(model, epochs, features):
    found = mne_brainae.occlude_times(
        lambda e: model.retrieve(e, features), epochs, model.evoked_
    )
    return found.to_data_frame()


def encoding(model, epochs, features):
    predicted = model.predict_epochs(features)
    options = {"n_splits": 2, "n_bootstraps": 2, "random_state": 0}
    return mne_brainae.score_encoding(
        epochs, predicted, model.evoked_, **options
    ).to_data_frame()


def refit(model, epochs, features):
    again = mne_brainae.fit(epochs, features, recipe="linear")
    return again.predict_epochs(features, output="array")


def prior(model, epochs, features):
    fitted = fit_prior(model, epochs, features, prior=RidgePrior())
    return fitted.sample(np.zeros((1, model.n_embedding_)))


USES = {
    "retrieve": retrieve,
    "score": lambda m, e, f: m.score(e, f),
    "embed": lambda m, e, f: m.embed_epochs(e),
    "reconstruct": lambda m, e, f: m.reconstruct(e),
    "fit": refit,
    "prior": prior,
    "encoding": encoding,
    "averages": averages,
    "occlusion": occlusion,
    "rdm": lambda m, e, f: mne_brainae.compute_rdm(e),
    "average": lambda m, e, f: mne_brainae.average_repetitions(e, by="concept"),
    "mask": lambda m, e, f: mne_brainae.mask_epochs(e, random_state=0),
    "split": lambda m, e, f: next(iter(mne_brainae.split_epochs(e, "session")))[0],
    "noise": lambda m, e, f: mne_brainae.MVNN().fit(e).covariances_["1"],
    "fingerprint": lambda m, e, f: fingerprint_epochs(e),
    "fingerprint of images": lambda m, e, f: fingerprint_images(e, f),
}


def plain(result):
    """Return what is compared: numbers, and what the metadata say of them."""
    if isinstance(result, mne.BaseEpochs):
        table = result.metadata.reset_index(drop=True).astype(str)
        return result.get_data(copy=False), table.to_numpy().tolist()
    if isinstance(result, pd.DataFrame):
        return result.to_numpy(), list(result.index)
    return result


@pytest.mark.parametrize("use", USES)
def test_as_after_dropping(model, recording, use):
    epochs, features = recording
    dropped = lazy(epochs).drop_bad(verbose="ERROR")
    assert len(dropped) == len(epochs) - 6
    expected = USES[use](model, dropped, features)
    found = USES[use](model, lazy(epochs), features)
    np.testing.assert_equal(plain(found), plain(expected))


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_whitening(mvnn, recording, back):
    epochs = recording[0]
    transform = mvnn.inverse_transform if back else mvnn.transform
    expected = transform(lazy(epochs).drop_bad(verbose="ERROR"))
    np.testing.assert_equal(plain(transform(lazy(epochs))), plain(expected))


def test_rows_of_features_are_those_of_the_epochs_left(recording):
    epochs, features = recording
    dropped = lazy(epochs).drop_bad(verbose="ERROR")
    rows = features.loc[dropped.metadata["image"]].to_numpy()
    model = mne_brainae.fit(lazy(epochs), rows, recipe="linear")
    assert set(model.train_images_) == set(features.index)
