"""The estimator: learning, every direction, seeds, resume, files."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from building import BRIEF, brain_ae
from interrupts import interrupt
from sklearn.base import clone
from torch import nn

import mne_brainae
from mne_brainae.preprocessing.scaling import Scaler
from mne_brainae.preprocessing.splits import hold_out
from mne_brainae.utils.interrupts import ending_at_interrupt


@pytest.mark.stochastic
def test_unseen_images_are_predicted_and_found(model, unseen):
    """A linear brain is recovered: far above the mean response and chance."""
    epochs, features = unseen
    averaged = mne_brainae.average_repetitions(epochs)
    scores = mne_brainae.score_encoding(
        epochs, model.predict_epochs(features), model.evoked_, n_splits=5
    ).table
    assert scores.loc["prediction", "r_images"] > 0.5
    assert scores.loc["mean response", "r_images"] == 0
    assert scores.loc["prediction", "mse"] < scores.loc["mean response", "mse"]
    assert model.retrieve(averaged, features).top_k(1) > 0.8
    assert model.score(epochs, features) == pytest.approx(
        scores.loc["prediction", "r_images"], abs=1e-6
    )


@pytest.mark.stochastic
def test_trained_models_identify_by_likelihood_too(model, unseen):
    averaged = mne_brainae.average_repetitions(unseen[0])
    found = model.retrieve(averaged, unseen[1], similarity="likelihood")
    assert found.top_k(1) > 0.8
    assert "likelihood" in found.protocol["similarity"]


@pytest.mark.stochastic
def test_shuffled_images_fall_to_chance(recording, unseen, small):
    epochs, features = recording
    rows = np.random.default_rng(0).permutation(len(features))
    shuffled = features.iloc[rows].set_axis(features.index)
    model = brain_ae(**small).fit(epochs, shuffled)
    averaged = mne_brainae.average_repetitions(unseen[0])
    assert abs(model.score(*unseen)) < 0.1
    assert model.retrieve(averaged, unseen[1]).top_k(1) < 0.2


@pytest.mark.stochastic
def test_templates_name_concepts(model, unseen):
    """Templates are other images; here noisy copies of the concept's features."""
    epochs, features = unseen
    averaged = mne_brainae.average_repetitions(epochs)
    shown = averaged[~averaged.metadata["concept"].duplicated().to_numpy()]
    rng = np.random.default_rng(0)
    templates = {
        concept: features.loc[[image]].set_axis(["other.png"])
        + 0.1 * rng.standard_normal(features.shape[1])
        for image, concept in zip(
            shown.metadata["image"], shown.metadata["concept"], strict=True
        )
    }
    named = model.classify(shown, templates)
    assert named.top_k(1) > 0.8
    assert named.protocol["task"] == "classification"
    assert "1 to 1 other images" in named.protocol["templates"]


def test_predictions_are_mne_objects(model, unseen, tmp_path):
    """Topographies, spectra, joint plots and files, with warnings as errors."""
    _, features = unseen
    epochs = model.predict_epochs(features)
    assert list(epochs.metadata["image"]) == list(features.index)
    evoked = model.predict_evoked(features.iloc[:1])
    assert evoked.nave == 1
    assert 1e-7 < np.abs(evoked.data).max() < 1e-4  # volts
    np.testing.assert_allclose(evoked.data, epochs[0].get_data()[0], atol=1e-9)
    evoked.plot_topomap([0.0, 0.1], show=False)
    evoked.plot_joint(times=[0.0, 0.1], show=False)
    epochs.compute_psd(fmin=5, verbose=False).plot_topomap(
        bands={"fast": (10, 40)}, show=False
    )
    epochs.save(tmp_path / "predicted-epo.fif", verbose=False)
    again = mne.read_epochs(tmp_path / "predicted-epo.fif", verbose=False)
    np.testing.assert_allclose(again.get_data(), epochs.get_data(), atol=1e-11)


def test_epochs_are_never_changed(recording, small):
    epochs, features = recording
    before, table = epochs.get_data(copy=True), epochs.metadata.copy()
    brain_ae(**small | {"max_epochs": 1, "min_updates": 1}).fit(epochs, features)
    np.testing.assert_array_equal(epochs.get_data(), before)
    pd.testing.assert_frame_equal(epochs.metadata, table)


@pytest.mark.stochastic
def test_reconstruction_of_partial_recordings(model, unseen):
    """What is missing comes back better than by the mean response."""
    epochs, _ = unseen
    masked = mne_brainae.mask_epochs(epochs, "random", 0.25, random_state=0)
    missing = np.isnan(masked.get_data())
    rebuilt = model.reconstruct(masked)
    assert rebuilt.metadata.equals(epochs.metadata)
    truth, mean = epochs.get_data(), model.evoked_.data
    error = ((truth - rebuilt.get_data())[missing] ** 2).mean()
    baseline = ((truth - mean)[missing] ** 2).mean()
    assert error < baseline


@pytest.mark.stochastic
def test_one_seed_one_result_and_global_states_untouched(recording, small):
    quick = small | {"max_epochs": 2, "min_updates": 1}
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    numpy_state = np.random.get_state()[1]  # noqa: NPY002
    torch_states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    first = brain_ae(**quick).fit(*recording)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    after = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    assert all(map(torch.equal, after, torch_states))
    second = clone(first).fit(*recording)
    other = clone(first).set_params(random_state=1).fit(*recording)
    weights, same = first.network_.state_dict(), second.network_.state_dict()
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    pd.testing.assert_frame_equal(first.history_, second.history_)
    assert not first.history_.equals(other.history_)


def test_order_of_feature_rows_does_not_matter(recording, small, model):
    epochs, features = recording
    again = brain_ae(**small).fit(epochs, features.iloc[::-1])
    pd.testing.assert_frame_equal(model.history_, again.history_)


def test_array_of_features_is_paired_by_epoch(recording, small, model):
    epochs, features = recording
    rows = features.loc[epochs.metadata["image"]].to_numpy()
    again = brain_ae(**small).fit(epochs, rows)
    pd.testing.assert_frame_equal(model.history_, again.history_)


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        ({"recon_brain": 0.0, "recon_image": 0.0, "feature": 0.0}, 1),
        ({"contrastive": 0.0}, 3),
        ({"learn_temperature": True, "symmetric": False}, 4),
        ({"inner_activation": True, "standardize": "evoked"}, 4),
        ({"brain_encoder": "linear", "brain_decoder": "linear"}, 4),
        (
            {
                "image_projection": "identity",
                "validation": "image",
                "n_embedding": None,
            },
            4,
        ),
    ],
)
def test_settings(recording, unseen, small, settings, terms, tmp_path):
    """Every setting learns, tells its terms, and survives a round trip to disk."""
    quick = small | {"max_epochs": 2, "min_updates": 1} | settings
    model = brain_ae(**quick).fit(*recording)
    named = [column for column in model.history_ if column.startswith("train_")]
    assert len(named) == terms + 1
    moved = abs(model.temperature_ - 0.07) > 1e-6
    assert moved == bool(settings.get("learn_temperature"))
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    for output in (model, again):
        assert output.predict_epochs(unseen[1], output="array").dtype == np.float32
    np.testing.assert_array_equal(
        model.predict_epochs(unseen[1], output="array"),
        again.predict_epochs(unseen[1], output="array"),
    )
    assert repr(again) == repr(model)
    assert mne.utils.object_diff(model.info_, again.info_) == ""
    pd.testing.assert_frame_equal(
        model.history_, again.history_, check_index_type=False
    )


def test_own_modules(recording, unseen, small, tmp_path):
    class Own(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Flatten(), nn.Linear(640, 32), nn.Tanh())

    quick = small | {"max_epochs": 2, "min_updates": 1}
    model = brain_ae(brain_encoder=Own(), **quick).fit(*recording)
    model.save(tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="your own brain_encoder"):
        mne_brainae.read_brainae(tmp_path / "own.safetensors")
    again = mne_brainae.read_brainae(
        tmp_path / "own.safetensors", parts={"brain_encoder": Own()}
    )
    pd.testing.assert_frame_equal(
        model.embed_epochs(unseen[0]), again.embed_epochs(unseen[0])
    )


def test_one_sample_takes_the_linear_pair(recording, small):
    epochs, features = recording
    one = epochs.copy().crop(0.1, 0.1)
    with mne.utils.catch_logging() as log:
        model = brain_ae(**small | {"verbose": "INFO"}).fit(one, features)
    assert "linear encoder and decoder" in log.getvalue()
    assert model.predict_epochs(features).get_data().shape == (80, 16, 1)


@pytest.mark.stochastic
def test_without_images_it_is_an_autoencoder(recording, small):
    epochs, _ = recording
    model = brain_ae(**small).fit(epochs)
    assert "0 image features" in repr(model)
    rebuilt = model.reconstruct(epochs).get_data()
    mean = model.evoked_.data
    assert ((epochs.get_data() - rebuilt) ** 2).mean() < (
        (epochs.get_data() - mean) ** 2
    ).mean()


def test_whole_concepts_are_held_out(recording):
    epochs, _ = recording
    table = epochs.metadata.drop_duplicates("image").reset_index(drop=True)
    held, by = hold_out(table, "concept", 0.2, np.random.default_rng(0))
    assert by == "whole concepts"
    assert 0 < held.sum() <= 20
    assert not set(table["concept"][held]) & set(table["concept"][~held])
    held, by = hold_out(table, "image", 740, np.random.default_rng(0))
    assert by == "images"
    assert held.sum() == 16  # a fifth of 80, not 740
    assert set(table["concept"][held]) & set(table["concept"][~held])


def test_seen_images_warn(model, recording):
    epochs, features = recording
    with pytest.warns(RuntimeWarning, match="80 of the test images were seen in fit"):
        model.retrieve(mne_brainae.average_repetitions(epochs), features)


def test_pictures_in_and_a_new_picture_out(recording, small, tmp_path):
    """The model remembers its image encoder, also after a round trip to disk."""
    from PIL import Image

    epochs, features = recording
    rng = np.random.default_rng(0)
    for name in [*features.index, "new/image.png"]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(path)
    quick = small | {"max_epochs": 2, "min_updates": 1}
    model = brain_ae(**quick).fit(epochs, tmp_path / "images")
    assert model.image_encoder_ == "gabor"
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    new = tmp_path / "images" / "new" / "image.png"
    np.testing.assert_array_equal(
        model.predict_evoked(new).data, again.predict_evoked(new).data
    )


FIT = """
import sys
import numpy as np
sys.path += [sys.argv[1], sys.argv[1] + "/helpers"]
from building import BRIEF, brain_ae
from conftest import _recording
import torch
torch.set_num_threads(int(sys.argv[4]))
epochs, features = _recording(20, 40, np.random.default_rng(0))
brain_ae(
    n_kernels=8, kernel_length=10, n_embedding=32, max_epochs=40, random_state=0,
    inner_activation=False, min_updates=1,
    checkpoint=sys.argv[2], verbose="ERROR",
).fit(epochs, features).save(sys.argv[3], overwrite=True)
"""


@pytest.mark.stochastic
def test_killed_fit_goes_on_to_the_same_weights(recording, tmp_path):
    """SIGKILL in the middle; the checkpoint leads to the result of an unbroken fit.

    As many threads as in this process divide the same sums in the same way.
    """
    checkpoint, broken = tmp_path / "fit.safetensors", tmp_path / "a.safetensors"
    command = [sys.executable, "-c", FIT, str(Path(__file__).parents[1])]
    n_threads = str(torch.get_num_threads())
    child = subprocess.Popen([*command, str(checkpoint), str(broken), n_threads])
    deadline = time.time() + 120
    while not checkpoint.exists() and time.time() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert checkpoint.exists()
    assert not broken.exists()
    settings = {
        "n_kernels": 8,
        "kernel_length": 10,
        "n_embedding": 32,
        "max_epochs": 40,
        "min_updates": 1,
        "inner_activation": False,
        "random_state": 0,
        "verbose": "ERROR",
    }
    resumed = brain_ae(checkpoint=checkpoint, **settings).fit(*recording)
    whole = brain_ae(**settings).fit(*recording)
    pd.testing.assert_frame_equal(resumed.history_, whole.history_)
    weights = whole.network_.state_dict()
    for name, value in resumed.network_.state_dict().items():
        assert torch.equal(value, weights[name]), name
    other = settings | {"temperature": 0.1}
    with pytest.raises(ValueError, match="of other data or settings"):
        brain_ae(checkpoint=checkpoint, **other).fit(*recording)


def test_interrupt_keeps_the_best_so_far(recording, small, monkeypatch):
    interrupt(monkeypatch, "_validate", at=4)
    with pytest.warns(RuntimeWarning, match="interrupted after 3 of"):
        model = brain_ae(**small).fit(*recording)
    assert len(model.history_) == 3
    assert "; interrupted after 3 of" in model.selection_
    assert np.isfinite(model.score(*recording))


def test_interrupt_ends_what_goes_on_later(recording, small, monkeypatch, tmp_path):
    """Of many fits, one that was interrupted is not done; it has a checkpoint."""
    checkpoint = tmp_path / "fit.safetensors"
    small = small | BRIEF
    whole = brain_ae(**small).fit(*recording)
    with monkeypatch.context() as patched:
        interrupt(patched, "_validate", at=3)
        with pytest.raises(KeyboardInterrupt), ending_at_interrupt():
            brain_ae(checkpoint=checkpoint, **small).fit(*recording)
    assert checkpoint.exists()
    resumed = brain_ae(checkpoint=checkpoint, **small).fit(*recording)
    pd.testing.assert_frame_equal(resumed.history_, whole.history_)


def test_a_checkpoint_of_another_number_of_threads_is_told(recording, small, tmp_path):
    settings = (
        small | BRIEF | {"checkpoint": tmp_path / "fit.safetensors", "verbose": "INFO"}
    )
    n_threads = torch.get_num_threads()
    brain_ae(**settings).fit(*recording)
    try:
        torch.set_num_threads(n_threads + 1)
        with mne.utils.catch_logging(verbose="INFO") as log:
            brain_ae(**settings).fit(*recording)
    finally:
        torch.set_num_threads(n_threads)
    said = f"written on {n_threads} threads, and there are {n_threads + 1} now"
    assert said in log.getvalue()


def test_copy_and_repr(model):
    twin = model.copy()
    assert repr(twin) == repr(model)
    assert twin.network_ is not model.network_
    assert "16 channels x 40 times" in repr(model)
    assert "BrainAE()" in repr(mne_brainae.BrainAE())


def test_scaler_is_learned_without_the_validation_images(recording, small):
    model = brain_ae(**small).fit(*recording)
    everything = mne_brainae.average_repetitions(recording[0]).get_data()
    assert not np.allclose(
        model.latent_.brain_scaler.mean,
        Scaler.for_brain(everything, "channel").mean,
        rtol=1e-9,
    )
