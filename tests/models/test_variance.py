"""Shares of variance by banded ridge regression, against direct solutions."""

from itertools import pairwise

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge as PlainRidge

import mne_brainae
from mne_brainae.models.linear_gaussian.ridge import PENALTIES
from mne_brainae.models.variance import ALL, _Fold, proportions

N_IMAGES, N_CHANNELS, N_TIMES = 90, 3, 4
WIDTHS = {"early": 6, "late": 9, "useless": 5}
COLUMNS = np.split(np.arange(20), np.cumsum(list(WIDTHS.values()))[:-1])


def make_recording(seed=0, noise=0.5):
    """Early features drive time 0, late ones time 1, both time 2, none time 3."""
    rng = np.random.default_rng(seed)
    names = [f"{i:02d}.png" for i in range(N_IMAGES)]
    rows = rng.standard_normal((N_IMAGES, 20)) * rng.uniform(0.5, 3, 20)
    unit = rows / rows.std(axis=0)
    parts = [
        unit[:, some] @ rng.standard_normal((len(some), N_CHANNELS)) / len(some) ** 0.5
        for some in COLUMNS[:2]
    ]
    data = noise * rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
    data[..., 0] += parts[0]
    data[..., 1] += parts[1]
    data[..., 2] += parts[0] + parts[1]
    layers = np.repeat(list(WIDTHS), list(WIDTHS.values()))
    columns = pd.MultiIndex.from_arrays([layers, range(20)], names=["layer", "channel"])
    info = mne.create_info(N_CHANNELS, 10.0, "eeg")
    epochs = mne.EpochsArray(
        1e-6 * data, info, metadata=pd.DataFrame({"image": names}), verbose=False
    )
    index = pd.Index(names, name="image")
    return epochs, pd.DataFrame(rows, index=index, columns=columns)


@pytest.fixture(scope="module")
def fold():
    epochs, features = make_recording()
    targets = 1e6 * epochs.get_data().reshape(N_IMAGES, -1)
    values = features.to_numpy(np.float32)
    test = np.arange(N_IMAGES) % 3 == 0
    rows = np.flatnonzero(~test), np.flatnonzero(test)
    return (
        _Fold.of(values, COLUMNS, targets.astype(np.float32), *rows),
        values,
        targets,
        rows,
    )


def direct(values, targets, rows, weights, alpha):
    """Banded ridge regression as ridge regression of scaled features."""
    train, test = rows
    scaled = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
    size = [np.square(scaled[train][:, some]).sum() / len(train) for some in COLUMNS]
    bands = [
        np.sqrt(weight / unit) * scaled[:, some]
        for weight, unit, some in zip(weights, size, COLUMNS, strict=True)
    ]
    bands = np.hstack(bands)
    ridge = PlainRidge(alpha).fit(bands[train], targets[train])
    starts = [some[0] for some in COLUMNS] + [20]
    parts = [bands[test][:, a:b] @ ridge.coef_.T[a:b] for a, b in pairwise(starts)]
    return np.stack(parts), ridge, bands


def leave_one_out(bands, targets, alpha):
    """Squared errors of n fits, each without one image."""
    errors = np.zeros(targets.shape[1])
    for left in range(len(bands)):
        others = np.arange(len(bands)) != left
        ridge = PlainRidge(alpha).fit(bands[others], targets[others])
        errors += np.square(ridge.predict(bands[[left]])[0] - targets[left])
    return errors / len(bands)


def test_predictions_are_those_of_scaled_features(fold):
    """For given proportions the solution is that of the stacked, scaled groups."""
    fold, values, targets, rows = fold
    weights = np.array([0.5, 0.3, 0.2])
    found = fold.predict(weights[None])
    errors, every = [], []
    for penalty in PENALTIES:  # the total variance of the scaled groups is 1
        parts, _, bands = direct(values, targets, rows, weights, penalty)
        every.append(parts)
        if penalty in PENALTIES[::6]:
            errors.append(leave_one_out(bands[rows[0]], targets[rows[0]], penalty))
    distance = [np.abs(found - parts).max(axis=(0, 1)) for parts in every]
    assert np.min(distance, axis=0).max() < 1e-3
    # What was chosen is no worse than any penalty that was left out one by one.
    chosen = np.argmin(distance, axis=0)
    for target in (0, 4, 8):
        penalty = PENALTIES[chosen[target]]
        _, _, bands = direct(values, targets, rows, weights, penalty)
        own = leave_one_out(bands[rows[0]], targets[rows[0]][:, [target]], penalty)[0]
        assert own <= min(error[target] for error in errors) * 1.001


def test_himalaya_finds_the_same(fold):
    """The kernel ridge regression of several kernels of Dupre la Tour et al."""
    pytest.importorskip("himalaya")
    from himalaya.kernel_ridge import WeightedKernelRidge

    fold, values, targets, (train, test) = fold
    weights = np.array([0.5, 0.3, 0.2])
    found = fold.predict(weights[None])
    scaled = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
    groups = [scaled[:, some].astype(float) for some in COLUMNS]
    size = [np.square(x[train]).sum() / len(train) for x in groups]
    within = np.stack([x[train] @ x[train].T for x in groups])
    across = np.stack([x[test] @ x[train].T for x in groups])
    distance = []
    for penalty in PENALTIES:
        machine = WeightedKernelRidge(
            alpha=penalty,
            deltas=np.log(weights / size),
            kernels="precomputed",
            solver_params={"tol": 1e-10, "max_iter": 10000},
        )
        machine.fit(within, targets[train] - targets[train].mean(axis=0))
        parts = machine.predict(across, split=True)
        distance.append(np.abs(found - parts).max(axis=(0, 1)))
    assert np.min(distance, axis=0).max() < 1e-3


def test_every_target_takes_the_best_proportions(fold):
    fold = fold[0]
    alone = [fold.predict(row[None]) for row in np.eye(3)]
    both = fold.predict(np.eye(3))
    early = both[:, :, ::N_TIMES]  # the channels at time 0
    assert_allclose(early, alone[0][:, :, ::N_TIMES], atol=1e-6)
    late = both[:, :, 1::N_TIMES]
    assert_allclose(late, alone[1][:, :, 1::N_TIMES], atol=1e-6)


@pytest.fixture(scope="module")
def shares():
    return mne_brainae.share_variance(*make_recording(), n_draws=6, random_state=0)


def test_shares_sum_to_the_total(shares):
    parts = [shares.share_maps[name].data for name in WIDTHS]
    assert_allclose(np.sum(parts, axis=0), shares.share_maps[ALL].data, atol=1e-6)
    table = shares.table
    assert table.loc[list(WIDTHS), "share"].sum() == pytest.approx(
        table.loc[ALL, "share"]
    )


def test_shares_are_where_the_groups_are(shares):
    course = shares.course()
    assert list(course.columns) == [*WIDTHS, ALL]
    early, late, useless, total = course.to_numpy().T
    assert early[0] > 0.4 > 0.1 > abs(late[0])
    assert late[1] > 0.4 > 0.1 > abs(early[1])
    assert min(early[2], late[2]) > 0.15
    assert abs(useless).max() < 0.1
    assert abs(total[3]) < 0.1
    unique = shares.course("unique").to_numpy()
    assert_allclose(unique[:3, :2], np.stack([early, late], 1)[:3], atol=0.2)


def test_groups_that_say_the_same_have_no_unique_part():
    epochs, features = make_recording()
    values = features["early"].to_numpy()
    index = pd.Index(range(12), name="column")
    twice = pd.DataFrame(np.hstack([values, values]), features.index, index)
    found = mne_brainae.share_variance(
        epochs, twice, {"a": range(6), "b": range(6, 12)}, n_draws=2, random_state=0
    )
    course, unique = found.course(), found.course("unique")
    assert course.loc[0.0, ALL] > 0.4
    assert unique.loc[0.0, ["a", "b"]].abs().max() < 0.05


def test_proportions_sum_to_one():
    draws = proportions(3, 5, 0)
    assert draws.shape == (9, 3)
    assert_allclose(draws.sum(axis=1), 1)
    assert_allclose(draws[1:4], np.eye(3))


def test_ceiling_is_what_the_noise_of_trials_leaves():
    """Two trials of noise variance 1 each, and of the same response of variance 1."""
    epochs, features = make_recording(noise=0.0)
    rng = np.random.default_rng(1)
    data = np.repeat(epochs.get_data(), 2, axis=0)
    data += 1e-6 * rng.standard_normal(data.shape)
    table = epochs.metadata.loc[np.repeat(epochs.metadata.index, 2)]
    trials = mne.EpochsArray(
        data, epochs.info, metadata=table.reset_index(drop=True), verbose=False
    )
    found = mne_brainae.share_variance(trials, features, n_draws=2, random_state=0)
    ceiling = found.ceiling_map.data
    power = 1e12 * epochs.get_data().var(axis=0)
    assert_allclose(ceiling, power / (power + 0.5), atol=0.3)
    assert ceiling.mean() == pytest.approx((power / (power + 0.5)).mean(), abs=0.07)
    labels = [line.get_label() for line in found.plot(show=False).axes[0].lines]
    assert "noise ceiling" in labels
    once = mne_brainae.share_variance(epochs, features, n_draws=2, random_state=0)
    assert once.ceiling_map is None


def test_courses_are_drawn(shares):
    axes = shares.plot(show=False).axes[0]
    labels = [line.get_label() for line in axes.lines]
    assert labels[:4] == [*WIDTHS, ALL]
    assert "mean response" in labels
    assert_allclose(axes.lines[0].get_ydata(), shares.course()["early"])
    assert shares.plot("unique", show=False)
    with pytest.raises(ValueError, match="part must be"):
        shares.course("all")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("area", "not a level of the columns"),
        ({"all": [("early", 0)]}, "two or more"),
        ({"a": [("early", 0)], "b": []}, "'b'"),
    ],
)
def test_impossible_groups_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        mne_brainae.share_variance(*make_recording(), groups)


def test_a_feature_that_is_silent_in_training_does_no_harm():
    """Rounding leaves a spread of 1e-7 in a constant column, which one image leaves."""
    epochs, features = make_recording()
    silent = features.copy()
    rng = np.random.default_rng(0)
    for column in range(3):
        silent[("useless", f"silent {column}")] = 1 + 1e-7 * rng.standard_normal(
            len(silent)
        )
        silent.iloc[7 * column, -1] = 50.0
    silent = silent.sort_index(axis=1, level=0, sort_remaining=False)
    found, plain = (
        mne_brainae.share_variance(epochs, each, random_state=0, n_draws=3)
        for each in (silent, features)
    )
    assert abs(found.table.loc[ALL, "share"] - plain.table.loc[ALL, "share"]) < 0.05
