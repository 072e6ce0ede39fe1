"""Scores of what was held out, fold by fold, by fresh copies of one model."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd
from sklearn.base import clone

from ..images.pairing import image_paths, rows_by_name
from ..preprocessing.averaging import average_repetitions
from ..preprocessing.epochs import make_epochs
from ..preprocessing.splits import split_epochs
from ..scoring.encoding import CEILING, MEAN, PREDICTION, score_encoding
from ..scoring.identification import Identification
from ..scoring.result import Result, common_protocol
from ..utils.checks import (
    check_epochs,
    check_image_names,
    counted,
    logger,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, options
from ..utils.docs import fill_doc
from ..viz.decoding import plot_folds
from .decoding import IdentifiesImages
from .encoding import PredictsResponses
from .model import Model

#: The scores of encoding that are taken of every fold.
ENCODING = ("r_images", "r_pattern", "mse")
#: The numbers of guesses.
GUESSES = (1, 5)


@dataclass(repr=False, eq=False)
class CrossValidation(Result):
    """Scores of images that were held out fold by fold, beside chance and baseline.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, 4)
        One row per score that the model has: ``r_images``, ``r_pattern`` and ``mse`` as
        in :func:`mne_brainae.score_encoding`, and ``top-1`` and ``top-5`` of retrieval.
        The columns are ``value``, the mean over folds, in which every held-out image
        counts alike; ``baseline``, which is that of the mean training response for
        encoding and chance for retrieval; ``noise ceiling``, NaN where images were not
        repeated; and ``sd``, the standard deviation of ``value`` over folds.
    folds : DataFrame, shape (n_scores * n_folds, 6)
        The same for every fold, with columns ``score`` and ``fold`` and the number of
        images that were held out, ``n_images``.
    predicted : instance of EpochsArray | None
        The predicted response to every held-out image, by the model that did not see
        it, with a metadata column ``fold``. None for a model that predicts none.
    identifications : list of Identification
        The retrieval of every fold among its own images. Where all folds have the same
        images, as with ``by="session"``, :func:`mne_brainae.pool_identifications` joins
        them.
    protocol : dict
        What the protocols of all folds have in common, what was held out, and the seed.

    See Also
    --------
    mne_brainae.cross_validate
    mne_brainae.viz.plot_folds

    Examples
    --------
    >>> scores = mne_brainae.cross_validate(
    ...     model, train, features, by="concept", n_splits=2, random_state=0
    ... )
    >>> len(scores.identifications)
    2
    """

    table: pd.DataFrame
    folds: pd.DataFrame
    predicted: mne.EpochsArray | None
    identifications: list[Identification]
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the scores of every fold and their mean, beside chance and baseline.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure: one row of dots for every score. The squared error, which has
            another scale, is left out.

        See Also
        --------
        mne_brainae.viz.plot_folds

        Examples
        --------
        >>> folds = mne_brainae.cross_validate(
        ...     model, train, features, by="concept", n_splits=2, random_state=0
        ... )
        >>> fig = folds.plot(show=False)
        """
        return plot_folds(self.folds, self.table, axes=axes, show=show)

    def _summary(self) -> pd.DataFrame:
        return self.table

    @property
    def _title(self) -> str:
        sizes = self.folds.drop_duplicates("fold")["n_images"]
        return f"{counted(len(sizes), 'fold')}, {sizes.sum()} held-out images"


@checked(
    model=[Model],
    epochs=check_epochs,
    by=[str],
    n_splits=[integer(2), None],
    disjoint=[str, list, tuple],
    similarity=[options("cosine", "encoding", "likelihood"), None],
    random_state=["random_state"],
)
@verbose
@fill_doc
def cross_validate(
    model: Model,
    epochs: mne.BaseEpochs,
    images=None,
    *,
    by: str = "image",
    n_splits: int | None = 5,
    disjoint: str | Sequence[str] = (),
    similarity: str | None = None,
    random_state=None,
    verbose=None,
) -> CrossValidation:
    """Fit a model to parts of a recording, and score it on what was held out.

    In every fold a fresh copy of the model is fitted to the training part alone. It
    then predicts the responses to the images of the test part and retrieves these
    images among one another from their averaged responses.

    Parameters
    ----------
    model : instance of BrainAE | LinearBrainAE | RidgeModel
        The model, of any class of this package and fitted or not; it is not changed.
    %(epochs_images)s
    %(images)s
    by : str
        What is held out as a whole: ``"image"``, or a metadata column such as
        ``"concept"``, ``"session"`` or ``"subject"``.
    n_splits : int | None
        Into how many folds images, concepts or sessions are divided at random. None
        leaves out one of them at a time.
    disjoint : str | sequence of str
        Further metadata columns that training and test must not share, as in
        :func:`mne_brainae.split_epochs`. Another session shows the same images; with
        ``disjoint="image"`` those of the test part are left out of training.
    similarity : ``"cosine"`` | ``"encoding"`` | ``"likelihood"`` | None
        What responses and images are compared by; None takes the first that the model
        has.
    %(random_state)s
        It decides over the folds; the fits have that of the model.
    %(verbose)s

    Returns
    -------
    scores : instance of CrossValidation
        The scores over all folds, beside chance and the mean training response.

    Raises
    ------
    ValueError
        If there are fewer groups than folds, or a fold has one image only, among which
        nothing can be retrieved.

    See Also
    --------
    mne_brainae.split_epochs : The parts alone, for scores of your own.

    Notes
    -----
    ``cross_val_score`` of scikit-learn divides rows of arrays. It does not know which
    epochs show the same image, and passes lists instead of Epochs.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.LinearBrainAE()
    >>> scores = mne_brainae.cross_validate(
    ...     model, data.train, data.images, by="concept"
    ... )  # doctest: +SKIP
    >>> scores.table  # doctest: +SKIP
    """
    model.check()
    names = check_image_names(epochs)
    if isinstance(images, np.ndarray):
        images = rows_by_name(images, names)
    seed = seed_from(random_state)
    parts = split_epochs(
        epochs, by, n_splits=n_splits, disjoint=disjoint, random_state=seed
    )
    found = [
        _Fold(number, clone(model), *part, images, similarity, seed)
        for number, part in enumerate(parts)
    ]
    folds = pd.concat([fold.scores for fold in found], ignore_index=True)
    return CrossValidation(
        _pool(folds),
        folds,
        _predictions(found),
        [fold.identification for fold in found if fold.identification is not None],
        {
            "held out": f"{by} by {by}, in {counted(len(found), 'fold')}",
            "fits": f"a fresh {type(model).__name__} to every training part",
            "gallery": "the images of the fold",
            **common_protocol(fold.protocol for fold in found),
            "seed of the folds": seed,
        },
    )


class _Fold:
    """One fold: the fit, the scores of the test part, and the predictions."""

    def __init__(self, number, model, train, test, images, similarity, seed):
        shown = list(dict.fromkeys(check_image_names(test)))
        if len(shown) < 2:
            raise ValueError(
                f"Fold {number} holds out only one image, {shown[0]!r}, so there is "
                "nothing to choose among. Take fewer folds by n_splits, or another by."
            )
        self.number, self.n_images = number, len(shown)
        model.fit(train, images)
        images = (
            image_paths(test, check_image_names(test)) if images is None else images
        )
        features = model.compute_features(images, names=shown)
        self.predicted, self.identification = None, None
        self.protocol, rows = {}, {}
        if isinstance(model, PredictsResponses):
            rows |= self._predict(model, test, features, seed)
        if isinstance(model, IdentifiesImages):
            rows |= self._retrieve(model, test, features, similarity)
        about = {"fold": number, "n_images": len(shown)}
        self.scores = pd.DataFrame(
            [{"score": score} | about | row for score, row in rows.items()]
        )
        logger.info(f"Fold {number}: {self._said(rows)}.")

    def _predict(self, model, test, features, seed: int) -> dict:
        """Predict the held-out images, and score as :func:`score_encoding` does."""
        self.predicted = model.predict_epochs(features, like=test)
        scores = score_encoding(
            test,
            self.predicted,
            model.evoked_,
            n_bootstraps=0,
            random_state=seed,
            verbose="ERROR",
        )
        self.protocol |= {"window": scores.protocol["window"]}
        table = scores.table[list(ENCODING)]
        return {
            score: {
                "value": table.loc[PREDICTION, score],
                "baseline": table.loc[MEAN, score],
                "noise ceiling": table.loc[CEILING, score],
            }
            for score in ENCODING
        }

    def _retrieve(self, model, test, features, similarity) -> dict:
        """Retrieve the held-out images among one another."""
        averaged = average_repetitions(test, picks=model.info_["ch_names"])
        found = model.retrieve(averaged, features, similarity=similarity)
        self.identification = found
        self.protocol |= found.protocol
        for per_fold in ("gallery", "model selection", "held-out slope", "task"):
            self.protocol.pop(per_fold, None)
        return {
            f"top-{k}": {
                "value": found.top_k(k),
                "baseline": found.chance(k),
                "noise ceiling": np.nan,
            }
            for k in GUESSES
            if k <= len(found.candidates)
        }

    def _said(self, rows: dict) -> str:
        return ", ".join(
            f"{score} {row['value']:.3g} ({row['baseline']:.3g})"
            for score, row in rows.items()
        )


def _pool(folds: pd.DataFrame) -> pd.DataFrame:
    """Average every score over folds, in which every image counts alike."""
    rows = {}
    for score, table in folds.groupby("score", sort=False):
        weights = table["n_images"] / table["n_images"].sum()
        numbers = table[["value", "baseline", "noise ceiling"]]
        rows[score] = numbers.mul(weights, axis=0).sum(skipna=False)
        rows[score]["sd"] = table["value"].std()
    return pd.DataFrame(rows).T.rename_axis("score")


def _predictions(found: list[_Fold]) -> mne.EpochsArray | None:
    """Join the predictions of all folds."""
    every = [fold.predicted for fold in found]
    if None in every:
        return None
    tables = [fold.predicted.metadata.assign(fold=fold.number) for fold in found]
    return make_epochs(
        np.concatenate([epochs.get_data(copy=False) for epochs in every]),
        every[0].info,
        every[0].times,
        pd.concat(tables, ignore_index=True, join="inner"),
        baseline=every[0].baseline,
    )
