"""Which of seven objects macaque IT saw, and when its responses tell them apart."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import mne
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ... import occlude_times, pool_identifications, score_reconstruction, split_epochs
from ...datasets import macaque_it
from ...scoring.identification import Identification
from .labels import as_trials, fit_folds, flatten, identify_with

SIMILARITIES = ("cosine", "encoding", "likelihood")
MODEL = "BrainAE closed form"
LOGISTIC = "logistic regression"
CONTROL = "BrainAE, labels dealt out anew"


@dataclass
class Trials:
    """Single trials with the models that classify them.

    Parameters
    ----------
    epochs : instance of Epochs
        All trials, with the repetition of each in the metadata.
    features : DataFrame, shape (n_epochs, n_concepts)
        Their labels, see :func:`.labels.as_trials`.
    templates : DataFrame, shape (n_concepts, n_concepts)
        The labels to classify by.
    n_folds : int
        Parts that repetitions are divided into.
    """

    epochs: mne.BaseEpochs
    features: pd.DataFrame
    templates: pd.DataFrame
    n_folds: int

    @property
    def protocol(self) -> str:
        """Return what the trials are, and who classifies them."""
        table = self.epochs.metadata
        return (
            f"Macaque IT, {len(table)} single trials, {len(self.epochs.ch_names)} "
            f"sites, {len(self.epochs.times)} bins, {self.features.shape[1]} objects "
            f"at {table['position'].nunique()} positions; {self.n_folds} folds over "
            "repetitions, every trial classified by a model that saw none of its fold."
        )

    @cached_property
    def folds(self) -> list:
        """The model of every fold, with the trials that it did not see."""
        return fit_folds(self.epochs, self.features, self.split(self.epochs))

    def split(self, epochs: mne.BaseEpochs) -> Iterator[tuple]:
        """Divide epochs into training and test trials, fold by fold."""
        return split_epochs(epochs, "repetition", n_splits=self.n_folds)


def read_trials(*, bin_width: float = 0.05, n_folds: int = 5) -> Trials:
    """Read the single trials of macaque IT.

    Parameters
    ----------
    bin_width : float
        Width of a time bin in seconds.
    n_folds : int
        Parts that repetitions are divided into.

    Returns
    -------
    trials : instance of Trials
        The trials from 200 ms before onset.
    """
    epochs = macaque_it.read_epochs(bin_width=bin_width, tmin=-0.2)
    return Trials(epochs, *as_trials(epochs), n_folds)


def classify(trials: Trials) -> pd.DataFrame:
    """Classify every trial, by each similarity, beside logistic regression.

    Parameters
    ----------
    trials : instance of Trials
        The trials.

    Returns
    -------
    table : DataFrame
        One row per system and for a control, whose labels were dealt out anew; the
        columns of :meth:`mne_brainae.Identification.scores`.
    """
    epochs, templates = trials.epochs, trials.templates
    dealt = fit_folds(epochs, trials.features, trials.split(epochs), seed=0)
    found = {
        f"{MODEL}, {similarity}": identify_with(trials.folds, templates, similarity)(
            epochs
        )
        for similarity in SIMILARITIES
    }
    found[LOGISTIC] = _classify_by_regression(trials)
    found[CONTROL] = identify_with(dealt, templates)(epochs)
    return _first_guesses(found)


def _first_guesses(found: dict[str, Identification]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: each.scores((1,)).iloc[0] for name, each in found.items()}
    ).T


def _classify_by_regression(trials: Trials) -> Identification:
    found = []
    for train, test in trials.split(trials.epochs):
        regression = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
        ).fit(flatten(train), train.metadata["concept"])
        scores = regression.decision_function(flatten(test))
        found.append(
            Identification(scores, regression.classes_, test.metadata["concept"])
        )
    return pool_identifications(found)


def classify_windows(trials: Trials) -> pd.DataFrame:
    """Fit anew to every window of 100 ms, and classify by it alone.

    Parameters
    ----------
    trials : instance of Trials
        The trials.

    Returns
    -------
    table : DataFrame
        One row per window; the columns of :meth:`mne_brainae.Identification.scores`.
    """
    found = {}
    for start in np.arange(-0.2, 0.45, 0.1):
        part = trials.epochs.copy().crop(start, start + 0.1, include_tmax=False)
        folds = fit_folds(part, trials.features, trials.split(part))
        identify = identify_with(folds, trials.templates)
        found[f"{1000 * start:.0f} to {1000 * start + 100:.0f} ms"] = identify(part)
    return _first_guesses(found)


def occlude(trials: Trials) -> Iterator[tuple]:
    """Hide parts of the response from the models of the whole window.

    Parameters
    ----------
    trials : instance of Trials
        The trials.

    Yields
    ------
    kind : str
        What is hidden.
    occlusion : instance of Occlusion
        How well trials are classified without it.
    """
    identify = identify_with(trials.folds, trials.templates)
    mean = mne.grand_average([model.evoked_ for model, _ in trials.folds])
    for kind in ("pointwise", "increasing", "decreasing"):
        yield (
            kind,
            occlude_times(identify, trials.epochs, mean, kind=kind, window=0.1),
        )


def reconstruct(deviation: float, *, n_folds: int = 5):
    """Bring masked trials of the first fold back, in bins of 10 ms.

    Parameters
    ----------
    deviation : float
        Standard deviation in seconds of the Gaussian that trials are smoothed by, so
        that bins beside a gap share its spikes; 0 leaves them as counted.
    n_folds : int
        Parts that repetitions are divided into.

    Returns
    -------
    scores : instance of ReconstructionScores
        Reconstructions of the model beside probabilistic PCA of 10 components; objects
        are identified from smoothed trials only.
    """
    epochs = macaque_it.read_epochs(bin_width=0.01, tmin=0.0)
    _smooth(epochs, deviation)
    features, templates = as_trials(epochs)
    train, test = next(split_epochs(epochs, "repetition", n_splits=n_folds))
    fold = fit_folds(epochs, features, [(train, test)])
    return score_reconstruction(
        fold[0][0],
        test,
        train,
        ratios=(0.25, 0.5, 0.75),
        block_length=0.03,
        n_components=10,
        identify=identify_with(fold, templates) if deviation else None,
        random_state=0,
    )


def _smooth(epochs: mne.BaseEpochs, deviation: float) -> None:
    """Smooth in place by a Gaussian of a standard deviation in seconds."""
    if deviation:
        data = epochs.get_data(copy=False)
        data[:] = gaussian_filter1d(data, deviation * epochs.info["sfreq"], axis=2)
