"""Trials drawn from kept noise: covariance, power, spectrum, and the model file."""

import mne
import numpy as np
import pandas as pd
import pytest
from building import brain_ae
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.models import trial_noise
from mne_brainae.models.linear_gaussian.contrasts import noise_of_trials
from mne_brainae.models.trial_noise import TrialNoise

N_IMAGES, N_REPETITIONS, N_CHANNELS, N_TIMES = 60, 4, 5, 24


def make_trials(rng, spread=0.0):
    """Trials of correlated, slow noise, whose power varies by so many log units."""
    mix = np.random.default_rng(3).standard_normal((N_CHANNELS, N_CHANNELS))
    n_trials = N_IMAGES * N_REPETITIONS
    noise = rng.standard_normal((n_trials, N_CHANNELS, N_TIMES)).cumsum(axis=2)
    noise = mix @ noise
    noise *= np.exp(spread / 2 * rng.standard_normal(n_trials))[:, None, None]
    means = rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
    images = np.tile(np.arange(N_IMAGES), N_REPETITIONS)
    return (noise + means[images]).astype(np.float32), images


def average(trials, images):
    return np.stack([trials[images == k].mean(axis=0) for k in range(N_IMAGES)])


@pytest.fixture(scope="module", params=[0.0, 2.0], ids=["even", "uneven power"])
def learned(request):
    trials, images = make_trials(np.random.default_rng(0), request.param)
    return TrialNoise.learn(trials, images, average(trials, images))


def draw(noise, n_trials, seed=0):
    blocks = noise.draw(n_trials, np.random.default_rng(seed))
    return np.concatenate([block for _, block in blocks])


def test_rows_are_trials_minus_the_mean_of_the_others():
    trials, images = make_trials(np.random.default_rng(1))
    rows = noise_of_trials(trials, images, average(trials, images), 10**6)
    assert len(rows) == N_IMAGES * (N_REPETITIONS - 1)
    # The first trial of every image is left out, and these are in order.
    others = [trials[N_IMAGES * k] for k in (0, 2, 3)]
    expected = np.sqrt(3 / 4) * (trials[N_IMAGES] - np.mean(others, axis=0))
    assert_allclose(rows[0], expected, rtol=1e-4, atol=1e-4)
    few = noise_of_trials(trials, images, average(trials, images), 50)
    assert len(few) == 50
    assert_array_equal(few[[0, -1]], rows[[0, -1]])


def test_images_shown_once_have_no_rows():
    trials, images = make_trials(np.random.default_rng(1))
    once = slice(0, N_IMAGES)
    assert not len(noise_of_trials(trials[once], images[once], trials[once], 99))


def test_covariance_and_spectrum_are_those_of_the_rows(learned):
    noise = learned
    new = draw(noise, 4000)
    rows = noise.rows
    for axes in ((0, 2), (0, 1)):  # over channels, and over times
        flat = [
            np.moveaxis(x, axes, (1, 2)).reshape(x.shape[3 - sum(axes)], -1)
            for x in (new, rows)
        ]
        found = [np.cov(each) for each in flat]
        assert np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1] > 0.99
        assert 0.9 < np.trace(found[0]) / np.trace(found[1]) < 1.1
    spectra = [np.square(np.abs(np.fft.rfft(x))).mean(axis=(0, 1)) for x in (new, rows)]
    assert np.abs(10 * np.log10(spectra[0] / spectra[1])).max() < 1.5


def test_power_varies_as_that_of_trials(learned):
    noise = learned
    is_uneven = noise.log_power is not None
    assert is_uneven == (noise.n_summed == trial_noise.FEW)
    power = [
        np.log(np.square(x).mean(axis=(1, 2))) for x in (draw(noise, 2000), noise.rows)
    ]
    assert abs(power[0].std() / power[1].std() - 1) < 0.1
    if is_uneven:  # sums of two rows alone do not vary as much
        plain = draw(TrialNoise(noise.rows, trial_noise.FEW), 2000)
        assert np.log(np.square(plain).mean(axis=(1, 2))).std() < 0.9 * power[1].std()


def test_blocks_and_seeds(learned, monkeypatch):
    noise = learned
    whole = draw(noise, 30)
    monkeypatch.setattr(trial_noise, "BLOCK", 7)
    sizes = [len(block) for _, block in noise.draw(30, np.random.default_rng(0))]
    assert sizes == [7, 7, 7, 7, 2]
    assert_allclose(draw(noise, 30), whole, rtol=1e-5, atol=1e-5)
    assert np.abs(draw(noise, 30, seed=1) - whole).max() > 0.1


# -- models ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["linear", "network"])
def model(request, recording):
    model = mne_brainae.LinearBrainAE(keep_noise=True)
    if request.param == "network":
        model = brain_ae(
            n_kernels=4,
            kernel_length=10,
            n_embedding=16,
            max_epochs=1,
            min_updates=1,
            keep_noise=True,
            random_state=0,
        )
    return model.fit(*recording)


def test_trials_are_the_prediction_and_noise_in_volts(model, unseen):
    epochs = model.sample_epochs(unseen[1].iloc[:3], 500, random_state=0)
    assert isinstance(epochs, mne.EpochsArray)
    assert epochs.metadata["image"].tolist()[::500] == list(unseen[1].index[:3])
    assert epochs.metadata["repetition"].tolist() == [*range(1, 501)] * 3
    predicted = model.predict_epochs(unseen[1].iloc[:3], output="array")
    for k, one in enumerate(predicted):
        trials = epochs[500 * k : 500 * (k + 1)].get_data()
        rest = trials - one
        assert 0.3e-6 < rest.std() < 0.8e-6  # the noise of the recording is .5e-6
        # The mean of 500 trials is within 6 standard errors.
        assert np.abs(trials.mean(axis=0) - one).max() < 6 * rest.std() / np.sqrt(500)


def test_same_seed_same_trials(model, unseen):
    first, same, other = (
        model.sample_epochs(unseen[1], random_state=seed, output="array")
        for seed in (0, 0, 1)
    )
    assert first.dtype == np.float32
    assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_file_holds_the_noise(model, unseen, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    found = [
        each.sample_epochs(unseen[1], 2, random_state=3, output="array")
        for each in (model, again)
    ]
    assert_array_equal(*found)


def test_noise_is_kept_only_when_asked(recording, unseen, tmp_path):
    model = mne_brainae.LinearBrainAE().fit(*recording)
    assert model.latent_.trial_noise is None
    with pytest.raises(RuntimeError, match="keep_noise=True to epochs in which"):
        model.sample_epochs(unseen[1])


def test_the_log_says_how_large_it_is(recording):
    with mne.utils.catch_logging() as log:
        mne_brainae.LinearBrainAE(keep_noise=True, verbose="INFO").fit(*recording)
        text = log.getvalue()
    # 80 images x 1 of 2 trials x 16 channels x 40 times x 4 bytes
    assert "noise of 80 trials, which makes the model and its file 0.2 MB" in text


def test_images_that_come_once_are_refused(recording):
    epochs = mne_brainae.average_repetitions(recording[0])
    with pytest.raises(ValueError, match="every image was shown only once"):
        mne_brainae.LinearBrainAE(keep_noise=True).fit(epochs, recording[1])


def test_trials_pass_through_mne(model, unseen):
    epochs = model.sample_epochs(unseen[1].iloc[:2], 20, random_state=0)
    names = unseen[1].index[:2]
    evokeds = [epochs[f"image == '{name}'"].average() for name in names]
    assert evokeds[0].nave == 20
    assert epochs.compute_psd(fmax=40).get_data().shape[0] == 40
    means = mne_brainae.average_repetitions(epochs)
    assert model.retrieve(means, unseen[1].loc[names]).ranks.max() <= 2
    assert isinstance(epochs.to_data_frame(), pd.DataFrame)
