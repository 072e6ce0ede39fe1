"""Responses become coordinates in units of their own, a block at a time."""

import numpy as np
import pytest

from mne_brainae.models.linear_gaussian.time_basis import Coordinates, time_basis
from mne_brainae.utils.files import zeros


@pytest.mark.parametrize(
    ("n_times", "duration", "n_functions"),
    [(1, 0.01, 1), (5, 1.0, 5), (100, 1.0, 20), (81, 0.81, 17), (30, 0.01, 1)],
)
def test_cosines_are_orthonormal_and_slow(n_times, duration, n_functions):
    basis = time_basis(n_times, duration)
    assert basis.shape == (n_times, n_functions)
    np.testing.assert_allclose(basis.T @ basis, np.eye(n_functions), atol=1e-5)
    changes = (np.diff(np.sign(basis), axis=0) != 0).sum(axis=0)
    np.testing.assert_array_equal(changes, np.arange(n_functions))


def test_as_many_functions_as_asked_for():
    assert time_basis(40, 1.0, 7).shape == (40, 7)
    assert time_basis(40, 1.0, 70).shape == (40, 40)


def _responses(unit=1.0):
    rng = np.random.default_rng(0)
    return (rng.standard_normal((600, 3, 8)) * [[1], [5], [0.1]] + 2) * unit


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e-13, 1e5])
def test_coordinates_have_no_unit(unit):
    responses, basis = _responses(unit), time_basis(8, 0.2)
    coordinates, found = Coordinates.learn(responses, basis)
    centered = responses - responses.mean(axis=0)
    scale = centered.std(axis=(0, 2))
    np.testing.assert_allclose(coordinates.scale, scale, rtol=1e-4)
    expected = (centered / scale[:, None] @ basis).reshape(600, -1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(coordinates.of_trials(responses), expected, atol=1e-4)


def test_memory_maps_give_the_same(tmp_path):
    responses, basis = _responses().astype("f4"), time_basis(8, 0.2)
    mapped = zeros(responses.shape, folder=tmp_path)
    mapped[:] = responses
    weights = np.random.default_rng(1).uniform(size=600)
    coordinates, found = Coordinates.learn(responses, basis, weights)
    others, on_disk = Coordinates.learn(mapped, basis, weights, tmp_path)
    np.testing.assert_array_equal(found, on_disk)
    np.testing.assert_array_equal(coordinates.mean, others.mean)
    expected = np.average(responses, axis=0, weights=weights)
    np.testing.assert_allclose(coordinates.mean, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_dead_channels_are_left_out_and_filled_with_zeros(dtype):
    responses = _responses().astype(dtype)
    responses[:, 1] = 0.1  # a constant that float32 rounds
    coordinates, found = Coordinates.learn(responses, time_basis(8, 0.2))
    assert coordinates.live.tolist() == [True, False, True]
    assert coordinates.shape == (2, 4)
    assert found.shape == (600, 8)
    whole = coordinates.whole(np.ones((8, 1)), 1).reshape(3, 4)
    expected = coordinates.scale * [1, 0, 1]
    np.testing.assert_allclose(whole, np.repeat(expected, 4).reshape(3, 4))


def test_volts_and_tesla_are_both_alive():
    responses = _responses() * np.array([1e-4, 1e-12, 1e-14])[:, None]
    assert Coordinates.learn(responses, time_basis(8, 0.2))[0].live.all()
