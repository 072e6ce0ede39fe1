"""The composed network against one written layer by layer, in float64."""

import copy
import pickle

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mne_brainae.nn.decoders import LinearBrainDecoder
from mne_brainae.nn.fast.computation import choose_computation
from mne_brainae.nn.fast.frozen import freeze
from mne_brainae.nn.fast.precision import Precision
from mne_brainae.nn.fast.spectrum import fourier_basis, turns
from mne_brainae.nn.fast.workers import share, workers
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss, info_nce
from mne_brainae.nn.network import build_network
from mne_brainae.nn.reference import (
    ReferenceDecoder,
    ReferenceEncoder,
    n_steps,
    reference_of,
)

OPTIONS = {"n_kernels": 5, "kernel_length": 7, "pool_length": 5, "pool_stride": 5}


def _network(n_channels, n_times, inner, upsampling="nearest", **options):
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
        upsampling=upsampling,
    ).double()
    for parameter in network.parameters():  # no symmetric start, scales not all one
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def _loss(**weights):
    return BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0) | weights,
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
    ).double()


def _pairs(n, n_channels, n_times):
    torch.manual_seed(1)
    brain = torch.randn(n, n_channels, n_times, dtype=torch.float64)
    return brain, torch.randn(n, 6, dtype=torch.float64)


def _step(computation, parameters, brain, image):
    """Return the terms of the loss and all gradients."""
    total, terms = _loss(contrastive=0.7, recon_image=1.3)(
        computation, computation.arrange(brain), image
    )
    return terms, torch.autograd.grad(total, list(parameters))


def _compare(fast, slow, names=()):
    """Compare terms and gradients of two steps."""
    assert set(fast[0]) == set(slow[0]) == set(LOSS_TERMS)
    for name in LOSS_TERMS:
        torch.testing.assert_close(fast[0][name], slow[0][name], rtol=0, atol=1e-12)
    for name, one, other in zip(names, fast[1], slow[1], strict=True):
        scale = max(other.abs().max(), 1.0)
        assert (one - other).abs().max() <= 1e-12 * scale, name


SHAPES = [(6, 41), (3, 44), (1, 11), (8, 63)]  # without, with remainder; one step


@pytest.mark.parametrize("computation", ["plain", "fast"])
@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize(("n_channels", "n_times"), SHAPES)
def test_parity_with_layers_one_after_another(computation, inner, n_channels, n_times):
    """Forward, every loss term, every gradient and every running statistic."""
    brain, image = _pairs(37, n_channels, n_times)
    network, other = (_network(n_channels, n_times, inner) for _ in range(2))
    names = [name for name, _ in network.named_parameters()]
    fast = choose_computation(network, computation)
    steps = (
        _step(form, weights.parameters(), brain, image)
        for form, weights in ((fast, network), (reference_of(other), other))
    )
    _compare(*steps, names)
    for one, two in zip(network.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-13)
    # In evaluation the running statistics are used, and stay.
    network.eval(), other.eval()
    steps = (
        _step(form, weights.parameters(), brain, image)
        for form, weights in ((fast, network), (reference_of(other), other))
    )
    _compare(*steps, names)


@settings(max_examples=40, deadline=None)
@given(
    n_channels=st.integers(1, 4),
    n_times=st.integers(1, 50),
    kernel_length=st.integers(1, 9),
    pool_stride=st.integers(1, 6),
    extra=st.integers(0, 4),
    inner=st.booleans(),
    n_threads=st.integers(1, 3),
)
def test_fast_parity_in_any_geometry(
    n_channels, n_times, kernel_length, pool_stride, extra, inner, n_threads
):
    """Any kernel, stride, remainder and number of threads; chunks cut the batch."""
    geometry = {
        "kernel_length": kernel_length,
        "pool_length": pool_stride + extra,
        "pool_stride": pool_stride,
    }
    assume(n_times >= kernel_length + pool_stride + extra - 1)
    network = _network(n_channels, n_times, inner, **geometry)
    brain, image = _pairs(19, n_channels, n_times)
    rows = torch.randperm(19)[:17]
    form = choose_computation(network, "fast")
    arranged = form.arrange(brain)
    slow = _step(reference_of(network), network.parameters(), brain[rows], image[rows])
    with workers(n_threads):
        form.arrange = lambda chosen: arranged[chosen]
        fast = _step(form, network.parameters(), rows, image[rows])
    _compare(fast, slow, [name for name, _ in network.named_parameters()])


@pytest.mark.parametrize("inner", [True, False])
def test_fast_float32_over_many_rows(inner):
    """Float32 stays within 1e-5 of float64 over 3 10^5 rows of the inner map.

    PyTorch's batch normalization of maps with channels last misses this by far.
    """
    exact = _network(40, 141, inner)
    single = copy.deepcopy(exact).float()
    brain, image = _pairs(280, 40, 141)
    terms, gradients = _step(reference_of(exact), exact.parameters(), brain, image)
    form = choose_computation(single, "fast")
    total, rounded = _loss(contrastive=0.7, recon_image=1.3).float()(
        form, form.arrange(brain.float()), image.float()
    )
    for name in LOSS_TERMS:
        torch.testing.assert_close(
            rounded[name].double(), terms[name], rtol=2e-6, atol=0
        )
    for one, other in zip(
        torch.autograd.grad(total, list(single.parameters())), gradients, strict=True
    ):
        assert (one - other).norm() <= 2e-5 * max(other.norm(), 1e-3)


def test_computation_of_other_networks():
    """A network without temporal-spatial convolution is computed plainly, or said."""
    network = _network(3, 40, True)
    network.brain_decoder = LinearBrainDecoder(3, 40, 9)
    assert choose_computation(network) is network
    with pytest.raises(ValueError, match="computation='fast' needs the temporal"):
        choose_computation(network, "fast")
    with pytest.raises(ValueError, match="precision='bf16' needs the temporal"):
        choose_computation(network, precision="bf16")
    assert choose_computation(_network(3, 40, True), "plain").training
    network = _network(3, 40, False, "linear")
    with pytest.raises(ValueError, match="upsampling='nearest'"):
        choose_computation(network, "fast")
    network = _network(3, 40, False)
    other = torch.device("meta")  # any device that is neither CPU nor CUDA
    assert choose_computation(network, device=other) is network
    with pytest.raises(ValueError, match="upsampling must be one of 'nearest', 'line"):
        _network(3, 40, False, "cubic")


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_are_given_back(n_threads):
    before = torch.get_num_threads()
    with workers(n_threads):
        assert torch.get_num_threads() == 1
        parts = share(5, lambda start, stop: (start, stop))
        assert [row for part in parts for row in range(*part)] == list(range(5))
        with pytest.raises(ZeroDivisionError):
            share(5, lambda start, stop: start // 0)
    assert torch.get_num_threads() == before
    assert share(4, lambda start, stop: (start, stop)) == [(0, 4)]


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
    reference = reference_of(network)
    z = torch.randn(3, 9, dtype=torch.float64)
    torch.testing.assert_close(
        network.decode(z), reference.decode(z), rtol=0, atol=1e-12
    )
    assert network.decode(z).shape == (3, 2, n_times)


@settings(max_examples=30, deadline=None)
@given(
    n_steps=st.integers(1, 6),
    remainder=st.integers(0, 5),
    kernel_length=st.integers(1, 9),
    pool_stride=st.integers(1, 6),
    extra=st.integers(0, 4),
    inner=st.booleans(),
)
def test_linear_upsampling(
    n_steps, remainder, kernel_length, pool_stride, extra, inner
):
    """Lines between steps, with and without remainder: every term, every gradient."""
    geometry = {
        "kernel_length": kernel_length,
        "pool_length": pool_stride + extra,
        "pool_stride": pool_stride,
    }
    shortest = kernel_length + pool_stride + extra - 1
    n_times = shortest + (n_steps - 1) * pool_stride + remainder % pool_stride
    network = _network(3, n_times, inner, "linear", **geometry)
    assert choose_computation(network) is network  # no fast form
    brain, image = _pairs(7, 3, n_times)
    slow = _step(reference_of(network), network.parameters(), brain, image)
    fast = _step(network, network.parameters(), brain, image)
    _compare(fast, slow, [name for name, _ in network.named_parameters()])
    nearest = _network(3, n_times, inner, **geometry)
    z = torch.randn(2, 9, dtype=torch.float64)
    same = torch.allclose(network.decode(z), nearest.decode(z))
    assert same == (pool_stride == 1 or n_steps == 1)


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize(("n_channels", "n_times"), SHAPES)
def test_inference_parity(inner, n_channels, n_times):
    """Folded kernels give what the layers give, for one response and for many."""
    network = _network(n_channels, n_times, inner)
    brain, image = _pairs(21, n_channels, n_times)
    _step(network, network.parameters(), brain, image)  # moves the running statistics
    reference = reference_of(network.eval()).eval()
    for rows in (slice(0, 1), slice(None)):
        with torch.inference_mode():
            z = freeze(network).embed_brain(brain[rows])
            decoded = freeze(network).decode(z)
        torch.testing.assert_close(
            z, reference.embed_brain(brain[rows]).detach(), rtol=0, atol=1e-12
        )
        torch.testing.assert_close(
            decoded, reference.decode(z.clone()).detach(), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_embeddings_of_rounded_factors(inner, native):
    """Rounding moves an embedding by less than a percent, alone or among others."""
    network = _network(12, 60, inner).float().eval()
    brain, image = (part.float() for part in _pairs(40, 12, 60))
    exact, rounded = freeze(network), freeze(network, Precision(True, native))
    with torch.inference_mode():
        for embed, rows in (("embed_brain", brain), ("embed_image", image)):
            z, found = (getattr(each, embed)(rows) for each in (exact, rounded))
            alone = getattr(rounded, embed)(rows[:1])
            assert found.dtype == torch.float32
            assert 0 < (found - z).norm() < 0.01 * z.norm()
            assert (alone - found[:1]).norm() < 0.01 * z[:1].norm()
        torch.testing.assert_close(rounded.decode(z), exact.decode(z), rtol=0, atol=0)
    again = pickle.loads(pickle.dumps(rounded))
    assert again.precision == rounded.precision


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("change", ["optimizer", "load", "statistics", "copy"])
def test_frozen_kernels_are_never_stale(inner, change):
    """Whatever changes a parameter, the next embedding sees it."""
    network = _network(4, 40, inner)
    brain, image = _pairs(9, 4, 40)
    frozen = freeze(network.eval())
    with torch.inference_mode():
        before, z = frozen.embed_brain(brain), frozen.embed_image(image)
        decoded = frozen.decode(z)
        kept = frozen._folded, frozen._decoder
        torch.testing.assert_close(frozen.embed_brain(brain), before, rtol=0, atol=0)
        torch.testing.assert_close(frozen.decode(z), decoded, rtol=0, atol=0)
        assert (frozen._folded, frozen._decoder) == kept  # not made again
    if change == "optimizer":
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
        _loss()(network, brain, image)[0].backward()
        optimizer.step()
    elif change == "load":
        weights = {k: v * 1.5 for k, v in network.state_dict().items()}
        network.load_state_dict(weights)
    elif change == "statistics":
        network.brain_encoder.norm.running_mean += 1.0
        network.brain_decoder.norm.running_mean += 1.0
    else:
        network, frozen = copy.deepcopy((network, frozen))
        assert frozen.network is network
        assert frozen._folded is None
        network.brain_encoder.temporal.weight.data *= 2.0
        network.brain_decoder.temporal.weight.data *= 2.0
    reference = reference_of(network).eval()
    for map_, rows, first in (("embed_brain", brain, before), ("decode", z, decoded)):
        wanted = getattr(reference, map_)(rows.clone()).detach()
        with torch.inference_mode():
            after = getattr(frozen, map_)(rows)
        torch.testing.assert_close(after, wanted, rtol=0, atol=1e-12)
        assert (after - first).abs().max() > 1e-3


@pytest.mark.parametrize("n_threads", [1, 2])
def test_frozen_network_has_all_maps_without_gradients(n_threads):
    network = _network(4, 40, True).eval()
    brain, image = _pairs(70, 4, 40)
    with torch.no_grad():
        z = network.embed_image(image)
        wanted = network.embed_brain(brain), z, network.decode(z)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        frozen = freeze(network)
        found = frozen.embed_brain(brain), frozen.embed_image(image), frozen.decode(z)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        assert not one.requires_grad
    network, again = pickle.loads(pickle.dumps((network, frozen)))
    assert again.network is network
    assert torch.equal(again.embed_brain(brain[:1]), frozen.embed_brain(brain[:1]))


@pytest.mark.parametrize("inner", [True, False])
def test_the_reference_stands_on_its_own(inner):
    """Built with sizes, it draws the weights of the network it is the reference of."""
    size, options = (3, 41, 9), OPTIONS | {"inner_activation": inner}
    torch.manual_seed(0)
    encoder = ReferenceEncoder(*size, **options)
    decoder = ReferenceDecoder(*size, **options)
    torch.manual_seed(0)
    network = build_network(
        n_channels=3,
        n_times=41,
        n_image_features=6,
        n_embedding=9,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_projection="linear",
        convolution=options,
    )
    brain = torch.randn(5, 3, 41)
    z = encoder(brain)
    torch.testing.assert_close(z, network.embed_brain(brain), rtol=0, atol=1e-5)
    torch.testing.assert_close(decoder(z), network.decode(z), rtol=0, atol=1e-5)
    encoder.load_state_dict(network.brain_encoder.state_dict())
    shared = reference_of(network)
    assert shared.brain_encoder.linear is network.brain_encoder.linear
    assert shared.brain_decoder.scale is network.brain_decoder.scale


@pytest.mark.parametrize("n_blocks", [2, 4, 10, 50])
def test_moving_ahead_turns_pairs_of_coefficients(n_blocks):
    """By one block and by more; the basis is orthonormal."""
    basis = fourier_basis(n_blocks)
    torch.testing.assert_close(basis.T @ basis, torch.eye(n_blocks).double())
    x = torch.randn(n_blocks, dtype=torch.float64)
    pairs = (basis.T @ x).view(-1, 2, 1)
    for shift, turn in enumerate(turns(n_blocks, n_blocks)):
        moved = (basis.T @ x.roll(-shift)).view(-1, 2, 1)
        torch.testing.assert_close(turn @ pairs, moved)


def test_paper_geometry():
    """250 samples give 45 steps, 200 and 201 give 35 (Tables 6 and 7)."""
    paper = {"kernel_length": 26, "pool_length": 5, "pool_stride": 5}
    assert [n_steps(t, **paper) for t in (250, 200, 201)] == [45, 35, 35]
    with pytest.raises(ValueError, match="skipped"):
        n_steps(250, kernel_length=26, pool_length=4, pool_stride=5)


def test_norm_of_the_response_is_an_inverse_temperature():
    """Without normalizing the brain side, its norm and the temperature are one."""
    torch.manual_seed(0)
    network = build_network(
        n_channels=3,
        n_times=4,
        n_image_features=6,
        n_embedding=6,
        brain_encoder="linear",
        brain_decoder=None,
        image_projection="identity",
    )
    brain, image = torch.randn(8, 3, 4), torch.randn(8, 6)
    z = network.embed_brain(brain)
    cosine = nn.functional.normalize(z, dim=1) @ nn.functional.normalize(image).T
    options = {"learn_temperature": False, "symmetric": True}
    weights = dict.fromkeys(LOSS_TERMS, 0.0) | {"contrastive": 1.0}
    free = BrainAELoss(weights, temperature=0.5, normalize_brain=False, **options)
    found, _ = free(network, brain, image)
    logits = z.norm(dim=1, keepdim=True) * cosine
    torch.testing.assert_close(found, info_nce(logits, 0.5, symmetric=True))
    bound = BrainAELoss(weights, temperature=0.5, **options)
    found, _ = bound(network, brain, image)
    torch.testing.assert_close(found, info_nce(cosine, 0.5, symmetric=True))


def test_info_nce_by_hand():
    """Equation 1 term by term, in one direction and in both."""
    torch.manual_seed(2)
    a, b = torch.randn(2, 5, 3, dtype=torch.float64)
    cosine = F.cosine_similarity(a[:, None], b[None], dim=-1)
    similarity = cosine / 0.1
    rows = -(similarity.diag() - similarity.logsumexp(1)).mean()
    columns = -(similarity.diag() - similarity.logsumexp(0)).mean()
    printed = info_nce(cosine, 0.1, symmetric=False)
    torch.testing.assert_close(printed, rows)
    both = info_nce(cosine, 0.1, symmetric=True)
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
