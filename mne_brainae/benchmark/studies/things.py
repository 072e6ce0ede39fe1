"""THINGS-EEG2 at full size, simulated, beside the best possible decoder."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import mne
import numpy as np
import pandas as pd

from ... import MVNN, LinearEncodingModel, fit
from ...datasets import FeatureLaw, SimulatedResponses, simulate_responses, things
from ...scoring.correlation import correlate
from .finding import Finding
from .neurons import shuffle
from .optimum import LearnedOptimum

#: Images that a published template is the mean of, about (THINGS has 12 or more of
#: every concept).
N_TEMPLATES = 12
#: Training images whose single trials tell the covariance that MVNN takes off.
N_WHITENED = 500
#: Repetitions of a training image.
N_TRIALS = 4
RIDGE = "ridge image to brain"
SHUFFLED = "linear, images shuffled"
LEARNABLE = {
    "linear": "best that can be learned",
    "nonlinear": "told the drives, learns what they evoke",
}
BEST, CHANCE = "best possible", "chance"
COLUMNS = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")
PATTERN_R = "pattern r"
PROCESSOR = "fit, processor s"
MEAN_RESPONSE = "mean response"
#: Recipes that can be asked for, and what they are judged by.
RECIPES = {
    "best": ("likelihood", "cosine"),
    "linear": ("likelihood", "cosine"),
    "paper": ("cosine",),
}


def measure(
    recipes: Iterable[str] = ("best", "linear"),
    *,
    law: str = "linear",
    whitened: bool = False,
    trials: bool = False,
    n_concepts: int = 1654,
    n_repetitions: int = 80,
    snr: float = 0.001,
    sfreq: float = 100.0,
    n_epochs: int | None = None,
    random_state: int = 0,
) -> Finding:
    """Simulate, fit every system, and identify images and concepts.

    Parameters
    ----------
    recipes : iterable of ``"best"`` | ``"linear"`` | ``"paper"``
        What is fitted beside ridge regression and a control.
    law : ``"linear"`` | ``"nonlinear"``
        The law of the responses, as in
        :func:`mne_brainae.datasets.simulate_responses`.
    whitened : bool
        Whether systems are given responses whitened by :class:`mne_brainae.MVNN`, as
        the pipeline of THINGS-EEG2 does.
    trials : bool
        Whether systems are given the four trials of every training image, from which
        the closed form learns the noise, and not their means. It takes more memory.
    n_concepts : int
        Training concepts, of 10 images each.
    n_repetitions : int
        Repetitions of a test image.
    snr : float
        Signal to noise of one trial.
    sfreq : float
        Sampling rate in Hz.
    n_epochs : int | None
        Passes of the recipe of the paper; None trains as published.
    random_state : int
        Seed of the simulation and of training.

    Returns
    -------
    finding : instance of Finding
        Accuracies of every system, of chance, of the best decoder that can be learned
        from the training images, and of the best possible one.
    """
    rng = np.random.default_rng(random_state)
    features, gallery, templates, origin = draw_features(rng)
    train = name_features(features.draw(n_concepts, 10, rng), "train")
    how = {"law": law, "snr": snr, "sfreq": sfreq, "random_state": random_state}
    data = simulate_responses(
        train, gallery, features, n_test_repetitions=n_repetitions, **how
    )
    given = data.train, data.test
    if trials:
        given = _single_trials(train, gallery, features, how), data.test
    if whitened:
        some = _single_trials(train[:N_WHITENED], gallery, features, how)
        given = _whiten(given, some)
    rows = {}
    for name, model, similarities, seconds in _models(
        given[0], train, recipes, n_epochs, random_state
    ):
        predicted = model.predict_epochs(gallery.droplevel("concept"), output="array")
        pattern = _correlate(given[1], predicted)
        for similarity in similarities:
            scores = _score(model, given[1], gallery, templates, similarity)
            rows[f"{name}, {similarity}"] = [*scores, pattern, seconds]
    table = pd.DataFrame(rows, index=[*COLUMNS, PATTERN_R, PROCESSOR]).T
    mean_response = _correlate(given[1], given[0].get_data(copy=False).mean(axis=0))
    table.loc[MEAN_RESPONSE, PATTERN_R] = mean_response
    table.loc[CHANCE, list(COLUMNS)] = [1 / len(gallery), 5 / len(gallery)] * 2
    known = templates.droplevel("image")
    for name, decoder in (
        (LEARNABLE[law], LearnedOptimum(data, train)),
        (BEST, data),
    ):
        found = (
            decoder.retrieve(gallery.droplevel(0)),
            decoder.classify(known, N_TEMPLATES),
        )
        table.loc[name, list(COLUMNS)] = _accuracies(*found)
    return Finding(
        _protocol(data, features, gallery, origin, n_repetitions, whitened, trials),
        table,
    )


def _protocol(
    data: SimulatedResponses,
    features,
    gallery,
    origin,
    n_repetitions,
    whitened: bool,
    trials: bool,
) -> str:
    how = "whitened by MVNN of single trials" if whitened else "in volts"
    given = "single trials" if trials else "means"
    learned = {
        "linear": "The best that can be learned knows noise and what drives evoke, and "
        "learns the drives from the same training images",
        "nonlinear": "One decoder is told the drives and delays of all images, and "
        "learns what they evoke from the same training images",
    }
    return (
        f"{data}\n{origin}. Images of a concept share "
        f"{100 * features.concept_share:.0f} % of the variance of features. The "
        f"{len(gallery)} test images of other concepts are means of {n_repetitions} "
        f"repetitions, training images {given} of {N_TRIALS}, {how}; each is one of "
        f"{len(gallery)} "
        f"candidates, so that chance of top-1 is {1 / len(gallery):.3f}. "
        f"{learned[data.brain.law]}. The best possible decoder knows responses, noise "
        "and the law of the features. Pattern r is Pearson's r of predicted and "
        "measured responses over channels and times, mean over test images; the time "
        "of a fit is that of the processor, all cores together."
    )


def _single_trials(train, gallery, features, how: dict):
    """Simulate single trials of training images: the same brain, other noise."""
    repeated = train.iloc[np.repeat(np.arange(len(train)), N_TRIALS)]
    data = simulate_responses(repeated, gallery, features, n_train_repetitions=1, **how)
    data.train.metadata = data.train.metadata.drop(columns="n_averaged")
    return data.train


def _whiten(epochs: Iterable[mne.BaseEpochs], trials: mne.BaseEpochs) -> list:
    """Whiten averages as their single trials would be, since whitening is linear."""
    mvnn = MVNN().fit(trials)
    return [mvnn.transform(each) for each in epochs]


def draw_features(rng: np.random.Generator) -> tuple:
    """Return the law of features, the test images, their templates and the origin."""
    try:
        pictures, means = things.read_clip_features()
    except FileNotFoundError:
        law = FeatureLaw.of_a_network()
        drawn = law.draw(200, 1 + N_TEMPLATES, rng)
        pictures, means = drawn[:, 0], drawn[:, 1:].mean(axis=1)
        origin = "All image features are drawn from a law that was made up"
    else:
        law = FeatureLaw.learn(pictures, means)
        origin = (
            "CLIP features of the test images of THINGS-EEG2 and of other images of "
            "their concepts are real; features of the training images are drawn from "
            "the Gaussian law that has their mean and (shrunk) covariance"
        )
    gallery = name_features(pictures[:, np.newaxis], "test")
    names = gallery.index.get_level_values("concept")
    index = pd.MultiIndex.from_arrays(
        [names, "mean of others, " + names], names=["concept", "image"]
    )
    return law, gallery, pd.DataFrame(means, index=index), origin


def name_features(features: np.ndarray, prefix: str) -> pd.DataFrame:
    """Name features by concept and image.

    Parameters
    ----------
    features : array, shape (n_concepts, n_exemplars, n_features)
        The features of several images of every concept.
    prefix : str
        What the names begin with.

    Returns
    -------
    features : DataFrame, shape (n_concepts * n_exemplars, n_features)
        The features, indexed by ``"concept"`` and ``"image"``.
    """
    n_concepts, n_exemplars, n_features = features.shape
    names = [
        (f"{prefix} {concept:04d}", f"{prefix} {concept:04d}/{exemplar}")
        for concept in range(n_concepts)
        for exemplar in range(n_exemplars)
    ]
    index = pd.MultiIndex.from_tuples(names, names=["concept", "image"])
    return pd.DataFrame(features.reshape(-1, n_features), index=index)


def _models(
    epochs: mne.BaseEpochs,
    train: pd.DataFrame,
    recipes: Iterable[str],
    n_epochs: int | None,
    seed: int,
) -> Iterator[tuple]:
    """Yield every fitted system, what it is judged by, and the time of its fit."""
    features = train.droplevel("concept")
    for recipe in recipes:
        params = {"random_state": seed}
        if recipe == "paper":
            params["validation"] = "concept"
            if n_epochs is not None:
                params["max_epochs"] = n_epochs
        model, seconds = _timed(fit, epochs, features, recipe=recipe, **params)
        yield recipe, model, RECIPES[recipe], seconds
        del model  # a model of this size and the next take much memory together
    model, seconds = _timed(LinearEncodingModel().fit, epochs, features)
    yield RIDGE, model, ("encoding",), seconds
    del model
    wrong = shuffle(features, features.index, seed)
    control, seconds = _timed(fit, epochs, wrong, recipe="linear", random_state=seed)
    yield SHUFFLED, control, RECIPES["linear"], seconds


def _timed(fit_it: Callable, *args, **params) -> tuple:
    """Return a fitted model and the processor time of its fit."""
    start = time.process_time()
    model = fit_it(*args, **params)
    return model, round(time.process_time() - start, 1)


def _score(model, test, gallery, templates, similarity: str) -> list[float]:
    pictures = gallery.droplevel("concept")
    how = {"n_per_template": N_TEMPLATES, "similarity": similarity}
    return _accuracies(
        model.retrieve(test, pictures, similarity=similarity),
        model.classify(test, templates, **how),
    )


def _correlate(test: mne.BaseEpochs, predicted: np.ndarray) -> float:
    """Return Pearson's r over channels and times, mean over test images."""
    measured = test.get_data(copy=False)
    predicted = np.broadcast_to(predicted, measured.shape)
    return float(correlate(measured, predicted, axis=(1, 2)).mean())


def _accuracies(*found) -> list[float]:
    return [identification.top_k(k) for identification in found for k in (1, 5)]
