"""The recipe of the authors' release: its layers, first weights and targets."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import mne_brainae
from mne_brainae.nn.nice import NICEEncoder
from mne_brainae.nn.release import ReleaseDecoder, initialize


def n_weights(module):
    return sum(each.numel() for each in module.parameters())


def test_decoder_layer_by_layer():
    torch.manual_seed(0)
    decoder = ReleaseDecoder(6, 43, 8, n_kernels=3, kernel_length=10).eval()
    for norm in decoder.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    z = torch.randn(2, 8)
    maps = F.gelu(decoder.linear(z)).reshape(2, 3, 1, 6)
    spatial, spatial_norm, _ = decoder.spatial
    maps = F.elu(spatial_norm(spatial(maps)))
    assert maps.shape == (2, 3, 6, 6)
    maps = F.interpolate(maps, scale_factor=(1, 5), mode="nearest")
    temporal, norm, _, last, last_norm, _ = decoder.temporal
    signals = torch.tanh(last_norm(last(F.elu(norm(temporal(maps))))))[:, 0]
    assert signals.shape == (2, 6, 39)
    found = decoder(z)
    torch.testing.assert_close(found[..., :39], signals)
    torch.testing.assert_close(found[..., 39:], signals[..., -1:].expand(-1, -1, 4))


def test_sizes_of_eeg():
    """63 channels x 250 samples, 45 steps: about 3.0 and 2.0 million parameters."""
    encoder = NICEEncoder(63, 250, 1024, kernel_length=26, pool_length=5, pool_stride=5)
    decoder = ReleaseDecoder(63, 250, 1024)
    assert decoder.n_steps == 45
    assert decoder.n_held == 0
    assert abs(n_weights(encoder) / 3.0e6 - 1) < 0.05
    parts = [1024 * 1800 + 1800, 40 * 40 * 63 + 40, 40 * 40 * 26 + 40, 41, 4 * 40 + 2]
    assert n_weights(decoder) == sum(parts)
    assert abs(sum(parts) / 2.0e6 - 1) < 0.05


def test_first_weights():
    torch.manual_seed(0)
    encoder = NICEEncoder(8, 80, 64)
    before = encoder.head[3].bias.detach().clone()
    initialize(encoder)
    for layer in (encoder.temporal, encoder.spatial, encoder.head[3]):
        assert abs(layer.weight.std() / 0.02 - 1) < 0.15
        assert abs(layer.weight.mean()) < 0.003
    assert 0.005 < encoder.norm.weight.std() < 0.04
    assert abs(encoder.norm.weight.mean() - 1) < 0.02
    assert not encoder.norm.bias.any()
    torch.testing.assert_close(encoder.head[3].bias, before)
    assert (encoder.head[5].weight == 1).all()  # layer normalization


@pytest.fixture(scope="module")
def whitened(recording):
    """Responses of about unit variance, as whitening leaves them."""
    epochs, features = recording
    epochs = epochs.copy()
    epochs._data /= epochs._data.std()
    return epochs, features


QUICK = {"max_epochs": 4, "min_updates": 1, "random_state": 0, "verbose": "WARNING"}


@pytest.fixture(scope="module")
def model(whitened):
    decoder = ReleaseDecoder(16, 40, 12, n_kernels=8, kernel_length=10)
    sizes = {"kernel_length": 10, "pool_length": 5, "n_kernels": 8, "dropout": 0.2}
    return mne_brainae.fit(
        *whitened,
        recipe="release",
        brain_encoder={"nice": sizes},
        brain_decoder=decoder,
        validation_size=0.2,
        **QUICK | {"max_epochs": 70, "learning_rate": 3e-3},
    )


def test_nothing_is_scaled(model, whitened):
    latent, (_, features) = model.latent_, whitened
    data = np.random.default_rng(0).standard_normal((2, 16, 40)).astype("f4")
    np.testing.assert_array_equal(latent.brain_scaler.transform(data.copy()), data)
    rows = features.to_numpy(np.float32)
    np.testing.assert_array_equal(latent.embed_features(rows), rows)
    predicted = model.predict_epochs(features, output="array")
    assert np.abs(latent.decode(rows)).max() <= 1
    assert np.isfinite(predicted).all()


@pytest.mark.stochastic
def test_it_identifies_unseen_images(model, unseen):
    epochs, features = unseen
    epochs = mne_brainae.average_repetitions(epochs)
    epochs._data /= epochs._data.std()
    assert model.retrieve(epochs, features).p_value(5) < 1e-3


@pytest.mark.stochastic
def test_shuffled_images_fall_to_chance(whitened, unseen):
    train, features = whitened
    order = np.random.default_rng(3).permutation(features.index)
    epochs, new = unseen
    epochs = mne_brainae.average_repetitions(epochs)
    epochs._data /= epochs._data.std()
    mixed = mne_brainae.fit(
        train,
        features.set_axis(order),
        recipe="release",
        brain_encoder="linear",
        brain_decoder="linear",
        validation_size=0.2,
        **QUICK,
    )
    ranks, n = mixed.retrieve(epochs, new).ranks, len(new)
    spread = n / np.sqrt(12 * len(ranks))  # of the mean rank by chance
    assert abs(ranks.mean() - (n + 1) / 2) < 5 * spread


def test_first_weights_of_the_model(whitened):
    """One epoch at a tiny step size leaves the weights about where they began."""
    params = QUICK | {"max_epochs": 1, "learning_rate": 1e-9}
    model = mne_brainae.fit(
        *whitened,
        recipe="release",
        brain_encoder="linear",
        brain_decoder="linear",
        validation_size=0.2,
        **params,
    )
    weight = model.network_.brain_encoder[1].weight
    assert abs(weight.std() / 0.02 - 1) < 0.05


def test_file(whitened, tmp_path):
    """The release network as the recipe has it, through a file."""
    epochs = whitened[0].copy()
    model = mne_brainae.fit(
        epochs,
        whitened[1],
        recipe="release",
        validation_size=0.2,
        **QUICK | {"max_epochs": 1},
    )
    assert type(model.network_.brain_decoder) is ReleaseDecoder
    model.save(tmp_path / "model.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        read.predict_evoked(whitened[1]).data, model.predict_evoked(whitened[1]).data
    )
    assert read.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    assert not read.standardize_images


def test_what_has_no_effect_is_refused():
    window = mne_brainae.BrainAE(
        standardize_images=False, spatial_window=(0.5, 0.5, 0.2)
    )
    with pytest.raises(ValueError, match="weighs standardized features"):
        window.check()
    for params in ({"standardize_images": False}, {"initialization": "release"}):
        model = mne_brainae.BrainAE(init=mne_brainae.LinearBrainAE(), **params)
        with pytest.raises(ValueError, match="has no effect with init"):
            model.check()


def test_volts_are_warned_of(recording):
    with pytest.warns(RuntimeWarning, match="standardize='raw' does not scale them"):
        mne_brainae.fit(
            *recording,
            recipe="release",
            brain_encoder="linear",
            brain_decoder="linear",
            validation_size=0.2,
            **QUICK | {"max_epochs": 1},
        )
