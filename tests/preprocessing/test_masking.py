"""What is missing is what was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import mne_brainae
from mne_brainae.preprocessing.masking import MASKS

kinds = st.sampled_from(MASKS)
shapes = st.tuples(st.integers(1, 4), st.integers(2, 9), st.integers(9, 30))
ratios = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=60, deadline=None)


def n_missing(ratio, n_units):
    return min(max(round(ratio * n_units), 1), n_units - 1)


@quick
@given(kinds, shapes, ratios, seeds)
def test_exact_share(kind, shape, ratio, seed):
    mask = mne_brainae.make_mask(kind, shape, ratio, random_state=seed)
    _, n_channels, n_times = shape
    units = {"random": n_channels * n_times, "spatial": n_channels}
    n_units = units.get(kind, n_times)
    missing = n_missing(ratio, n_units) * (n_channels * n_times // n_units)
    assert mask.shape == shape
    assert mask.dtype == bool
    assert_array_equal(mask.sum(axis=(1, 2)), missing)


@quick
@given(kinds, shapes, ratios, seeds)
def test_structure(kind, shape, ratio, seed):
    mask = mne_brainae.make_mask(kind, shape, ratio, random_state=seed)
    if kind == "spatial":
        assert_array_equal(mask, np.broadcast_to(mask[:, :, :1], shape))
    if kind in ("temporal", "forecast"):
        assert_array_equal(mask, np.broadcast_to(mask[:, :1], shape))
    if kind == "forecast":
        tail = np.arange(shape[2]) >= shape[2] - n_missing(ratio, shape[2])
        assert_array_equal(mask, np.broadcast_to(tail, shape))


@quick
@given(st.sampled_from(["random", "temporal"]), shapes, st.integers(1, 8), seeds)
def test_stretches(kind, shape, block, seed):
    mask = mne_brainae.make_mask(kind, shape, 0.5, block=block, random_state=seed)
    n_times = shape[2]
    for start in range(0, n_times, block):
        stretch = mask[..., start : start + block]
        assert_array_equal(stretch, np.broadcast_to(stretch[..., :1], stretch.shape))
    n_blocks = -(-n_times // block)
    n_units = n_blocks * (shape[1] if kind == "random" else 1)
    units = mask[..., ::block] if kind == "random" else mask[:, :1, ::block]
    assert_array_equal(units.sum(axis=(1, 2)), n_missing(0.5, n_units))


@quick
@given(kinds, shapes, ratios, seeds)
def test_seed_decides(kind, shape, ratio, seed):
    first, second = (
        mne_brainae.make_mask(kind, shape, ratio, random_state=seed) for _ in range(2)
    )
    assert_array_equal(first, second)


def test_seeds_and_epochs_differ():
    for kind in ("random", "spatial", "temporal"):
        one = mne_brainae.make_mask(kind, (5, 20, 20), random_state=0)
        two = mne_brainae.make_mask(kind, (5, 20, 20), random_state=1)
        assert (one != two).any()
        assert (one[0] != one[1]).any()


@pytest.mark.parametrize("random_state", [None, 3])
@pytest.mark.parametrize("kind", MASKS)
def test_global_state_untouched(kind, random_state, recording):
    before = np.random.get_state()  # noqa: NPY002
    mne_brainae.make_mask(kind, (3, 4, 5), random_state=random_state)
    mne_brainae.mask_epochs(recording[0][:3], kind, random_state=random_state)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2:] == after[2:]
    assert_array_equal(before[1], after[1])


@pytest.mark.parametrize("kind", MASKS)
def test_epochs(kind, recording):
    epochs = recording[0][:12]
    before, table = epochs.get_data(copy=True), epochs.metadata.copy()
    masked = mne_brainae.mask_epochs(epochs, kind, 0.25, random_state=0)
    assert_array_equal(epochs.get_data(copy=False), before)
    assert epochs.metadata.equals(table)
    assert masked.metadata["image"].tolist() == table["image"].tolist()
    assert masked.ch_names == epochs.ch_names
    np.testing.assert_allclose(masked.times, epochs.times)
    data = masked.get_data(copy=False)
    missing = np.isnan(data)
    assert_array_equal(missing.mean(axis=(1, 2)), 0.25)
    np.testing.assert_allclose(data[~missing], before[~missing], rtol=1e-6)


def test_own_mask(recording):
    epochs = recording[0][:5]
    mask = np.zeros((16, 1), bool)
    mask[[2, 7]] = True
    masked = mne_brainae.mask_epochs(epochs, mask)
    missing = np.isnan(masked.get_data(copy=False))
    assert_array_equal(missing, np.broadcast_to(mask, missing.shape))
    picked = mne_brainae.mask_epochs(epochs, "spatial", 0.5, picks=["Cz", "Oz"])
    assert picked.ch_names == ["Cz", "Oz"]
    assert_array_equal(np.isnan(picked.get_data(copy=False)).mean(axis=(1, 2)), 0.5)


def test_block_length_in_seconds(recording):
    epochs = recording[0][:5]
    masked = mne_brainae.mask_epochs(
        epochs, "temporal", block_length=0.2, random_state=0
    )
    missing = np.isnan(masked.get_data(copy=False))[:, 0]
    assert_array_equal(missing[:, :20].all(axis=1), missing[:, :20].any(axis=1))
    assert_array_equal(missing.sum(axis=1), 20)
