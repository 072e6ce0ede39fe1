"""The recipe of Benchetrit et al.: several subjects, single trials, any montage."""

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal

import mne_brainae
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss, TwoHeadLoss
from mne_brainae.nn.network import build_network

ENCODER = {
    "n_virtual": 12,
    "n_frequencies": 4,
    "n_hidden": 16,
    "n_features": 24,
    "dropout_radius": 0.05,
}
QUICK = {
    "brain_encoder": {"benchetrit": ENCODER},
    "learning_rate": 3e-3,
    "batch_size": 36,
    "max_epochs": 25,
    "min_updates": 1,
    "random_state": 0,
    "verbose": "WARNING",
}


@pytest.fixture(scope="module")
def recording():
    """Two subjects who mix the same sources otherwise, three trials an image each."""
    montage = mne.channels.make_standard_montage("biosemi16")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    rng = np.random.default_rng(5)
    courses = rng.standard_normal((12, 6, 20))
    fields = [rng.standard_normal((6, 16)) for _ in range(2)]

    def record(n_concepts, prefix, seed):
        rng = np.random.default_rng(seed)
        names = [f"{prefix}-{i}" for i in range(4 * n_concepts)]
        features = rng.standard_normal((len(names), 12)).astype(np.float32)
        data, rows = [], []
        for subject, field in enumerate(fields):
            clean = np.einsum("nf,fkt,kc->nct", features, courses, field)
            for _ in range(3):
                data.append(clean + 6 * rng.standard_normal(clean.shape))
                rows += [(name, f"sub-{subject}") for name in names]
        metadata = pd.DataFrame(rows, columns=["image", "subject"])
        number = metadata["image"].str.split("-").str[1].astype(int) // 4
        metadata["concept"] = prefix + number.astype(str)
        data = 1e-6 * np.concatenate(data)
        epochs = mne.EpochsArray(data, info, metadata=metadata, verbose=False)
        return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))

    return record(40, "train", 0), record(10, "test", 1)


@pytest.fixture(scope="module")
def model(recording):
    return mne_brainae.fit(*recording[0], recipe="benchetrit", **QUICK)


@pytest.mark.stochastic
def test_it_decodes_both_subjects(model, recording, tmp_path):
    epochs, features = recording[1]
    found = model.retrieve(epochs, features, average_embeddings=True)
    assert found.p_value(5) < 1e-4
    assert found.protocol["embeddings averaged"] == "6 to 6"
    assert len(found.ranks) == len(features)
    assert model.latent_.subjects == ["sub-0", "sub-1"]
    assert len(model.train_images_) == 160
    for subject in ("sub-0", "sub-1"):
        own = epochs[epochs.metadata["subject"] == subject]
        alone = model.retrieve(own, features, average_embeddings=True)
        assert alone.p_value(5) < 1e-2
    model.save(tmp_path / "model.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    again = read.retrieve(epochs, features, average_embeddings=True)
    assert_array_equal(again.ranks, found.ranks)
    columns = set(model.history_.filter(like="train_"))
    assert columns == {"train_total", "train_contrastive", "train_feature"}


@pytest.mark.stochastic
def test_shuffled_images_fall_to_chance(recording):
    """The mean rank of 40 candidates is 20.5 by chance, and 1.8 apart by luck."""
    (epochs, features), (test, unseen) = recording
    mixed = features.set_axis(np.random.default_rng(3).permutation(features.index))
    params = QUICK | {"max_epochs": 8}
    model = mne_brainae.fit(epochs, mixed, recipe="benchetrit", **params)
    found = model.retrieve(test, unseen, average_embeddings=True)
    assert abs(found.ranks.mean() - 20.5) < 8


def test_subjects_are_read_from_metadata(model, recording):
    """A subject passes its own matrix, and one of another name the mean of all."""
    epochs = recording[1][0][:4]
    found = model.embed_epochs(epochs).to_numpy()
    encoder, scaler = model.network_.brain_encoder, model.latent_.brain_scaler
    brain = torch.from_numpy(scaler.transform(epochs.get_data(copy=True).astype("f4")))
    with torch.no_grad():
        own = encoder(brain, torch.zeros(4, dtype=torch.long)).numpy()
        mean = encoder(brain).numpy()
    np.testing.assert_allclose(found, own, atol=1e-5)
    assert not np.allclose(own, mean, atol=1e-3)
    other = epochs.copy()
    other.metadata = other.metadata.assign(subject="sub-9")
    np.testing.assert_allclose(model.embed_epochs(other), mean, atol=1e-5)
    nobody = epochs.copy()
    nobody.metadata = nobody.metadata.drop(columns="subject")
    np.testing.assert_allclose(model.embed_epochs(nobody), mean, atol=1e-5)


def test_averaged_embeddings_are_means(model, recording):
    epochs, features = recording[1]
    found = model.retrieve(epochs, features, average_embeddings=True)
    z = model.embed_epochs(epochs)
    means = z.groupby(level=0, sort=False).mean()
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (means.to_numpy(), model.embed_images(features).to_numpy())
    ]
    np.testing.assert_allclose(found.similarity[:, :], unit[0] @ unit[1].T, atol=1e-5)
    with pytest.raises(ValueError, match="similarity='cosine'"):
        model.retrieve(epochs, features, average_embeddings=True, transductive="csls")


def test_repetitions_are_averaged_within_subjects(recording):
    from mne_brainae.models.training_set import Reading, TrainingSet

    epochs, features = recording[0]
    how = Reading("gabor", validation="concept", validation_size=0.2, by_subject=True)
    data = TrainingSet.read(epochs, features, how, 0)
    assert len(data.table) == 320
    assert data.table["n_averaged"].eq(3).all()
    held_out = data.table.loc[data.held_out, "image"]
    assert not set(held_out) & set(data.learned["image"])
    row = int(np.flatnonzero(~data.held_out)[7])
    name, subject = data.table.loc[row, ["image", "subject"]]
    of_both = (epochs.metadata["image"] == name) & (
        epochs.metadata["subject"] == subject
    )
    scaler = data.latent["brain_scaler"]
    expected = scaler.transform(epochs[of_both].get_data(copy=True).mean(0)[None])
    place = int(np.sum(~data.held_out[:row]))
    np.testing.assert_allclose(data.training.brain[place], expected[0], atol=1e-4)
    trials, images = data.trials()
    np.testing.assert_allclose(trials[images == place].mean(0), expected[0], atol=1e-4)


def test_one_subject_needs_no_name(recording):
    epochs, features = recording[0]
    epochs = epochs[:160].copy()
    epochs.metadata = epochs.metadata.drop(columns="subject")
    params = QUICK | {"max_epochs": 1}
    model = mne_brainae.fit(epochs, features, recipe="benchetrit", **params)
    assert model.latent_.subjects == [""]
    assert model.network_.brain_encoder.subjects.matrices.shape == (1, 12, 12)


def test_positions_are_asked_for(recording):
    epochs, features = recording[0]
    epochs = epochs.copy().set_montage(None)
    with pytest.raises(ValueError, match="positions of sensors, which are missing"):
        mne_brainae.fit(epochs, features, recipe="benchetrit", **QUICK)


def test_the_loss_takes_one_head_for_each_term():
    torch.manual_seed(0)
    options = ENCODER | {"positions": torch.rand(5, 2).tolist(), "dropout_radius": 0.0}
    network = build_network(
        n_channels=5,
        n_times=16,
        n_image_features=6,
        n_embedding=6,
        brain_encoder={"benchetrit": options},
        brain_decoder=None,
        image_projection="identity",
    ).eval()
    brain, image = torch.randn(8, 5, 16), torch.randn(8, 6)
    weights = dict.fromkeys(LOSS_TERMS, 0.0) | {"contrastive": 0.75, "feature": 0.25}
    how = {"temperature": 0.07, "learn_temperature": False, "symmetric": True}
    total, terms = TwoHeadLoss(weights, **how)(network, brain, image)
    _, regressed = network.brain_encoder.heads(brain)
    expected = torch.nn.functional.mse_loss(regressed, image)
    torch.testing.assert_close(terms["feature"], expected)
    _, plain = BrainAELoss(weights, **how)(network, brain, image)
    torch.testing.assert_close(terms["contrastive"], plain["contrastive"])
    assert not torch.isclose(terms["feature"], plain["feature"])
    both = 0.75 * terms["contrastive"] + 0.25 * terms["feature"]
    torch.testing.assert_close(total, both)
