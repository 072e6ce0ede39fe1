"""Bad parameters of many subjects, and bad data for them."""

from functools import partial

import numpy as np

import mne_brainae as m
from mne_brainae import datasets

from .row import COUNTS, OPTIONS, POSITIVES, BadCall, bad_params

NAN = float("nan")
NUMBERS = (0, -1, 1.5, "3")


def fit_group(world, **params):
    """Fit a group with bad parameters."""
    m.GroupModel(**params).fit(world.of_subjects, world.features_train)


def use(world, method, **params):
    """Call a method of a group with bad parameters."""
    given = {
        "predict_epochs": (world.features_test,),
        "predict_evoked": (world.features_test,),
        "embed_images": (world.features_test,),
        "for_subject": (),
        "embed_epochs": (world.test,),
        "retrieve": (world.test, world.features_test),
        "classify": (world.test, world.templates),
        "reconstruct": (world.test,),
        "score": (world.test, world.features_test),
    }
    getattr(world.group, method)(*given[method], **params)


def score_newcomers(world, **params):
    """Score newcomers with bad parameters."""
    m.score_adaptation(world.of_subjects, world.features_train, **params)


def rows():
    """Yield all rows of this table."""
    yield from bad_params(
        "GroupModel",
        fit_group,
        image_encoder=("nonsense", 3, None),
        n_shared=COUNTS,
        n_embedding=COUNTS,
        steps=("all", 3),
        validation=OPTIONS,
        picks=("nonsense", [99]),
        device=("quantum", 3, None),
        random_state=("today", 1.5, -1),
    )
    for method in (
        "predict_epochs",
        "predict_evoked",
        "embed_images",
        "for_subject",
        "embed_epochs",
        "retrieve",
        "classify",
        "reconstruct",
        "score",
    ):
        call = partial(use, method=method)
        yield from bad_params(f"GroupModel.{method}", call, subject=("nobody", 3))
    yield BadCall(
        "GroupModel.adapt of epochs without subject",
        lambda w: w.group.adapt(w.train, w.features_train),
        ("subject",),
    )
    yield BadCall(
        "GroupModel.save", lambda w: w.group.save(w.folder / "a.txt"), (".safetensors",)
    )
    yield from bad_params(
        "score_adaptation",
        score_newcomers,
        n_images=((0,), (2.5,), "many", 3, ("a",)),
        test_size=(0, -0.1, 1.5, "half", NAN),
        model=("best", 3),
        random_state=("today", 1.5, -1),
    )
    yield from bad_params(
        "simulate_group",
        lambda w, **p: datasets.simulate_group(**p),
        **dict.fromkeys(
            (
                "n_subjects",
                "n_images",
                "n_exemplars",
                "n_test_images",
                "n_repetitions",
                "n_test_repetitions",
                "n_features",
            ),
            NUMBERS,
        ),
        n_common=(-1, 1.5, "3"),
        n_own=(-1, 1.5, "3"),
        n_noise=(-1, 1.5, 9),
        n_channels=(3, 64, "many", (3, 9)),
        images=OPTIONS,
        snr=(*POSITIVES, (0.4, 0.2), (0.1, 0.2, 0.3)),
        sfreq=(0, 10, "fast", NAN),
        tmin=(0.1, "now"),
        tmax=(0.1, "then", NAN),
        random_state=("today", 1.5, -1),
    )
    yield BadCall(
        "SimulatedGroup.skill",
        lambda w: w.simulated_group.skill("nobody", w.test),
        ("nobody",),
    )
    yield from bad_params(
        "AdaptationScores.plot",
        lambda w, **p: w.adaptation.plot(show=False, **p),
        score=OPTIONS,
    )
    yield from bad_params(
        "AdaptationScores.compare",
        lambda w, **p: w.adaptation.compare(**({"n_images": 8} | p)),
        n_images=(0, 3, "few"),
        score=OPTIONS,
    )


def make_group(world) -> None:
    """Add a group, its scores and its simulation to the world."""
    table = world.train.metadata
    world.of_subjects = world.train.copy()
    half = np.where(np.arange(len(table)) % 2, "sub-01", "sub-02")
    world.of_subjects.metadata = table.assign(subject=half)
    world.group = m.GroupModel(n_embedding=6, verbose="ERROR")
    world.group.fit(world.of_subjects, world.features_train)
    world.adaptation = m.score_adaptation(
        world.of_subjects, world.features_train, n_images=(8,), verbose="ERROR"
    )
    world.simulated_group = datasets.simulate_group(
        1, n_images=4, n_test_images=2, n_features=4, n_channels=4, verbose="ERROR"
    )
