"""Networks that start from a closed form, lack a direction, or are built again."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from mne_brainae.nn.added import Added
from mne_brainae.nn.fast.frozen import freeze
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network
from mne_brainae.nn.squares import SquaredUnits

SIZE = {"n_channels": 3, "n_times": 41, "n_image_features": 6, "n_embedding": 4}
KERNELS = {"n_kernels": 5, "kernel_length": 7, "pool_length": 5, "pool_stride": 5}
LINEAR = dict.fromkeys(
    ("brain_encoder", "brain_decoder", "image_projection"), "linear"
) | {"convolution": KERNELS}
TSCONV = LINEAR | {"brain_encoder": "tsconv", "brain_decoder": "tsconv"}


@pytest.fixture
def start():
    torch.manual_seed(0)
    return build_network(**SIZE, **LINEAR)


@pytest.fixture
def brain():
    return torch.randn(7, 3, 41, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def image():
    return torch.randn(7, 6, generator=torch.Generator().manual_seed(2))


def _loss():
    return BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.1,
        learn_temperature=False,
        symmetric=True,
    )


def test_what_is_added_starts_at_nothing(start, brain, image):
    """At gain 0 all outputs are the linear ones to the last bit."""
    network = build_network(**SIZE, **TSCONV, start=start).eval()
    assert isinstance(network.brain_encoder, Added)
    assert isinstance(network.brain_decoder, Added)
    assert isinstance(network.image_projection, nn.Linear)  # named linear: fixed alone
    z = start.embed_image(image)
    assert torch.equal(network.embed_brain(brain), start.embed_brain(brain))
    assert torch.equal(network.embed_image(image), z)
    assert torch.equal(network.decode(z), start.decode(z))
    assert all(each.requires_grad for each in start.parameters())  # copies are fixed


def test_the_gain_moves_first_and_the_fixed_part_never(start, brain, image):
    network = build_network(**SIZE, **TSCONV, start=start)
    names = {name for name, p in network.named_parameters() if p.requires_grad}
    assert not any("fixed" in name or "projection" in name for name in names)
    _loss()(network, brain, image)[0].backward()
    decoder = network.brain_decoder
    assert decoder.gain.grad != 0
    assert not any(p.grad.any() for p in decoder.learned.parameters())
    with torch.no_grad():
        decoder.gain.fill_(0.5)
    network.zero_grad()
    _loss()(network, brain, image)[0].backward()
    assert any(p.grad.any() for p in decoder.learned.parameters())
    assert all(p.grad is None for p in decoder.fixed.parameters())


def test_a_fixed_part_stays_in_evaluation_mode():
    added = Added(nn.Sequential(nn.Dropout(0.5)), nn.Sequential(nn.Dropout(0.5)))
    assert added.train().learned.training
    assert not added.fixed.training


def test_a_frozen_network_knows_what_is_added(start, brain):
    network = build_network(**SIZE, **TSCONV, start=start).eval()
    with torch.no_grad():
        network.brain_encoder.gain.fill_(0.7)
        wanted = network.embed_brain(brain)
    torch.testing.assert_close(freeze(network).embed_brain(brain), wanted)


def _squares(dropout=0.0):
    rng = np.random.default_rng(0)
    squares = SquaredUnits(6, 4, n_units=3, n_coordinates=2, dropout=dropout)
    shapes = {name: tuple(value.shape) for name, value in squares.state_dict().items()}
    arrays = {name: rng.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}
    weight, bias = arrays.pop("linear.weight"), arrays.pop("linear.bias")
    squares.load(weight=weight, bias=bias, **arrays)
    return squares, arrays | {"weight": weight, "bias": bias}


def test_squares_by_hand(image):
    squares, a = _squares()
    x = image.numpy().astype(float)
    coordinates = (x - a["feature_mean"]) @ a["axes"]
    h = ((coordinates @ a["directions"].T) ** 2 - a["unit_mean"]) / a["unit_sd"]
    wanted = x @ a["weight"].T + a["bias"] + h @ a["patterns"]
    np.testing.assert_allclose(squares(image).detach(), wanted, rtol=1e-4, atol=1e-4)
    squares(image).sum().backward()
    assert squares.directions.grad.any()
    assert squares.patterns.grad.any()
    assert squares.linear.weight.grad is None


def test_squares_drop_units_in_training_only(image):
    squares, _ = _squares(dropout=0.5)
    torch.manual_seed(0)
    assert not torch.equal(squares(image), squares(image))
    squares.eval()
    assert torch.equal(squares(image), squares(image))
    fresh = SquaredUnits(6, 4, n_units=3, n_coordinates=2)  # linear, until it is loaded
    assert torch.equal(fresh(image), fresh.linear(image))


class Own(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(3 * 41, 4))


SQUARES = {"image_projection": {"squares": {"n_units": 3, "n_coordinates": 2}}}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    "choice",
    [
        TSCONV,
        LINEAR,
        TSCONV | {"upsampling": "linear"},
        LINEAR | {"brain_encoder": None},
        TSCONV | {"brain_decoder": None},
        LINEAR | {"n_image_features": None},
        LINEAR | SQUARES,
    ],
)
def test_a_network_is_built_again_from_its_spec(start, brain, image, choice, warm):
    """The spec goes through JSON, and takes the weights."""
    network = build_network(**SIZE | choice, start=start if warm else None).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    again = build_network(**json.loads(json.dumps(network.spec)))
    again.load_state_dict(network.state_dict())
    assert again.spec == network.spec
    assert again.parts == network.parts
    again.eval()
    if network.brain_encoder is not None:
        assert torch.equal(again.embed_brain(brain), network.embed_brain(brain))
    if network.image_projection is not None:
        assert torch.equal(again.embed_image(image), network.embed_image(image))


@pytest.mark.parametrize("name", ["nice", "atm", "eegnet"])
def test_encoders_of_others_are_built_again_from_their_spec(name):
    if name == "eegnet":
        pytest.importorskip("braindecode", reason="braindecode is not installed")
    size = SIZE | {"n_times": 128}
    network = build_network(**size | LINEAR | {"brain_encoder": name}).eval()
    again = build_network(**json.loads(json.dumps(network.spec))).eval()
    again.load_state_dict(network.state_dict())
    brain = torch.randn(2, 3, 128)
    assert torch.equal(again.embed_brain(brain), network.embed_brain(brain))


def test_a_module_of_ones_own_stands_in_the_spec(start, image):
    given = Own()
    network = build_network(**SIZE | LINEAR | {"brain_encoder": given})
    assert network.spec["brain_encoder"] is network.brain_encoder is not given
    again = build_network(**network.spec)
    assert again.brain_encoder is not network.brain_encoder
    again.load_state_dict(network.state_dict())
    squares, _ = _squares()
    network = build_network(
        **SIZE | LINEAR | {"image_projection": squares}, start=start
    )
    again = build_network(**json.loads(json.dumps(network.spec)))
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.embed_image(image), squares(image))


@pytest.mark.parametrize(
    ("missing", "terms"),
    [
        ({"brain_encoder": None}, {"recon_image"}),
        ({"brain_decoder": None}, {"contrastive", "feature"}),
        ({"n_image_features": None}, {"recon_brain"}),
        ({}, set(LOSS_TERMS)),
    ],
)
def test_the_loss_has_the_terms_that_the_parts_allow(brain, image, missing, terms):
    network = build_network(**SIZE | LINEAR | missing)
    lacks_images = network.image_projection is None
    total, found = _loss()(network, brain, None if lacks_images else image)
    assert set(found) == terms
    torch.testing.assert_close(total, sum(found.values()))
    total.backward()


def test_a_loss_without_terms_is_said(brain):
    network = build_network(**SIZE | LINEAR | {"brain_decoder": None})
    with pytest.raises(ValueError, match="No term of the loss is left: the network"):
        _loss()(network, brain, None)


def test_a_start_without_the_part_is_said():
    start = build_network(**SIZE | LINEAR | {"brain_encoder": None})
    with pytest.raises(ValueError, match="start has no part to begin"):
        build_network(**SIZE | TSCONV, start=start)


def test_the_closed_form_fills_linear_parts(start, brain):
    rng = np.random.default_rng(0)
    parts = {"image": (4, 6), "encoder": (4, 123), "decoder": (123, 4)}
    affine = {
        name: tuple(rng.standard_normal(s).astype("f4") for s in (shape, shape[:1]))
        for name, shape in parts.items()
    }
    start.load_affine(**affine)
    z = brain.flatten(1).numpy() @ affine["encoder"][0].T + affine["encoder"][1]
    np.testing.assert_allclose(start.embed_brain(brain).detach(), z, rtol=1e-4)
    alone = build_network(**SIZE | LINEAR | {"brain_encoder": None})
    alone.load_affine(affine["image"], None, affine["decoder"])
    one, other = alone.brain_decoder.parameters(), start.brain_decoder.parameters()
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
