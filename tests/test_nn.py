"""The composed network against one written layer by layer, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss, info_nce
from mne_brainae.nn.network import build_network
from mne_brainae.nn.tsconv import TSConvDecoder, TSConvEncoder, n_steps

OPTIONS = {"n_kernels": 5, "kernel_length": 7, "pool_length": 5, "pool_stride": 5}


class NaiveEncoder(nn.Module):
    """Table 6, one layer after another."""

    def __init__(self, fast: TSConvEncoder):
        super().__init__()
        self.temporal, self.spatial = fast.temporal, fast.spatial
        self.inner_norm, self.norm, self.linear = (
            fast.inner_norm,
            fast.norm,
            fast.linear,
        )
        self.pool = nn.AvgPool2d((1, fast.pool_length), (1, fast.pool_stride))

    def forward(self, x):
        x = self.pool(self.temporal(x[:, None]))
        if self.inner_norm is not None:
            x = F.elu(self.inner_norm(x))
        x = F.elu(self.norm(self.spatial(x)[:, :, 0]))
        return self.linear(x.flatten(1))


class NaiveDecoder(nn.Module):
    """Table 7 from the latent outwards, one layer after another."""

    def __init__(self, fast: TSConvDecoder):
        super().__init__()
        self.fast = fast

    def forward(self, z):
        fast = self.fast
        x = fast.linear(z).unflatten(1, (len(fast.temporal.weight), 1, -1))
        if not fast.inner_activation:
            x = F.elu(fast.norm(x))
        x = fast.spatial(x)
        if fast.inner_activation:
            x = F.elu(fast.norm(x))
        x = F.interpolate(x, scale_factor=(1, fast.pool_stride), mode="nearest")
        held = fast.n_times - fast.temporal.kernel_size[1] + 1 - x.shape[-1]
        x = torch.cat([x, x[..., -1:].expand(*x.shape[:-1], held)], dim=-1)
        return fast.temporal(x)[:, 0] * fast.scale + fast.offset


def _network(n_channels, n_times, inner, **options):
    torch.manual_seed(0)
    network = build_network(
        n_channels=n_channels,
        n_times=n_times,
        n_image_features=6,
        n_embedding=9,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_projection="linear",
        convolution=OPTIONS | options | {"inner_activation": inner},
    ).double()
    for parameter in network.parameters():  # no symmetric start, scales not all one
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def _step(network, loss, brain, image):
    network.zero_grad()
    total, terms = loss(network, brain, image)
    total.backward()
    gradients = {n: p.grad.clone() for n, p in network.named_parameters()}
    return terms, gradients


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize(
    ("n_channels", "n_times"), [(6, 41), (3, 44), (1, 11), (8, 63)]
)
def test_parity_with_layers_one_after_another(inner, n_channels, n_times):
    """Forward, every loss term, every gradient and every running statistic."""
    torch.manual_seed(1)
    brain = torch.randn(12, n_channels, n_times, dtype=torch.float64)
    image = torch.randn(12, 6, dtype=torch.float64)
    loss = BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
    ).double()
    fast, naive = (_network(n_channels, n_times, inner) for _ in range(2))
    naive.brain_encoder = NaiveEncoder(naive.brain_encoder)
    naive.brain_decoder = NaiveDecoder(naive.brain_decoder)
    terms, gradients = _step(fast, loss, brain, image)
    wanted_terms, wanted = _step(naive, loss, brain, image)
    assert set(terms) == set(LOSS_TERMS)
    for name in LOSS_TERMS:
        torch.testing.assert_close(terms[name], wanted_terms[name], rtol=0, atol=1e-12)
    assert len(gradients) == len(wanted)
    for name, gradient in gradients.items():
        other = wanted[name.replace("brain_decoder.", "brain_decoder.fast.")]
        scale = other.abs().max()
        assert (gradient - other).abs().max() <= 1e-12 * max(scale, 1.0), name
    for one, other in zip(fast.buffers(), naive.buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(
    n_times=st.integers(1, 80),
    kernel_length=st.integers(1, 12),
    pool_stride=st.integers(1, 6),
    extra=st.integers(0, 4),
    inner=st.booleans(),
)
def test_any_geometry(n_times, kernel_length, pool_stride, extra, inner):
    """Any window that holds the kernels comes back at its length; others say why."""
    geometry = {
        "kernel_length": kernel_length,
        "pool_length": pool_stride + extra,
        "pool_stride": pool_stride,
    }
    shortest = kernel_length + pool_stride + extra - 1
    if n_times < shortest:
        with pytest.raises(ValueError, match=f"at least {shortest}"):
            n_steps(n_times, **geometry)
        return
    network = _network(2, n_times, inner, **geometry).eval()
    naive = NaiveDecoder(network.brain_decoder)
    z = torch.randn(3, 9, dtype=torch.float64)
    torch.testing.assert_close(network.decode(z), naive(z), rtol=0, atol=1e-12)
    assert network.decode(z).shape == (3, 2, n_times)


def test_paper_geometry():
    """250 samples give 45 steps, 200 and 201 give 35 (Tables 6 and 7)."""
    paper = {"kernel_length": 26, "pool_length": 5, "pool_stride": 5}
    assert [n_steps(t, **paper) for t in (250, 200, 201)] == [45, 35, 35]
    with pytest.raises(ValueError, match="skipped"):
        n_steps(250, kernel_length=26, pool_length=4, pool_stride=5)


def test_info_nce_by_hand():
    """Equation 1 term by term, in one direction and in both."""
    torch.manual_seed(2)
    a, b = torch.randn(2, 5, 3, dtype=torch.float64)
    similarity = F.cosine_similarity(a[:, None], b[None], dim=-1) / 0.1
    rows = -(similarity.diag() - similarity.logsumexp(1)).mean()
    columns = -(similarity.diag() - similarity.logsumexp(0)).mean()
    printed = info_nce(a, b, 0.1, symmetric=False)
    torch.testing.assert_close(printed, rows)
    both = info_nce(a, b, 0.1, symmetric=True)
    torch.testing.assert_close(both, (rows + columns) / 2)


def test_own_module_of_wrong_size():
    size = {
        "n_channels": 2,
        "n_times": 10,
        "n_image_features": 3,
        "n_embedding": 4,
        "brain_decoder": "linear",
        "image_projection": "linear",
        "convolution": {},
    }
    wrong = nn.Sequential(nn.Flatten(), nn.Linear(20, 5))
    with pytest.raises(ValueError, match=r"brain_encoder maps .*expected \(2, 4\)"):
        build_network(brain_encoder=wrong, **size)
