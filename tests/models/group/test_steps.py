"""The steps of many subjects against plain computations."""

import mne
import numpy as np
import pytest
from scipy.optimize import minimize

from mne_brainae.models.group import MeanMap, Member, SharedAxes, agreement
from mne_brainae.models.group.axes import soft_scales
from mne_brainae.models.group.mean_map import patterns_on
from mne_brainae.models.group.weights import weigh_predictions

N_FEATURES, N_IMAGES = 7, 30
TIMES = np.arange(4) / 50


def make_member(name, seed, weights=None, slope=0.8, ch_names=("Fz", "Cz", "Pz", "Oz")):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((N_FEATURES, 3)) if weights is None else weights
    n_axes = weights.shape[1]
    return Member(
        name,
        weights,
        rng.standard_normal(N_FEATURES),
        rng.standard_normal((len(ch_names) * len(TIMES), n_axes)),
        slope,
        rng.standard_normal((5, n_axes)),
        [f"{name}-{number}" for number in range(5)],
        mne.create_info(list(ch_names), 50.0, "eeg"),
        TIMES,
    )


@pytest.fixture(scope="module")
def reference():
    return np.random.default_rng(5).standard_normal((N_IMAGES, N_FEATURES))


@pytest.fixture(scope="module")
def members():
    return [make_member("a", 0), make_member("b", 1, slope=0.5)]


def test_shared_axes_are_those_of_a_plain_decomposition(members, reference):
    """Step 3 in loops: A = U D V', z = A V / |D|."""
    stacked = []
    for member in members:
        latents = np.array(
            [(x - member.feature_mean) @ member.weights for x in reference]
        )
        latents -= latents.mean(axis=0)
        for column in latents.T:
            column /= column.var() ** 0.25
        latents /= np.sqrt((latents**2).sum(axis=1).mean())
        stacked.append(member.slope * latents)
    stacked = np.hstack(stacked)
    _, values, right = np.linalg.svd(stacked, full_matrices=False)
    expected = stacked @ right.T / np.linalg.norm(values)
    axes = SharedAxes.of(members, reference)
    found = axes.embed(reference)
    np.testing.assert_allclose(axes.strengths, values, rtol=1e-5)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-5)


def test_shared_axes_do_not_depend_on_the_mean_or_scale_of_a_subject(
    members, reference
):
    first = SharedAxes.of(members, reference).embed(reference)
    other = make_member("b", 1, members[1].weights * 10, slope=0.5)
    again = SharedAxes.of([members[0], other], reference).embed(reference)
    np.testing.assert_allclose(first @ first.T, again @ again.T, atol=1e-5)


def test_soft_scales_leave_unit_energy(reference):
    scales = soft_scales(reference)
    energy = (np.square(reference).mean(axis=0) * scales**2).sum()
    assert energy == pytest.approx(1)
    assert not soft_scales(np.zeros((4, 2))).any()


def test_left_out_latents_take_the_place_of_those_in_sample(members, reference):
    axes = SharedAxes.of(members, reference)
    images = ["a-2", "new", "b-0"]
    given = reference[:3]
    found = axes.embed_left_out(given, images, members)
    inside = [member.embed(given) for member in members]
    inside[0][0], inside[1][2] = members[0].left_out[2], members[1].left_out[0]
    mean = [axes.mean - member.feature_mean for member in members]
    expected = sum(
        (latents - at_mean @ member.weights) @ axes.turns[member.name]
        for latents, at_mean, member in zip(inside, mean, members, strict=True)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found[1], axes.embed(given)[1])


def test_agreement_is_1_for_twins_and_half_for_others(reference):
    centered = np.linalg.qr(reference - reference.mean(axis=0))[0]
    weights = np.eye(N_FEATURES)
    one, twin = (make_member(name, 0, weights[:, :2]) for name in "ab")
    other = make_member("c", 2, weights[:, 2:4])
    np.testing.assert_allclose(agreement([one, twin], centered)[:2], 1, atol=1e-6)
    np.testing.assert_allclose(agreement([one, other], centered), 0.5, atol=1e-6)


def test_weights_are_the_best_that_are_not_negative():
    rng = np.random.default_rng(0)
    predicted = [rng.standard_normal((20, 6)) for _ in range(4)]
    measured = 0.3 * predicted[0] - 0.5 * predicted[1] + 0.4 * predicted[3]
    measured += 0.1 * rng.standard_normal(measured.shape)

    def error(weights):
        rest = measured - np.tensordot(weights, predicted, 1)
        return (rest**2).sum()

    best = minimize(error, np.full(4, 0.25), bounds=[(0, None)] * 4).x
    np.testing.assert_allclose(weigh_predictions(measured, predicted), best, atol=1e-3)


def test_own_weights_sum_to_1_at_most_and_twins_are_no_trouble():
    rng = np.random.default_rng(1)
    one = rng.standard_normal((20, 6))
    weights = weigh_predictions(2.5 * one, [one, one, one, -one])
    assert weights[:3].sum() == pytest.approx(1)
    assert not weigh_predictions(-one, [one, one])[:2].any()


def test_mean_map_is_the_mean_of_responses_at_unit_energy(members, reference):
    """Step 6 in loops."""
    mean = MeanMap.on(members, members[0].info, TIMES, reference)
    given = reference[:6]
    expected, roots = 0.0, []
    for member in members:
        everywhere = member.embed(reference) @ member.patterns.T
        root = np.sqrt((everywhere - everywhere.mean(axis=0)).var(axis=0).mean())
        roots.append(root)
        responses = member.embed(given) @ member.patterns.T
        expected = expected + member.slope / 1.3 * responses / root
    expected = np.mean(roots) * (expected - expected.mean(axis=0))
    found = mean.predict_deviation(given).reshape(6, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_channels_are_found_by_name_else_by_position_else_not_at_all():
    names = ["Fz", "Cz", "Pz", "Oz", "F3", "F4", "P3", "P4", "C3", "C4"]
    member = make_member("a", 0, ch_names=names)
    info = mne.create_info(["Pz", "Fz"], 50.0, "eeg")
    patterns, interpolated = patterns_on(member, info)
    whole = member.patterns.reshape(10, 4, 3)
    np.testing.assert_array_equal(patterns, whole[[2, 0]])
    assert not interpolated
    others = mne.create_info(["CPz", "FCz"], 50.0, "eeg")
    assert patterns_on(member, others)[0] is None  # positions are not known
    for each in (member.info, others):
        each.set_montage("biosemi64")
    patterns, interpolated = patterns_on(member, others)
    assert interpolated
    assert patterns.shape == (2, 4, 3)
    assert np.isfinite(patterns).all()
    # Linear in the patterns, so that a smooth field stays what it is in between.
    member.patterns = np.ones_like(member.patterns)
    patterns, _ = patterns_on(member, others)
    np.testing.assert_allclose(patterns, 1, atol=0.2)


def test_disagreement_is_that_of_every_subject_with_the_others(members, reference):
    """Predictions at unit energy, whole responses in loops, then along some axes.

    Three subjects tell little of how errors along axes go together, and less than that
    is believed, but all of their size.
    """
    three = [*members, make_member("c", 2, slope=0.3)]
    mean = MeanMap.on(three, three[0].info, TIMES, reference)
    features = reference - reference.mean(axis=0)
    axes = np.random.default_rng(3).standard_normal((len(three[0].patterns), 2))
    roots = [np.sqrt(member.energy(reference)) for member in three]
    at_unit = [
        np.mean(roots) / root * (features @ member.weights @ member.patterns.T)
        for member, root in zip(three, roots, strict=True)
    ]
    expected = np.zeros((2, 2))
    for number, response in enumerate(at_unit):
        others = [each for each in range(3) if each != number]
        weights = [three[each].slope for each in others]
        of_others = np.average([at_unit[each] for each in others], 0, weights)
        share = three[number].slope / sum(member.slope for member in three)
        error = (response - 0.7 * of_others) @ axes
        expected += share * np.cov(error.T, bias=True)
    along = [member.patterns.T @ axes for member in three]
    found = mean.disagreement(features, along, slope=0.7)
    np.testing.assert_allclose(np.diag(found), np.diag(expected))
    assert 0 <= found[0, 1] / expected[0, 1] < 1
    alone = MeanMap.on(three[:1], three[0].info, TIMES, reference)
    assert alone.disagreement(features, along[:1]) is None
