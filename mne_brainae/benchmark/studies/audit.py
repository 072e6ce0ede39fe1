"""All systems under one clean protocol, and what each known inflation is worth."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ... import RidgeModel, fit, make_model
from ...datasets import FeatureLaw, simulate_responses
from ...models.recipes import known_params
from ...models.training import watching_epochs
from ...preprocessing.splits import divide
from ...scoring.significance import holm, signed_rank_above_zero
from ...utils.checks import five
from . import inflation, neurons
from .finding import Finding
from .kept import Kept
from .things import name_features

#: Systems by name: recipe, parameters beside it, and what it is judged by.
SYSTEMS: dict[str, tuple[str, dict, str]] = {
    "best": ("best", {}, "likelihood"),
    "linear": ("linear", {}, "likelihood"),
    "paper": ("paper", {"validation": "concept"}, "cosine"),
    "nice": ("nice", {}, "cosine"),
    "atm": ("atm", {}, "cosine"),
    "mb2c": ("mb2c", {}, "cosine"),
    # Features have one version of every image, so that there is nothing to mix.
    "multi_blur": ("multi_blur", {"image_projection": "linear"}, "cosine"),
    "samga": ("samga", {"image_projection": "linear"}, "cosine"),
    "ubp": ("ubp", {}, "cosine"),
    "neurobridge": ("neurobridge", {}, "cosine"),
    "ridge": ("ridge", {}, "cosine"),
    # Minutes a fit: only where they are named.
    "bravl": ("bravl", {}, "cosine"),
    "benchetrit": ("benchetrit", {}, "cosine"),
    "release": ("release", {}, "cosine"),
}
SLOW = ("bravl", "benchetrit", "release")
#: These look at the course of time, or at positions on the head, and do not apply to
#: one count per unit.
OF_HEAD_AND_TIME = ("nice", "atm", "mb2c", "benchetrit", "release")
SIMULATED = "simulated"
CLEAN, SHUFFLED = "clean", "images shuffled"
LAST, BEST_EPOCH = "last epoch", "best epoch on the test"
BEST_SEED = "best of 5 seeds on the test"
WINDOW = "window, channels chosen on the test"
SCALED, MATCHED, TRANSPORT = "scaled by the test", "one-to-one", "optimal transport"
BOTH_SIDES = "repetitions on both sides"
CONCEPTS, TEMPLATES = "clean, concepts", "templates contain the test image"
#: What each inflated score is held against.
INFLATED = {
    **dict.fromkeys((LAST, BEST_EPOCH, BEST_SEED, WINDOW, SCALED), CLEAN),
    **dict.fromkeys((MATCHED, TRANSPORT, BOTH_SIDES), CLEAN),
    TEMPLATES: CONCEPTS,
}
SECONDS = "fit (s)"
#: Beside the whole recording: parts of it that might be chosen on the test.
WINDOWS = ((0.0, 0.4), (0.2, 0.6))
N_SEEDS, N_TEMPLATES = 5, 12
POSTERIOR = ("P", "O")


@dataclass
class Recording:
    """What one subject, or one fold, gives to every system.

    Parameters
    ----------
    train, test : instance of Epochs
        Responses, means over repetitions.
    leaking : instance of Epochs
        The training responses, and other repetitions of the test images.
    features : DataFrame, shape (n_images, n_features)
        Features of all images.
    templates : DataFrame, shape (n_concepts, n_features) | None
        Means of other images of the test concepts, by concept and image.
    """

    train: mne.BaseEpochs
    test: mne.BaseEpochs
    leaking: mne.BaseEpochs | None
    features: pd.DataFrame
    templates: pd.DataFrame | None = None

    @property
    def gallery(self) -> pd.DataFrame:
        """The features of the test images, in the order of the responses."""
        return self.features.loc[self.test.metadata["image"]]


def measure(
    systems: Iterable[str] | None = None,
    *,
    data: str = SIMULATED,
    law: str = "linear",
    n_subjects: int = 8,
    n_concepts: int = 80,
    n_test: int = 100,
    snr: float = 0.05,
    n_epochs: int | None = None,
    inflate: bool = True,
    choose_by: str = "identification",
    path: Path | None = None,
) -> tuple[Finding, ...]:
    """Score every system cleanly, and with every known inflation.

    Parameters
    ----------
    systems : iterable of str | None
        Names of :data:`SYSTEMS`; None is all that apply and do not take minutes a fit.
    data : ``"simulated"`` | str
        Simulated EEG, or a session of macaque V4, whose folds then are the subjects.
    law : ``"linear"`` | ``"nonlinear"``
        The law of the simulated responses.
    n_subjects : int
        Subjects of the simulation, or test folds, of which there are at most six.
    n_concepts, n_test : int
        Training concepts of 5 images each, and test images of other concepts.
    snr : float
        Signal to noise of one trial of the simulation.
    n_epochs : int | None
        Passes of systems that are trained by epochs; None trains as published.
    inflate : bool
        Whether the inflated scores are measured as well, which takes about ten fits of
        every system in place of two.
    choose_by : ``"identification"`` | ``"loss"``
        What chooses the epoch of systems that only decode, see
        :class:`mne_brainae.ContrastiveDecoder`.
    path : path-like | None
        A CSV file that keeps the scores of every system and subject as they are found.
        A run of the same settings goes on where the last one stopped.

    Returns
    -------
    scores, prices : instance of Finding
        Top-1 accuracy, mean over subjects; and the differences from the clean score,
        where inflated scores are measured.

    Raises
    ------
    ValueError
        If a system does not apply to the data.
    """
    systems = _applicable(systems, data)
    settings = {"data": data, "law": law, "concepts": n_concepts, "test": n_test}
    settings |= {"snr": snr, "epochs": n_epochs}
    settings |= {} if inflate else {"inflate": False}
    settings |= {"choose_by": choose_by}
    kept = Kept(path, ["system", "subject"], settings)
    for subject in range(n_subjects):
        if data == SIMULATED:
            recording = simulated(law, n_concepts, n_test, snr, subject)
        else:
            recording = of_macaque_v4(data, subject)
        for name in systems:
            if (name, subject) not in kept:
                system = System(name, n_epochs, choose_by)
                scores = audit(system, recording, subject, inflate)
                kept.add((name, subject), scores)
    table = kept.table.loc[[(s, i) for s in systems for i in range(n_subjects)]]
    about = _protocol(recording, data, law, n_subjects, choose_by)
    means = table.groupby(level="system", sort=False).mean()
    means.loc["chance", [CLEAN, CONCEPTS]] = 1 / len(recording.test)
    if not inflate:
        means = _beside_spread(means, table)
    scores = Finding(about, means.dropna(axis=1, how="all"))
    return (scores, prices(table)) if inflate else (scores,)


def _applicable(systems: Iterable[str] | None, data: str) -> list[str]:
    """Return the systems to score, or refuse those that do not apply to the data."""
    unfit = () if data == SIMULATED else OF_HEAD_AND_TIME
    if systems is None:
        return [name for name in SYSTEMS if name not in (*SLOW, *unfit)]
    asked = list(systems)
    refused = [name for name in asked if name in unfit]
    if refused:
        raise ValueError(
            f"{five(refused)} need responses over time of sensors on a head, and "
            f"session {data} of macaque V4 has one count per unit. Leave these systems "
            "out."
        )
    return asked


def _beside_spread(means: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Put beside the mean of the clean score what it is of every subject."""
    by_subject = table[CLEAN].unstack("subject").add_prefix("subject ")
    return means.join(by_subject)


def simulated(
    law: str, n_concepts: int, n_test: int, snr: float, subject: int
) -> Recording:
    """Simulate the recording of one subject.

    Parameters
    ----------
    law, n_concepts, n_test, snr : str | int | float
        As in :func:`measure`.
    subject : int
        The seed.

    Returns
    -------
    recording : instance of Recording
        The recording. The leaking responses differ from the training ones only in that
        there are more of them.
    """
    rng = np.random.default_rng([subject, 77])
    features = FeatureLaw.of_a_network()
    train = name_features(features.draw(n_concepts, 5, rng), "train")
    drawn = features.draw(n_test, 1 + N_TEMPLATES, rng)
    gallery = name_features(drawn[:, :1], "test")
    concepts = gallery.index.get_level_values("concept")
    index = pd.MultiIndex.from_arrays(
        [concepts, "mean of others, " + concepts], names=["concept", "image"]
    )
    others = pd.DataFrame(drawn[:, 1:].mean(axis=1), index=index)
    how = {"law": law, "snr": snr, "sfreq": 200.0, "tmax": 0.6, "random_state": subject}
    how |= {"n_test_repetitions": 20, "verbose": "ERROR"}
    data = simulate_responses(train, gallery, features, **how)
    both = simulate_responses(pd.concat([train, gallery]), gallery, features, **how)
    return Recording(
        data.train,
        data.test,
        both.train,
        pd.concat([train, gallery]).droplevel("concept"),
        others,
    )


def of_macaque_v4(session: str, fold: int) -> Recording:
    """Return one fold of a session of macaque V4.

    Parameters
    ----------
    session : str
        The session.
    fold : int
        The fold, 0 to 5.

    Returns
    -------
    recording : instance of Recording
        The recording. There are no single presentations, so that none can be on both
        sides, and no concepts.
    """
    epochs, features = neurons.read(session, "gabor")
    train, test = list(divide(np.arange(len(epochs)), 6, 0))[fold]
    return Recording(epochs[train], epochs[test], None, features)


def audit(
    system: System, recording: Recording, seed: int, inflate: bool = True
) -> dict[str, float]:
    """Score one system on one recording, cleanly and with every inflation.

    Parameters
    ----------
    system : instance of System
        The system.
    recording : instance of Recording
        The recording.
    seed : int
        The first seed.
    inflate : bool
        Whether inflated scores are measured as well.

    Returns
    -------
    scores : dict of float
        Top-1 accuracies; what does not apply to the system is left out.
    """
    start, states = time.perf_counter(), []
    with system.watching(states):
        model = system.fit(recording.train, recording.features, seed)
    scores = {SECONDS: time.perf_counter() - start}

    def score(model, test=recording.test):
        return system.score(model, test, recording)

    scores[CLEAN] = score(model)
    scores[SHUFFLED] = score(_of_shuffled(system, recording, seed))
    templates = _of_templates(system, model, recording)
    if not inflate:
        return scores | {
            name: templates[name] for name in templates if name == CONCEPTS
        }
    if system.is_trained:
        scores |= _by_epoch(model, states, score)
        others = [
            score(system.fit(recording.train, recording.features, seed + 100 * i))
            for i in range(1, N_SEEDS)
        ]
        scores[BEST_SEED] = max(scores[CLEAN], *others)
    scores[WINDOW] = max(scores[CLEAN], *_of_parts(system, recording, seed))
    scaled = inflation.scaled_by_test(recording.test, recording.train)
    scores[SCALED] = score(model, scaled)
    scores |= _of_whole_test(system, model, recording)
    if recording.leaking is not None:
        leaking = system.fit(recording.leaking, recording.features, seed)
        scores[BOTH_SIDES] = score(leaking)
    return scores | templates


class System:
    """A system under audit: how it is fitted, and what it is judged by.

    Parameters
    ----------
    name : str
        A name of :data:`SYSTEMS`.
    n_epochs : int | None
        Passes of a system that is trained by epochs; None trains as published.
    choose_by : str
        What chooses the epoch of a system that only decodes.
    """

    def __init__(
        self, name: str, n_epochs: int | None, choose_by: str = "identification"
    ):
        self.name = name
        self.recipe, params, self.similarity = SYSTEMS[name]
        self.is_trained = self.recipe not in ("best", "linear", "ridge")
        self.params = params | {"choose_by": choose_by}
        if self.is_trained and n_epochs is not None:
            self.params |= {"max_epochs": n_epochs, "min_updates": 1}

    def fit(self, epochs: mne.BaseEpochs, features: pd.DataFrame, seed: int, **params):
        """Fit the system, quietly; what it says of few images is known here."""
        with mne.utils.use_log_level("ERROR"):
            if self.recipe == "ridge":
                return RidgeModel(**params).fit(epochs, features)
            given = self.params | params | {"random_state": seed}
            known = known_params(make_model(self.recipe), given)
            return fit(epochs, features, recipe=self.recipe, **known)

    def watching(self, states: list):
        """Keep the weights of every epoch of what is fitted inside."""
        if not self.is_trained:
            return nullcontext()
        return watching_epochs(
            lambda learned: states.append(copy.deepcopy(learned[0].state_dict()))
        )

    def score(self, model, test: mne.BaseEpochs, recording: Recording) -> float:
        """Return the share of test responses whose image is found."""
        return self.retrieve(model, test, recording).top_k(1)

    def retrieve(self, model, test, recording: Recording):
        """Compare test responses with all test images, whatever was seen in fit."""
        gallery = recording.gallery
        with mne.utils.use_log_level("ERROR"):
            return model.retrieve(test, gallery, similarity=self.similarity)


def _of_shuffled(system: System, recording: Recording, seed: int):
    """Fit to images that are not those that were shown."""
    images = recording.train.metadata["image"].unique()
    wrong = neurons.shuffle(recording.features, images, seed)
    return system.fit(recording.train, wrong, seed)


def _by_epoch(model, states: list[dict], score) -> dict[str, float]:
    """Score the last epoch, and the epoch that is best on the test."""
    kept = copy.deepcopy(model.network_.state_dict())
    scores = []
    for state in states:
        model.network_.load_state_dict(state)
        scores.append(score(model))
    model.network_.load_state_dict(kept)
    return {LAST: scores[-1], BEST_EPOCH: max(scores)}


def _of_parts(system: System, recording: Recording, seed: int) -> list[float]:
    """Score fits to parts of the recording."""
    scores = []
    names = [ch for ch in recording.train.ch_names if ch.startswith(POSTERIOR)]
    if names and len(names) < len(recording.train.ch_names):
        model = system.fit(recording.train, recording.features, seed, picks=names)
        scores.append(system.score(model, recording.test, recording))
    for window in WINDOWS if len(recording.train.times) > 1 else ():
        train, test = (
            each.copy().crop(*window) for each in (recording.train, recording.test)
        )
        model = system.fit(train, recording.features, seed)
        scores.append(system.score(model, test, recording))
    return scores or [0.0]


def _of_whole_test(system: System, model, recording: Recording) -> dict[str, float]:
    """Score choices that know all test responses at once."""
    similarity = system.retrieve(model, recording.test, recording).similarity[:, :]
    truth = np.arange(len(similarity))  # the gallery is in the order of the responses
    return {
        MATCHED: np.mean(inflation.matched(similarity) == truth),
        TRANSPORT: np.mean(inflation.transported(similarity) == truth),
    }


def _of_templates(system: System, model, recording: Recording) -> dict[str, float]:
    """Score classification, by templates without and with the test images."""
    if recording.templates is None:
        return {}
    shown = recording.gallery
    other = inflation.templates_with_test(recording.templates, shown, N_TEMPLATES)
    return {
        column: model.classify(
            recording.test, table, n_per_template=number, similarity=system.similarity
        ).top_k(1)
        for column, table, number in (
            (CONCEPTS, recording.templates, N_TEMPLATES),
            (TEMPLATES, other, N_TEMPLATES + 1),
        )
    }


def prices(table: pd.DataFrame) -> Finding:
    """Return what every inflation adds to the clean score.

    Parameters
    ----------
    table : DataFrame
        Scores by ``system`` and ``subject``.

    Returns
    -------
    finding : instance of Finding
        Differences by system, mean over subjects; their mean over systems, and its
        p-values over subjects, one-sided, by the signed ranks, alone and for the family
        (Holm).
    """
    ways = [way for way in INFLATED if way in table and table[way].notna().any()]
    gains = pd.DataFrame({way: table[way] - table[INFLATED[way]] for way in ways})
    by_system = gains.groupby(level="system", sort=False).mean()
    by_subject = gains.groupby(level="subject").mean()
    p_values = np.array([signed_rank_above_zero(by_subject[way]) for way in ways])
    by_system.loc["mean"] = by_subject.mean()
    by_system.loc["sd over subjects"] = by_subject.std()
    by_system.loc["p"] = p_values
    by_system.loc["p, Holm"] = holm(p_values)
    return Finding(
        "What each inflation adds to the clean score (price): mean over subjects, and "
        "p-values of the mean over systems, by Wilcoxon's signed ranks over "
        f"{len(by_subject)} subjects, one-sided, alone and corrected for "
        f"{len(ways)} ways (Holm).",
        by_system,
    )


def _protocol(
    recording: Recording, data: str, law: str, n_subjects: int, choose_by: str
) -> str:
    n_train, n_test = len(recording.train), len(recording.test)
    if data == SIMULATED:
        which = (
            f"Simulated EEG, {law} law, {n_subjects} subjects: {n_train} training "
            f"images, means of 4 trials; {n_test} test images of other concepts, means "
            "of 20 trials"
        )
    else:
        which = (
            f"Macaque V4, session {data}, {n_subjects} of six folds, Gabor features: "
            f"{n_train} training and {n_test} test photographs"
        )
    return (
        f"{which}, identified among one another (chance {1 / n_test:.3f}). Top-1. "
        f"{CLEAN.capitalize()}: everything is chosen on training images that are held "
        "out, by whole concepts where there are any; the epoch of systems that only "
        f"decode by their {choose_by}. All other columns are inflated, each in a way "
        "that has been published, and are for comparison only."
    )
