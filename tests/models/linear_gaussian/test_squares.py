"""Squares of features are found where there are some, and nowhere else."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as PlainRidge

from mne_brainae.models.linear_gaussian import Ridge, Steps, solve
from mne_brainae.models.linear_gaussian.axes import solve_axes
from mne_brainae.models.linear_gaussian.contrasts import contrast_trials
from mne_brainae.models.linear_gaussian.curvature import (
    curvatures,
    find_directions,
    rank_one_terms,
)
from mne_brainae.models.linear_gaussian.folds import Folds, make_folds
from mne_brainae.models.linear_gaussian.noise_rows import NoiseRows
from mne_brainae.models.linear_gaussian.residuals import linear_residuals
from mne_brainae.models.linear_gaussian.sample import Moments, Regression, Sample
from mne_brainae.models.linear_gaussian.square_search import (
    SquareSearch,
    add_squares,
    clustered_mean,
)
from mne_brainae.models.linear_gaussian.squares import coordinate_axes
from mne_brainae.nn.squares import SquaredUnits

N_IMAGES, N_FEATURES, SHAPE = 900, 12, (5, 6)
DURATION = 0.3  # s, for 6 basis functions


def _directions(n_features=N_FEATURES):
    """Two orthogonal directions that are squared."""
    directions = np.zeros((2, n_features))
    directions[0, :3] = 1, -1, 1
    directions[1, 2:5] = 1, 1, -1
    return directions / np.sqrt(3)


def _record(
    n_images=N_IMAGES, squared=True, seed=0, n_features=N_FEATURES, swapped=False
):
    """Return features, two trials per image, and their images.

    Two drives are linear. Those that are squared have fields and time courses of their
    own, or the same in the other combination.
    """
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, n_features)).astype(np.float32)
    drives = features @ rng.standard_normal((n_features, 2)) / np.sqrt(n_features)
    if squared:
        squares = (features @ _directions(n_features).T) ** 2 - 1
        drives = np.hstack([drives, squares / np.sqrt(2)])
    fields = rng.standard_normal((drives.shape[1], SHAPE[0]))
    courses = rng.standard_normal((drives.shape[1], SHAPE[1]))
    if swapped:
        fields[2:], courses[2:] = fields[:2], courses[1::-1]
    signal = np.einsum("nd,dc,dt->nct", drives, fields, courses)
    trials = np.repeat(signal, 2, axis=0)
    trials += 2.0 * rng.standard_normal(trials.shape)
    return features, trials.astype(np.float32), np.repeat(np.arange(n_images), 2)


def _average(trials):
    return trials.reshape(-1, 2, *trials.shape[1:]).mean(axis=1)


def _solve(recording, squares=True, **options):
    features, trials, images = recording
    return solve(
        features,
        _average(trials),
        duration=DURATION,
        trials=trials,
        trial_images=images,
        squares=squares,
        **options,
    )


def _sample(recording):
    features, trials, images = recording
    responses = _average(trials).reshape(len(features), -1)
    contrasts, contrast_images = contrast_trials(trials, images)
    rows = contrasts.reshape(len(contrasts), -1)
    return Sample(
        features - features.mean(axis=0),
        responses - responses.mean(axis=0),
        SHAPE,
        noise_rows=NoiseRows(rows, 2.0),
        noise_images=contrast_images,
    )


def _linear(sample, exact=True):
    regression = Regression.fit(sample.features, sample.responses, None, exact)
    return solve_axes(regression, sample.noise_rows, SHAPE, Steps())


@pytest.fixture(scope="module")
def recording():
    return _record()


@pytest.fixture(scope="module")
def model(recording):
    return _solve(recording)


def test_known_directions_are_found(model):
    found = (model.squares.axes @ model.squares.directions.T).T
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    cosines = np.abs(found @ _directions().T)
    assert (cosines.max(axis=0) > 0.95).all()
    assert len(found) < 10


def test_squares_predict_new_images():
    features, trials, images = _record(2 * N_IMAGES)
    new, measured = features[N_IMAGES:], _average(trials)[N_IMAGES:]
    half = slice(2 * N_IMAGES)
    recording = features[:N_IMAGES], trials[half], images[half]
    squared = []
    for squares in (False, True):
        model = _solve(recording, squares)
        assert (model.squares is not None) == squares
        squared.append(np.square(measured - model.predict(new)).mean())
    assert squared[1] < 0.9 * squared[0]
    errors = model.embed_brain(measured) - model.slope * model.embed_image(new)
    inverse = np.linalg.inv(model.errors.covariance(2))
    distance = np.einsum("ni,ij,nj->n", errors, inverse, errors).mean()
    assert 0.5 < distance / model.n_signal < 1.2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_none_is_kept_where_the_law_is_linear(seed):
    recording = _record(squared=False, seed=seed)
    model, linear = _solve(recording), _solve(recording, squares=False)
    assert model.squares is None
    np.testing.assert_array_equal(model.weights, linear.weights)
    assert model.slope == linear.slope


def test_torch_and_numpy_embed_images_alike(recording):
    model = _solve(recording, n_extra=3)
    arrays = model.image_projection()
    n_units, n_coordinates = arrays["directions"].shape
    module = SquaredUnits(
        N_FEATURES, len(arrays["bias"]), n_units=n_units, n_coordinates=n_coordinates
    ).eval()
    module.load(**arrays)
    features = recording[0]
    with torch.no_grad():
        found = module(torch.from_numpy(features)).numpy()
    expected = model.embed_image(features)
    assert expected.shape[1] == model.n_signal + model.n_extra
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_curvatures_are_means_of_outer_products():
    rng = np.random.default_rng(0)
    x, r = rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    expected = np.zeros((3, 5, 5))
    for image in range(40):
        for axis in range(3):
            expected[axis] += r[image, axis] * np.outer(x[image], x[image]) / 40
    np.testing.assert_allclose(curvatures(x, r), expected, atol=1e-12)


def test_a_weighted_image_counts_as_several():
    rng = np.random.default_rng(0)
    x, r = rng.standard_normal((60, 4)), rng.standard_normal((60, 2))
    counts = rng.integers(1, 4, 60)
    found = find_directions(x, r, counts / counts.mean(), 2)
    x, r = np.repeat(x, counts, axis=0), np.repeat(r, counts, axis=0)
    expected = find_directions(x, r, np.ones(len(x)), 2)
    for each, other in zip(found, expected, strict=True):
        cosines = np.abs(np.sum(each * other, axis=1))
        np.testing.assert_allclose(cosines, 1, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_first_term_is_the_strongest_of_all(seed):
    rng = np.random.default_rng(seed)
    matrices = rng.standard_normal((4, 3, 3))
    matrices = matrices + matrices.transpose(0, 2, 1)
    directions, targets = rank_one_terms(matrices, 1)
    grid = rng.standard_normal((200_000, 3))
    grid /= np.linalg.norm(grid, axis=1, keepdims=True)
    forms = np.einsum("gd,jde,ge->gj", grid, matrices, grid, optimize=True)
    of_found = np.einsum("d,jde,e->j", directions[0], matrices, directions[0])
    assert np.linalg.norm(of_found) >= np.linalg.norm(forms, axis=1).max() - 1e-9
    np.testing.assert_allclose(targets[0], of_found / np.linalg.norm(of_found))


def test_terms_of_one_axis_are_eigenvectors():
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    values = np.array([5.0, -4.0, 3.0, -2.0, 1.0, 0.0])
    matrix = (vectors * values) @ vectors.T
    directions, targets = rank_one_terms(matrix[None], 10)
    assert len(directions) == 5  # no term is left for the last
    cosines = np.abs(directions @ vectors[:, :5])
    np.testing.assert_allclose(cosines, np.eye(5), atol=1e-3)
    np.testing.assert_allclose(targets[:, 0], np.sign(values[:5]))


def test_terms_that_are_added_are_subtracted_again():
    rng = np.random.default_rng(0)
    a = np.linalg.qr(rng.standard_normal((6, 3)))[0].T
    b = np.linalg.qr(rng.standard_normal((4, 3)))[0].T
    matrices = np.einsum("i,ij,id,ie->jde", [3.0, 2.0, 1.0], b, a, a)
    directions, targets = rank_one_terms(matrices, 3)
    np.testing.assert_allclose(np.abs(directions @ a.T), np.eye(3), atol=1e-4)
    np.testing.assert_allclose(targets @ b.T, np.eye(3), atol=1e-4)


@pytest.mark.parametrize("n_images", [60, 15])
def test_coordinates_are_shrunk_as_ridge_regression_shrinks(n_images):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n_images, 20)) * np.linspace(0.2, 2, 20)
    features = (features - features.mean(axis=0)).astype(np.float32)
    ridge = Ridge.fit(features)
    coordinates = features @ coordinate_axes(ridge, 3.0, 10)
    second = coordinates.T @ coordinates / n_images
    expected = ridge.shrinkage(3.0)[:-11:-1, 0]
    expected /= expected.mean()
    np.testing.assert_allclose(second, np.diag(expected), atol=1e-3)


def test_the_error_of_a_mean_knows_concepts():
    values = np.random.default_rng(0).standard_normal((30, 2))
    mean, error = clustered_mean(values, np.arange(30))
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(error, values.std(axis=0) / np.sqrt(30))
    twice = clustered_mean(np.repeat(values, 2, axis=0), np.repeat(np.arange(30), 2))
    np.testing.assert_allclose(twice[1], error)


def test_squares_do_not_see_the_images_that_judge_them(recording):
    sample = _sample(recording)
    solution = _linear(sample)
    search = SquareSearch.of(solution, sample, np.arange(N_IMAGES))
    along = solution.axes.filters, solution.axes.penalties
    squares = search.find(*along)
    coordinates = search.centered @ squares.axes
    residuals = search.residuals(*along)
    seen = ~squares.held_out
    expected, _ = find_directions(
        coordinates[seen], residuals[seen], search.weights[seen], 24
    )
    cosines = np.abs(squares.directions @ expected.T).max(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)
    assert 0.1 < squares.held_out.mean() < 0.2


def test_nothing_is_learned_from_the_images_of_a_fold(recording):
    sample = _sample(recording)
    labels = np.arange(N_IMAGES) // 3
    folds = make_folds(labels)
    rows = folds == 0
    changed = _sample(recording)
    rng = np.random.default_rng(1)
    for values in (changed.features, changed.responses):
        values[rows] = 3 * rng.standard_normal(values[rows].shape)
    kept = []
    for each in (sample, changed):

        def refine(solution, held_out, each=each):
            others = each.without(held_out)
            kept.append(add_squares(solution, others, labels[~held_out], Steps()))
            return kept[-1]

        list(Folds(each, folds, Steps()).held_out("diagonal", [0], refine))
    squares = [solution.squares for solution in kept]
    np.testing.assert_array_equal(squares[0].directions, squares[1].directions)
    np.testing.assert_array_equal(squares[0].patterns, squares[1].patterns)
    np.testing.assert_array_equal(kept[0].weights, kept[1].weights)


def test_moments_lead_to_the_same_squares(recording):
    sample = _sample(recording)
    labels = np.arange(N_IMAGES)
    solution = _linear(sample, exact=False)
    predicted = []
    for regression in (solution.regression, Moments.of(sample).regression()):
        solution.regression = regression
        found = add_squares(solution, sample, labels, Steps())
        assert found.squares is not None
        predicted.append(found.embed(sample.features) @ found.axes.patterns.T)
    rest = np.linalg.norm(predicted[0] - predicted[1])
    assert rest < 0.1 * np.linalg.norm(predicted[0])


def test_residuals_are_those_of_refitting(recording, model):
    features, trials, _ = recording
    responses = _average(trials)
    residuals = linear_residuals(model, features, responses)
    along = model.embed_brain(responses)[:, : model.n_signal]
    unit = Ridge.fit(features).unit
    for image in (0, 450):
        others = np.arange(N_IMAGES) != image
        for axis in range(model.n_signal):
            plain = PlainRidge(model.penalties[axis] * unit)
            plain.fit(features[others].astype(float), along[others, axis])
            expected = along[image, axis] - plain.predict(features[[image]])[0]
            assert residuals[image, axis] == pytest.approx(expected, abs=2e-3)


def test_unequal_repetitions():
    features, trials, images = _record()
    kept = np.ones(len(trials), bool)
    kept[1:600:2] = False  # 300 images have one trial
    counts = np.bincount(images[kept])[:, None, None]
    sums = np.zeros((N_IMAGES, *SHAPE), np.float32)
    np.add.at(sums, images[kept], trials[kept])
    model = solve(
        features,
        sums / counts,
        duration=DURATION,
        trials=trials[kept],
        trial_images=images[kept],
        squares=True,
    )
    found = (model.squares.axes @ model.squares.directions.T).T
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (np.abs(found @ _directions().T).max(axis=0) > 0.9).all()


def _rank_deficient(features):
    features[:, 6:] = features[:, :6]


def _constant(features):
    features[:, 5:] = 1.0


def _one_varies(features):
    features[:, 1:] = 0.0


@pytest.mark.parametrize("spoil", [_rank_deficient, _constant, _one_varies])
def test_features_that_say_little(spoil):
    features, trials, images = _record()
    spoil(features)
    model = _solve((features, trials, images))
    assert np.isfinite(model.embed_image(features)).all()
    assert np.isfinite(model.predict(features)).all()


@pytest.mark.parametrize(
    ("n_images", "n_features"), [(3, 12), (60, 12), (399, 12), (410, 420)]
)
def test_few_images_have_no_squares(n_images, n_features):
    """Of 420 features, 410 images do not tell two directions."""
    recording = _record(n_images, n_features=n_features)
    model = _solve(recording)
    assert model.squares is None
    assert np.isfinite(model.predict(recording[0])).all()


def test_few_concepts_judge_nothing(recording):
    concepts = np.arange(N_IMAGES) % 3
    assert _solve(recording, concepts=concepts).squares is None


def test_responses_along_one_axis():
    features, trials, images = _record()
    model = _solve((features, trials[:, :1, :1], images))
    assert model.n_signal == 1
    assert np.isfinite(model.predict(features)).all()


def test_responses_that_were_not_repeated():
    features, trials, _ = _record(swapped=True)
    model = solve(features, _average(trials), duration=DURATION, squares=True)
    found = (model.squares.axes @ model.squares.directions.T).T
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (np.abs(found @ _directions().T).max(axis=0) > 0.9).all()


def test_one_fold_is_no_judge(recording):
    model = _solve(recording, folds=np.zeros(N_IMAGES, int))
    assert model.squares is not None
    assert model.slope == 1
