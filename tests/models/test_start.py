"""A network that starts from the closed form, and what training adds to it."""

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from interrupts import interrupt

import mne_brainae
from mne_brainae.models import brainae
from mne_brainae.models.brainae import FEWEST_TO_TRAIN
from mne_brainae.models.slope import held_out_slope, warn_if_low
from mne_brainae.models.squares import SquaresChoice
from mne_brainae.nn.added import Added
from mne_brainae.nn.network import build_network

SHORT = {
    "kernel_length": 6,
    "n_kernels": 8,
    "max_epochs": 12,
    "min_updates": 200,
    "random_state": 0,
    "verbose": "WARNING",
}


@pytest.fixture(scope="module")
def nonlinear(recording_maker):
    """Responses of which a part follows the square of a feature."""
    epochs, features = recording_maker(60, 30, np.random.default_rng(3))
    data = epochs.get_data(copy=True)
    square = features.to_numpy() @ np.ones(12) / np.sqrt(12)
    square = square**2 - 1
    rows = [list(features.index).index(name) for name in epochs.metadata["image"]]
    field = np.random.default_rng(4).standard_normal((16, 1))
    data += 6e-6 * square[rows][:, None, None] * field * np.hanning(30)
    epochs = mne.EpochsArray(
        data, epochs.info, tmin=epochs.tmin, metadata=epochs.metadata, verbose=False
    )
    train, test = next(mne_brainae.split_epochs(epochs, "concept", n_splits=4))
    return train, test, features


@pytest.fixture(scope="module")
def trained(nonlinear):
    train, _, features = nonlinear
    return mne_brainae.fit(train, features, **SHORT)


@pytest.mark.stochastic
def test_training_adds_where_the_law_is_not_linear(nonlinear, trained):
    train, test, features = nonlinear
    linear = mne_brainae.fit(train, features, recipe="linear", verbose="WARNING")
    assert trained.best_epoch_ >= 0
    assert trained.score(test, features) > linear.score(test, features) + 0.1
    assert "off the squared error of held-out images" in trained.selection_
    assert 0 < trained.slope_ <= 1


def test_the_linear_path_stays_as_it_was(nonlinear, trained):
    train, test, features = nonlinear
    linear = mne_brainae.fit(
        train, features, recipe="linear", random_state=0, verbose="WARNING"
    )
    fixed = trained.network_.brain_decoder.fixed.state_dict()
    for name, value in linear.network_.brain_decoder.state_dict().items():
        torch.testing.assert_close(fixed[name], value)
    np.testing.assert_allclose(
        trained.embed_epochs(test[:5]), linear.embed_epochs(test[:5]), rtol=1e-4
    )


def test_it_is_saved_and_read(nonlinear, trained, tmp_path):
    features = nonlinear[2]
    trained.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert isinstance(again.init, mne_brainae.LinearBrainAE)
    np.testing.assert_array_equal(
        again.predict_evoked(features[:4]).data,
        trained.predict_evoked(features[:4]).data,
    )


def test_masked_responses_are_completed_no_worse(nonlinear, trained):
    train, test, features = nonlinear
    linear = mne_brainae.fit(train, features, recipe="linear", verbose="WARNING")
    masked = mne_brainae.mask_epochs(test, "spatial", 0.3, random_state=0)
    whole = test.get_data(copy=True)
    errors = [
        np.square(model.reconstruct(masked, output="array") - whole).mean()
        for model in (trained, linear)
    ]
    assert errors[0] < 1.05 * errors[1]


def test_an_interrupt_keeps_the_closed_form(nonlinear, monkeypatch):
    """Before its length is chosen, nothing is known to be better."""
    train, _, features = nonlinear
    same = {"random_state": 0, "max_epochs": 3, "verbose": "WARNING"}
    interrupt(monkeypatch, "_validate", at=3)
    with pytest.warns(RuntimeWarning, match="the closed form, which is the best so"):
        model = mne_brainae.fit(train, features, **same)
    linear = mne_brainae.fit(
        train, features, recipe="linear", random_state=0, verbose="WARNING"
    )
    assert model.selection_.endswith("since training was interrupted")
    assert model.best_epoch_ == -1
    np.testing.assert_array_equal(
        model.predict_evoked(features[:4]).data,
        linear.predict_evoked(features[:4]).data,
    )


def test_few_images_stay_with_the_closed_form(recording):
    epochs, features = recording
    assert len(features) < FEWEST_TO_TRAIN
    same = {"random_state": 0, "verbose": "WARNING"}
    model = mne_brainae.fit(epochs, features, **same)
    linear = mne_brainae.fit(epochs, features, recipe="linear", **same)
    assert model.best_epoch_ == -1
    assert "the closed form alone" in model.selection_
    np.testing.assert_array_equal(
        model.predict_evoked(features).data, linear.predict_evoked(features).data
    )


def test_one_sample_stays_with_the_closed_form(nonlinear):
    train, _, features = nonlinear
    model = mne_brainae.fit(
        train.copy().crop(0.1, 0.1), features, random_state=0, verbose="WARNING"
    )
    assert model.best_epoch_ == -1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_embedding": 8}, "n_embedding=8 has no effect with init"),
        ({"standardize": "channel"}, "standardize='channel' has no effect with init"),
        ({"image_projection": "identity"}, "must be 'linear' or 'squares'"),
    ],
)
def test_what_the_linear_model_decides_is_refused(params, message, recording):
    model = mne_brainae.BrainAE(init=mne_brainae.LinearBrainAE(), **params)
    with pytest.raises(ValueError, match=message):
        model.fit(*recording)


def test_squares_need_a_closed_form(recording):
    with pytest.raises(ValueError, match="adds to a closed form"):
        mne_brainae.BrainAE(image_projection="squares").fit(*recording)


def test_bare_names_reach_the_model_that_training_starts_from():
    model = mne_brainae.make_model("best", n_embedding=16)
    assert model.init.n_embedding == 16
    assert model.n_embedding is None


def test_added_parts_start_at_nothing():
    sizes = {
        "n_channels": 3,
        "n_times": 40,
        "n_image_features": 5,
        "n_embedding": 4,
    }
    linear = dict.fromkeys(
        ("brain_encoder", "brain_decoder", "image_projection"), "linear"
    )
    start = build_network(**sizes, **linear)
    network = build_network(
        **sizes, **linear | {"brain_decoder": "tsconv"}, start=start
    ).eval()
    assert isinstance(network.brain_decoder, Added)
    z = torch.randn(6, 4)
    assert torch.equal(network.decode(z), start.decode(z))


def test_the_slope_is_that_of_a_regression_through_the_mean():
    rng = np.random.default_rng(0)
    network = build_network(
        n_channels=3,
        n_times=5,
        n_image_features=4,
        n_embedding=2,
        brain_encoder="linear",
        brain_decoder="linear",
        image_projection="linear",
    )
    images = rng.standard_normal((600, 4)).astype(np.float32)
    with torch.no_grad():
        predicted = network.decode(network.embed_image(torch.from_numpy(images)))
    predicted = predicted.numpy()
    responses = 0.4 * predicted + rng.standard_normal(predicted.shape)
    mean = rng.standard_normal((3, 5)).astype(np.float32)
    slope, errors = held_out_slope(network, responses.astype(np.float32), images, mean)
    centered = (predicted - mean).ravel()
    expected = (centered @ (responses - mean).ravel()) / (centered @ centered)
    assert slope == pytest.approx(np.clip(expected, 0, 1), abs=1e-5)
    left = responses - mean - slope * (predicted - mean)
    np.testing.assert_allclose(errors, (left**2).sum(axis=(1, 2)), rtol=1e-3)
    assert errors.sum() <= np.square(responses - mean).sum() * (1 + 1e-5)


def test_a_low_slope_warns():
    with pytest.warns(RuntimeWarning, match="Only 3 % of the predicted responses"):
        warn_if_low(0.03)
    warn_if_low(0.5)


@pytest.fixture(scope="module")
def squared():
    """Many images whose responses follow squares of directions of the features."""
    rng = np.random.default_rng(8)
    n_images, shape = 3000, (6, 12)
    features = rng.standard_normal((n_images, 20)).astype(np.float32)
    directions = np.linalg.qr(rng.standard_normal((20, 4)))[0]
    drives = np.hstack([features[:, :4], np.square(features @ directions) - 1])
    fields = rng.standard_normal((8, shape[0], 1)) * rng.standard_normal((8, 1, 1))
    courses = np.cos(np.pi * np.arange(8)[:, None, None] * np.linspace(0, 1, 12) / 4)
    data = np.tensordot(drives, fields * courses, 1)
    data += 2 * rng.standard_normal(data.shape)
    names = [f"image {i:04d}" for i in range(n_images)]
    info = mne.create_info(shape[0], 30.0, "eeg")
    metadata = pd.DataFrame({"image": names})
    epochs = mne.EpochsArray(1e-6 * data, info, metadata=metadata, verbose="ERROR")
    return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))


@pytest.mark.stochastic
def test_training_of_squares_adds(squared):
    epochs, features = squared
    train, test = epochs[:2700], epochs[2700:]
    how = {"n_embedding": 12, "spatial_window": None, "image_projection": "squares"}
    how |= {"brain_encoder": "linear", "brain_decoder": "linear", "random_state": 0}
    trained = mne_brainae.make_model("best", **how).fit(train, features)
    assert "of training of squares" in trained.selection_
    assert trained.best_epoch_ == -1
    assert trained.history_.empty
    epoch_0 = mne_brainae.make_model("best", **how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brainae, "choose_squares", keep_squares)
        epoch_0.fit(train, features)
    truth = test.get_data()
    errors = [
        np.square(truth - each.predict_epochs(features, output="array")[2700:]).sum(
            (1, 2)
        )
        for each in (epoch_0, trained)
    ]
    gain = errors[0] - errors[1]
    assert gain.mean() > 2 * gain.std() / np.sqrt(len(gain))


def keep_squares(projection, *args):
    return SquaresChoice(projection, 0, 0.0)


@pytest.mark.stochastic
def test_squares_that_gain_nothing_stay(squared):
    epochs, features = squared
    shuffled = features.sample(frac=1, random_state=0).set_axis(features.index)
    how = {"image_projection": "squares", "brain_decoder": "linear"}
    model = mne_brainae.make_model(
        "best", **how, brain_encoder="linear", spatial_window=None, verbose="ERROR"
    )
    model.fit(epochs, shuffled)
    assert "of training of squares" not in model.selection_
    # The slope of next to nothing may be any number; what is predicted is little.
    predicted = model.predict_epochs(shuffled, output="array")
    measured = epochs.get_data(copy=False)
    assert predicted.std(axis=0).mean() < 0.2 * measured.std(axis=0).mean()
