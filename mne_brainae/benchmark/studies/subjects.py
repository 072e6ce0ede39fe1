"""What a group of subjects tells of a newcomer, on simulations and on real neurons."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator

import mne
import numpy as np
import pandas as pd

from ... import GroupModel, LinearBrainAE
from ...datasets import SimulatedGroup, simulate_group
from ...utils.checks import counted
from .finding import Finding
from .neurons import folds_of, read, shuffle
from .neurons import score as score_neurons

#: Common and own drives of the simulated groups.
CASES = {
    "12 common drives": (12, 0),
    "10 shared, 6 own drives": (10, 6),
    "nothing shared": (0, 16),
}
NUMBERS = (12, 40, 80, 160, 400, 800)
GROUP, OWN, ZERO, SHUFFLED = "group", "own fit", "mean map", "group, images shuffled"


def measure(
    case: str,
    numbers: Iterable[int] = NUMBERS,
    *,
    n_members: int = 6,
    n_newcomers: int = 2,
    n_images: int = 800,
    n_channels=(17, 32, 63),
    snr=(0.02, 0.04),
    images: str = "own",
    decay: float = 3.0,
    seed: int = 0,
) -> Finding:
    """Fit a simulated group, one of it pure noise, and adapt it to newcomers.

    Parameters
    ----------
    case : str
        One of :data:`CASES`.
    numbers : iterable of int
        Numbers of the newcomers' images.
    n_members, n_newcomers : int
        Subjects of the group, the last of which is pure noise, and newcomers.
    n_images : int
        Images of each member, and of a newcomer at most.
    n_channels : int | tuple of int
        Numbers of channels, taken by turns.
    snr : float | tuple of float
        Signal to noise of one trial.
    images : ``"own"`` | ``"same"``
        Whether subjects see images of their own.
    decay : float
        How steeply the variance of the features' axes falls.
    seed : int
        The seed of the simulation.

    Returns
    -------
    finding : instance of Finding
        Top-1 and skill by number of images and system, mean over newcomers; members
        with all their images follow.
    """
    data = simulate(
        case,
        n_members=n_members,
        n_newcomers=n_newcomers,
        n_images=n_images,
        n_channels=n_channels,
        snr=snr,
        images=images,
        decay=decay,
        random_state=seed,
    )
    newcomers = data.subjects[:n_newcomers]
    members = [name for name in data.subjects if name not in newcomers]
    group = GroupModel(verbose="ERROR")
    group.fit({name: data.train[name] for name in members}, data.features)
    rows = list(_newcomers(data, group, newcomers, numbers))
    rows += _members(data, group, [each for each in members if each in group.slopes_])
    table = pd.DataFrame(rows).groupby(["images", "system"], sort=False).mean()
    left = [name for name in members if group.slopes_[name] < 0.1]
    return Finding(
        f"SIMULATED EEG, {case}: a group of {n_members} subjects x {n_images} images "
        f"({images} images), the last one pure noise, and "
        f"{counted(n_newcomers, 'newcomer')}; signal to noise of a trial {snr}, 4 "
        f"trials of an image, {n_channels} channels, variance of feature axes by "
        f"n^-{decay:g}, seed {seed}. 200 unseen images, "
        "averaged over 20 trials: chance of top-1 is 0.005. Gap is the mean "
        "probability of the first guess minus top-1. Skill is the share of the "
        f"noise-free response that is predicted. Left the group: {left}.",
        table,
    )


def simulate(case: str, *, n_members: int, n_newcomers: int, **how) -> SimulatedGroup:
    """Simulate newcomers, and after them a group whose last subject is noise."""
    n_common, n_own = CASES[case]
    return simulate_group(
        n_newcomers + n_members,
        n_common=n_common,
        n_own=n_own,
        n_noise=1,
        verbose="ERROR",
        **how,
    )


def _newcomers(data, group, newcomers, numbers) -> Iterator[dict]:
    """Yield the scores of newcomers by number of images."""
    for name in newcomers:
        if group.anyone_ is not None:
            anyone = group.for_epochs(data.test[name])
            yield {"images": 0, "system": ZERO} | score(data, name, anyone)
        train = data.train[name]
        images = train.metadata["image"]
        wrong = shuffle(data.features, images.unique(), 0)
        for number in numbers:
            some = train[np.flatnonzero(images.isin(images.unique()[:number]))]
            for system, model in _systems(group, some, data.features, wrong, name):
                yield {"images": number, "system": system} | score(data, name, model)


def _systems(group, epochs, features, wrong, name: str) -> Iterator[tuple]:
    """Yield the adapted group, the own fit, and the group with shuffled images."""
    own = LinearBrainAE(spatial_window=None, verbose="ERROR")
    yield GROUP, group.adapt(epochs, features).for_subject(name)
    yield OWN, own.fit(epochs, features)
    silent = group.set_params(verbose="ERROR")
    yield SHUFFLED, silent.adapt(epochs, wrong).for_subject(name)


def _members(data, group, members) -> Iterator[dict]:
    """Yield the scores of every member, refitted with the others' axes and alone."""
    for name in members:
        if name in data.noise_subjects:
            continue
        train = data.train[name]
        own = LinearBrainAE(spatial_window=None, verbose="ERROR")
        systems = {
            GROUP: group.for_subject(name),
            OWN: own.fit(train, data.features),
        }
        for system, model in systems.items():
            yield {"images": f"member {name}", "system": system} | score(
                data, name, model
            )


def score(data: SimulatedGroup, name: str, model) -> dict[str, float]:
    """Score a model on the test images of a subject.

    Parameters
    ----------
    data : instance of SimulatedGroup
        The recordings and the truth.
    name : str
        The subject.
    model : instance of LinearBrainAE
        The model of the subject.

    Returns
    -------
    scores : dict of float
        Top-1 by likelihood and by cosine of 200, mean confidence minus the former, and
        the skill.
    """
    test = data.test[name]
    shown = data.features.loc[test.metadata["image"]]
    found = model.retrieve(test, shown, similarity="likelihood")
    with mne.use_log_level("ERROR"):  # few images make probabilities too sure
        gap = found.calibration().gap
    return {
        "top-1": found.top_k(1),
        "gap": gap,
        "top-1 cosine": model.retrieve(test, shown, similarity="cosine").top_k(1),
        "skill": data.skill(name, model.predict_epochs(shown)),
    }


def measure_neurons(
    sessions: tuple[str, str],
    encoder,
    numbers: Iterable[int] = (50, 100, 200, 400),
    *,
    n_folds: int = 6,
) -> Finding:
    """Adapt the model of one animal's session to another animal's.

    Parameters
    ----------
    sessions : tuple of str
        The session of the group, and that of the newcomer.
    encoder : str | ImageEncoder
        The image encoder.
    numbers : iterable of int
        Numbers of the newcomer's photographs.
    n_folds : int
        Test folds, up to 6.

    Returns
    -------
    finding : instance of Finding
        r and top-1 by number of photographs and system, mean over folds.
    """
    (first, seen), (epochs, features) = (_read(each, encoder) for each in sessions)
    group = GroupModel(verbose="ERROR").fit(first, seen)
    rows = []
    for train, test in folds_of(epochs, n_folds):
        unseen = epochs[test]
        shown = features.loc[unseen.metadata["image"]]
        order = np.random.default_rng(0).permutation(train)
        for number in numbers:
            some = epochs[np.sort(order[:number])]
            adapted = group.adapt(some, features).for_subject(sessions[1])
            own = LinearBrainAE(verbose="ERROR").fit(some, features)
            rows += [
                {"images": number, "system": system}
                | score_neurons(model, unseen, shown)
                for system, model in ((GROUP, adapted), (OWN, own))
            ]
    table = pd.DataFrame(rows).groupby(["images", "system"], sort=False).mean()
    return Finding(
        f"macaque V4: session {sessions[0]} as the group, {sessions[1]} of another "
        f"animal as the newcomer, without photographs in common; {n_folds} of six test "
        "folds.",
        table,
    )


def _read(session: str, encoder) -> tuple:
    """Read a session, whose photographs are named alike but others in each session."""
    epochs, features = read(session, encoder)
    table = epochs.metadata
    named = session + "/" + table["image"].astype(str)
    epochs.metadata = table.assign(image=named, subject=session)
    return epochs, features.rename(index=lambda name: f"{session}/{name}")
