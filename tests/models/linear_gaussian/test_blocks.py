"""Products over blocks of rows, on the CPU and as a card computes them."""

import numpy as np
import pytest
import torch

from mne_brainae.models.linear_gaussian import blocks
from mne_brainae.models.linear_gaussian.blocks import (
    RunningProduct,
    multiply,
    product,
    products_on,
)


@pytest.fixture(params=["numpy", "torch"])
def place(request, monkeypatch):
    """Compute with NumPy, or with PyTorch as if the CPU were a card."""
    if request.param == "torch":
        monkeypatch.setattr(blocks, "CPU", torch.device("meta"))


def _factors(n_rows=5000):
    rng = np.random.default_rng(0)
    shapes = (n_rows, 7), (n_rows, 11)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


@pytest.mark.parametrize("weighted", [False, True])
def test_product_is_summed_in_double_precision(place, weighted):
    first, second = _factors()
    weights = np.linspace(0.5, 1.5, len(first)) if weighted else None
    found = product(first, second, weights)
    scaled = first.astype(float) * (1.0 if weights is None else weights[:, None])
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, scaled.T @ second, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_product_adds_blocks(place, dtype):
    first, second = _factors(300)
    total = RunningProduct(7, 11, dtype)
    for rows in (slice(0, 100), slice(100, 101), slice(101, 300)):
        total.add(first[rows], second[rows])
    assert total.numpy().dtype == dtype
    expected = first.astype(float).T @ second
    np.testing.assert_allclose(total.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_large_matrices_keep_their_precision(place):
    first, second = _factors(20)
    found = multiply(first.T, second)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, first.T @ second, rtol=1e-5, atol=1e-5)


def test_only_cuda_takes_products():
    """Other devices may lack float64, and products stay where they were before."""
    first, second = _factors(20)
    for device in ("cpu", "meta"):
        with products_on(torch.device(device)):
            assert RunningProduct(7, 11, np.float64).place == torch.device("cpu")
    assert multiply(first.T, second).shape == (7, 11)
