"""Images chosen by a model beside images at random, and what a large choice costs."""

# License: BSD-3-Clause

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ... import compute_image_features, find_images, fit
from ...datasets import simulate
from .finding import Finding
from .neurons import folds_of, read

#: Features of the large table.
N_FEATURES = 256


def measure(
    sessions: Iterable[str] = ("190923", "210225"), *, n_folds: int = 3, k: int = 20
) -> Finding:
    """Choose unseen photographs for the mean response of macaque V4.

    Parameters
    ----------
    sessions : iterable of str
        The sessions.
    n_folds : int
        Test folds, up to 6.
    k : int
        The number of photographs to choose of every fold.

    Returns
    -------
    finding : instance of Finding
        Mean measured responses, by session and fold.
    """
    rows = []
    for session in sessions:
        epochs, features = read(session, "gabor")
        for fold, (train, test) in enumerate(folds_of(epochs, n_folds)):
            model = fit(epochs[train], features, recipe="linear", verbose="ERROR")
            unseen = epochs[test]
            shown = features.loc[unseen.metadata["image"]]
            sd = epochs[train].get_data(copy=False).std(axis=0)
            found = find_images(model, shown, 1 / sd / len(sd), k)
            # The mean over units in units of their standard deviation.
            measured = (unseen.get_data(copy=False) / sd).mean(axis=(1, 2))
            measured = pd.Series(measured, index=list(shown.index))
            error = measured.std() / np.sqrt(k)
            chosen = measured[found.table["image"]].mean()
            rows.append(
                {
                    "session": session,
                    "fold": fold,
                    "chosen": chosen,
                    "at random": measured.mean(),
                    "sd at random": error,
                    "best possible": measured.nlargest(k).mean(),
                    "z": (chosen - measured.mean()) / error,
                }
            )
    return Finding(
        f"macaque V4: {k} of some 200 unseen photographs, chosen by find_images with a "
        "recipe 'linear' on Gabor features for the mean response over units, in units "
        "of their standard deviation. Mean measured response of these, of all, which "
        f"is what {k} at random have, with the standard deviation of such a draw, and "
        f"of the {k} that were highest:",
        pd.DataFrame(rows).set_index(["session", "fold"]),
    )


def measure_speed(n_images: int = 1_000_000, path: Path | None = None) -> Finding:
    """Time the choice among many rows of features in a file.

    Parameters
    ----------
    n_images : int
        Number of rows.
    path : Path | None
        Folder for the images of a simulation and for the file.

    Returns
    -------
    finding : instance of Finding
        Seconds by target, and the most memory of the process.
    """
    rows = {}
    with tempfile.TemporaryDirectory(dir=path) as folder:
        model, other, table = _large_table(n_images, Path(folder))
        mask = np.ones((len(model.info_["ch_names"]), len(model.times_)), bool)
        targets = {"contrast": mask, "different": "different", "two models": other}
        for name, target in targets.items():
            start = time.perf_counter()
            find_images(model, table, target, 20)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            rows[name] = {"seconds": time.perf_counter() - start, "most GB": most}
    return Finding(
        f"20 of {n_images} images by {N_FEATURES} features each, which are read block "
        "by block from a file; recipe 'linear' of simulated EEG, 63 channels. Most "
        "memory of the process so far, with pages of the file:",
        pd.DataFrame(rows).T.rename_axis("target"),
    )


def _large_table(n_images: int, folder: Path):
    """Fit two models to random projections of features, and write a large table."""
    data = simulate(
        n_train_concepts=120, n_exemplars=2, n_templates=0, path=folder, verbose="ERROR"
    )
    features = compute_image_features(data.images, verbose="ERROR")
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((features.shape[1], N_FEATURES), np.float32)
    values = features.to_numpy(np.float32) @ mix
    small = pd.DataFrame(values, index=features.index)
    sessions = data.train.metadata["session"]
    model, other = (
        fit(
            data.train[(sessions == session).to_numpy()],
            small,
            recipe="linear",
            verbose="ERROR",
        )
        for session in sessions.unique()[:2]
    )
    file = folder / "features.npy"
    table = np.lib.format.open_memmap(file, "w+", np.float32, (n_images, N_FEATURES))
    for start in range(0, n_images, 10_000):
        block = table[start : start + 10_000]
        some = rng.integers(len(values), size=(2, len(block)))
        block[:] = values[some].mean(axis=0)
    del table
    return model, other, np.load(file, mmap_mode="r")
