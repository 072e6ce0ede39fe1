"""How a newcomer gains by a group, for growing numbers of images."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from ...preprocessing.averaging import average_by, average_repetitions
from ...preprocessing.splits import hold_out
from ...scoring.correlation import correlate, unit_rows
from ...scoring.encoding import SubjectComparison, compare_subjects
from ...scoring.result import Result
from ...utils.checks import _check_option, counted, logger, seed_from, verbose
from ...utils.constraints import checked, integer, share
from ...utils.docs import fill_doc
from ...viz.encoding import plot_adaptation
from ..linear import LinearBrainAE
from .mean_map import MeanMap
from .model import GroupModel
from .recordings import Images, by_subject

#: The systems that are compared, and the scores of each.
GROUP, OWN, SCORES = "group", "own", ("top_1", "r")


@dataclass(repr=False, eq=False)
class AdaptationScores(Result):
    """Scores of newcomers, as returned by :func:`score_adaptation`.

    Parameters
    ----------
    table : DataFrame, shape (n_rows, 5)
        ``"subject"``, ``"n_images"``, ``"system"`` (``"group"``: adapted from the
        others, ``"own"``: fitted alone), ``"top_1"`` and ``"r"``. With 0 images the
        group is the mean map of the others.
    chance : dict of float
        The chance of top-1 by subject.
    protocol : dict
        How the scores came about.

    See Also
    --------
    mne_brainae.score_adaptation
    mne_brainae.GroupModel.adapt

    Examples
    --------
    >>> scores = mne_brainae.score_adaptation(epochs, features)  # doctest: +SKIP
    >>> scores.compare(50)  # doctest: +SKIP
    """

    table: pd.DataFrame
    chance: dict[str, float]
    protocol: dict

    @property
    def _title(self) -> str:
        n_subjects = self.table["subject"].nunique()
        return f"{counted(n_subjects, 'newcomer')}, each left out of the group once"

    def _summary(self) -> pd.DataFrame:
        """Return means over subjects, beside chance."""
        means = self.table.groupby(["n_images", "system"])[list(SCORES)].mean()
        return means.assign(chance=np.mean(list(self.chance.values())))

    def compare(self, n_images: int, score: str = "top_1") -> SubjectComparison:
        """Test across subjects whether the group helps: subjects are the unit.

        Parameters
        ----------
        n_images : int
            The number of images of the newcomers.
        score : ``"top_1"`` | ``"r"``
            The score.

        Returns
        -------
        comparison : instance of SubjectComparison
            The signed-rank test of :func:`mne_brainae.compare_subjects`, which refuses
            fewer than six subjects.

        See Also
        --------
        mne_brainae.compare_subjects

        Examples
        --------
        >>> scores.compare(50)  # doctest: +SKIP
        """
        _check_option("score", score, SCORES)
        both = self.table[self.table["system"] == OWN]["n_images"].unique()
        _check_option("n_images", n_images, tuple(sorted(both)))
        rows = self.table[self.table["n_images"] == n_images]
        wide = rows.pivot(index="subject", columns="system", values=score)
        return compare_subjects(wide, OWN)

    @fill_doc
    def plot(self, score: str = "top_1", *, axes=None, show: bool = True):
        """Plot learning curves, thin for every subject, beside chance.

        Parameters
        ----------
        score : ``"top_1"`` | ``"r"``
            The score.
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        Examples
        --------
        >>> scores.plot("top_1")  # doctest: +SKIP
        """
        _check_option("score", score, SCORES)
        chance = np.mean(list(self.chance.values())) if score == "top_1" else 0.0
        return plot_adaptation(self.table, score, float(chance), axes=axes, show=show)


@checked(
    model=[GroupModel, None],
    n_images=["array-like", tuple],
    test_size=[share(), integer(2)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def score_adaptation(
    epochs,
    images=None,
    *,
    n_images=(50, 100, 200),
    test_size=0.2,
    model=None,
    random_state=0,
    verbose=None,
) -> AdaptationScores:
    """Score how much a group helps a newcomer, leaving out one subject after another.

    Parameters
    ----------
    epochs : instance of Epochs | dict of Epochs
        The recordings of two subjects or more, as in :class:`mne_brainae.GroupModel`.
    %(images)s
    n_images : sequence of int
        Numbers of the newcomer's training images. 0, the mean map of the others, and
        all images come in addition.
    test_size : float | int
        Share or number of images to test on. Whole concepts are held out, and from all
        subjects, so that the group knows no response to a test image either.
    model : instance of GroupModel | None
        The settings; None is the defaults.
    random_state : None | int | instance of RandomState
        The seed of the split and of the order of the newcomers' images.
    %(verbose)s

    Returns
    -------
    scores : instance of AdaptationScores
        Top-1 and Pearson's r over images (mean over channels and times) by subject,
        number of images and system.

    Raises
    ------
    ValueError
        If there is one subject only, or a number of images is impossible.

    See Also
    --------
    mne_brainae.GroupModel.adapt
    mne_brainae.AdaptationScores

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate_group(6)  # doctest: +SKIP
    >>> mne_brainae.score_adaptation(data.train, data.features)  # doctest: +SKIP
    """
    recordings = by_subject(epochs)
    if len(recordings) < 2:
        raise ValueError(
            f"epochs are of one subject ({next(iter(recordings))!r}), but a new "
            "subject needs others to learn from. Give at least two subjects."
        )
    numbers = _check_numbers(n_images)
    group = GroupModel() if model is None else clone(model)
    seed = seed_from(random_state)
    found = Images.of(recordings, images, group.image_encoder, group.device)
    held_out = _test_images(recordings, test_size, seed)
    parts = {name: _split(each, held_out) for name, each in recordings.items()}
    group.fit({name: train for name, (train, _) in parts.items()}, found.features)
    rows, chance = [], {}
    for name, (train, test) in parts.items():
        logger.info(f"Leaving out {name}.")
        test = average_repetitions(test)
        chance[name] = 1 / test.metadata["image"].nunique()
        rows.extend(_scores(group, name, train, test, found.features, numbers, seed))
    protocol = {
        "subjects": len(parts),
        "test images": f"{len(held_out)}, unseen by all subjects",
        "newcomers": "one subject after the other, without itself in the group",
        "similarity": "likelihood; of 0 images correlation with the mean map",
        "model selection": group.selection_,
        "seed": seed,
    }
    return AdaptationScores(pd.DataFrame(rows), chance, protocol)


def _check_numbers(n_images) -> list[int]:
    numbers = np.asarray(n_images)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or (numbers < 4).any():
        raise ValueError(
            f"n_images must be whole numbers of at least 4, got {n_images!r}."
        )
    return sorted({int(number) for number in numbers})


def _test_images(recordings: dict, test_size, seed: int) -> set[str]:
    """Choose whole concepts to test on, and return their images of all subjects."""
    tables = [each.metadata for each in recordings.values()]
    by = "concept" if all("concept" in table for table in tables) else "image"
    held_out = set()
    for table in tables:
        shown = table[list({"image", by})].astype(str).drop_duplicates("image")
        shown = shown.reset_index(drop=True)
        mask, _ = hold_out(shown, by, test_size, np.random.default_rng(seed))
        held_out |= set(shown[by][mask])
    shown = [table["image"][table[by].astype(str).isin(held_out)] for table in tables]
    return set(pd.concat(shown).astype(str))


def _split(epochs, held_out: set[str]) -> tuple:
    """Return the epochs to learn from, and those of test images."""
    is_test = epochs.metadata["image"].astype(str).isin(held_out).to_numpy()
    if is_test.sum() < 2 or (~is_test).sum() < 2:
        raise ValueError(
            "test_size leaves a subject without images to test on or to learn from; "
            "give another one."
        )
    return epochs[np.flatnonzero(~is_test)], epochs[np.flatnonzero(is_test)]


def _scores(group, name, train, test, features, numbers, seed: int) -> Iterator[dict]:
    """Yield the scores of one newcomer."""
    shown = features.loc[test.metadata["image"]]
    zero = _zero_images(group, name, test, shown)
    if zero is not None:
        yield {"subject": name, "n_images": 0, "system": GROUP} | zero
    images = train.metadata["image"].astype(str)
    order = np.random.default_rng([seed, 1]).permutation(images.unique())
    sizes = [number for number in numbers if number < len(order)] + [len(order)]
    alone = LinearBrainAE(
        spatial_window=None,
        n_embedding=group.n_embedding,
        steps=group.steps,
        validation=group.validation,
        picks=group.picks,
        random_state=group.random_state,
        verbose="ERROR",
    )
    for size in sizes:
        some = train[np.flatnonzero(images.isin(order[:size]))]
        adapted = group.adapt(some, features).for_subject(name)
        for system, model in ((GROUP, adapted), (OWN, alone.fit(some, features))):
            row = {"subject": name, "n_images": size, "system": system}
            yield row | _score(model, test, shown)


def _score(model, test, shown: pd.DataFrame) -> dict[str, float]:
    """Score identification and prediction of unseen images."""
    found = model.retrieve(test, shown, similarity="likelihood")
    return {"top_1": found.top_k(1), "r": model.score(test, shown)}


def _zero_images(group, name: str, test, shown: pd.DataFrame) -> dict | None:
    """Score the mean map of the others; None where it has not these channels."""
    latent = group.for_subject(name).latent_
    others = [member for member in group.members_ if member.name != name]
    mean = MeanMap.on(others, latent.info, latent.times, group.reference_)
    if mean is None:
        return None
    picks = [test.ch_names.index(channel) for channel in latent.info["ch_names"]]
    measured, _ = average_by(test, "image", np.array(picks))
    predicted = mean.predict_deviation(group.scaler_.transform(shown.to_numpy("f4")))
    deviation = (measured - measured.mean(axis=0)).reshape(len(measured), -1)
    flat = predicted.reshape(len(predicted), -1)
    similarity = unit_rows(deviation) @ unit_rows(flat).T
    hits = similarity.argmax(axis=1) == np.arange(len(similarity))
    r = correlate(measured, predicted, axis=0).mean()
    return {"top_1": float(hits.mean()), "r": float(r)}
