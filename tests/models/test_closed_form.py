"""The closed form is ridge regression, its likelihood and an autoencoder at once."""

import mne
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import Ridge, RidgeCV

import mne_brainae
from mne_brainae.models.closed_form import (
    PENALTIES,
    RidgePath,
    SignalAxes,
    noise_roots,
    solve,
    white_axes,
)


def _sample(n_images, n_features, n_values, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, n_features)).astype(np.float32) + 0.5
    mix = rng.standard_normal((n_features, n_values)) / np.sqrt(n_features)
    noise = rng.standard_normal((n_images, n_values)) @ rng.normal(size=(n_values,) * 2)
    brain = (features @ mix + 0.3 * noise + 1.0).astype(np.float32)
    return brain, features


def _apply(affine, rows):
    weight, bias = affine
    return rows @ weight.T + bias


@settings(deadline=None, max_examples=25)
@given(
    n_images=st.integers(12, 40),
    n_features=st.integers(1, 60),
    n_values=st.integers(1, 8),
)
def test_decoded_image_embedding_is_the_ridge_prediction(
    n_images, n_features, n_values
):
    brain, features = _sample(n_images, n_features, n_values)
    solution = solve(brain[:, :, None], features, 64)
    centred = features - features.mean(axis=0)
    alpha = solution.penalty * (centred**2).sum() / n_images
    ridge = Ridge(alpha).fit(features.astype(float), brain.astype(float))
    predicted = _apply(solution.decoder, _apply(solution.image, features))
    expected = ridge.predict(features).reshape(predicted.shape)
    np.testing.assert_allclose(predicted, expected, atol=2e-3 * np.ptp(brain))
    rebuilt = _apply(solution.decoder, _apply(solution.encoder, brain))
    np.testing.assert_allclose(rebuilt, brain, atol=2e-3 * np.ptp(brain))


@pytest.mark.parametrize("n_features", [10, 80])
def test_penalty_and_residuals_are_those_of_leave_one_out(n_features):
    brain, features = _sample(50, n_features, 4)
    brain -= brain.mean(axis=0)
    ridge = RidgePath.fit(features, brain)
    unit = ridge.energy.sum() / len(features)
    reference = RidgeCV(np.array(PENALTIES) * unit, store_cv_results=True)
    reference.fit(features.astype(float), brain.astype(float))
    penalty, explained = ridge.choose(PENALTIES)
    assert penalty * unit == pytest.approx(reference.alpha_)
    residual = ridge.left_out_residuals(penalty, np.eye(4))
    squares = reference.cv_results_[:, :, PENALTIES.index(penalty)]
    np.testing.assert_allclose(residual**2, squares, rtol=1e-3, atol=1e-5)
    # The mean of the others is what a left-out response is compared with.
    left_out = brain * 50 / 49
    assert explained == pytest.approx(1 - squares.sum() / (left_out**2).sum(), abs=1e-4)


@pytest.mark.parametrize("n_signal", [None, 2])
def test_distance_in_the_latent_is_the_likelihood(n_signal):
    brain, features = _sample(60, 20, 5)
    solution = solve(brain[:, :, None], features, 64, n_signal=n_signal)
    z_brain = _apply(solution.encoder, brain)
    z_image = _apply(solution.image, features)
    predicted = _apply(solution.decoder, z_image)
    root = solution.decoder[0].astype(float)
    covariance = root @ root.T
    density = [
        [multivariate_normal.logpdf(y, f, covariance) for f in predicted[:4]]
        for y in brain[:6]
    ]
    distance = -0.5 * ((z_brain[:6, None] - z_image[None, :4]) ** 2).sum(axis=-1)
    constant = density - distance
    np.testing.assert_allclose(constant, constant[0, 0], rtol=1e-4)


def test_noise_is_shrunk_as_ledoit_and_wolf_say():
    residual = np.random.default_rng(0).standard_normal((30, 6)) @ np.diag(range(1, 7))
    whitener, colourer = noise_roots(residual)
    scale = residual.std(axis=0)
    units = (residual - residual.mean(axis=0)) / scale
    expected = ledoit_wolf(units, assume_centered=True)[0] * np.outer(scale, scale)
    np.testing.assert_allclose(colourer @ colourer, expected)
    np.testing.assert_allclose(whitener @ colourer, np.eye(6), atol=1e-12)


def test_long_responses_keep_what_images_predict():
    """A basis much smaller than the response loses next to none of the prediction."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((400, 6)).astype(np.float32)
    mix = rng.standard_normal((6, 300))
    brain = features @ mix + rng.standard_normal((400, 300))
    brain = brain.astype(np.float32)
    whole, small = (solve(brain[:, :, None], features, n) for n in (300, 30))
    assert len(small.image[1]) == 30
    assert small.penalty == whole.penalty
    predictions = [_apply(s.decoder, _apply(s.image, features)) for s in (whole, small)]
    np.testing.assert_allclose(*predictions, atol=1e-2)


def test_few_images_limit_the_basis_of_long_responses():
    brain, features = _sample(40, 5, 200)
    assert len(solve(brain[:, :, None], features, 100).image[1]) == 5 + 40 // 8


def _low_rank(n_images, n_signal, noise, decay=1.5, seed=0):
    """Draw responses of 30 values that features drive along a few directions."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, 60))
    drives = features @ rng.standard_normal((60, n_signal)) / np.sqrt(60)
    strength = decay ** -np.arange(n_signal)
    mix = np.linalg.qr(rng.standard_normal((30, n_signal)))[0].T
    truth = (drives * strength) @ mix
    brain = truth + noise * rng.standard_normal(truth.shape)
    return truth, brain.astype(np.float32), features.astype(np.float32)


def test_signal_axes_are_found_in_noise():
    """The number is about right, and what is predicted is nearer to the truth."""
    truth, brain, features = _low_rank(1000, n_signal=3, noise=1.0)
    train, test = slice(0, 600), slice(600, None)
    errors = {}
    for n_signal in (None, "auto"):
        solution = solve(brain[train, :, None], features[train], 64, n_signal=n_signal)
        predicted = _apply(solution.decoder, _apply(solution.image, features[test]))
        errors[n_signal] = np.mean((predicted - truth[test]) ** 2)
    assert solution.n_signal in (2, 3)
    assert f"{solution.n_signal} signal axes" in str(solution)
    assert errors["auto"] < 0.7 * errors[None]


@pytest.mark.parametrize(
    ("n_signal", "noise"), [(30, 1.0), (3, 4.0)], ids=["full rank", "mere noise"]
)
def test_plain_ridge_where_signal_axes_do_not_pay(n_signal, noise):
    _, brain, features = _low_rank(600, n_signal, noise, decay=1.0)
    assert solve(brain[:, :, None], features, 64, n_signal="auto").n_signal is None


def test_each_signal_axis_is_a_ridge_regression():
    brain, features = _sample(80, 20, 6)
    solution = solve(brain[:, :, None], features, 64, n_signal=4)
    ridge = RidgePath.fit(features, brain - brain.mean(axis=0))
    residual = ridge.left_out_residuals(solution.penalty, np.eye(6))
    whitener, colourer = noise_roots(residual)
    signal = SignalAxes.find(ridge.along(whitener), solution.penalty, PENALTIES, 4)
    np.testing.assert_allclose(signal.axes.T @ signal.axes, np.eye(4), atol=1e-10)
    white = (brain - brain.mean(axis=0)) @ whitener @ signal.axes
    unit = ((features - features.mean(axis=0)) ** 2).sum() / 80
    along = [
        Ridge(penalty * unit).fit(features.astype(float), values).predict(features)
        for penalty, values in zip(signal.penalties, white.T, strict=True)
    ]
    expected = np.transpose(along) @ signal.axes.T @ colourer + brain.mean(axis=0)
    predicted = _apply(solution.decoder, _apply(solution.image, features))
    np.testing.assert_allclose(predicted, expected, atol=1e-3 * np.ptp(brain))
    assert np.linalg.matrix_rank(solution.image[0], tol=1e-4) == 4
    rebuilt = _apply(solution.decoder, _apply(solution.encoder, brain))
    np.testing.assert_allclose(rebuilt, brain, atol=2e-3 * np.ptp(brain))


@pytest.mark.parametrize(
    ("n_images", "groups"), [(39, None), (60, np.zeros(60)), (4, None)]
)
def test_too_little_to_choose_signal_axes_by(n_images, groups):
    brain, features = _sample(n_images, 20, 5)
    given = {"n_signal": "auto", "groups": groups}
    assert solve(brain[:, :, None], features, 64, **given).n_signal is None


def test_constant_channel_and_constant_feature_are_harmless():
    brain, features = _sample(40, 5, 4)
    brain[:, 2], features[:, 1] = 0.0, 0.0
    solution = solve(brain[:, :, None], features, 16)
    for weight, bias in (solution.image, solution.encoder, solution.decoder):
        assert np.isfinite(weight).all()
        assert np.isfinite(bias).all()


@pytest.fixture(scope="module")
def best(recording):
    return mne_brainae.fit(*recording, recipe="linear", verbose="WARNING")


def test_best_recipe_encodes_and_decodes_unseen_images(best, unseen, recording):
    epochs, features = unseen
    averaged = mne_brainae.average_repetitions(epochs)
    ridge = mne_brainae.LinearEncodingModel().fit(*recording)
    r = [
        mne_brainae.score_encoding(
            epochs, system.predict_epochs(features), best.evoked_
        ).table.loc["prediction", "r_images"]
        for system in (best, ridge)
    ]
    assert r[0] > r[1] - 0.01
    for similarity in ("cosine", "encoding", "likelihood"):
        found = best.retrieve(averaged, features, similarity=similarity)
        assert found.top_k(1) > 0.9
    assert (
        len(
            {
                best.retrieve(averaged, features, similarity=name).protocol[
                    "similarity"
                ]
                for name in ("cosine", "encoding", "likelihood")
            }
        )
        == 3
    )
    assert "leave-one-out" in found.protocol["model selection"]
    assert "closed form" in repr(best)


def test_best_recipe_uses_all_images_and_is_deterministic(best, recording):
    again = clone(best).fit(*recording)
    weights = again.network_.state_dict()
    for name, value in best.network_.state_dict().items():
        assert torch.equal(weights[name], value)
    with pytest.raises(ValueError, match="no training history"):
        mne_brainae.viz.plot_history(best)


def test_best_recipe_is_saved_and_read(best, unseen, tmp_path):
    best.save(tmp_path / "best.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "best.safetensors")
    expected = best.predict_epochs(unseen[1]).get_data()
    np.testing.assert_array_equal(again.predict_epochs(unseen[1]).get_data(), expected)
    assert again.n_embedding_ == best.n_embedding_
    similarity = [
        m.retrieve(unseen[0], unseen[1], similarity="likelihood").similarity
        for m in (best, again)
    ]
    np.testing.assert_array_equal(*similarity)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_embedding": -3}, "n_embedding.*Got -3"),
        ({"n_signal": 0}, "n_signal.*Got 0"),
        ({"n_signal": 2.5}, "n_signal.*Got 2.5"),
        ({"n_signal": "some"}, "n_signal.*Got 'some'"),
        ({"standardize": "sample"}, "standardize.*Got 'sample'"),
        ({"max_epochs": 3}, "LinearBrainAE has no parameter 'max_epochs'"),
    ],
)
def test_bad_parameters(params, message, recording):
    with pytest.raises((TypeError, ValueError), match=message):
        mne_brainae.fit(*recording, recipe="linear", **params)


def test_signal_axes_are_saved_and_read(recording, unseen, tmp_path):
    model = mne_brainae.fit(*recording, recipe="linear", n_signal=3, verbose="WARNING")
    assert "3 signal axes" in model.selection_
    weight = model.network_.image_projection.weight.detach().numpy()
    assert np.linalg.matrix_rank(weight, tol=1e-4 * np.abs(weight).max()) == 3
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.n_signal == 3
    assert again.selection_ == model.selection_
    expected = model.predict_epochs(unseen[1]).get_data()
    np.testing.assert_array_equal(again.predict_epochs(unseen[1]).get_data(), expected)


def test_ridge_needs_images(recording):
    with pytest.raises(ValueError, match="learns from images"):
        mne_brainae.fit(recording[0], recipe="linear")


def test_unknown_similarity(best, unseen):
    with pytest.raises(ValueError, match=r"'similarity'.*likelihood"):
        best.retrieve(*unseen, similarity="euclidean")


def test_simulated_at_high_snr(tmp_path):
    """Close to the best that is possible; at chance when images are shuffled."""
    data = mne_brainae.datasets.simulate(
        snr=10.0, n_train_repetitions=1, n_test_repetitions=4, path=tmp_path
    )
    averaged = mne_brainae.average_repetitions(data.test)
    names = list(averaged.metadata["image"])
    features = mne_brainae.compute_image_features(data.images)
    model = mne_brainae.fit(data.train, features, recipe="linear")
    predicted = model.predict_epochs(features.loc[names], output="array")
    r = _r_where_truth_varies(data.truth, names, averaged, predicted)
    assert r > 0.9 * data.noise_ceiling["r_images"]
    found = model.retrieve(averaged, features.loc[names])
    assert found.top_k(1) > 0.9 * data.best_top1

    rng = np.random.default_rng(0)
    shuffled = features.set_axis(rng.permutation(features.index))
    with mne.utils.use_log_level("ERROR"):
        control = mne_brainae.fit(data.train, shuffled, recipe="linear")
    predicted = control.predict_epochs(features.loc[names], output="array")
    assert abs(_r_where_truth_varies(data.truth, names, averaged, predicted)) < 0.15
    for similarity in ("cosine", "encoding", "likelihood"):
        found = control.retrieve(averaged, features.loc[names], similarity=similarity)
        assert found.top_k(5) < 0.15  # chance is 0.05


def _r_where_truth_varies(truth, names, averaged, predicted):
    order = [list(truth.metadata["image"]).index(name) for name in names]
    spread = truth.get_data()[order].std(axis=0)
    varies = spread >= 0.1 * spread.max()
    measured = averaged.get_data()
    r = mne_brainae.scoring.correlation.correlate(measured, predicted, axis=0)
    return r[varies].mean()


@pytest.mark.parametrize(("n_images", "n_values"), [(200, 6), (60, 40), (5, 30)])
def test_errors_are_white_along_the_axes(n_images, n_values):
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((n_values, n_values))
    predicted = rng.standard_normal((n_images, n_values))
    measured = predicted + rng.standard_normal((n_images, n_values)) @ mix
    axes = white_axes(measured, predicted)
    assert axes.shape[0] == n_values
    if n_images > 100:
        new = rng.standard_normal((2000, n_values)) @ mix @ axes
        np.testing.assert_allclose(np.cov(new.T), np.eye(n_values), atol=0.3)


def test_trained_models_identify_by_likelihood_too(model, unseen):
    averaged = mne_brainae.average_repetitions(unseen[0])
    found = model.retrieve(averaged, unseen[1], similarity="likelihood")
    assert found.top_k(1) > 0.8
    assert "likelihood" in found.protocol["similarity"]


def test_groups_that_leave_one_picture_choose_no_signal_axes():
    rng = np.random.default_rng(0)
    category = np.repeat([0, 1], 40)
    features = np.eye(2, dtype=np.float32)[category] - 0.5
    brain = rng.standard_normal((80, 3, 4)).astype(np.float32)
    brain += features[:, :1, None]
    chosen = solve(brain, features, 8, n_signal="auto", groups=category)
    plain = solve(brain, features, 8)
    np.testing.assert_array_equal(chosen.image[0], plain.image[0])


def test_images_of_equal_features_are_refused():
    brain = np.random.default_rng(0).standard_normal((60, 3, 4)).astype(np.float32)
    with pytest.raises(ValueError, match="All 60 images have the same features"):
        solve(brain, np.ones((60, 5), np.float32), 8, n_signal="auto")
