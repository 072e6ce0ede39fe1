"""The brain encoders that braindecode provides."""

import builtins
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import mne_brainae
from mne_brainae.nn.backbones import BACKBONES, build_backbone

needs_braindecode = pytest.mark.skipif(
    find_spec("braindecode") is None, reason="braindecode is not installed"
)


@needs_braindecode
@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("n_times", [101, 250])
def test_backbones_map_responses_into_the_shared_space(name, n_times):
    backbone = build_backbone(name, 17, n_times, 24).eval()
    assert backbone(torch.randn(3, 17, n_times)).shape == (3, 24)


@needs_braindecode
def test_short_windows_are_refused():
    with pytest.raises(ValueError, match="at least 99 samples"):
        build_backbone("shallow", 17, 60, 24)


@needs_braindecode
@pytest.mark.stochastic
def test_a_model_with_a_backbone_learns_and_is_read_back(recording, tmp_path):
    epochs, features = recording
    model = mne_brainae.fit(
        epochs,
        features,
        recipe="paper",
        brain_encoder="eegnet",
        brain_decoder="linear",
        n_embedding=16,
        max_epochs=5,
        min_updates=1,
        random_state=0,
    )
    losses = model.history_["train_total"]
    assert losses.iloc[-1] < losses.iloc[0]
    model.save(tmp_path / "model.safetensors")
    same = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.embed_epochs(epochs), same.embed_epochs(epochs))


def test_without_braindecode_the_error_says_how_to_get_it(monkeypatch):
    find = builtins.__import__

    def lacking(name, *args, **kwargs):
        if name.startswith("braindecode"):
            raise ImportError(name)
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ImportError, match=r"mne_brainae\[backbones\]"):
        build_backbone("eegnet", 17, 250, 24)
