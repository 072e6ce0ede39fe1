"""How well missing parts of a recording are restored, beside simple methods."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd
from mne.utils import ProgressBar
from sklearn.utils.validation import check_is_fitted

from ..preprocessing.epochs import make_epochs, read_array
from ..preprocessing.imputation import MOST_EPOCHS, Imputer
from ..preprocessing.masking import MASKS, mask_epochs
from ..preprocessing.recorded import missing_channels
from ..preprocessing.scaling import Scaler
from ..utils.checks import (
    _check_option,
    check_epochs,
    check_finite,
    check_same_space,
    five,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, positive
from ..utils.docs import fill_doc
from ..utils.units import scale_by_type
from ..viz.decoding import plot_reconstruction
from .identification import Identification, identify_by
from .result import Result

MODEL, MEAN, PCA = "model", "mean response", "probabilistic PCA"


@dataclass(repr=False, eq=False)
class ReconstructionScores(Result):
    """How well missing parts were restored, by kind and ratio of the mask.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, n_columns)
        One row per ``kind``, ``ratio`` and ``system`` (the model, the mean response,
        and probabilistic PCA). ``r_all``, ``r_missing`` and ``r_visible`` are Pearson
        correlations over those entries of an epoch, mean over epochs, as in the paper.
        ``skill`` is 1 - MSE / MSE of the mean response on the missing entries, every
        channel in units of its standard deviation in training: 0 is no better than the
        mean.
        ``top_1`` is the accuracy of decoding the reconstruction beside ``chance``, if
        asked for.
    protocol : dict
        Epochs, channels, window, blocks and seed.

    See Also
    --------
    mne_brainae.score_reconstruction
    mne_brainae.viz.plot_reconstruction

    Examples
    --------
    >>> scores = mne_brainae.score_reconstruction(
    ...     model, averaged, kinds=["spatial"], ratios=[0.5], random_state=0
    ... )
    >>> fig = scores.plot(show=False)
    """

    table: pd.DataFrame
    protocol: dict

    @fill_doc
    def plot(self, score: str = "skill", *, axes=None, show: bool = True):
        """Plot a score against the missing share, for every kind of mask.

        Parameters
        ----------
        score : str
            A column of ``table``.
        axes : array of Axes | None
            Where to draw, one for every kind of mask; None makes a new figure.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_reconstruction

        Examples
        --------
        >>> scores = mne_brainae.score_reconstruction(
        ...     model, averaged, kinds=["spatial"], ratios=[0.5], random_state=0
        ... )
        >>> fig = scores.plot("skill", show=False)
        """
        others = ("kind", "ratio", "system", "chance")
        offered = tuple(name for name in self.table if name not in others)
        _check_option("score", score, offered)
        return plot_reconstruction(self.table, score, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return "skill by kind of mask and missing share"

    def _summary(self) -> pd.DataFrame:
        wide = self.table.pivot_table(
            "skill", ["kind", "system"], "ratio", sort=False, dropna=False
        )
        return wide.rename(columns=lambda ratio: f"{100 * ratio:g} %")


@checked(
    epochs=check_epochs,
    kinds=[list, tuple],
    ratios=["array-like"],
    block_length=[positive()],
    n_components=[integer(1), None],
    identify=[callable, None],
    random_state=["random_state"],
)
@verbose
@fill_doc
def score_reconstruction(
    model,
    epochs: mne.BaseEpochs,
    epochs_train: mne.BaseEpochs | None = None,
    *,
    kinds: Sequence[str] = MASKS,
    ratios: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    block_length: float = 0.1,
    n_components: int | None = None,
    identify: Callable[[mne.BaseEpochs], Identification] | None = None,
    random_state=None,
    verbose=None,
) -> ReconstructionScores:
    """Remove parts of a recording and score how well a model restores them.

    Parameters
    ----------
    model : instance of BrainAE
        A fitted model.
    epochs : instance of Epochs
        Whole responses that the model has not seen. What is missing of them is known.
    epochs_train : instance of Epochs | None
        The responses that the model was fitted to, for probabilistic PCA to learn from.
        None leaves this baseline out.
    kinds : sequence of str
        Kinds of masks, see :func:`mne_brainae.mask_epochs`.
    ratios : sequence of float
        Shares that are missing.
    block_length : float
        Length of a missing stretch in seconds (random and temporal masks).
    n_components : int | None
        Number of components of probabilistic PCA; None takes that of the best held-out
        likelihood.
    identify : callable | None
        Takes epochs and returns an :class:`mne_brainae.Identification`, to decode what
        was reconstructed. None decodes nothing.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    scores : instance of ReconstructionScores
        Scores of the model and of what it has to beat.

    Raises
    ------
    TypeError
        If the model does not reconstruct.
    ValueError
        If channels of the epochs are bad, so that what is missing is not known.

    See Also
    --------
    mne_brainae.ReconstructionScores
    mne_brainae.mask_epochs

    Notes
    -----
    Figure 4 of the paper. All systems see the same masks. The model predicts visible
    entries, too; probabilistic PCA keeps them, so that its ``r_visible`` is 1.

    Examples
    --------
    >>> scores = mne_brainae.score_reconstruction(
    ...     model, averaged, kinds=["spatial"], ratios=[0.5], random_state=0
    ... )
    """
    if not hasattr(model, "reconstruct"):
        raise TypeError(
            "model must be a fitted model that reconstructs, such as "
            f"mne_brainae.BrainAE, got {type(model).__name__}."
        )
    check_is_fitted(model, "network_")
    _check_masks(kinds, ratios)
    if epochs_train is not None:
        check_epochs(epochs_train, "epochs_train")
    ch_names = model.info_["ch_names"]
    whole = read_array(epochs, check_same_space(epochs, ch_names, model.times_))
    if missing := missing_channels(epochs, model.info_):
        raise ValueError(
            "The true values of what is masked are needed for scores, but these "
            f"channels of epochs are bad: {five(missing)}. Interpolate them, or fit "
            "without them."
        )
    check_finite(whole, "epochs")
    mean = model.evoked_.data.astype(np.float32)
    # Of training, since a channel that is almost silent in the test would count most.
    scale = Scaler(mean, model.latent_.brain_scaler.scale)
    types = scale_by_type(whole, model.info_)
    learned = None
    if epochs_train is not None:
        learned = _learn(epochs_train, model, n_components)
    seed = seed_from(random_state)
    rows = []
    for kind, ratio in ProgressBar(
        [(kind, ratio) for kind in kinds for ratio in ratios], mesg="Masking"
    ):
        masked = mask_epochs(
            epochs,
            kind,
            ratio,
            block_length=block_length,
            picks=ch_names,
            random_state=seed,
        )
        given = read_array(masked, np.arange(len(ch_names)))
        guesses = {
            MODEL: model.reconstruct(masked, keep_observed=False, output="array"),
            MEAN: np.broadcast_to(mean, whole.shape),
        }
        if learned is not None:
            guesses[PCA] = _impute(given, *learned)
        for system, guess in guesses.items():
            row = {"kind": kind, "ratio": ratio, "system": system}
            row |= _compare(whole, guess, np.isnan(given), scale, types)
            if identify is not None:
                row |= _decode(identify, guess, masked, system)
            rows.append(row)
    protocol = {
        "epochs": len(whole),
        "channels": len(ch_names),
        "window": f"{model.times_[0]:g} to {model.times_[-1]:g} s",
        "length of a stretch": f"{block_length:g} s (random and temporal masks)",
        "seed": seed,
    }
    return ReconstructionScores(pd.DataFrame(rows), protocol)


def _check_masks(kinds, ratios) -> None:
    """Refuse masks that there are not, and shares that leave nothing or all."""
    if not len(kinds):
        raise ValueError(f"kinds are empty, expected one or more of {five(MASKS)}.")
    for kind in kinds:
        _check_option("kinds", kind, MASKS)
    shares = np.asarray(ratios)
    are_shares = shares.ndim == 1 and shares.size and shares.dtype.kind in "iuf"
    if not are_shares or not np.all((shares > 0) & (shares < 1)):
        raise ValueError(
            f"ratios must be one or more shares between 0 and 1, got {ratios!r}."
        )


def _learn(
    epochs: mne.BaseEpochs, model, n_components: int | None
) -> tuple[Scaler, Imputer]:
    """Learn probabilistic PCA from whole training responses."""
    picks = check_same_space(epochs, model.info_["ch_names"], model.times_)
    some = np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_EPOCHS))
    data = read_array(epochs[np.unique(some.astype(int))], picks)
    check_finite(data, "epochs_train")
    scaler = Scaler.for_brain(data, "evoked")
    rows = scaler.transform(data).reshape(len(data), -1)
    return scaler, Imputer.fit_pca(rows, n_components)


def _impute(given: np.ndarray, scaler: Scaler, imputer: Imputer) -> np.ndarray:
    return scaler.inverse_transform(imputer.fill(scaler.transform(given)))


def _compare(whole, guess, missing: np.ndarray, scaler: Scaler, types) -> dict:
    """Return the scores of one system under one mask.

    ``types`` is the spread of every channel's type, which makes them comparable.
    """
    deviation = scaler.transform(whole)[missing]
    error = deviation - scaler.transform(guess)[missing]
    whole, guess = whole / types, guess / types
    return {
        "r_all": _correlate_where(whole, guess, np.ones_like(missing)),
        "r_missing": _correlate_where(whole, guess, missing),
        "r_visible": _correlate_where(whole, guess, ~missing),
        "skill": 1
        - np.square(error, dtype=np.float64).mean()
        / np.square(deviation, dtype=np.float64).mean(),
    }


def _correlate_where(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Correlate some entries of every epoch, and return the mean over epochs."""
    n = where.sum(axis=(1, 2), keepdims=True)

    def unit(values):
        centered = values - np.where(where, values, 0).sum((1, 2), keepdims=True) / n
        centered = np.where(where, centered, 0)
        length = np.sqrt(np.square(centered).sum(axis=(1, 2), keepdims=True))
        return centered / np.maximum(length, np.finfo(np.float64).tiny)

    a, b = (unit(np.asarray(values, np.float64)) for values in (a, b))
    return float((a * b).sum(axis=(1, 2)).mean())


def _decode(identify, guess, masked: mne.BaseEpochs, system: str) -> dict:
    if system == MEAN:  # the same response to everything
        return {"top_1": np.nan, "chance": np.nan}
    rebuilt = make_epochs(guess, masked.info, masked.times, masked.metadata)
    found = identify_by(identify, rebuilt)
    return {"top_1": found.top_k(1), "chance": found.chance(1)}
