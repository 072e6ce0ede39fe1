"""The diffusion prior against posteriors that are known."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from mne_brainae.generation import (
    DiffusionPrior,
    RidgePrior,
    read_picture_decoder,
    read_prior,
)
from mne_brainae.generation.diffusion import DiffusionTraining, noise_schedule
from mne_brainae.preprocessing.scaling import Scaler

needs_diffusers = pytest.mark.skipif(
    find_spec("diffusers") is None,
    reason="diffusers is not installed (extra 'generation')",
)
N_TRAIN, N_TEST, N_BRAIN, N_IMAGE = 3000, 200, 12, 8
NOISE = 0.5
SETTINGS = {
    "widths": (128, 64),
    "dropout": 0.0,
    "learning_rate": 3e-3,
    "batch_size": 256,
    "max_epochs": 1,
    "device": "cpu",
    "random_state": 0,
    "verbose": "WARNING",
}


def cosine(a, b):
    product = (a * b).sum(-1)
    return product / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.fixture(scope="module")
def world():
    """Brain embeddings, and the posterior means of the image embeddings."""
    rng = np.random.default_rng(0)
    brain = rng.standard_normal((N_TRAIN + N_TEST, N_BRAIN)).astype(np.float32)
    mix = rng.standard_normal((N_BRAIN, N_IMAGE)) / np.sqrt(N_BRAIN)
    return brain, (brain @ mix).astype(np.float32)


def scaled(rows):
    """Put embeddings on the scale of unit vectors far from the origin."""
    return (0.03 * rows + 0.2).astype(np.float32)


def unscaled(rows):
    return (rows - 0.2) / 0.03


@pytest.fixture(scope="module")
def gaussian(world):
    """A prior fitted where the posterior is one Gaussian."""
    brain, mean = world
    rng = np.random.default_rng(1)
    image = mean + NOISE * rng.standard_normal(mean.shape)
    prior = DiffusionPrior(**SETTINGS, min_updates=1000)
    prior.fit(brain[:N_TRAIN], scaled(image[:N_TRAIN]))
    return prior, image[N_TRAIN:]


@needs_diffusers
@pytest.mark.stochastic
def test_samples_are_those_of_the_known_posterior(world, gaussian):
    brain, mean = (rows[N_TRAIN:] for rows in world)
    prior, image = gaussian
    samples = unscaled(prior.sample(brain, 24, n_steps=20, random_state=0))
    best = cosine(mean, image).mean()
    found = cosine(samples.mean(axis=1), image).mean()
    assert found > 0.95 * best
    spread = samples.std(axis=1).mean()
    assert NOISE * 0.75 < spread < NOISE * 1.25
    one = cosine(samples[:, 0], image).mean()
    perfect = mean + NOISE * np.random.default_rng(2).standard_normal(mean.shape)
    assert one > 0.95 * cosine(perfect, image).mean()


@needs_diffusers
def test_without_a_brain_samples_are_those_of_all_pictures(world, gaussian):
    prior, _ = gaussian
    alone = unscaled(prior.sample(2000, n_steps=20, random_state=0)[:, 0])
    expected = np.cov(world[1].T) + NOISE**2 * np.eye(N_IMAGE)
    np.testing.assert_allclose(alone.mean(0), 0, atol=0.2)
    assert np.trace(np.cov(alone.T)) == pytest.approx(np.trace(expected), rel=0.4)


@needs_diffusers
@pytest.mark.stochastic
def test_guidance_trades_variety_for_the_condition(world, gaussian):
    brain, prior = world[0][N_TRAIN:], gaussian[0]
    how = {"n_samples": 8, "n_steps": 20, "random_state": 0}
    plain = unscaled(prior.sample(brain, **how)).mean(1)
    guided = unscaled(prior.sample(brain, guidance=2.0, **how)).mean(1)
    assert np.linalg.norm(guided, axis=1).mean() > np.linalg.norm(plain, axis=1).mean()


@needs_diffusers
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)
@pytest.mark.parametrize("sampler", ["dpm", "ddpm"])
def test_other_samplers_find_the_same_posterior(world, gaussian, sampler):
    brain, mean = (rows[N_TRAIN:] for rows in world)
    samples = gaussian[0].sample(brain, 8, sampler=sampler, n_steps=50, random_state=0)
    assert cosine(unscaled(samples).mean(axis=1), mean).mean() > 0.9


@needs_diffusers
def test_noise_that_is_added_is_not_that_to_start_from(tables, monkeypatch):
    drawn = []

    def spy(denoiser, schedule, brain, noise, **options):
        drawn.extend([noise, torch.randn(noise.shape)])
        return noise

    monkeypatch.setattr("mne_brainae.generation.prior.sample", spy)
    prior = DiffusionPrior(**TINY).fit(*tables)
    prior.sample(tables[0], sampler="ddpm", random_state=0)
    start, added = (noise.flatten().numpy() for noise in drawn)
    assert abs(np.corrcoef(start, added)[0, 1]) < 0.2


@needs_diffusers
@pytest.mark.stochastic
def test_where_the_posterior_has_two_modes_ridge_falls_between_them(world):
    brain, mode = world
    rng = np.random.default_rng(1)
    sign = rng.choice([-1, 1], (len(mode), 1))
    image = (sign * mode + 0.1 * rng.standard_normal(mode.shape)).astype(np.float32)
    train, test = slice(N_TRAIN), slice(N_TRAIN, None)
    prior = DiffusionPrior(**SETTINGS, min_updates=1000).fit(brain[train], image[train])
    ridge = RidgePrior().fit(brain[train], image[train])
    to_mode = cosine(
        prior.sample(brain[test], 16, n_steps=20, random_state=0), mode[test, None]
    )
    missed = cosine(ridge.sample(brain[test])[:, 0], mode[test])
    assert np.abs(to_mode).mean() > 0.85  # of at most 1, on either mode
    assert np.abs(missed).mean() < 0.5
    assert 0.4 < (to_mode > 0).mean() < 0.6  # and both modes are visited


def test_ridge_prior_is_the_posterior_mean(world):
    brain, mean = world
    rng = np.random.default_rng(1)
    image = scaled(mean + NOISE * rng.standard_normal(mean.shape))
    ridge = RidgePrior().fit(brain[:N_TRAIN], image[:N_TRAIN])
    found = ridge.sample(brain[N_TRAIN:], 3)
    assert found.shape == (N_TEST, 3, N_IMAGE)
    np.testing.assert_allclose(unscaled(found[:, 0]), mean[N_TRAIN:], atol=0.2)
    np.testing.assert_array_equal(found[:, 0], found[:, 2])


# -- habits ----------------------------------------------------------------------------

TINY = SETTINGS | {"widths": (16, 8), "dropout": 0.1, "max_epochs": 4, "min_updates": 1}


@pytest.fixture
def tables(world):
    names = [f"image {i}" for i in range(60)]
    brain = pd.DataFrame(world[0][:60], index=pd.Index(names, name="image"))
    return brain, pd.DataFrame(world[1][:60], index=brain.index)


@needs_diffusers
def test_pairs_are_found_by_name_and_a_seed_gives_one_result(tables):
    brain, image = tables
    state = torch.get_rng_state()
    one = DiffusionPrior(**TINY).fit(brain, image)
    other = clone(one).fit(brain, image.sample(frac=1, random_state=0))
    first = one.sample(brain[:3], 2, random_state=5)
    np.testing.assert_array_equal(first, other.sample(brain[:3], 2, random_state=5))
    assert (first != one.sample(brain[:3], 2, random_state=6)).any()
    assert torch.equal(state, torch.get_rng_state())
    assert first.shape == (3, 2, N_IMAGE)


@needs_diffusers
def test_a_prior_that_was_read_samples_the_same(tables, tmp_path):
    prior = DiffusionPrior(**TINY).fit(*tables)
    file = tmp_path / "prior.safetensors"
    prior.save(file)
    again = read_prior(file)
    brain = tables[0][:4]
    np.testing.assert_array_equal(
        prior.sample(brain, random_state=0), again.sample(brain, random_state=0)
    )
    assert again.get_params() == prior.get_params()
    pd.testing.assert_frame_equal(again.history_, prior.history_)
    with pytest.raises(FileExistsError):
        prior.save(file)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        read_prior(file)


def test_a_ridge_prior_that_was_read_predicts_the_same(tables, tmp_path):
    prior = RidgePrior(alphas=np.array([0.1, 10.0])).fit(*tables)
    file = tmp_path / "prior.safetensors"
    prior.save(file)
    again = read_prior(file)
    assert isinstance(again, RidgePrior)
    assert again.alpha_ == prior.alpha_
    far = 1e3 * tables[0]  # standardized values have a limit, which is kept as well
    np.testing.assert_array_equal(prior.sample(far), again.sample(far))
    with pytest.raises(ValueError, match="holds prior, expected the picture decoder"):
        read_picture_decoder(file)


@needs_diffusers
def test_a_killed_fit_goes_on_to_the_same_result(tables, tmp_path, monkeypatch):
    whole = DiffusionPrior(**TINY).fit(*tables)
    checkpoint = tmp_path / "checkpoint.safetensors"
    prior = DiffusionPrior(**TINY, checkpoint=checkpoint)
    validate, calls = DiffusionTraining.validate, []

    def killed(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return validate(self, *args)

    monkeypatch.setattr(DiffusionTraining, "validate", killed)
    with pytest.raises(MemoryError):
        prior.fit(*tables)
    prior.fit(*tables)
    pd.testing.assert_frame_equal(prior.history_, whole.history_)
    prior.fit(*tables)  # from the checkpoint of a training that has ended
    pd.testing.assert_frame_equal(prior.history_, whole.history_)
    for name, value in whole.denoiser_.state_dict().items():
        assert torch.equal(value, prior.denoiser_.state_dict()[name]), name
    with pytest.raises(ValueError, match="other data or settings"):
        clone(prior).set_params(dropout=0.2).fit(*tables)


@needs_diffusers
def test_an_interrupted_fit_keeps_the_best_so_far(tables, monkeypatch):
    validate, calls = DiffusionTraining.validate, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validate(self, *args)

    monkeypatch.setattr(DiffusionTraining, "validate", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted after 2 of"):
        prior = DiffusionPrior(**TINY).fit(*tables)
    assert list(prior.history_) == ["train_total", "validation_total"]
    assert len(prior.history_) == 2
    assert np.isfinite(prior.sample(tables[0][:3], random_state=0)).all()


@needs_diffusers
def test_whole_concepts_are_held_out(tables, monkeypatch):
    seen = {}

    def spy(self, brain, image):
        seen["held out"] = image.numpy().copy()
        return 1.0

    monkeypatch.setattr(DiffusionTraining, "validate", spy)
    brain, image = tables
    concepts = np.repeat(np.arange(12), 5)
    DiffusionPrior(**TINY).fit(brain, image, concepts)
    rows = Scaler.for_features(image.to_numpy(), np.full(N_IMAGE, 0.1))
    rows = rows.transform(image.to_numpy())
    held_out = [(np.abs(seen["held out"] - row).max(1) < 1e-5).any() for row in rows]
    by_concept = np.reshape(held_out, (12, 5))
    assert by_concept.any()
    assert (by_concept.all(1) == by_concept.any(1)).all()


@needs_diffusers
@pytest.mark.parametrize("prediction", ["velocity", "sample", "epsilon"])
def test_a_perfect_denoiser_has_no_loss(prediction):
    """Every kind of prediction is what the scheduler of diffusers takes it for."""
    from mne_brainae.generation import diffusion

    image = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    schedule = noise_schedule(prediction, 1000)

    class Oracle(torch.nn.Module):
        n_condition = 2

        def forward(self, noisy, step, condition, keep):
            share = schedule.alphas_cumprod[step.long()][:, None]
            noise = (noisy - share.sqrt() * image) / (1 - share).sqrt()
            velocity = share.sqrt() * noise - (1 - share).sqrt() * image
            return {"velocity": velocity, "sample": image, "epsilon": noise}[prediction]

    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    found = diffusion.sample(
        Oracle(),
        schedule,
        torch.zeros(5, 2),
        noise,
        sampler="ddim",
        n_steps=25,
        guidance=1.0,
    )
    np.testing.assert_allclose(found, image, atol=1e-2)


@needs_diffusers
def test_bad_input_is_explained(tables):
    brain, image = tables
    with pytest.raises(ValueError, match="lacks these images"):
        DiffusionPrior(**TINY).fit(brain, image[:30])
    with pytest.raises(ValueError, match="one row per picture"):
        RidgePrior().fit(brain.to_numpy(), image.to_numpy()[:30])
    with pytest.raises(ValueError, match="at least 4 pictures to learn from, got 3"):
        RidgePrior().fit(brain[:3], image[:3])
    with pytest.raises(ValueError, match="NaN"):
        RidgePrior().fit(brain, image * np.nan)
    with pytest.raises(ValueError, match="prediction"):
        DiffusionPrior(**TINY, prediction="score").fit(brain, image)
    with pytest.raises(ValueError, match=r"'dropout' parameter.*Got 1"):
        DiffusionPrior(**TINY | {"dropout": 1}).fit(brain, image)
    with pytest.raises(ValueError, match="groups must name"):
        DiffusionPrior(**TINY).fit(brain, image, ["one"])
    ridge = RidgePrior().fit(brain, image)
    with pytest.raises(ValueError, match=r"shape \(n, 12\)"):
        ridge.sample(image)
    with pytest.raises(ValueError, match="'n_samples' parameter"):
        ridge.sample(brain, 0)
