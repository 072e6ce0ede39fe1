"""Flat brain encoders and the network over time, against a computation by hand."""

import pytest
import torch
from torch.nn import functional as F

from mne_brainae.nn.flat import FlatEncoder, TimeMLPEncoder


def n_weights(module):
    return sum(each.numel() for each in module.parameters())


def test_flat_by_hand():
    torch.manual_seed(0)
    encoder = FlatEncoder(3, 10, 6, n_hidden=8).eval()
    brain = torch.randn(4, 3, 10)
    _, linear, residual, norm, last = encoder
    rows = linear(brain.flatten(1))
    rows = norm(rows + residual.layers[1](F.gelu(rows)))
    torch.testing.assert_close(encoder(brain), last(rows))
    assert FlatEncoder(3, 10, 6)(brain).shape == (4, 6)
    # 17 channels x 250 times, 1024 units: two layers with biases, and the norm.
    parts = 4250 * 1024 + 1024, 1024**2 + 1024, 2 * 1024
    assert n_weights(FlatEncoder(17, 250, 1024)) == sum(parts)


def test_time_mlp_by_hand():
    torch.manual_seed(0)
    encoder = TimeMLPEncoder(5, 12, 6, n_filters=3, n_hidden=4).eval()
    encoder.norm.running_mean.normal_()
    encoder.norm.running_var.uniform_(0.5, 2)
    brain = torch.randn(2, 5, 12)
    first, second = encoder.time[0], encoder.time[3]
    rows = []
    for filters, mean, var in zip(
        encoder.spatial.abs(),
        encoder.norm.running_mean,
        encoder.norm.running_var,
        strict=True,
    ):
        course = torch.einsum("c,nct->nt", filters, brain)
        course = (course - mean) / torch.sqrt(var + encoder.norm.eps)
        rows.append(F.elu(second(F.elu(first(course)))))
    expected = encoder.linear(torch.cat(rows, dim=1))
    torch.testing.assert_close(encoder(brain), expected)


def test_filters_weigh_no_channel_negatively():
    """A filter and its negative are one, unless signs are asked to count."""
    brain = torch.randn(3, 5, 12)
    for non_negative in (True, False):
        encoder = TimeMLPEncoder(5, 12, 6, non_negative=non_negative).eval()
        before = encoder(brain)
        encoder.spatial.data.neg_()
        assert torch.allclose(encoder(brain), before) is non_negative


def test_size_of_the_network_of_multi_blur():
    parts = 25 * 63, 2 * 25, 250 * 200 + 200, 200 * 200 + 200, 5000 * 1024 + 1024
    assert n_weights(TimeMLPEncoder(63, 250, 1024)) == sum(parts)


@pytest.mark.parametrize("encoder", [FlatEncoder, TimeMLPEncoder])
def test_one_sample_is_enough(encoder):
    assert encoder(4, 1, 6).eval()(torch.randn(2, 4, 1)).shape == (2, 6)
