"""``mne_brainae benchmark encoding``: BrainAE beside linear encoders on real data."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ...preprocessing.averaging import average_repetitions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which recording, and where pictures go."""
    add = parser.add_argument
    add("data", choices=DATA, help="the recording")
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--components", type=int, default=100, help="macaque V4: components of OLS")
    add("--folds", type=int, default=6, help="macaque V4: test folds")
    add("--out", type=Path, help="a folder for the pictures of time courses")


def run(given: argparse.Namespace) -> None:
    """Print one table per recording."""
    import matplotlib as mpl

    mpl.use("agg")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
    DATA[given.data](given)


def _systems(given: argparse.Namespace | None = None) -> dict:
    """Return the systems by name, all on the same features."""
    from ...models.brainae import BrainAE
    from ...models.recipes import RECIPES
    from ...models.systems import LinearEncoder

    systems = {"BrainAE best": BrainAE(**RECIPES["best"]), "ridge": LinearEncoder()}
    if given is not None:
        name = f"OLS on {given.components} components"
        systems[name] = LinearEncoder(n_components=given.components, alphas=None)
    for system in systems.values():
        system.set_params(random_state=0, verbose="WARNING")
    return systems


def macaque_v4(given: argparse.Namespace) -> None:
    """Predict the spike counts of neurons for photographs of held-out folds."""
    from sklearn.model_selection import KFold

    from ...datasets import macaque_v4 as v4
    from ...images import compute_image_features
    from ...scoring.encoding import score_encoding

    for session in given.session:
        epochs = v4.read_epochs(session, verbose="WARNING")
        table = epochs.metadata
        files = dict(zip(table["image"], table["image_path"], strict=True))
        features = compute_image_features(files, "gabor")
        folds = KFold(given.folds, shuffle=True, random_state=0)
        rows = []
        for train, test in folds.split(np.arange(len(epochs))):
            row = {}
            for name, system in _systems(given).items():
                system.fit(epochs[train], features)
                predicted = system.predict_epochs(features.loc[_shown(epochs[test])])
                scores = score_encoding(
                    epochs[test], predicted, system.evoked_, n_bootstraps=0
                )
                row[name] = scores.table.loc["prediction", "r_images"]
            rows.append(row)
        print(
            f"\nMacaque V4, session {session}: {len(epochs.ch_names)} units, "
            f"{len(epochs)} photographs shown once, {features.shape[1]} Gabor features,"
            f" r over unseen photographs, mean over units"
        )
        folds = pd.DataFrame(rows).rename_axis("fold")
        folds.loc["mean"] = folds.mean()
        print(folds.to_string(float_format="{:.4f}".format))


def macaque_it(given: argparse.Namespace) -> None:
    """Predict firing for objects at a place from the same objects elsewhere."""
    from ...datasets import macaque_it as it
    from ...scoring.encoding import score_encoding
    from ...viz import plot_time_courses

    epochs = it.read_epochs(tmin=-0.1, tmax=0.5, verbose="WARNING")
    table = epochs.metadata.drop_duplicates("image").set_index("image")
    features = pd.get_dummies(table["concept"], dtype=float)
    places = epochs.metadata["position"]
    print(
        f"\nMacaque IT: {len(epochs.ch_names)} sites, {features.shape[1]} objects at "
        f"{places.nunique()} places; the responses at each place are predicted from "
        "the other places by object alone, and scored over objects"
    )
    scores, courses = {}, {}
    for place in places.unique():
        is_test = (places == place).to_numpy()
        test = epochs[is_test]
        for name, system in _systems().items():
            system.fit(epochs[~is_test], features)
            predicted = system.predict_epochs(features.loc[_shown(test)])
            found = score_encoding(
                test,
                predicted,
                system.evoked_,
                n_bootstraps=0,
                random_state=0,
                verbose="WARNING",
            )
            scores[place, name] = found.table.loc["prediction"]
            scores[place, "mean response"] = found.table.loc["mean response"]
            scores[place, "noise ceiling"] = found.table.loc["noise ceiling"]
            by_time = found.to_data_frame("time")
            courses.setdefault(name, []).append(by_time["r_images"])
        courses.setdefault("noise ceiling", []).append(by_time["noise ceiling"])
    by_place = pd.DataFrame(scores).T
    order = list(dict.fromkeys(by_place.index.get_level_values(1)))
    mean = by_place.groupby(level=1).mean().loc[order]
    print(mean.to_string(float_format="{:.3f}".format))
    print("\nr over objects at every second time, mean over sites and places")
    over_places = pd.DataFrame({k: sum(v) / len(v) for k, v in courses.items()})
    print(over_places.iloc[::2].to_string(float_format="{:.3f}".format))
    regions = {f"all sites, objects at place {place!r}": test.ch_names}
    figure = plot_time_courses(
        average_repetitions(test), predicted, regions, show=False
    )
    _save(given, "macaque_it", figure, found.plot(show=False))


def _shown(epochs: mne.BaseEpochs) -> list[str]:
    return list(epochs.metadata["image"].unique())


def muse_n170(given: argparse.Namespace) -> None:
    """Predict the responses to faces and houses of a run from the other runs."""
    from ...datasets import muse_n170 as muse
    from ...scoring.correlation import correlate

    epochs = muse.read_epochs(reject={"eeg": 75e-6}, verbose="WARNING")
    table = epochs.metadata
    names = table["concept"] + " of run " + table["session"].astype(str)
    with mne.utils.use_log_level("WARNING"):
        epochs.metadata = table.assign(image=names)
    runs = average_repetitions(epochs, verbose="WARNING")
    concepts, sessions = runs.metadata["concept"], runs.metadata["session"]
    features = pd.get_dummies(concepts, dtype=float).set_axis(
        runs.metadata["image"], axis=0
    )
    print(
        f"\nMuse: {len(epochs)} trials, {sessions.nunique()} runs, each predicted from "
        "the others by category alone; r over time with the run's mean responses"
    )
    rows, waves = {}, {}
    for name in ("mean response", *_systems()):
        for session in sessions.unique():
            kept, held = (
                runs[(sessions != session).to_numpy()],
                runs[(sessions == session).to_numpy()],
            )
            measured = _by_concept(held.get_data(copy=True), held.metadata)
            if name == "mean response":
                mean = kept.average().data
                predicted = dict.fromkeys(measured, mean)
            else:
                system = _systems()[name].fit(kept, features)
                data = system.predict_epochs(
                    features.loc[held.metadata["image"]], output="array"
                )
                predicted = _by_concept(data, held.metadata)
            r = {
                concept: correlate(measured[concept], predicted[concept], axis=1)
                for concept in ("face", "house")
            }
            wave = [both["face"] - both["house"] for both in (measured, predicted)]
            r["face - house"] = correlate(*wave, axis=1)
            waves.setdefault(name, []).append(wave)
            for what, values in r.items():
                rows.setdefault((name, what), []).append(values)
    means = {key: np.mean(values, axis=0) for key, values in rows.items()}
    found = pd.DataFrame(means, index=runs.ch_names).T
    print(found.assign(mean=found.mean(axis=1)).to_string(float_format="{:.3f}".format))
    figure = _plot_waves(waves["BrainAE best"], runs)
    _save(given, "muse_n170", figure)


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


def _save(given: argparse.Namespace, name: str, *figures) -> None:
    if given.out is None:
        return
    for number, figure in enumerate(figures):
        file = given.out / f"{name}_{number}.png"
        figure.savefig(file, dpi=120)
        print(f"Saved {file}")


DATA = {"macaque_v4": macaque_v4, "macaque_it": macaque_it, "muse_n170": muse_n170}
