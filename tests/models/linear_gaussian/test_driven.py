"""Signal that is too fast for the basis, or no product of channels and times."""

import numpy as np
import pytest

from mne_brainae.models.linear_gaussian import Steps, solve
from mne_brainae.models.linear_gaussian.ridge import Ridge

N_TRAIN, N_TEST, N_FEATURES, SHAPE = 120, 30, 10, (6, 40)


@pytest.fixture(scope="module", params=["tangled", "fast"])
def experiment(request):
    """Return features, responses and the truth, of a signal that the axes lose."""
    rng = np.random.default_rng(0)
    n_images = N_TRAIN + N_TEST
    features = rng.standard_normal((n_images, N_FEATURES)).astype(np.float32)
    if request.param == "tangled":
        patterns = rng.standard_normal((N_FEATURES, *SHAPE))
    else:  # one field with one time course of 40 Hz, sampled at 100 Hz
        course = np.cos(2 * np.pi * 0.4 * np.arange(SHAPE[1]))
        patterns = np.zeros((N_FEATURES, *SHAPE))
        patterns[0] = rng.standard_normal((SHAPE[0], 1)) * course * 3
    truth = np.einsum("np,pct->nct", features, patterns)
    noise = 2 * rng.standard_normal((n_images, *SHAPE))
    return features, truth + noise + 1.0, truth + 1.0


def _solve(experiment, **kwargs):
    features, responses, _ = experiment
    return solve(features[:N_TRAIN], responses[:N_TRAIN], duration=0.4, **kwargs)


def _skill(predicted, truth):
    return 1 - np.square(truth - predicted).sum() / np.square(truth - 1.0).sum()


def test_predicts_as_well_as_ridge_of_all_samples(experiment):
    features, responses, truth = experiment
    model = _solve(experiment, n_extra=40)
    found = _skill(model.predict(features[N_TRAIN:]), truth[N_TRAIN:])
    ridge = Ridge.fit(features[:N_TRAIN])
    rows = ridge.center(responses[:N_TRAIN].reshape(N_TRAIN, -1).astype(np.float32))
    penalty, _ = ridge.choose_one(rows)
    weights = ridge.weights(ridge.project(rows), penalty)
    predicted = (features[N_TRAIN:] - ridge.mean) @ weights
    predicted = predicted.reshape(-1, *SHAPE) + responses[:N_TRAIN].mean(axis=0)
    assert found > _skill(predicted, truth[N_TRAIN:]) - 0.02
    without = _solve(experiment, n_extra=40, steps=Steps(complete=False))
    assert found > _skill(without.predict(features[N_TRAIN:]), truth[N_TRAIN:]) + 0.3


def test_the_added_axes_identify(experiment):
    features, responses, _ = experiment
    model = _solve(experiment, n_extra=40)
    brain = model.embed_brain(responses[N_TRAIN:])
    image = model.embed_image(features[N_TRAIN:])
    found = model.log_likelihood(brain, image)
    rank = (found >= np.diag(found)[:, None]).sum(axis=1).mean()
    assert rank < N_TEST / 4  # chance is N_TEST / 2


def test_axes_do_not_see_one_another(experiment):
    model = _solve(experiment, n_extra=40)
    assert model.n_driven > 0
    filters = np.hstack([model.signal_filters(), model.extra_filters])
    patterns = np.hstack([model.signal_patterns(), model.extra_patterns])
    np.testing.assert_allclose(
        filters.T @ patterns, np.eye(filters.shape[1]), atol=1e-3
    )


def test_errors_along_the_added_axes_have_the_variance_of_the_law(experiment):
    features, responses, _ = experiment
    model = _solve(experiment, n_extra=40)
    added = slice(model.n_signal, model.n_signal + model.n_driven)
    brain = model.embed_brain(responses[N_TRAIN:])[:, added]
    image = model.slope * model.embed_image(features[N_TRAIN:])[:, added]
    np.testing.assert_allclose(np.square(brain - image).mean(), 1, rtol=0.2)


@pytest.mark.parametrize("shuffled", [False, True])
def test_nothing_is_added_to_what_the_axes_hold(shuffled):
    rng = np.random.default_rng(1)
    features = rng.standard_normal((N_TRAIN, N_FEATURES)).astype(np.float32)
    course = np.cos(np.pi * np.arange(SHAPE[1]) / SHAPE[1])
    field = rng.standard_normal((SHAPE[0], 1))
    responses = features[:, :1, None] * field * course
    responses = responses + rng.standard_normal((N_TRAIN, *SHAPE))
    if shuffled:
        rng.shuffle(responses)
    model = solve(features, responses, duration=0.4, n_extra=20)
    assert model.n_driven == 0


def test_memory_of_blocks_changes_nothing(monkeypatch, experiment):
    from mne_brainae.models.linear_gaussian import extra_axes

    whole = _solve(experiment, n_extra=20)
    monkeypatch.setattr(extra_axes, "RESPONSES", 7)
    blocks = _solve(experiment, n_extra=20)
    features = experiment[0][N_TRAIN:]
    np.testing.assert_allclose(
        blocks.predict(features), whole.predict(features), rtol=1e-3, atol=1e-3
    )
