"""CSLS and whitening of the test batch: right, off by default, and labeled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import mne_brainae
from mne_brainae.scoring.transductive import csls, whiten_batch


@pytest.fixture(scope="module")
def closed(recording):
    return mne_brainae.fit(*recording, recipe="linear", verbose="WARNING")


@pytest.mark.parametrize("n_neighbors", [3, 50])
def test_csls_against_loops(n_neighbors):
    similarity = np.random.default_rng(0).standard_normal((7, 5))
    found = csls(similarity, n_neighbors)
    for i, j in np.ndindex(7, 5):
        row = np.sort(similarity[i])[::-1][:n_neighbors].mean()
        column = np.sort(similarity[:, j])[::-1][:n_neighbors].mean()
        assert_allclose(found[i, j], 2 * similarity[i, j] - row - column)


def test_csls_frees_responses_from_a_hub():
    rng = np.random.default_rng(0)
    similarity = np.eye(30) + 0.1 * rng.standard_normal((30, 30))
    similarity[:, 0] += 1.4
    truth = np.arange(30)
    assert (similarity.argmax(axis=1) == truth).mean() < 0.1
    assert (csls(similarity).argmax(axis=1) == truth).mean() > 0.9


def test_whitening_is_that_of_the_responses():
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((4, 4))
    brain = rng.standard_normal((5000, 4)) @ mix + 3
    white, image = whiten_batch(brain, brain[:10])
    assert_allclose(np.cov(white.T), np.eye(4), atol=0.05)
    assert_allclose(image.mean(axis=0), 0, atol=1e-9)
    assert_allclose(image - image[0], white[:10] - white[0], atol=1e-9)


@pytest.mark.parametrize("how", ["csls", "whiten"])
def test_it_is_off_by_default_and_labeled(how, closed, unseen):
    epochs, features = unseen
    epochs = mne_brainae.average_repetitions(epochs)
    plain = closed.retrieve(epochs, features)
    assert plain.protocol["transductive"] is False
    found = closed.retrieve(epochs, features, transductive=how)
    assert found.protocol["transductive"].startswith("yes")
    assert "all test responses" in repr(found)
    assert not np.allclose(found.similarity, plain.similarity)
    assert found.top_k(1) > 5 * found.chance(1)
    alone = closed.retrieve(epochs[:5], features, transductive=how)
    assert not np.allclose(alone.similarity, found.similarity[:5])
    again = closed.retrieve(epochs[:5], features)
    assert_allclose(again.similarity, plain.similarity[:5], rtol=1e-4, atol=1e-5)


def test_of_concepts(closed, unseen):
    epochs, features = unseen
    shown = mne_brainae.average_repetitions(epochs)
    concepts = shown.metadata.set_index("image")["concept"]
    templates = {
        concept: features.loc[names].set_axis([f"template {i}" for i in range(4)])
        for concept, names in concepts.groupby(concepts).groups.items()
    }
    found = closed.classify(shown, templates, transductive="csls")
    assert found.protocol["transductive"].startswith("yes, CSLS")
    assert found.top_k(1) > 0.5


def test_bad_input(closed, unseen):
    with pytest.raises(ValueError, match="transductive"):
        closed.retrieve(*unseen, transductive="hungarian")
    with pytest.raises(ValueError, match="similarity='cosine'"):
        closed.retrieve(*unseen, similarity="likelihood", transductive="whiten")
    with pytest.raises(ValueError, match="at least 2, got 1"):
        closed.retrieve(unseen[0][:1], unseen[1], transductive="whiten")
