"""NICE, ATM and ridge: their layers, and what they decode of unseen images."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image
from sklearn.linear_model import Ridge
from torch import nn

import mne_brainae
from mne_brainae.nn.losses import identification_loss
from mne_brainae.nn.nice import ATMEncoder, ChannelAttention, NICEEncoder


def test_nice_layer_by_layer():
    """Composed and plain layers agree, and 250 samples give 36 steps of 40 maps."""
    torch.manual_seed(0)
    encoder = NICEEncoder(17, 250, 64).eval()
    for norm in (encoder.inner_norm, encoder.norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    brain = torch.randn(3, 17, 250)
    maps = nn.functional.avg_pool2d(encoder.temporal(brain[:, None]), (1, 51), (1, 5))
    maps = nn.functional.elu(encoder.inner_norm(maps))
    maps = nn.functional.elu(encoder.norm(encoder.spatial(maps)))
    assert maps.shape == (3, 40, 1, 36)
    rows = encoder.head[1](maps).flatten(1) @ encoder.head[3].weight.T
    rows = rows + encoder.head[3].bias
    branch = encoder.head[4].layers[1](nn.functional.gelu(rows))
    expected = encoder.head[5](rows + branch)
    torch.testing.assert_close(encoder(brain), expected, rtol=1e-4, atol=1e-5)


def test_attention_against_torch():
    """Where the heads divide the samples, it is a transformer layer of PyTorch."""
    torch.manual_seed(0)
    ours = ChannelAttention(40).eval()
    theirs = nn.TransformerEncoderLayer(
        40, 4, 256, activation="gelu", batch_first=True
    ).eval()
    attention = theirs.self_attn
    pairs = [
        (attention.in_proj_weight, ours.query_key_value.weight),
        (attention.in_proj_bias, ours.query_key_value.bias),
        (attention.out_proj.weight, ours.out.weight),
        (attention.out_proj.bias, ours.out.bias),
        (theirs.linear1.weight, ours.feed_forward.layers[0].weight),
        (theirs.linear1.bias, ours.feed_forward.layers[0].bias),
        (theirs.linear2.weight, ours.feed_forward.layers[3].weight),
        (theirs.linear2.bias, ours.feed_forward.layers[3].bias),
    ]
    with torch.no_grad():
        for target, source in pairs:
            target.copy_(source)
        brain = torch.randn(2, 5, 40)
        tokens = torch.cat([ours.subject.expand(2, -1, -1), ours.embedding(brain)], 1)
        expected = nn.functional.layer_norm(theirs(tokens), (40,))[:, 1:]
        torch.testing.assert_close(ours(brain), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_times", [75, 81, 250])
def test_atm_takes_windows_that_heads_do_not_divide(n_times):
    encoder = ATMEncoder(6, n_times, 32).eval()
    assert encoder(torch.randn(2, 6, n_times)).shape == (2, 32)


def test_too_short_a_window_says_the_least():
    with pytest.raises(ValueError, match="at least 75"):
        NICEEncoder(6, 74, 32)


@pytest.fixture(scope="module")
def longer():
    """Return training and test epochs of 80 samples of a linear brain."""
    import mne

    mix = np.random.default_rng(5).standard_normal((12, 8, 80))
    info = mne.create_info(8, 100.0, "eeg")

    def record(n_concepts, prefix, seed):
        rng = np.random.default_rng(seed)
        names = [f"{prefix}-{i}" for i in range(4 * n_concepts)]
        features = rng.standard_normal((len(names), 12)).astype(np.float32)
        data = np.tensordot(features, mix, 1)
        data += 2 * rng.standard_normal(data.shape)
        concept = [f"{prefix} {i // 4}" for i in range(len(names))]
        metadata = pd.DataFrame({"image": names, "concept": concept})
        epochs = mne.EpochsArray(1e-6 * data, info, tmin=-0.1, metadata=metadata)
        return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))

    return record(40, "train", 0), record(10, "test", 1)


@pytest.mark.parametrize("recipe", ["nice", "atm"])
@pytest.mark.stochastic
def test_systems_decode_unseen_images(longer, recipe, tmp_path):
    train, (epochs, features) = longer
    model = mne_brainae.fit(
        *train,
        recipe=recipe,
        max_epochs=15,
        min_updates=1,
        batch_size=36,
        random_state=0,
        verbose="WARNING",
    )
    assert model.n_embedding_ == 12
    assert {c for c in model.history_ if c.startswith("validation")} == {
        "validation_total",
        "validation_contrastive",
        "validation_identification",
    }
    assert model.history_["validation_identification"].idxmin() == model.best_epoch_
    assert model.selection_.startswith("best identification of responses to")
    assert "whole concepts" in model.selection_
    found = model.retrieve(epochs, features)
    assert found.p_value(5) < 1e-4
    fname = tmp_path / "model.safetensors"
    model.save(fname)
    again = mne_brainae.read_brainae(fname).retrieve(epochs, features)
    np.testing.assert_array_equal(again.ranks, found.ranks)


@pytest.mark.stochastic
def test_the_epoch_may_be_chosen_by_the_loss(longer):
    """The same epochs of training, of which another one may be kept."""
    how = {"max_epochs": 4, "min_updates": 1, "batch_size": 36, "random_state": 0}
    models = {
        choose_by: mne_brainae.fit(
            *longer[0], recipe="nice", choose_by=choose_by, verbose="WARNING", **how
        )
        for choose_by in ("identification", "loss")
    }
    totals = [model.history_["validation_total"] for model in models.values()]
    np.testing.assert_allclose(*totals, rtol=1e-3)
    by_loss = models["loss"]
    assert by_loss.history_["validation_total"].idxmin() == by_loss.best_epoch_
    assert "validation_identification" not in by_loss.history_
    assert by_loss.selection_.startswith("least validation loss on")


def test_identification_does_not_depend_on_the_scale():
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.standard_normal((30, 30)))
    signal = noise + 3 * torch.eye(30)
    found = identification_loss(signal)
    assert found == pytest.approx(identification_loss(100 * signal))
    # As a fine search over temperatures finds it.
    right = torch.arange(30)
    losses = [
        float(torch.nn.functional.cross_entropy(signal / tau, right))
        for tau in np.geomspace(0.05, 20, 400)
    ]
    assert found == pytest.approx(min(losses), rel=0.01)
    assert identification_loss(torch.zeros(30, 30)) == pytest.approx(np.log(30))
    assert identification_loss(-signal) == pytest.approx(np.log(30), abs=1e-3)
    perfect = identification_loss(torch.eye(30))
    assert perfect < 0.1 < found < np.log(30)


@pytest.mark.stochastic
def test_ridge_both_ways(longer):
    (train, features), (epochs, unseen) = longer
    model = mne_brainae.RidgeModel().fit(train, features)
    for similarity in ("cosine", "encoding"):
        found = model.retrieve(epochs, unseen, similarity=similarity)
        assert found.top_k(1) > 0.8
    assert "ridge penalties" in found.protocol["model selection"]
    assert model.score(epochs, unseen) > 0.5
    rows = model.embed_epochs(train[:5])
    flat = model.latent_.brain_scaler.transform(
        train.get_data(copy=True).astype(np.float32)
    )
    targets = model.latent_.image_scaler.transform(features.to_numpy())
    alpha = float(model.selection_.split(" and ")[1].split()[0])
    plain = Ridge(alpha).fit(flat.reshape(160, -1), targets)
    assert_allclose(
        rows, plain.predict(flat.reshape(160, -1))[:5], rtol=0.02, atol=0.01
    )
    masked = mne_brainae.mask_epochs(epochs, "spatial", 0.3, random_state=0)
    assert np.isfinite(model.reconstruct(masked, output="array")).all()
    with pytest.warns(RuntimeWarning, match="seen in fit"):
        model.retrieve(train[:5], features)
    by_row = mne_brainae.RidgeModel().fit(train, features.to_numpy())
    pd.testing.assert_frame_equal(by_row.embed_epochs(train[:5]), rows)
    with pytest.raises(ValueError, match="lacks"):
        mne_brainae.RidgeModel().fit(train, features.iloc[1:])


def test_ridge_on_pictures(longer, tmp_path):
    """Images pass the image encoder, and a new one need not be in any folder."""
    epochs = longer[1][0]
    rng = np.random.default_rng(0)
    for name in epochs.metadata["image"]:
        pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    model = mne_brainae.RidgeModel().fit(epochs, tmp_path)
    with pytest.warns(RuntimeWarning, match="seen in fit"):
        found = model.retrieve(epochs, tmp_path)
    assert found.protocol["image encoder"] == "gabor"
    assert model.predict_evoked(tmp_path / "test-0.png").data.shape == (8, 80)
