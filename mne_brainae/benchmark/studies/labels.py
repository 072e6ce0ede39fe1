"""Recordings without images: every trial is an image, whose feature is its label."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import pandas as pd

from ... import fit
from ...scoring.identification import pool_identifications


def as_trials(epochs):
    """Let a model learn labels from single trials, as if each were an image.

    Parameters
    ----------
    epochs : instance of Epochs
        Epochs whose metadata has a column ``"concept"``. It is changed in place: every
        trial becomes an image of its own, so that ``fit`` averages none.

    Returns
    -------
    features : DataFrame, shape (n_epochs, n_concepts)
        One for the concept of the trial, zero elsewhere.
    templates : DataFrame, shape (n_concepts, n_concepts)
        The same for the bare concepts, to classify by.
    """
    metadata = epochs.metadata.reset_index(drop=True)
    metadata["image"] = [f"trial-{i}" for i in range(len(metadata))]
    epochs.metadata = metadata
    concepts = sorted(metadata["concept"].unique())
    names = pd.Index(metadata["image"], name="image")
    labels = pd.MultiIndex.from_tuples(
        [(concept, f"label {concept}") for concept in concepts],
        names=["concept", "image"],
    )
    features = _indicators(metadata["concept"], concepts, names)
    return features, _indicators(concepts, concepts, labels)


def _indicators(given, concepts, index) -> pd.DataFrame:
    rows = np.array(given, str)[:, None] == np.array(concepts, str)
    return pd.DataFrame(rows.astype(np.float32), index=index, columns=concepts)


def fit_folds(epochs, features, splits, *, seed: int | None = None) -> list:
    """Fit the closed form to the training part of every split.

    Parameters
    ----------
    epochs : instance of Epochs
        All trials.
    features : DataFrame, shape (n_epochs, n_concepts)
        Their labels.
    splits : iterable of tuple
        Training and test epochs.
    seed : int | None
        Deal the training labels out anew, as a control.

    Returns
    -------
    folds : list of tuple
        The model of every split, and the names of its test trials.
    """
    folds = []
    for train, test in splits:
        rows = features.loc[train.metadata["image"]]
        if seed is not None:
            order = np.random.default_rng(seed).permutation(len(rows))
            rows = rows.iloc[order].set_axis(rows.index)
        # A label that was left out says nothing of the others: trials are, here.
        model = fit(train, rows, recipe="linear", validation="image", verbose="ERROR")
        folds.append((model, set(test.metadata["image"])))
    return folds


def identify_with(folds, templates, similarity: str = "likelihood"):
    """Return a function that classifies every trial by the model that never saw it."""

    def identify(epochs):
        return pool_identifications(
            model.classify(
                epochs[epochs.metadata["image"].isin(names).to_numpy()],
                templates,
                similarity=similarity,
            )
            for model, names in folds
        )

    return identify


def flatten(epochs) -> np.ndarray:
    """Return one standard row of values per epoch."""
    return epochs.get_data(copy=False).reshape(len(epochs), -1)
