"""What maps image features into the shared space, by name and with options."""

import pytest
import torch
from torch import nn

from mne_brainae.nn.network import build_network
from mne_brainae.nn.projections import MLPProjection

SIZES = {"n_channels": 4, "n_times": 10, "n_image_features": 12, "n_embedding": 6}
PARTS = {"brain_encoder": "linear", "brain_decoder": None}


def test_mlp_by_hand():
    torch.manual_seed(0)
    projection, image = MLPProjection(12, 6).eval(), torch.randn(5, 12)
    linear, residual, norm = projection
    rows = linear(image)
    expected = norm(rows + residual.layers[1](nn.functional.gelu(rows)))
    torch.testing.assert_close(projection(image), expected)


def test_options_build_the_part_and_stand_in_the_spec():
    choice = {"mlp": {"dropout": 0.5}}
    network = build_network(**SIZES, **PARTS, image_projection=choice)
    assert network.image_projection[1].layers[2].p == 0.5
    assert network.spec["image_projection"] == choice
    again = build_network(**network.spec)
    again.load_state_dict(network.state_dict())
    rows = torch.randn(3, 12)
    torch.testing.assert_close(
        again.eval().embed_image(rows), network.eval().embed_image(rows)
    )


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_projections_learn(name):
    network = build_network(**SIZES, **PARTS, image_projection=name)
    assert all(p.requires_grad for p in network.image_projection.parameters())
