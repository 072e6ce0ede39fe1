"""An integer of NumPy is an integer: parameters take it, and files hold it."""

import numpy as np
import pytest
from building import brain_ae

import mne_brainae
from mne_brainae.models.linear_gaussian import Steps

SMALL = {
    "n_embedding": 4,
    "n_kernels": 2,
    "kernel_length": 3,
    "pool_length": 2,
    "pool_stride": 2,
    "batch_size": 8,
    "max_epochs": 1,
    "min_updates": 1,
    "patience": 1,
    "validation_size": 4,
    "random_state": 0,
}


@pytest.mark.filterwarnings("ignore:.*memory")
def test_a_trained_model_of_numpy_integers(recording, tmp_path):
    params = {name: np.int64(value) for name, value in SMALL.items()}
    found, expected = (
        brain_ae(**given, verbose="ERROR").fit(*recording) for given in (params, SMALL)
    )
    found.save(tmp_path / "model.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    images = recording[1][:3]
    for model in (found, read):
        np.testing.assert_array_equal(
            model.predict_epochs(images, output="array"),
            expected.predict_epochs(images, output="array"),
        )


def test_a_closed_form_of_numpy_integers(recording, tmp_path):
    steps = Steps(n_prior=np.int64(5), n_folds=np.int32(3), n_passes=np.int64(1))
    model = mne_brainae.LinearBrainAE(
        n_embedding=np.int64(6), steps=steps, verbose="ERROR"
    ).fit(*recording)
    model.save(tmp_path / "model.safetensors")
    assert mne_brainae.read_brainae(tmp_path / "model.safetensors").steps == steps


def test_an_image_encoder_of_numpy_integers():
    encoder = mne_brainae.ImageEncoder(
        "timm:resnet18", layer=[np.int64(1), np.float64(0.5)], pool=np.int64(2)
    )
    same = mne_brainae.ImageEncoder("timm:resnet18", layer=[1, 0.5], pool=2)
    assert encoder == same
    assert encoder.to_dict() == same.to_dict()
    assert encoder.fingerprint() == same.fingerprint()
