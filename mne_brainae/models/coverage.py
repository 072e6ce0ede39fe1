"""How many measured responses lie in the bands around their prediction."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real

import mne
import numpy as np
import pandas as pd

from ..images.pairing import image_paths
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import make_evoked
from ..preprocessing.recorded import locate_channels, warn_if_recorded_otherwise
from ..scoring.result import Result
from ..utils.checks import check_epochs, check_image_names, five
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..viz.encoding import plot_coverage
from .encoding import PredictsResponses


@dataclass(repr=False, eq=False)
class Coverage(Result):
    """The share of measured responses that lie in bands of a stated level.

    Parameters
    ----------
    table : DataFrame, shape (n_levels, 2)
        For every level its ``coverage``, over images, channels and times, and the
        ``width``, the mean width of the bands in units of the standard deviation of
        measured responses over images. Indexed by the level, which coverage should be.
    maps : dict of EvokedArray
        The coverage over images at every channel and time, by level.
    protocol : dict
        Images, repetitions, and how the bands came about.

    See Also
    --------
    mne_brainae.score_coverage
    mne_brainae.viz.plot_coverage

    Examples
    --------
    >>> coverage = mne_brainae.score_coverage(model, test, unseen)
    >>> fig = coverage.plot(show=False)
    """

    table: pd.DataFrame
    maps: dict[float, mne.EvokedArray]
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the coverage against time, beside the levels.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure: a line for every level, the mean over channels.

        See Also
        --------
        mne_brainae.viz.plot_coverage

        Examples
        --------
        >>> fig = mne_brainae.score_coverage(model, test, unseen).plot(show=False)
        """
        courses = {level: found.data.mean(axis=0) for level, found in self.maps.items()}
        times = next(iter(self.maps.values())).times
        return plot_coverage(pd.DataFrame(courses, index=times), axes=axes, show=show)

    @property
    def _title(self) -> str:
        n_channels, n_times = next(iter(self.maps.values())).data.shape
        return f"bands at {n_channels} channels x {n_times} times"


def _check_levels(levels, name: str) -> None:
    are_shares = (
        isinstance(levels, Sequence | np.ndarray)
        and not isinstance(levels, str)
        and len(levels)
        and all(isinstance(level, Real) and 0 < level < 1 for level in levels)
    )
    if not are_shares:
        raise ValueError(
            f"{name} must be numbers between 0 and 1, one of them or more, got "
            f"{levels!r}."
        )


@checked(model=[PredictsResponses], epochs=check_epochs, levels=_check_levels)
@fill_doc
def score_coverage(
    model,
    epochs: mne.BaseEpochs,
    images=None,
    levels: Sequence[float] = (0.5, 0.8, 0.9),
) -> Coverage:
    """Compare the bands of predicted responses with measured responses.

    Parameters
    ----------
    model : instance of LinearBrainAE | BrainAE
        A fitted model that did not see the images.
    %(epochs_images)s
        Repetitions are averaged, and the bands are those of such means. Channels that
        are absent or bad are left out.
    %(images)s
    levels : sequence of float
        The shares of responses that the bands should hold.

    Returns
    -------
    coverage : instance of Coverage
        The share of responses that they hold.

    Raises
    ------
    RuntimeError
        If the model has learned no bands.

    See Also
    --------
    mne_brainae.Coverage
    mne_brainae.Band

    Notes
    -----
    Bands hold at every channel and time by itself. A whole time course leaves its band
    somewhere more often.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> mne_brainae.score_coverage(model, data.test, data.images)  # doctest: +SKIP
    """
    names = check_image_names(epochs)
    latent = model._fitted()
    warn_if_recorded_otherwise(epochs, latent.info, latent.baseline)
    seen, picks = locate_channels(epochs, latent.info, latent.times)
    measured, table = average_by(epochs, "image", picks)
    images = image_paths(epochs, names) if images is None else images
    features = model.compute_features(images, names=list(table["image"]))
    predicted = model.predict_epochs(features, output="array")[:, seen]
    distance = np.abs(measured - predicted)
    spread = measured.std(axis=0)
    info = mne.pick_info(latent.info, seen)
    counts = table["n_averaged"].to_numpy()
    rows, maps = {}, {}
    for level in levels:
        inside, width = np.zeros(spread.shape), 0.0
        for m in np.unique(counts):
            half = latent.half_width(level, m)[seen]
            same = counts == m
            inside += (distance[same] <= half).sum(axis=0) / len(table)
            width += same.mean() * 2 * half.mean() / spread.mean()
        rows[level] = {"coverage": inside.mean(), "width": width}
        comment = f"coverage of bands of {level:g}"
        maps[level] = make_evoked(inside, info, latent.times, len(table), comment)
    return Coverage(
        pd.DataFrame(rows).T.rename_axis("level"),
        maps,
        {
            "images": f"{len(table)}, such as {five(table['image'][:1])}",
            "bands": "errors of training images that were held out, at every channel "
            "and time by itself",
            **model._protocol(epochs, list(table["image"]), features),
        },
    )
