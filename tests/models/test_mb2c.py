"""MB2C: NICE with a projection in the limit, mixed and cycled otherwise."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

import mne_brainae
from mne_brainae.nn import cycle

#: The encoder of NICE for short responses, and few values in the critics.
SHORT = {"nice": {"n_kernels": 8, "kernel_length": 5, "pool_length": 5}}
QUICK = {
    "brain_encoder": SHORT,
    "learning_rate": 3e-3,
    "max_epochs": 8,
    "min_updates": 1,
    "verbose": "WARNING",
}
NOTHING = {"cycle": 0.0, "adversarial": 0.0, "auxiliary": 0.0, "mixup": 0.0}


@pytest.fixture(autouse=True, scope="module")
def _small_critics():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycle, "N_HIDDEN", 16)
        yield


@pytest.fixture(scope="module")
def averaged(unseen):
    return mne_brainae.average_repetitions(unseen[0])


@pytest.fixture(scope="module")
def model(recording):
    return mne_brainae.fit(*recording, recipe="mb2c", **QUICK, random_state=0)


@pytest.mark.stochastic
def test_it_identifies_unseen_images(model, averaged, unseen):
    found = model.retrieve(averaged, unseen[1])
    assert found.p_value(5) < 1e-3
    assert "whole concepts" in model.selection_
    assert "named" not in model.selection_
    assert not hasattr(model, "predict_epochs")
    history = model.history_
    assert {"validation_contrastive", "validation_cycle"} < set(history)
    total = history["validation_contrastive"] + 100 * history["validation_cycle"]
    np.testing.assert_allclose(total, history["validation_total"], rtol=1e-4)
    assert total.idxmin() == model.best_epoch_


def test_without_its_terms_it_is_nice_with_a_projection(recording):
    """Weight for weight, dropout and order of the images included."""
    given = QUICK | {"max_epochs": 2, "random_state": 0, "batch_size": 16}
    limit = mne_brainae.fit(*recording, recipe="mb2c", **given | NOTHING)
    nice = mne_brainae.fit(*recording, recipe="nice", **given, image_projection="mlp")
    one, other = limit.network_.state_dict(), nice.network_.state_dict()
    assert set(one) == set(other)
    for name, weights in one.items():
        assert torch.equal(weights, other[name]), name
    whole = mne_brainae.fit(*recording, recipe="mb2c", **given).network_
    assert not torch.equal(
        whole.image_projection[0].weight, one["image_projection.0.weight"]
    )


@pytest.mark.stochastic
def test_shuffled_images_are_found_by_chance(recording, unseen, averaged):
    epochs, features = recording
    rng, ranks = np.random.default_rng(0), []
    for seed in range(3):
        wrong = features.set_axis(rng.permutation(features.index))
        control = mne_brainae.fit(
            epochs, wrong, recipe="mb2c", **QUICK | {"max_epochs": 3}, random_state=seed
        )
        ranks.append(control.retrieve(averaged, unseen[1]).ranks / len(unseen[1]))
    ranks = np.concatenate(ranks)
    assert abs(ranks.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(averaged))


def test_without_concepts_none_are_named_and_it_is_said(recording, caplog):
    epochs, features = recording
    unnamed = epochs.copy()
    unnamed.metadata = epochs.metadata.drop(columns="concept")
    given = QUICK | {"max_epochs": 1, "random_state": 0, "verbose": "INFO"}
    model = mne_brainae.fit(unnamed, features, recipe="mb2c", **given)
    assert "none are named" in model.selection_
    off = mne_brainae.fit(unnamed, features, recipe="mb2c", **given, auxiliary=0.0)
    assert "named" not in off.selection_
    for name, weights in model.network_.state_dict().items():
        assert torch.equal(weights, off.network_.state_dict()[name])


def test_it_comes_back_from_its_file(model, averaged, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.get_params()["cycle"] == 100
    assert_array_equal(again.embed_epochs(averaged), model.embed_epochs(averaged))


def test_a_stopped_training_goes_on_to_the_same_result(recording, tmp_path):
    """Critics, generators and all moments are in the checkpoint, too."""
    given = QUICK | {"random_state": 0, "recipe": "mb2c"}
    whole = mne_brainae.fit(*recording, **given | {"max_epochs": 3})
    kept = {"checkpoint": tmp_path / "state.safetensors"}
    mne_brainae.fit(*recording, **given | kept | {"max_epochs": 1})
    again = mne_brainae.fit(*recording, **given | kept | {"max_epochs": 3})
    assert_array_equal(again.history_, whole.history_)


@pytest.mark.parametrize("name", ["adversarial", "auxiliary"])
def test_critics_without_a_cycle_are_refused(name):
    with pytest.raises(ValueError, match="have no effect with cycle=0"):
        mne_brainae.MB2C(**NOTHING | {name: 1.0}).check()
