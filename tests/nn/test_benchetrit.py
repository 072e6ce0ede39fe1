"""Attention to sensors, subject layers and the encoder of Benchetrit et al."""

import mne
import numpy as np
import pytest
import torch

from mne_brainae.nn.benchetrit import BenchetritEncoder, DilatedBlock
from mne_brainae.nn.sensors import SensorAttention, SubjectLayer
from mne_brainae.preprocessing.layout import sensor_layout

SMALL = {
    "n_virtual": 6,
    "n_frequencies": 4,
    "n_hidden": 8,
    "n_features": 10,
    "n_subjects": 3,
}


@pytest.fixture
def positions():
    torch.manual_seed(0)
    return torch.rand(7, 2)


@pytest.fixture
def encoder(positions):
    encoder = BenchetritEncoder(7, 20, 5, positions=positions.tolist(), **SMALL)
    encoder.subjects.matrices.data.normal_()
    return encoder.eval()


def test_attention_by_hand(positions):
    """The sum over spatial frequencies, written out."""
    attention = SensorAttention(positions.tolist(), 2, n_frequencies=3).eval()
    logits = torch.zeros(2, 7)
    cosines, sines = attention.coefficients.chunk(2, dim=1)
    for k in range(3):
        for m in range(3):
            phase = 2 * torch.pi * (k * positions[:, 0] + m * positions[:, 1])
            column = 3 * k + m
            logits = logits + cosines[:, column, None] * phase.cos()
            logits = logits + sines[:, column, None] * phase.sin()
    brain = torch.randn(4, 7, 5)
    expected = torch.einsum("vc,nct->nvt", logits.softmax(1), brain)
    torch.testing.assert_close(attention(brain), expected)


def test_the_order_of_sensors_has_no_effect(encoder, positions):
    order = torch.randperm(7)
    other = BenchetritEncoder(7, 20, 5, positions=positions[order].tolist(), **SMALL)
    weights = encoder.state_dict() | {"attention.positions": positions[order]}
    other.load_state_dict(weights)
    brain = torch.randn(3, 7, 20)
    torch.testing.assert_close(other.eval()(brain[:, order]), encoder(brain))
    moved = encoder(brain[:, order])  # signals without their positions
    assert not torch.allclose(moved, encoder(brain), atol=1e-4)


def test_sensors_are_left_out_in_training_only(positions):
    attention = SensorAttention(positions.tolist(), 2, dropout_radius=0.3)
    torch.testing.assert_close(attention.eval().weights(), attention.weights())
    attention.train()
    seen = torch.stack([attention.weights() for _ in range(60)])
    hidden = (seen == 0).all(1)
    assert hidden.any(1).float().mean() > 0.2
    assert hidden.any(0).sum() > 3  # now these, now those
    torch.testing.assert_close(seen.sum(2), torch.ones(60, 2))
    # All that is left out in a batch lies in one circle.
    for row in hidden:
        gone = positions[row]
        if len(gone) > 1:
            assert torch.cdist(gone, gone).max() < 0.6
    wide = SensorAttention(positions.tolist(), 2, dropout_radius=9.0).train()
    torch.testing.assert_close(wide.weights(), wide.eval().weights())


def test_a_matrix_changes_its_subject_only(encoder):
    brain = torch.randn(4, 7, 20)
    subject = torch.tensor([0, 1, 2, -1])
    before = encoder(brain, subject)
    encoder.subjects.matrices.data[1] += 5.0
    after = encoder(brain, subject)
    changed = (after - before).abs().amax(1) > 1e-5
    assert changed.tolist() == [False, True, False, True]  # the mean has a third of it


def test_an_unseen_subject_takes_the_mean():
    layer = SubjectLayer(2, 3)
    torch.testing.assert_close(layer.matrices[0], torch.eye(3))
    layer.matrices.data.normal_()
    brain = torch.randn(2, 3, 4)
    expected = torch.einsum("ij,njt->nit", layer.matrices.mean(0), brain)
    torch.testing.assert_close(layer(brain, torch.tensor([-1, -1])), expected)
    torch.testing.assert_close(layer(brain), expected)


def test_one_hot_time_weights_pick_a_sample(encoder):
    brain = torch.randn(3, 7, 20)
    seen = {}
    encoder.last.register_forward_hook(lambda *args: seen.update(maps=args[-1]))
    encoder.time.weight.data = torch.eye(20)[[6]]
    encoder.time.bias.data.zero_()
    features = encoder.features(brain)
    torch.testing.assert_close(features, seen["maps"][..., 6])
    contrasted, regressed = encoder.heads(brain)
    torch.testing.assert_close(contrasted, encoder(brain))
    assert not torch.allclose(contrasted, regressed)


@pytest.mark.parametrize(("index", "dilations"), [(0, (1, 2)), (1, (4, 8))])
def test_dilations(index, dilations):
    block = DilatedBlock(4, 4, index)
    parts = block.first[0], block.second[0], block.gated[0]
    assert [part.dilation[0] for part in parts] == [*dilations, 2]
    assert block(torch.randn(2, 4, 9)).shape == (2, 4, 9)


def test_number_of_parameters():
    """The sizes of the page: 272 sensors, 181 samples, 4 subjects, latents of 768."""
    positions = np.random.default_rng(0).random((272, 2)).tolist()
    encoder = BenchetritEncoder(272, 181, 768, positions=positions, n_subjects=4)
    block = [320 * 320 * 3 + 2 * 320, 320 * 640 * 3 + 640]  # second and third
    parts = [
        270 * 2048,  # 32 x 32 pairs for each virtual channel
        270 * 270 + 270,
        4 * 270 * 270,
        270 * 320 * 3 + 2 * 320 + sum(block),
        320 * 320 * 3 + 2 * 320 + sum(block),
        320 * 640 + 640 + 640 * 2048 + 2048,
        181 + 1,
        2 * (2 * 2048 + 2048 * 768 + 768),
    ]
    assert sum(each.numel() for each in encoder.parameters()) == sum(parts)


# -- positions -------------------------------------------------------------------------


def test_layout_of_a_cap():
    montage = mne.channels.make_standard_montage("biosemi64")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    places = dict(zip(info["ch_names"], sensor_layout(info), strict=True))
    flat = np.array(list(places.values()))
    assert flat.min() >= 0
    assert flat.max() == pytest.approx(1)
    assert places["C3"][0] < places["Cz"][0] < places["C4"][0]
    assert places["Oz"][1] < places["Cz"][1] < places["Fz"][1]
    left, right = places["C3"][0], places["C4"][0]
    assert (left + right) / 2 == pytest.approx(places["Cz"][0], abs=0.02)


def test_layout_of_a_grid():
    """Electrodes in a plane keep their distances, whichever way the plane lies."""
    grid = np.stack(np.meshgrid(range(4), range(3)), -1).reshape(-1, 2) * 4e-4
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    info = mne.create_info(12, 100.0, "seeg")
    for channel, place in zip(
        info["chs"], np.c_[grid, np.ones(12)] @ turn, strict=True
    ):
        channel["loc"][:3] = place
    flat = sensor_layout(info)

    def distances(x):
        return np.linalg.norm(x[:, None] - x, axis=-1)

    found, expected = distances(flat), distances(grid)
    ratio = found.sum() / expected.sum()
    np.testing.assert_allclose(found, ratio * expected, atol=1e-6)


def test_positions_that_are_missing():
    info = mne.create_info(["a", "b"], 100.0, "eeg")
    with pytest.raises(ValueError, match=r"missing of .*a.*set_montage"):
        sensor_layout(info)
    for channel in info["chs"]:
        channel["loc"][:3] = 0.1
    with pytest.raises(ValueError, match="same position"):
        sensor_layout(info)
