"""``mne_brainae benchmark it``: which of seven objects macaque IT saw, and when."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--folds", type=int, default=5, help="parts that repetitions are divided into")
    add("--bin", type=float, default=0.05, help="width of a time bin in seconds")
    add("--out", help="a folder for the pictures")


def run(given: argparse.Namespace) -> None:
    """Classify, refit by window, occlude, and print the tables."""
    import mne

    with mne.utils.use_log_level("ERROR"):
        _run(given)


def _run(given: argparse.Namespace) -> None:
    import mne

    from ... import datasets, split_epochs
    from .labels import as_trials, fit_folds, identify_with

    epochs = datasets.macaque_it.read_epochs(bin_width=given.bin, tmin=-0.2)
    features, templates = as_trials(epochs)

    def split(epochs):
        return split_epochs(epochs, "repetition", n_splits=given.folds)

    folds = fit_folds(epochs, features, split(epochs))
    dealt = fit_folds(epochs, features, split(epochs), seed=0)
    print(
        f"Macaque IT, {len(epochs)} single trials, {len(epochs.ch_names)} sites, "
        f"{len(epochs.times)} bins, 7 objects at 3 positions; {given.folds} folds over "
        "repetitions, every trial classified by a model that saw none of its fold.\n"
    )
    _print_scores(epochs, templates, folds, dealt, split)
    identify = identify_with(folds, templates)
    _print_windows(epochs, features, templates, split)
    mean = mne.grand_average([model.evoked_ for model, _ in folds])
    _print_occlusion(identify, epochs, mean, given.out)
    _print_reconstruction(given.folds)


def _print_scores(epochs, templates, folds, dealt, split) -> None:
    import pandas as pd

    from .labels import identify_with

    rows = {
        f"BrainAE closed form, {similarity}": identify_with(
            folds, templates, similarity
        )(epochs)
        for similarity in ("cosine", "encoding", "likelihood")
    }
    rows["logistic regression"] = _logistic(epochs, split)
    rows["BrainAE, labels dealt out anew"] = identify_with(dealt, templates)(epochs)
    table = pd.DataFrame({name: f.scores((1,)).iloc[0] for name, f in rows.items()}).T
    print(table.to_string(float_format="{:.3g}".format), "\n")


def _logistic(epochs, split):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ...scoring.identification import Identification, pool_identifications
    from .labels import flatten

    found = []
    for train, test in split(epochs):
        regression = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
        ).fit(flatten(train), train.metadata["concept"])
        scores = regression.decision_function(flatten(test))
        found.append(
            Identification(scores, regression.classes_, test.metadata["concept"])
        )
    return pool_identifications(found)


def _print_windows(epochs, features, templates, split) -> None:
    """Fit anew to every window of 100 ms."""
    import numpy as np
    import pandas as pd

    from .labels import fit_folds, identify_with

    rows = {}
    for start in np.arange(-0.2, 0.45, 0.1):
        part = epochs.copy().crop(start, start + 0.1, include_tmax=False)
        found = identify_with(fit_folds(part, features, split(part)), templates)(part)
        rows[f"{1000 * start:.0f} to {1000 * start + 100:.0f} ms"] = found.scores(
            (1,)
        ).iloc[0]
    print("Fitted to one window of 100 ms only")
    print(pd.DataFrame(rows).T.to_string(float_format="{:.3g}".format), "\n")


def _print_occlusion(identify, epochs, mean, out) -> None:
    """Hide parts from the model that was fitted to the whole window."""
    from pathlib import Path

    from ... import occlude_times

    for kind in ("pointwise", "increasing", "decreasing"):
        found = occlude_times(identify, epochs, mean, kind=kind, window=0.1)
        print(found, "\n")
        if out is not None:
            Path(out).mkdir(parents=True, exist_ok=True)
            found.plot(show=False).savefig(Path(out) / f"it_{kind}.png", dpi=150)


def _print_reconstruction(n_folds: int) -> None:
    """Bring masked trials of the first fold back, smoothed and as counted."""
    from ... import datasets, score_reconstruction, split_epochs
    from .labels import as_trials, fit_folds, identify_with

    for deviation in (0.02, 0.0):
        epochs = datasets.macaque_it.read_epochs(bin_width=0.01, tmin=0.0)
        _smooth(epochs, deviation)
        features, templates = as_trials(epochs)
        train, test = next(split_epochs(epochs, "repetition", n_splits=n_folds))
        fold = fit_folds(epochs, features, [(train, test)])
        scores = score_reconstruction(
            fold[0][0],
            test,
            train,
            ratios=(0.25, 0.5, 0.75),
            block_length=0.03,
            n_components=10,
            identify=identify_with(fold, templates) if deviation else None,
            random_state=0,
        )
        print(
            "Masked trials of the first fold, 0 to 500 ms after onset in 50 bins, "
            + (
                f"smoothed by a Gaussian of {1000 * deviation:.0f} ms, so that bins "
                "beside a gap share its spikes"
                if deviation
                else "not smoothed"
            )
            + "; probabilistic PCA of 10 components"
        )
        table = scores.to_data_frame()
        print(table.to_string(index=False, float_format="{:.3g}".format), "\n")


def _smooth(epochs, deviation: float) -> None:
    """Smooth in place by a Gaussian of a standard deviation in seconds."""
    from scipy.ndimage import gaussian_filter1d

    if deviation:
        data = epochs.get_data(copy=False)
        data[:] = gaussian_filter1d(data, deviation * epochs.info["sfreq"], axis=2)
