"""Image networks in bf16."""

import numpy as np
import pytest
import torch
from image_networks import SMALL_VIT, features

import mne_brainae
from mne_brainae.images import networks
from mne_brainae.images.encoders import resolve
from mne_brainae.images.networks import NetworkEncoder, release

RANDOM = {"pretrained": "random"}


@pytest.fixture(autouse=True)
def as_if_native(monkeypatch):
    """Any processor multiplies bf16, some of them slowly."""
    monkeypatch.setattr(networks, "multiplies_bf16", lambda device: True)


def test_rounded_features_are_near_and_kept_apart(tmp_path):
    exact, rounded = (
        features(
            mne_brainae.ImageEncoder(SMALL_VIT, precision=precision, **RANDOM),
            cache=tmp_path,
        )
        for precision in ("float32", "bf16")
    )
    difference = np.abs(exact - rounded).to_numpy()
    assert 0 < difference.max() < 0.1 * exact.to_numpy().std()
    assert rounded.to_numpy().dtype == np.float32
    assert rounded.columns.equals(exact.columns)


def test_slow_processors_are_warned_of(monkeypatch):
    monkeypatch.setattr(networks, "multiplies_bf16", lambda device: False)
    networks._LAST.clear()
    encoder = mne_brainae.ImageEncoder(SMALL_VIT, precision="bf16", **RANDOM)
    with pytest.warns(RuntimeWarning, match="does not multiply bf16 faster"):
        features(encoder)


def test_only_networks_are_rounded():
    with pytest.raises(ValueError, match="'gabor' computes in float32"):
        mne_brainae.ImageEncoder("gabor", precision="bf16")
    with pytest.raises(ValueError, match="precision"):
        mne_brainae.ImageEncoder(SMALL_VIT, precision="fp8")


def test_a_card_is_freed_for_training():
    """On the CPU the network stays, for one more image."""
    features(mne_brainae.ImageEncoder(SMALL_VIT, **RANDOM))
    release(torch.device("cpu"))
    assert networks._LAST
    release(torch.device("meta"))
    assert not networks._LAST


def test_large_batches_on_a_card(monkeypatch):
    monkeypatch.setattr(networks, "resolve_device", torch.device)
    encoder = mne_brainae.ImageEncoder(SMALL_VIT, **RANDOM)
    sizes = [
        NetworkEncoder(encoder, resolve(encoder), device).batch_size
        for device in ("cpu", "cuda", "mps")
    ]
    assert sizes == [8, 256, 64]
