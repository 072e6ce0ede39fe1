"""Images that suit an experiment best, as a fitted model expects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from .images.files import locate_images
from .images.ready import is_array
from .images.thumbnails import IN_HTML, as_html, thumbnails
from .models.encoding import PredictsResponses
from .models.linear_gaussian.remainder import principal_axes
from .nn.decoders import LinearBrainDecoder
from .scoring.result import Result
from .utils.checks import check_real, verbose
from .utils.constraints import checked, integer
from .utils.docs import fill_doc
from .viz.encoding import plot_found_images

#: Images that are embedded at a time, and at most from how many axes are found.
BLOCK, MOST_IMAGES = 8192, 1000
#: Axes of the predicted responses by which images are told from one another.
MOST_AXES = 64
#: Least share of the variance along an axis; less is rounding.
LEAST_SHARE = 1e-8
DIFFERENT = "different"
#: Images that the HTML of a result shows.
MOST_IN_HTML = 20


@dataclass(repr=False, eq=False)
class FoundImages(Result):
    """The images that suit a target best, in order.

    Parameters
    ----------
    table : DataFrame, shape (k, 2)
        The ``image`` and its ``score``, the best first; of ``"different"`` images in
        the order in which they were added.
    pictures : dict | None
        The images themselves, as files or PIL images, where they were given; None
        where features were.
    protocol : dict
        The target, the number of images, and the mean score that images drawn at
        random have.

    See Also
    --------
    mne_brainae.find_images
    mne_brainae.viz.plot_found_images

    Examples
    --------
    >>> found_images = mne_brainae.find_images(model, features, "different", 3)
    >>> len(found_images.table)
    3
    """

    table: pd.DataFrame
    pictures: dict | None = None
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Draw a contact sheet, or the scores where there are only features.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_found_images

        Examples
        --------
        >>> found_images = mne_brainae.find_images(model, features, "different", 3)
        >>> fig = found_images.plot(show=False)
        """
        pictures = self.pictures and thumbnails(self.table["image"], self.pictures)
        return plot_found_images(self.table, pictures, axes=axes, show=show)

    def _pictures_html(self) -> str:
        """Write the best images in a row."""
        if not self.pictures:
            return ""
        found = thumbnails(self.table["image"][:MOST_IN_HTML], self.pictures, IN_HTML)
        return "".join(as_html(picture, name) for name, picture in found.items())

    @property
    def _title(self) -> str:
        return f"{len(self.table)} images"


def _check_target(target, name: str) -> None:
    if isinstance(target, str) and target != DIFFERENT:
        raise ValueError(f"{name} must be {DIFFERENT!r} if it is text, got {target!r}.")
    allowed = (str, np.ndarray, mne.Evoked, PredictsResponses)
    if not isinstance(target, allowed):
        raise TypeError(
            f"{name} must be an Evoked or an array of channels x times, {DIFFERENT!r}, "
            f"or another fitted model, got {type(target).__name__}."
        )


@checked(model=[PredictsResponses], target=_check_target, k=[integer(1)])
@verbose
@fill_doc
def find_images(model, images, target, k: int = 20, *, verbose=None) -> FoundImages:
    """Find the images that are expected to suit an experiment best.

    Parameters
    ----------
    model : instance of LinearBrainAE | BrainAE | RidgeModel
        A fitted model.
    %(new_images)s
        A large table of features, such as a memory map, is read block by block.
    target : instance of Evoked | array | ``"different"`` | model
        What to look for. An Evoked or an array of shape (n_channels, n_times) is a
        contrast: the score is the sum of the predicted response times its weights; of
        a boolean array, the mean response there. ``"different"`` takes images whose
        predicted responses are far from one another. Another model, fitted to the
        same channels and times, takes those whose responses the two predict most
        differently.
    k : int
        The number of images.
    %(verbose)s

    Returns
    -------
    found : instance of FoundImages
        The images in order, with their scores. Those of a contrast are in SI units;
        distances are root mean squares over channels and times, in units of the
        standard deviation of every channel.

    Raises
    ------
    ValueError
        If ``k`` is larger than the number of images.

    See Also
    --------
    mne_brainae.FoundImages
    mne_brainae.plan_experiment

    Notes
    -----
    Distances are taken along the first 64 principal axes of the predicted responses to
    1,000 of the images. The first of ``"different"`` images is the farthest from the
    mean, and each of the others the farthest from its nearest predecessor.

    Predictions lack what the features do not say, and scores of the best among many
    images are too high by selection: the mean measured response will be nearer to that
    of all images.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> contrast = model.evoked_.copy()  # doctest: +SKIP
    >>> contrast.data[:] = (model.times_ > 0.08) & (model.times_ < 0.12)
    ... # doctest: +SKIP
    >>> mne_brainae.find_images(model, folder, contrast, 20).plot()  # doctest: +SKIP
    """
    table = _Table(model, images)
    if k > len(table):
        raise ValueError(f"k must be at most the {len(table)} images, got {k}.")
    if isinstance(target, str):
        order, scores, chance = _most_different(model, table, k)
        told = "predicted responses far from one another"
    elif isinstance(target, PredictsResponses):
        every = _separation(model, target, table)
        order, scores, chance = _best(every, k)
        told = "predictions of two models far from one another"
    else:
        every = _contrast(model, target, table)
        order, scores, chance = _best(every, k)
        told = "the largest predicted contrast"
    names = table.names(order)
    return FoundImages(
        pd.DataFrame({"image": names, "score": scores}),
        table.pictures(names),
        {
            "target": told,
            "images": len(table),
            "mean score of images at random": f"{chance:.3g}",
        },
    )


class _Table:
    """Features of many images, read block by block.

    Parameters
    ----------
    model : instance of Model
        Turns images into features and checks them.
    images : path-like | list | dict | DataFrame | array
        The images or their features.
    """

    def __init__(self, model, images):
        self.model, self.images = model, images
        self.is_array = is_array(images) and images.ndim == 2
        is_ready = self.is_array or isinstance(images, pd.DataFrame)
        self.rows = images if is_ready else model.compute_features(images)
        if not len(self.rows):
            model.compute_features(self.rows)  # which refuses an empty table

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows, model=None) -> np.ndarray:
        """Return embeddings of some images, shape (n_rows, n_embedding)."""
        model = self.model if model is None else model
        some = self.rows[rows] if self.is_array else self.rows.iloc[rows]
        features = model.compute_features(some)
        return model._fitted().embed_features(features.to_numpy(np.float32))

    def blocks(self) -> Iterator[slice]:
        """Yield slices of images."""
        for start in range(0, len(self), BLOCK):
            yield slice(start, min(start + BLOCK, len(self)))

    def some(self) -> np.ndarray:
        """Return images evenly spread over all, to find axes by."""
        n_images = len(self)
        return np.unique(
            np.linspace(0, n_images - 1, min(n_images, MOST_IMAGES), dtype=int)
        )

    def names(self, rows: np.ndarray) -> list[str]:
        """Return names of images; rows of an array have their number."""
        return [
            str(row) if self.is_array else str(self.rows.index[row]) for row in rows
        ]

    def pictures(self, names: list[str]) -> dict | None:
        """Return images by name; None where only features were given."""
        if self.rows is self.images:
            return None
        return locate_images(self.images, names)


def _projection(model, weights: np.ndarray) -> Callable:
    """Return what maps embeddings of images to weighted sums of predicted responses.

    Parameters
    ----------
    model : instance of Model
        The model.
    weights : array, shape (n_values, n_sums)
        Weights of channels x times in SI units.

    Returns
    -------
    project : callable
        Takes embeddings (n_images, n_embedding), returns (n_images, n_sums). Where the
        decoder is linear, no response is formed.
    """
    latent = model._fitted()

    def sums(z: np.ndarray) -> np.ndarray:
        predicted = latent.predict(z)
        return predicted.reshape(len(z), -1) @ weights

    if not isinstance(latent.network.brain_decoder, LinearBrainDecoder):
        return sums
    n_embedding = latent.n_embedding
    origin = sums(np.zeros((1, n_embedding), np.float32))
    slopes = sums(np.eye(n_embedding, dtype=np.float32)) - origin
    return lambda z: z @ slopes + origin


def _contrast(model, target, table: _Table) -> np.ndarray:
    """Return the weighted sum of the predicted response to every image."""
    weights = _weights(model, target)
    project = _projection(model, weights.reshape(-1, 1))
    found = np.empty(len(table))
    for rows in table.blocks():
        found[rows] = project(table.take(rows))[:, 0]
    return found


def _weights(model, target) -> np.ndarray:
    """Return the weights of a contrast, shape (n_channels, n_times)."""
    shape = len(model.info_["ch_names"]), len(model.times_)
    if isinstance(target, mne.Evoked):
        missing = set(model.info_["ch_names"]) - set(target.ch_names)
        if missing or len(target.times) != shape[1]:
            raise ValueError(
                f"target must have all channels of the model and its {shape[1]} times, "
                f"but lacks {len(missing)} channels and has {len(target.times)} times."
            )
        return target.get_data(picks=model.info_["ch_names"])
    check_real(target, "target")
    if target.shape != shape:
        raise ValueError(
            f"target must have shape (n_channels, n_times) = {shape}, got "
            f"{target.shape}."
        )
    if not np.isfinite(target).all() or not target.any():
        raise ValueError("target must be finite, and not 0 everywhere.")
    return target / target.sum() if target.dtype == bool else target.astype(float)


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    order = np.argpartition(-scores, k - 1)[:k]
    order = order[np.argsort(-scores[order], kind="stable")]
    return order, scores[order], float(scores.mean())


def _axes_of(values: np.ndarray) -> np.ndarray:
    """Return axes along which rows differ, scaled to root mean squares."""
    axes = principal_axes(values, min(MOST_AXES, *values.shape))
    energy = np.square(values @ axes).sum(axis=0)
    axes = axes[:, energy >= LEAST_SHARE * energy.max()]
    return axes / np.sqrt(values.shape[1])


def _in_units(model, predicted: np.ndarray) -> np.ndarray:
    """Divide responses by the standard deviations of channels, (n, n_values)."""
    scaled = predicted / model._fitted().brain_scaler.scale
    return scaled.reshape(len(scaled), -1).astype(np.float32)


def _unit_weights(model, axes: np.ndarray) -> np.ndarray:
    """Return weights of responses in SI units that give coordinates along axes."""
    scale = model._fitted().brain_scaler.scale
    grid = axes.reshape(len(scale), -1, axes.shape[1])
    return (grid / scale[:, :, None]).reshape(axes.shape)


def _most_different(model, table: _Table, k: int):
    """Add the image that is farthest from those that were chosen before."""
    latent = model._fitted()
    some = _in_units(model, latent.predict(table.take(table.some())))
    axes = _axes_of(some - some.mean(axis=0))
    project = _projection(model, _unit_weights(model, axes))
    points = np.empty((len(table), axes.shape[1]), np.float32)
    for rows in table.blocks():
        points[rows] = project(table.take(rows))
    points -= points.mean(axis=0)
    squares = np.einsum("nk,nk->n", points, points)
    nearest, order, scores = squares.copy(), [], []
    for number in range(k):
        best = int(nearest.argmax())
        order.append(best)
        scores.append(np.sqrt(max(nearest[best], 0)))
        distance = squares - 2 * points @ points[best] + squares[best]
        nearest = distance if number == 0 else np.minimum(nearest, distance)
        nearest[best] = -np.inf
    at_random = np.sqrt(2 * squares.mean())  # of two images
    return np.array(order), np.array(scores), float(at_random)


def _separation(model, other, table: _Table) -> np.ndarray:
    """Return how far apart two models predict the response to every image."""
    first, second = model._fitted(), other._fitted()
    same = first.info["ch_names"] == second.info["ch_names"]
    if not same or not np.allclose(first.times, second.times):
        raise ValueError(
            "target must be a model of the same channels and times as the first one."
        )
    some = table.some()
    predicted = [m._fitted().predict(table.take(some, m)) for m in (model, other)]
    axes = _axes_of(_in_units(model, predicted[0] - predicted[1]))
    weights = _unit_weights(model, axes)
    projects = [_projection(each, weights) for each in (model, other)]
    found = np.empty(len(table))
    for rows in table.blocks():
        points = [
            project(table.take(rows, each))
            for project, each in zip(projects, (model, other), strict=True)
        ]
        found[rows] = np.linalg.norm(points[0] - points[1], axis=1)
    return found
