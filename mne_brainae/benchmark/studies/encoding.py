"""What BrainAE and linear encoders predict of real brains."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from ... import LinearEncodingModel, average_repetitions, score_encoding
from ...datasets import macaque_it, muse_n170
from ...models.recipes import make_model
from ...scoring.correlation import correlate
from ...viz import plot_time_courses
from .finding import Finding
from .neurons import read

BEST, RIDGE, MEAN, CEILING = "BrainAE best", "ridge", "mean response", "noise ceiling"


def systems(n_components: int | None = None) -> dict:
    """Return the systems by name, none of them fitted.

    Parameters
    ----------
    n_components : int | None
        Principal components of the features that a third system, least squares, takes;
        None leaves it out.

    Returns
    -------
    systems : dict
        The systems.
    """
    # Of features that name categories, a category left out says nothing.
    best = make_model("linear", validation="image")
    found = {BEST: best, RIDGE: LinearEncodingModel()}
    if n_components is not None:
        found[f"OLS on {n_components} components"] = LinearEncodingModel(
            n_components=n_components, alphas=None
        )
    for system in found.values():
        # A few categories stand for images here, which a model would warn of.
        system.set_params(random_state=0, verbose="ERROR")
    return found


def predict_neurons(
    session: str, *, n_components: int = 100, n_folds: int = 6
) -> Finding:
    """Predict the spike counts of macaque V4 for photographs of held-out folds.

    Parameters
    ----------
    session : str
        The session.
    n_components : int
        Principal components of the features that least squares takes.
    n_folds : int
        Test folds.

    Returns
    -------
    finding : instance of Finding
        The correlation over photographs, mean over units, by fold and system.
    """
    epochs, features = read(session, "gabor")
    folds = KFold(n_folds, shuffle=True, random_state=0)
    rows = []
    for train, test in folds.split(np.arange(len(epochs))):
        shown = features.loc[_shown(epochs[test])]
        row = {}
        for name, system in systems(n_components).items():
            system.fit(epochs[train], features)
            scores = score_encoding(
                epochs[test],
                system.predict_epochs(shown),
                system.evoked_,
                n_bootstraps=0,
            )
            row[name] = scores.table.loc["prediction", "r_images"]
        rows.append(row)
    table = pd.DataFrame(rows).rename_axis("fold")
    table.loc["mean"] = table.mean()
    return Finding(
        f"Macaque V4, session {session}: {len(epochs.ch_names)} units, {len(epochs)} "
        f"photographs shown once, {features.shape[1]} Gabor features, r over unseen "
        "photographs, mean over units",
        table,
    )


def _shown(epochs: mne.BaseEpochs) -> list[str]:
    return list(epochs.metadata["image"].unique())


def predict_objects() -> tuple[Finding, Finding]:
    """Predict the firing of macaque IT for objects at a place from other places.

    Returns
    -------
    scores : instance of Finding
        Means over places by system, with the plots of the last place.
    courses : instance of Finding
        The correlation over objects at every second time.
    """
    epochs = macaque_it.read_epochs(tmin=-0.1, tmax=0.5, verbose="WARNING")
    table = epochs.metadata.drop_duplicates("image").set_index("image")
    features = pd.get_dummies(table["concept"], dtype=float)
    places = epochs.metadata["position"]
    scores, courses = {}, {}
    for place in places.unique():
        is_test = (places == place).to_numpy()
        train, test = epochs[~is_test], epochs[is_test]
        for name, system in systems().items():
            system.fit(train, features)
            predicted = system.predict_epochs(features.loc[_shown(test)])
            found = _score_objects(test, predicted, system.evoked_)
            scores[place, name] = found.table.loc["prediction"]
            scores[place, MEAN] = found.table.loc[MEAN]
            scores[place, CEILING] = found.table.loc[CEILING]
            by_time = found.to_data_frame("time")
            courses.setdefault(name, []).append(by_time["r_images"])
        courses.setdefault(CEILING, []).append(by_time[CEILING])
    by_place = pd.DataFrame(scores).T
    order = list(dict.fromkeys(by_place.index.get_level_values(1)))
    regions = {f"all sites, objects at place {place!r}": test.ch_names}
    figure = plot_time_courses(
        average_repetitions(test), predicted, regions, show=False
    )
    of_scores = Finding(
        f"Macaque IT: {len(epochs.ch_names)} sites, {features.shape[1]} objects at "
        f"{places.nunique()} places; the responses at each place are predicted from "
        "the other places by object alone, and scored over objects",
        by_place.groupby(level=1).mean().loc[order],
        (figure, found.plot(show=False)),
    )
    of_courses = Finding(
        "r over objects at every second time, mean over sites and places",
        pd.DataFrame({name: sum(v) / len(v) for name, v in courses.items()}).iloc[::2],
    )
    return of_scores, of_courses


def _score_objects(test, predicted, mean_response):
    return score_encoding(
        test,
        predicted,
        mean_response,
        n_bootstraps=0,
        random_state=0,
        verbose="WARNING",
    )


def predict_categories() -> Finding:
    """Predict the EEG of faces and houses of a run from the other runs.

    Returns
    -------
    finding : instance of Finding
        The correlation over time with the mean responses of the run, by channel, with
        a plot of the difference.
    """
    epochs, runs = _read_runs()
    concepts, sessions = runs.metadata["concept"], runs.metadata["session"]
    features = pd.get_dummies(concepts, dtype=float).set_axis(
        runs.metadata["image"], axis=0
    )
    rows, waves = {}, {}
    for session in sessions.unique():
        kept = runs[(sessions != session).to_numpy()]
        held = runs[(sessions == session).to_numpy()]
        measured = _by_concept(held.get_data(copy=True), held.metadata)
        for name, predicted in _predict_run(kept, held, features).items():
            wave = [both["face"] - both["house"] for both in (measured, predicted)]
            waves.setdefault(name, []).append(wave)
            r = {
                concept: correlate(measured[concept], predicted[concept], axis=1)
                for concept in ("face", "house")
            }
            r["face - house"] = correlate(*wave, axis=1)
            for what, values in r.items():
                rows.setdefault((name, what), []).append(values)
    names = (MEAN, *systems())
    means = {key: np.mean(values, axis=0) for key, values in rows.items()}
    table = pd.DataFrame(means, index=runs.ch_names).T.loc[list(names)]
    return Finding(
        f"Muse: {len(epochs)} trials, {sessions.nunique()} runs, each predicted from "
        "the others by category alone; r over time with the run's mean responses",
        table.assign(mean=table.mean(axis=1)),
        (_plot_waves(waves[BEST], runs),),
    )


def _read_runs() -> tuple[mne.BaseEpochs, mne.BaseEpochs]:
    """Return all trials, and one average per run and category."""
    epochs = muse_n170.read_epochs(reject={"eeg": 75e-6}, verbose="WARNING")
    table = epochs.metadata
    names = table["concept"] + " of run " + table["session"].astype(str)
    with mne.utils.use_log_level("WARNING"):
        epochs.metadata = table.assign(image=names)
    return epochs, average_repetitions(epochs, verbose="WARNING")


def _predict_run(kept, held, features: pd.DataFrame) -> dict[str, dict]:
    """Return what every system predicts of a run, by category."""
    concepts = held.metadata["concept"]
    found = {MEAN: dict.fromkeys(concepts, kept.average().data)}
    for name, system in systems().items():
        system.fit(kept, features)
        data = system.predict_epochs(
            features.loc[held.metadata["image"]], output="array"
        )
        found[name] = _by_concept(data, held.metadata)
    return found


def _by_concept(data: np.ndarray, table: pd.DataFrame) -> dict:
    return dict(zip(table["concept"], data, strict=True))


def _plot_waves(waves: list, runs: mne.BaseEpochs):
    """Plot measured and predicted face minus house, mean over the held-out runs."""
    evoked = {
        name: [mne.EvokedArray(wave[i], runs.info, runs.tmin) for wave in waves]
        for i, name in enumerate(("measured", "predicted"))
    }
    return mne.viz.plot_compare_evokeds(
        evoked,
        picks=["TP9", "TP10"],
        combine="mean",
        title="face - house, TP9 and TP10, held-out runs",
        show_sensors=False,
        show=False,
    )[0]
