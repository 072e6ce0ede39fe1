"""What the whole promises: invariance, honesty, finite numbers, whatever comes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mne_brainae.models.linear_gaussian import Steps, solve
from mne_brainae.models.linear_gaussian.solve import harmonic_mean, image_weights
from mne_brainae.utils.files import zeros

DURATION = 0.4


def _experiment(
    n_images=120, n_test=40, n_features=15, shape=(8, 20), R=3, noise=1.5, seed=0
):
    """Simulate a linear law: features, single trials, the image of every trial."""
    rng = np.random.default_rng(seed)
    n_all = n_images + n_test
    features = rng.standard_normal((n_all, n_features)).astype("f4")
    fields = rng.standard_normal((5, shape[0]))
    times = rng.standard_normal((5, shape[1])).cumsum(axis=1)
    drives = features @ rng.standard_normal((n_features, 5))
    signal = np.einsum("nk,kc,kt->nct", drives, fields, times)
    signal /= max(signal.std(), 1e-9)
    trials = rng.standard_normal((n_all, R, *shape)) * noise + signal[:, None] + 0.5
    images = np.repeat(np.arange(n_images), R)
    flat = trials[:n_images].reshape(-1, *shape)
    return features, flat, images, trials[n_images:].mean(axis=1)


def _means(trials, images):
    return np.stack([trials[images == k].mean(axis=0) for k in range(images.max() + 1)])


def _solve(features, trials, images, repeated=True, **kwargs):
    means = _means(trials, images)
    if repeated:
        kwargs |= {"trials": trials, "trial_images": images}
    return solve(features[: len(means)], means, duration=DURATION, **kwargs)


def _hits(model, responses, features, repetitions=3):
    """Return how many test images are identified by likelihood, and by cosine."""
    candidates = features[-len(responses) :]
    brain, image = model.embed_brain(responses), model.embed_image(candidates)
    likelihood = model.log_likelihood(brain, image, repetitions)
    brain, image = brain[:, : model.n_signal], image[:, : model.n_signal]
    norms = np.linalg.norm(brain, axis=1)[:, None] * np.linalg.norm(image, axis=1)
    cosine = brain @ image.T / np.maximum(norms, 1e-30)
    return [(each.argmax(axis=1) == np.arange(len(each))).sum() for each in
            (likelihood, cosine)]  # fmt: skip


def _assert_finite(model, features, responses):
    for name, value in vars(model).items():
        if isinstance(value, np.ndarray):
            assert np.isfinite(value).all(), name
    brain, image = model.embed_brain(responses), model.embed_image(features)
    assert np.isfinite(model.decode(brain)).all()
    assert np.isfinite(model.predict(features)).all()
    assert np.isfinite(model.log_likelihood(brain, image, 2)).all()
    assert 0 <= model.slope <= 1
    if model.concepts is not None:
        counts = 1 + np.arange(len(image)) % 3
        assert np.isfinite(model.concept_likelihood(brain, image, counts)).all()


def test_a_linear_law_is_recovered():
    features, trials, images, test = _experiment()
    model = _solve(features, trials, images)
    likelihood, cosine = _hits(model, test, features)
    assert min(likelihood, cosine) > 30  # of 40
    assert model.slope > 0.8
    assert "signal axes" in str(model)


@pytest.mark.parametrize("repeated", [True, False])
def test_shuffled_images_predict_the_mean(repeated):
    features, trials, images, test = _experiment(n_images=200)
    order = np.random.default_rng(1).permutation(200)
    model = _solve(features[:200][order], trials, images, repeated)
    assert model.slope < 0.2
    error = np.square(test - model.predict(features[-40:])).sum()
    of_mean = np.square(test - model.mean).sum()
    assert error < 1.02 * of_mean
    assert max(_hits(model, test, features)) < 10  # of 40, 1 expected


@pytest.mark.parametrize("repeated", [True, False])
def test_predictions_of_noise_never_lose_to_the_mean(repeated):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((100, 30)).astype("f4")
    trials = rng.standard_normal((120, 6, 10))
    model = _solve(features, trials, np.repeat(np.arange(60), 2), repeated)
    test = rng.standard_normal((40, 6, 10))
    error = np.square(test - model.predict(features[60:])).sum()
    assert error < 1.05 * np.square(test - model.mean).sum()


@pytest.mark.parametrize("unit", [1e-6, 1e-13, 1e4])
def test_units_change_nothing(unit):
    features, trials, images, test = _experiment()
    plain, scaled = (
        _solve(features, (trials * factor).astype("f4"), images, n_extra=5)
        for factor in (1, unit)
    )
    assert plain.slope == pytest.approx(scaled.slope, rel=1e-3)
    predicted = plain.predict(features), scaled.predict(features) / unit
    np.testing.assert_allclose(*predicted, atol=1e-3 * np.abs(predicted[0]).max())
    returned = [
        model.decode(model.embed_brain(test * factor)) / factor
        for model, factor in ((plain, 1), (scaled, unit))
    ]
    np.testing.assert_allclose(*returned, atol=1e-2 * np.abs(returned[0]).max())


def test_each_channel_may_have_a_unit_of_its_own():
    features, trials, images, _ = _experiment()
    units = np.geomspace(1e-13, 1e-4, 8)[:, None]
    plain, scaled = (_solve(features, trials * unit, images) for unit in (1, units))
    predicted = plain.predict(features), scaled.predict(features) / units
    np.testing.assert_allclose(*predicted, atol=1e-3 * np.abs(predicted[0]).max())


@pytest.mark.parametrize("seed", range(3))
def test_mixing_of_channels_changes_hits_by_no_more_than_noise(seed):
    features, trials, images, test = _experiment(n_test=100, noise=2.5)
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((8, 8)))[0] for _ in range(2))
    mixing = left * np.geomspace(1, 20, 8) @ right
    plain = _solve(features, trials, images)
    mixed = _solve(features, mixing @ trials, images)
    hits = zip(
        _hits(plain, test, features), _hits(mixed, mixing @ test, features), strict=True
    )
    for before, after in hits:
        assert abs(before - after) <= 20  # of 100; four standard errors of a hit rate


@pytest.mark.parametrize("kind", ["average", "copied", "constant", "projected"])
@pytest.mark.parametrize("target", ["auto", "kronecker", "diagonal"])
@pytest.mark.parametrize("repeated", [True, False])
def test_channels_that_depend_on_others(kind, target, repeated):
    features, trials, images, test = _experiment(n_test=100, noise=2.0)
    kwargs = {"repeated": repeated, "steps": Steps(target=target)}
    plain = _hits(_solve(features, trials, images, **kwargs), test, features)
    operator = np.eye(8)
    if kind == "average":
        operator -= 1 / 8
    elif kind == "copied":
        operator = np.vstack([operator, operator[:2], operator[:1] + operator[1:2]])
    elif kind == "constant":
        operator = np.vstack([operator, np.zeros((2, 8))])
    else:
        axes = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 2)))[0]
        operator -= axes @ axes.T
    changed = _solve(features, operator @ trials, images, **kwargs)
    hits = _hits(changed, operator @ test, features)
    lost = 30 if kind == "projected" else 15  # projections take signal
    assert min(np.array(hits) - plain) > -lost
    _assert_finite(changed, features, operator @ test)
    if kind == "constant":
        assert not changed.filters.reshape(10, -1)[8:].any()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    n_images=st.sampled_from([3, 4, 5, 8, 12, 20, 48]),
    n_features=st.sampled_from([1, 3, 60]),
    shape=st.sampled_from([(6, 12), (1, 1), (5, 1), (1, 9), (40, 3)]),
    R=st.sampled_from([1, 2, 5]),
    noise=st.sampled_from([0.0, 1.0]),
    errors=st.sampled_from(["exact", "generalized"]),
    target=st.sampled_from(["auto", "diagonal", "kronecker"]),
    n_per_concept=st.sampled_from([1, 3, 100]),
)
def test_few_images_of_any_shape_are_finite(
    n_images, n_features, shape, R, noise, errors, target, n_per_concept
):
    features, trials, images, test = _experiment(
        n_images, 4, n_features, shape, R, noise
    )
    model = _solve(
        features,
        trials,
        images,
        concepts=np.arange(n_images) // n_per_concept,
        n_extra=3,
        steps=Steps(errors=errors, target=target),
    )
    _assert_finite(model, features, test)


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.parametrize("n_images", [20, 110])
@pytest.mark.parametrize(
    "case", ["constant feature", "one channel dead", "flat", "no signal", "one hot"]
)
def test_degenerate_input_is_finite(case, n_images, repeated):
    features, trials, images, test = _experiment(n_images)
    if case == "constant feature":
        features[:, 3:6] = 4
    elif case == "one channel dead":
        trials[:, 2] = 0
    elif case == "flat":
        trials[:] = 3
    elif case == "no signal":
        trials = np.random.default_rng(0).standard_normal(trials.shape)
    else:
        features = np.eye(5, dtype="f4")[np.arange(len(features)) % 5]
    model = _solve(features, trials, images, repeated, concepts=images[::3] // 2)
    _assert_finite(model, features, test)
    if case == "flat":
        assert model.slope == 0
        np.testing.assert_allclose(model.predict(features), 3)


def test_unequal_repetitions():
    features, trials, images, test = _experiment(R=6)
    kept = np.random.default_rng(0).uniform(size=len(images)) < 0.5
    kept[::6] = True  # every image once at least
    model = _solve(features, trials[kept], images[kept])
    counts = np.bincount(images[kept])
    assert model.errors.repetitions == pytest.approx(harmonic_mean(counts))
    assert min(_hits(model, test, features)) > 30
    _assert_finite(model, features, test)
    unweighted = _solve(features, trials[kept], images[kept], steps=Steps(weigh=False))
    np.testing.assert_allclose(
        unweighted.mean, _means(trials[kept], images[kept]).mean(0)
    )


def test_weights_of_images():
    assert image_weights(np.full(5, 3.0)) is None
    weights = image_weights(np.array([1.0, 2, 4, 80]))
    assert weights.mean() == pytest.approx(1)
    assert (np.diff(weights) > 0).all()
    assert weights[-1] < 4 * weights[0]


def test_few_repeated_images_do_not_make_a_noise_covariance():
    features, trials, images, test = _experiment(R=1)
    extra = trials[:3] + np.random.default_rng(0).standard_normal(trials[:3].shape)
    more = np.concatenate([trials, extra]), np.concatenate([images, images[:3]])
    model = solve(
        features[:120],
        _means(trials, images),
        duration=DURATION,
        trials=more[0],
        trial_images=more[1],
    )
    assert model.errors.alpha == 0
    _assert_finite(model, features, test)


def test_more_coordinates_than_4000():
    features, trials, images, test = _experiment(30, 5, shape=(210, 20), R=2)
    steps, folds = Steps(n_functions=20, n_passes=1), np.zeros(30, int)
    model = _solve(features, trials, images, steps=steps, folds=folds)
    assert model.filters.shape[0] == 4200
    _assert_finite(model, features, test)


def test_memory_maps_give_the_same(tmp_path):
    features, trials, images, _ = _experiment()
    trials = trials.astype("f4")
    means = _means(trials, images).astype("f4")
    mapped = zeros(means.shape, folder=tmp_path), zeros(trials.shape, folder=tmp_path)
    mapped[0][:], mapped[1][:] = means, trials
    models = [
        solve(
            features[:120],
            responses,
            duration=DURATION,
            trials=each,
            trial_images=images,
            n_extra=5,
            folder=folder,
        )
        for responses, each, folder in ((means, trials, None), (*mapped, tmp_path))
    ]
    for name in ("filters", "patterns", "weights", "extra_filters", "mean"):
        a, b = (getattr(model, name) for model in models)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert not list(tmp_path.iterdir())


def test_extra_axes_return_responses_as_principal_components_do():
    features, trials, images, test = _experiment(300, 60, shape=(10, 40), noise=0.8)
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((8, 10 * 40)).reshape(8, 10, 40)

    def with_hidden(responses):
        factors = rng.standard_normal((len(responses), 8)) * np.linspace(3, 1, 8)
        return responses + np.einsum("nk,kct->nct", factors, hidden)

    means, test = with_hidden(_means(trials, images)), with_hidden(test)
    model = solve(features[:300], means, duration=DURATION, n_extra=20)
    n_axes = model.n_signal + model.n_extra
    latents = model.embed_brain(test)
    assert latents.shape == (60, n_axes)
    assert not model.embed_image(features)[:, model.n_signal :].any()
    centered = (means - means.mean(axis=0)).reshape(300, -1)
    scale = np.repeat(centered.reshape(300, 10, -1).std(axis=(0, 2)), 40)
    axes = np.linalg.svd(centered / scale, full_matrices=False)[2][:n_axes].T
    held_out = (test - means.mean(axis=0)).reshape(60, -1) / scale
    lost = np.square(held_out - held_out @ axes @ axes.T).sum()
    returned = (model.decode(latents) - means.mean(axis=0)).reshape(60, -1) / scale
    assert np.square(held_out - returned).sum() < 1.1 * lost
    # A second round changes nothing: the latent of a returned response is the same.
    again = model.embed_brain(model.decode(latents))
    np.testing.assert_allclose(again, latents, atol=1e-2 * np.abs(latents).max())


def test_without_extra_axes_only_the_signal_is_returned():
    features, trials, images, _ = _experiment()
    model = _solve(features, trials, images)
    assert model.n_extra == 0
    latents = model.embed_image(features)
    predicted = model.decode(model.slope * latents)
    np.testing.assert_allclose(predicted, model.predict(features))
    over_samples = model.mean + (latents @ model.signal_patterns().T).reshape(
        len(features), *model.mean.shape
    )
    np.testing.assert_allclose(model.decode(latents), over_samples, atol=1e-4)
    centered = (_means(trials, images) - model.mean).reshape(120, -1)
    latents = model.embed_brain(_means(trials, images))
    np.testing.assert_allclose(centered @ model.signal_filters(), latents, atol=1e-3)


def test_concepts_are_identified_by_templates():
    rng = np.random.default_rng(0)
    concept = np.repeat(np.arange(60), 5)
    centers = rng.standard_normal((60, 12))
    features = (centers[concept] + 0.4 * rng.standard_normal((300, 12))).astype("f4")
    law = rng.standard_normal((12, 6 * 10))
    signal = (features @ law).reshape(300, 6, 10)
    trials = signal[:, None] + 3 * rng.standard_normal((300, 2, 6, 10))
    shown = concept < 40
    model = solve(
        features[shown],
        trials[shown].mean(axis=1),
        duration=DURATION,
        trials=trials[shown].reshape(-1, 6, 10),
        trial_images=np.repeat(np.arange(200), 2),
        concepts=concept[shown],
    )
    one = np.arange(200, 300, 5)
    brain = model.embed_brain(trials[one].mean(axis=1))
    others = features[200:].reshape(20, 5, 12)[:, 1:].mean(axis=1)
    found = model.concept_likelihood(brain, model.embed_image(others), 4, 2)
    assert (found.argmax(axis=1) == np.arange(20)).sum() > 14
    assert model.concepts.share > 0.5
    unknown = solve(features, trials.mean(axis=1), duration=DURATION)
    with pytest.raises(ValueError, match="concepts"):
        unknown.concept_likelihood(brain, brain)


@pytest.mark.parametrize(
    "changed",
    [
        {"n_functions": 3},
        {"noise": "residuals"},
        {"noise": "variances"},
        {"separable": False},
        {"n_prior": 5},
        {"own_penalties": False},
        {"n_anew": 0},
        {"n_passes": 1},
        {"shrink": False},
        {"inflate": False},
        {"n_folds": 2},
    ],
)
def test_every_step_can_be_left_out(changed):
    features, trials, images, test = _experiment()
    model = _solve(features, trials, images, steps=Steps(**changed))
    _assert_finite(model, features, test)
    assert min(_hits(model, test, features)) > 20
    if "shrink" in changed:
        assert model.slope == 1
    if "inflate" in changed:
        assert model.errors.alpha == 1
    if "n_prior" in changed:
        assert model.n_signal <= 5
    if "n_functions" in changed:
        assert model.basis.shape == (20, 3)


def test_training_responses_are_predicted_without_themselves():
    features, trials, images, test = _experiment()
    model = _solve(features, trials, images)
    left_out = model.left_out
    np.testing.assert_array_equal(np.sort(left_out.rows), np.arange(120))
    brain = model.embed_brain(_means(trials, images)[left_out.rows])
    np.testing.assert_allclose(left_out.measured, brain, atol=1e-3)
    errors = np.square(left_out.measured - left_out.predicted).mean()
    new = model.embed_brain(test) - model.slope * model.embed_image(features[-40:])
    assert errors == pytest.approx(np.square(new).mean(), rel=0.3)


def test_one_fold_is_no_cross_validation():
    features, trials, images, test = _experiment()
    model = _solve(features, trials, images, folds=np.zeros(120, int))
    assert model.slope == 1
    assert model.left_out is None
    _assert_finite(model, features, test)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"features": np.zeros((119, 15), "f4")}, "one of each"),
        ({"features": np.ones((120, 15), "f4")}, "same features"),
        ({"trial_images": None}, "go together"),
        ({"trial_images": np.arange(7)}, "image of every trial"),
    ],
)
def test_errors_at_the_door(changed, match):
    features, trials, images, _ = _experiment()
    given = {
        "features": features[:120],
        "responses": _means(trials, images),
        "trials": trials,
        "trial_images": images,
    }
    with pytest.raises(ValueError, match=match):
        solve(**(given | changed), duration=DURATION)


def test_too_few_images_and_unknown_steps():
    with pytest.raises(ValueError, match="at least 3"):
        solve(np.eye(2), np.zeros((2, 3, 4)), duration=DURATION)
    with pytest.raises(ValueError, match="'target' parameter"):
        Steps(target="identity")


@pytest.mark.parametrize(
    ("n_images", "expected"), [(40, 30), (3000, 30), (10000, 40), (16540, 50)]
)
def test_many_images_show_more_axes(n_images, expected):
    assert Steps().priors(n_images) == expected
    assert Steps().limited(n_images, 40).n_prior == min(expected, 40)
    assert Steps(n_prior=128).priors(n_images) == 128
