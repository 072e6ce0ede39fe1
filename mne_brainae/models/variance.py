"""How much of the responses groups of features explain, together and alone."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from ..images.ready import check_table
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import make_evoked
from ..preprocessing.scaling import Scaler
from ..preprocessing.splits import divide
from ..scoring.noise_ceiling import ceiling_over_images
from ..scoring.result import Result
from ..utils.checks import check_epochs, counted, pick_channels, seed_from, verbose
from ..utils.constraints import checked, integer
from ..utils.docs import fill_doc
from ..viz.encoding import plot_variance_course
from .linear_gaussian.blocks import product
from .linear_gaussian.ridge import Ridge
from .over_time import CEILING, N_HALVES

ALL = "all groups"


@dataclass(repr=False, eq=False)
class VarianceShares(Result):
    """The shares of the variance of held-out responses that groups of features explain.

    Parameters
    ----------
    table : DataFrame, shape (n_groups + 1, 2)
        For every group its ``share``, by the product measure, and its ``unique`` part,
        which all other groups together do not explain; in the last row the total. The
        shares sum to the total. They are means over channels and times; the mean
        training response has 0.
    share_maps, unique_maps : dict of EvokedArray
        The same for every channel and time, by group.
    protocol : dict
        How the shares came about.
    ceiling_map : EvokedArray | None
        The share that a perfect model would explain; None where images were shown once.

    See Also
    --------
    mne_brainae.share_variance
    mne_brainae.viz.plot_variance_course

    Examples
    --------
    >>> groups = {"first": [0, 1], "rest": [2, 3, 4]}
    >>> shares = mne_brainae.share_variance(
    ...     train, features, groups, n_splits=2, n_draws=2, random_state=0
    ... )
    >>> fig = shares.plot(show=False)
    """

    table: pd.DataFrame
    share_maps: dict[str, mne.EvokedArray]
    unique_maps: dict[str, mne.EvokedArray]
    protocol: dict = field(default_factory=dict)
    ceiling_map: mne.EvokedArray | None = None

    def course(self, part: str = "share") -> pd.DataFrame:
        """Return the shares over time, mean over channels.

        Parameters
        ----------
        part : ``"share"`` | ``"unique"``
            Which part.

        Returns
        -------
        course : DataFrame, shape (n_times, n_groups + 1)
            One column per group and one for all together; indexed by time in seconds.

        Raises
        ------
        ValueError
            If ``part`` is neither of the two.

        Examples
        --------
        >>> shares.course("unique")  # doctest: +SKIP
        """
        maps = {"share": self.share_maps, "unique": self.unique_maps}
        if part not in maps:
            raise ValueError(f"part must be 'share' or 'unique', got {part!r}.")
        means = {name: each.data.mean(axis=0) for name, each in maps[part].items()}
        times = self.share_maps[ALL].times
        return pd.DataFrame(means, index=pd.Index(times, name="time"))

    @fill_doc
    def plot(self, part: str = "share", *, axes=None, show: bool = True):
        """Plot the shares against time.

        Parameters
        ----------
        part : ``"share"`` | ``"unique"``
            Which part.
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure: a line for every group, one for all together, and the noise
            ceiling if it is known.

        See Also
        --------
        mne_brainae.viz.plot_variance_course

        Examples
        --------
        >>> shares.plot("unique")  # doctest: +SKIP
        """
        found = self.ceiling_map
        ceiling = None if found is None else found.data.mean(axis=0)
        return plot_variance_course(self.course(part), ceiling, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return f"{counted(len(self.table) - 1, 'group')} of features"


@checked(
    epochs=check_epochs,
    features=[pd.DataFrame],
    groups=[str, Mapping],
    by=[str],
    n_splits=[integer(2)],
    n_draws=[integer(1)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def share_variance(
    epochs: mne.BaseEpochs,
    features: pd.DataFrame,
    groups: str | Mapping = "layer",
    *,
    by: str = "image",
    n_splits: int = 5,
    n_draws: int = 20,
    picks=None,
    random_state=None,
    verbose=None,
) -> VarianceShares:
    """Say which group of features explains which channel and time.

    Banded ridge regression gives every group of features a penalty of its own, for
    every channel and time, so that a group that explains nothing is left out.

    Parameters
    ----------
    %(epochs_images)s
        Repetitions are averaged, and give the noise ceiling.
    features : DataFrame, shape (n_images, n_features)
        Features of the images by name.
    groups : str | dict
        A level of the columns, such as ``"layer"``, or the columns of every group by
        its name.
    by : str
        What is held out as a whole: ``"image"``, or a metadata column such as
        ``"concept"``.
    n_splits : int
        Number of folds.
    n_draws : int
        How many proportions of the penalties are tried beside equal ones and those of
        each group alone, drawn from a Dirichlet distribution.
    %(picks)s
    %(random_state)s
    %(verbose)s

    Returns
    -------
    shares : instance of VarianceShares
        Shares, unique parts, maps and the noise ceiling.

    Raises
    ------
    ValueError
        If there are fewer than two groups, or a group has no column.

    See Also
    --------
    mne_brainae.VarianceShares
    mne_brainae.score_encoding

    Notes
    -----
    With yhat = sum_g yhat_g, the product measure is sum yhat_g (2 y - yhat) / sum y^2
    over held-out images; the shares of all groups sum to the total 1 - sum (y -
    yhat)^2 / sum y^2 (Dupre la Tour et al. 2022). The unique part of a group is the
    total minus that of a fit without it; groups that say the same have none.

    Proportions and penalty of every channel and time are those of least leave-one-out
    error on training images.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> encoder = mne_brainae.ImageEncoder("resnet50", layers=["layer1", "layer4"])
    ... # doctest: +SKIP
    >>> features = mne_brainae.compute_image_features(
    ...     data.images, encoder
    ... )  # doctest: +SKIP
    >>> mne_brainae.share_variance(data.train, features).plot()  # doctest: +SKIP
    """
    picks = pick_channels(epochs.info, picks)
    brain, table = average_by(epochs, "image", picks)
    features = check_table(features, list(table["image"]))
    parts = _groups(features, groups)
    _check_held_out(table, by, n_splits)
    seed = seed_from(random_state)
    draws = proportions(len(parts), n_draws, seed)
    folds = (
        _Fold.of(
            features.to_numpy(np.float32),
            list(parts.values()),
            brain.reshape(len(brain), -1),  # (n_images, n_channels * n_times)
            *rows,
        )
        for rows in divide(table[by].to_numpy(), n_splits, seed)
    )
    info = mne.pick_info(epochs.info, picks)
    shares, unique = (
        {
            name: make_evoked(
                part.reshape(brain.shape[1:]), info, epochs.times, len(brain), name
            )
            for name, part in zip([*parts, ALL], each, strict=True)
        }
        for each in _pool(folds, draws)
    )
    r = ceiling_over_images(epochs, picks, N_HALVES, np.random.default_rng(seed))
    ceiling = None
    if r is not None:
        explained = r * np.abs(r)  # negative where only noise makes halves differ
        ceiling = make_evoked(explained, info, epochs.times, len(brain), CEILING)
    columns = {
        "share": {name: each.data.mean() for name, each in shares.items()},
        "unique": {name: each.data.mean() for name, each in unique.items()},
    }
    return VarianceShares(
        pd.DataFrame(columns).rename_axis("group"),
        shares,
        unique,
        {
            "images": len(brain),
            "channels": len(picks),
            "held out": f"{by} by {by}, in {counted(n_splits, 'fold')}",
            "proportions of penalties tried": len(draws),
            "split halves": "none" if ceiling is None else N_HALVES,
            "seed": seed,
        },
        ceiling,
    )


def _check_held_out(table: pd.DataFrame, by: str, n_splits: int) -> None:
    """Refuse to hold out what images do not have, or fewer groups than folds."""
    if by not in table:
        raise ValueError(
            f"by={by!r} is not a column of epochs.metadata with one value per image; "
            f"there are {list(table.columns)}."
        )
    if table[by].nunique() < n_splits:
        raise ValueError(
            f"n_splits must be at most {table[by].nunique()}, got {n_splits}."
        )


def _pool(folds: Iterable[_Fold], draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares and unique parts of groups, and of all, (n_groups + 1, n_targets).

    Sums of squares are pooled over folds before they are divided.
    """
    shares, unique, power = 0.0, 0.0, 0.0
    for fold in folds:
        found = fold.explain(draws)
        shares, unique = shares + found[0], unique + found[1]
        power = power + np.square(fold.unseen).sum(axis=0)
    power = np.maximum(power, np.finfo(float).tiny)
    return shares / power, unique / power


def _groups(features: pd.DataFrame, groups) -> dict[str, np.ndarray]:
    """Return the columns of every group, by its name."""
    columns = features.columns
    if isinstance(groups, str):
        if groups not in columns.names:
            raise ValueError(
                f"groups={groups!r} is not a level of the columns of features, which "
                f"are {list(columns.names)}. Give every group's columns by its name."
            )
        codes, names = pd.factorize(columns.get_level_values(groups))
        found = {str(name): np.flatnonzero(codes == k) for k, name in enumerate(names)}
    else:
        found = {
            str(name): np.flatnonzero(columns.isin(list(some)))
            for name, some in groups.items()
        }
    empty = [name for name, some in found.items() if not len(some)]
    if empty or len(found) < 2:
        raise ValueError(
            "groups must be two or more, each with columns of features, got "
            f"{list(found)}, of which {empty} have none."
        )
    return found


def proportions(n_groups: int, n_draws: int, seed: int) -> np.ndarray:
    """Return how much the groups weigh beside one another, in several ways.

    Parameters
    ----------
    n_groups : int
        The number of groups.
    n_draws : int
        Number of random proportions.
    seed : int
        The seed.

    Returns
    -------
    draws : array, shape (1 + n_groups + n_draws, n_groups)
        Each row sums to 1: equal ones, each group alone, and random ones.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.ones(n_groups), n_draws)
    even = np.full((1, n_groups), 1 / n_groups)
    return np.concatenate([even, np.eye(n_groups), drawn])


def without(draws: np.ndarray, number: int) -> np.ndarray:
    """Return the proportions of all groups but one.

    Parameters
    ----------
    draws : array, shape (n_draws, n_groups)
        Proportions.
    number : int
        The group that is left out.

    Returns
    -------
    others : array, shape (n_others, n_groups)
        Proportions that sum to 1, each once, of which those of the group are 0.
    """
    others = draws[draws[:, number] < 1].copy()
    others[:, number] = 0
    return np.unique(others / others.sum(axis=1, keepdims=True), axis=0)


@dataclass
class _Fold:
    """Inner products of one fold, and the responses.

    Parameters
    ----------
    inner : array, shape (n_groups, n_train, n_train)
        Inner products of training images, of mean variance 1 in every group.
    crossed : array, shape (n_groups, n_test, n_train)
        Of test with training images.
    targets, unseen : array, shape (n_train, n_targets), (n_test, n_targets)
        Responses minus the mean of the training responses.
    """

    inner: np.ndarray
    crossed: np.ndarray
    targets: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of(cls, values, columns, targets, train, test) -> _Fold:
        """Standardize features, and take inner products group by group."""
        scaled = Scaler.for_features(values[train], energy=None).transform(values)
        inner, crossed = [], []
        for some in columns:
            seen, new = scaled[train][:, some], scaled[test][:, some]
            unit = max(np.square(seen).sum(dtype=float) / len(seen), 1e-12)
            inner.append(product(seen.T, seen.T) / unit)
            crossed.append(product(new.T, seen.T) / unit)
        base = targets[train].mean(axis=0, dtype=float)
        return cls(
            np.array(inner),
            np.array(crossed),
            (targets[train] - base).astype(targets.dtype),
            (targets[test] - base).astype(float),
        )

    def explain(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of squares that groups explain, together and alone.

        Parameters
        ----------
        draws : array, shape (n_draws, n_groups)
            Proportions of the penalties.

        Returns
        -------
        shares, unique : array, shape (n_groups + 1, n_targets)
            Those of every group, by the product measure and as the loss without it; in
            the last row those of all groups.
        """
        fitted = self.predict(draws)
        whole = fitted.sum(axis=0)
        total = self._explained(whole)
        shares = np.sum(fitted * (2 * self.unseen - whole), axis=1)
        unique = [
            total - self._explained(self.predict(without(draws, number)).sum(axis=0))
            for number in range(len(fitted))
        ]
        return np.array([*shares, total]), np.array([*unique, total])

    def _explained(self, predicted: np.ndarray) -> np.ndarray:
        """Return y'y - (y - yhat)'(y - yhat) of every target."""
        return np.sum(predicted * (2 * self.unseen - predicted), axis=0)

    def predict(self, draws: np.ndarray) -> np.ndarray:
        """Return what each group predicts of unseen responses.

        Parameters
        ----------
        draws : array, shape (n_draws, n_groups)
            Proportions, the best of which every target takes.

        Returns
        -------
        predicted : array, shape (n_groups, n_test, n_targets)
            The predictions, which sum to that of all groups.
        """
        scale = self.targets.std(axis=0)
        targets = self.targets / np.where(scale > 0, scale, 1)
        least = np.full(targets.shape[1], np.inf)
        predicted = np.zeros((len(self.inner), *self.unseen.shape))
        for draw in draws:
            ridge = Ridge.from_gram(np.tensordot(draw, self.inner, 1))
            penalties, errors = ridge.choose(targets)
            better = np.flatnonzero(errors < least)
            if not len(better):
                continue
            least[better] = errors[better]
            projected = ridge.project(targets[:, better])
            dual = ridge.dual(projected, penalties[better]) * scale[better]
            for number, weight in enumerate(draw):
                predicted[number][:, better] = weight * self.crossed[number] @ dual
        return predicted
