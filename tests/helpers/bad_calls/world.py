"""Small fitted models and recordings that all bad calls share."""

from types import SimpleNamespace

import mne
import numpy as np
import pandas as pd
from nibabel import Nifti1Image
from nilearn.maskers import NiftiMasker
from PIL import Image

import mne_brainae
from mne_brainae import generation

from .group import make_group

N_CHANNELS, N_TIMES, SFREQ = 6, 20, 100.0
MONTAGE = ("Fz", "Cz", "Pz", "Oz", "O1", "O2")


def make_world(folder) -> SimpleNamespace:
    """Make recordings, features, images, fitted models, results and files."""
    world = SimpleNamespace(folder=folder)
    rng = np.random.default_rng(0)
    train, features = _record(rng, 12, "train")
    test, features_test = _record(rng, 4, "test")
    world.train, world.test = train, test
    world.features = pd.concat([features, features_test])
    world.features_train, world.features_test = features, features_test
    world.info, world.times = train.info, train.times
    world.raw = mne.io.RawArray(rng.standard_normal((6, 500)), train.info.copy())
    world.evoked = train.average()
    world.array = train.get_data(copy=True)
    world.empty = train[[]]
    world.averaged = mne_brainae.average_repetitions(test)
    world.templates = pd.DataFrame(
        rng.standard_normal((8, 5)).astype(np.float32),
        index=pd.MultiIndex.from_tuples(
            [(f"test-c{i // 2}", f"other-{i}.png") for i in range(8)],
            names=["concept", "image"],
        ),
    )
    _fit(world)
    _score(world)
    _mask(world)
    _draw(world, folder)
    _paint(world)
    make_group(world)
    return world


def _record(rng, n_concepts: int, part: str):
    names = [f"{part}-c{i}/im{j}.png" for i in range(n_concepts) for j in range(2)]
    features = rng.standard_normal((len(names), 5)).astype(np.float32)
    mix = np.random.default_rng(7).standard_normal((5, N_CHANNELS * N_TIMES))
    shown = np.tile(np.arange(len(names)), 2)
    signal = (features @ mix).reshape(-1, N_CHANNELS, N_TIMES)[shown]
    data = 1e-6 * (signal + rng.standard_normal(signal.shape))
    table = pd.DataFrame(
        {
            "image": [names[i] for i in shown],
            "concept": [names[i].partition("/")[0] for i in shown],
            "session": np.arange(len(shown)) // len(names),
        }
    )
    info = mne.create_info(list(MONTAGE), SFREQ, "eeg").set_montage("biosemi16")
    epochs = mne.EpochsArray(data, info, tmin=0.0, metadata=table, verbose=False)
    return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))


SMALL = {
    "n_embedding": 4,
    "n_kernels": 2,
    "kernel_length": 3,
    "pool_length": 2,
    "pool_stride": 2,
    "max_epochs": 1,
    "min_updates": 0,
    "random_state": 0,
}


def _fit(world) -> None:
    world.linear = mne_brainae.LinearBrainAE(n_embedding=6)
    world.linear.fit(world.train, world.features)
    paper = mne_brainae.make_model("paper", **SMALL)
    world.network = paper.fit(world.train, world.features)
    world.brain_only = mne_brainae.make_model("paper", **SMALL).fit(world.train)
    world.encoding = mne_brainae.LinearEncodingModel().fit(world.train, world.features)
    world.mvnn = mne_brainae.MVNN().fit(world.train)
    world.on_sessions = mne_brainae.average_repetitions(world.train, by="concept")


def _score(world) -> None:
    world.predicted = world.linear.predict_epochs(world.features_test)
    world.found = world.linear.retrieve(world.averaged, world.features_test)
    world.rdm = mne_brainae.compute_rdm(world.features_test)
    world.identify = lambda epochs: world.linear.retrieve(epochs, world.features_test)
    world.occlusion = mne_brainae.occlude_channels(
        world.identify, world.averaged, world.linear.evoked_
    )
    world.scores = mne_brainae.score_encoding(
        world.test, world.predicted, world.linear.evoked_, n_splits=2, n_bootstraps=2
    )
    world.similarity = mne_brainae.score_similarity(
        world.test,
        world.predicted,
        world.linear.evoked_,
        bands={"fast": (30.0, 45.0)},
    )
    world.subjects = pd.DataFrame(
        np.random.default_rng(3).random((6, 2)), columns=["a", "b"]
    )


def _mask(world) -> None:
    mask = Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    world.masker = NiftiMasker(mask, standardize=None).fit()
    world.betas = np.ones((2, 8))
    world.betas_table = pd.DataFrame({"image": ["a", "b"]})
    world.live = mne_brainae.LiveDecoder(
        world.linear, world.features_test, similarity="cosine"
    )
    world.stream = SimpleNamespace(
        acquire=None, events=(), get_data=None, info=None, n_new_epochs=0, times=()
    )


def _draw(world, folder) -> None:
    world.images = folder / "images"
    rng = np.random.default_rng(1)
    for name in world.features.index:
        path = world.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (255 * rng.random((9, 9, 3))).astype("uint8")
        Image.fromarray(pixels).save(path)
    world.picture = Image.open(world.images / world.features.index[0]).copy()
    world.saved = folder / "model.safetensors"
    world.linear.save(world.saved)
    world.npy = folder / "features.npy"
    np.save(world.npy, world.features_test.to_numpy())
    (folder / "junk.npy").write_bytes(b"junk")
    (folder / "junk.safetensors").write_bytes(b"junk")
    (folder / "empty").mkdir()
    world.junk = folder / "junk.npy"


def _paint(world) -> None:
    brain = world.linear.embed_epochs(mne_brainae.average_repetitions(world.train))
    world.brain, world.target = brain, world.features_train
    world.ridge_prior = generation.RidgePrior().fit(brain, world.target)
    world.diffusion = generation.DiffusionPrior(
        widths=(8, 4),
        n_diffusion_steps=50,
        max_epochs=1,
        min_updates=0,
        random_state=0,
        device="cpu",
    ).fit(brain, world.target)
    decoder = generation.PictureDecoder(size=2, n_components=3)
    world.decoder = decoder.fit(world.train, world.images)
    generated = [[world.picture] for _ in range(2)]
    world.generated = generation.GeneratedPictures(
        generated, ["a.png", "b.png"], np.zeros((2, 1, 5))
    )
