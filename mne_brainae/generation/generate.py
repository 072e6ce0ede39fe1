"""New pictures from brain activity, in two steps: a prior, and a painter."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..images import ImageEncoder, compute_image_features
from ..images.files import locate_images
from ..images.pairing import flat_stem, has_files, image_paths
from ..images.thumbnails import IN_HTML, as_html, thumbnail, thumbnails
from ..models.decoding import EmbedsResponses
from ..preprocessing.averaging import average_repetitions
from ..scoring.result import Result
from ..utils.checks import (
    check_epochs,
    counted,
    five,
    logger,
    names_in,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, options, part, real
from ..utils.docs import fill_doc
from ..utils.files import replacing
from ..viz.generation import plot_sheet
from .low_level import PictureDecoder
from .metrics import PictureScores, other_places, score_pictures
from .pipeline import (
    PIPELINES,
    Painter,
    check_pipeline,
    load_pipeline,
    n_adapter_features,
)
from .pixels import about, as_pictures
from .prior import DiffusionPrior, Prior
from .sheet import contact_sheet

#: Epochs whose pictures the HTML of a result shows.
IN_ROW = 10
#: The image embedding that the published IP-Adapter takes.
TARGET = "clip-vit-h-14"


@checked(
    model=[EmbedsResponses],
    epochs=check_epochs,
    image_encoder=[str, ImageEncoder, callable],
    prior=[Prior, None],
)
@verbose
@fill_doc
def fit_prior(
    model, epochs, images=None, *, image_encoder=TARGET, prior=None, verbose=None
) -> Prior:
    """Learn what pictures look like, given what a fitted model reads from a brain.

    Parameters
    ----------
    model : instance of BrainAE
        A fitted model, whose shared space is the condition.
    %(epochs_images)s
        Those that the model was fitted on; repetitions are averaged. Where
        ``epochs.metadata`` have a column ``"concept"``, whole concepts are held out.
    images : path-like | list | dict | DataFrame | None
        The pictures, as at the fit of the model, or their image embeddings.
    image_encoder : str | ImageEncoder | callable
        The image embedding that the painter takes; ``"clip-vit-h-14"`` is that of the
        published IP-Adapter.
    prior : instance of DiffusionPrior | RidgePrior | None
        What is fitted, left as it is; None is a :class:`DiffusionPrior`. One without a
        seed takes that of the model.
    %(verbose)s

    Returns
    -------
    prior : instance of DiffusionPrior | RidgePrior
        The fitted prior.

    See Also
    --------
    mne_brainae.generation.DiffusionPrior
    mne_brainae.generation.RidgePrior
    mne_brainae.generation.generate_pictures

    Examples
    --------
    >>> prior = generation.fit_prior(model, train, "images/")  # doctest: +SKIP
    """
    averaged = average_repetitions(epochs, picks=model.info_["ch_names"])
    names = averaged.metadata["image"]
    images = image_paths(averaged, names) if images is None else images
    features = compute_image_features(images, image_encoder, names=list(names))
    prior = DiffusionPrior() if prior is None else clone(prior)
    if isinstance(prior, DiffusionPrior) and prior.random_state is None:
        prior.set_params(random_state=model.seed_)  # so that a killed fit can go on
    return prior.fit(
        model.embed_epochs(averaged), features, averaged.metadata.get("concept")
    )


@dataclass(repr=False, eq=False)
class GeneratedPictures(Result):
    """Pictures that were generated from brain activity, and how.

    Parameters
    ----------
    pictures : list of list of PIL.Image.Image
        The pictures of every epoch.
    names : list of str
        The names of the stimuli where the epochs say them, else the numbers of the
        epochs.
    embeddings : array, shape (n_epochs, n_images, n_features)
        The image embeddings that the prior drew.
    starts : list of PIL.Image.Image | None
        The blurry pictures that painting started from.
    protocol : dict
        Prior, pipeline, steps, control and seed.
    stimuli : dict | None
        The files of the pictures that were seen, by name, where the epochs say them in
        ``metadata["image_path"]``.

    See Also
    --------
    mne_brainae.generation.generate_pictures
    mne_brainae.generation.score_pictures
    mne_brainae.generation.contact_sheet

    Examples
    --------
    >>> pictures = generation.generate_pictures(model, test, prior)  # doctest: +SKIP
    >>> pictures.contact_sheet("images/").save("sheet.png")  # doctest: +SKIP
    """

    pictures: list[list[Image.Image]]
    names: list[str]
    embeddings: np.ndarray
    starts: list[Image.Image] | None = None
    protocol: dict = field(default_factory=dict)
    stimuli: dict | None = None

    @checked(size=[integer(1)], n_columns=[integer(1)])
    def contact_sheet(self, stimuli=None, *, size=96, n_columns=10) -> Image.Image:
        """Lay the pictures out, below the stimuli if these are given.

        Parameters
        ----------
        stimuli : path-like | list | dict | None
            Where the pictures that were seen are found by name; None takes the files
            that the epochs say, if they do.
        size : int
            Height and width in pixels of a picture on the sheet.
        n_columns : int
            Stimuli side by side.

        Returns
        -------
        sheet : PIL.Image.Image
            The sheet.

        See Also
        --------
        mne_brainae.generation.contact_sheet

        Examples
        --------
        >>> sheet = generated.contact_sheet(size=32)
        >>> sheet.mode
        'RGB'
        """
        stimuli = self.stimuli if stimuli is None else stimuli
        rows = {} if stimuli is None else {"seen": self._stimuli(stimuli)}
        if self.starts is not None:
            rows["start"] = self.starts
        for index, pictures in enumerate(zip(*self.pictures, strict=True)):
            rows[f"generated {index + 1}"] = pictures
        return contact_sheet(rows, size=size, n_columns=n_columns)

    def to_data_frame(self) -> pd.DataFrame:
        """Return the image embeddings that the prior drew.

        Returns
        -------
        table : DataFrame, shape (n_epochs * n_images, n_features)
            One row per picture, indexed by ``stimulus`` and number of the ``picture``.

        Examples
        --------
        >>> generated.to_data_frame().shape
        (2, 5)
        """
        n_epochs, n_images, n_features = self.embeddings.shape
        index = pd.MultiIndex.from_arrays(
            [
                np.repeat(self.names, n_images),
                np.tile(np.arange(1, n_images + 1), n_epochs),
            ],
            names=["stimulus", "picture"],
        )
        return pd.DataFrame(self.embeddings.reshape(-1, n_features), index, copy=True)

    @fill_doc
    def plot(self, stimuli=None, *, axes=None, show: bool = True):
        """Plot the pictures as a contact sheet, below those that were seen.

        Parameters
        ----------
        stimuli : path-like | list | dict | None
            Where the pictures that were seen are found by name; None takes the files
            that the epochs say, if they do.
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_sheet

        Examples
        --------
        >>> fig = generated.plot(show=False)
        """
        return plot_sheet(self.contact_sheet(stimuli), axes=axes, show=show)

    def score(self, stimuli, **options) -> PictureScores:
        """Score the pictures against the stimuli.

        Parameters
        ----------
        stimuli : path-like | list | dict
            Where the pictures that were seen are found by name.
        **options
            As in :func:`mne_brainae.generation.score_pictures`.

        Returns
        -------
        scores : instance of PictureScores
            As :func:`mne_brainae.generation.score_pictures` returns, with the protocol
            of generation as well.

        Raises
        ------
        ValueError
            If several epochs are of the same image.

        See Also
        --------
        mne_brainae.generation.score_pictures

        Examples
        --------
        >>> generated.score("images/", networks={})  # doctest: +SKIP
        """
        if len(set(self.names)) < len(self.names):
            raise ValueError(
                "Some epochs show the same picture, expected each once: average "
                "repetitions before pictures are generated."
            )
        scores = score_pictures(self.pictures, self._stimuli(stimuli), **options)
        return replace(scores, protocol=self.protocol | scores.protocol)

    def _stimuli(self, stimuli) -> list[Image.Image]:
        with about("stimuli"):
            found = locate_images(stimuli, list(dict.fromkeys(self.names)))
        seen = dict(zip(found, as_pictures(found), strict=True))
        return [seen[name] for name in self.names]

    @checked(folder=[str, os.PathLike])
    def save(self, folder) -> list[Path]:
        """Write every picture as a PNG file.

        Parameters
        ----------
        folder : path-like
            Where to write. Files of the same names are replaced.

        Returns
        -------
        paths : list of Path
            The files, named by stimulus and number; the number of the epoch comes first
            where stimuli would be named alike.

        Examples
        --------
        >>> [path.name for path in generated.save("pictures")]
        ['a_1.png', 'b_1.png']
        """
        paths = []
        for stem, pictures in zip(self._stems(), self.pictures, strict=True):
            for index, picture in enumerate(pictures):
                paths.append(Path(folder, f"{stem}_{index + 1}.png"))
                with replacing(paths[-1]) as temporary:
                    picture.save(temporary, "PNG")
        return paths

    def _stems(self) -> list[str]:
        """Return a file name for every epoch, each another."""
        stems = [flat_stem(name) for name in self.names]
        if len(set(stems)) == len(stems):
            return stems
        return [f"{index:05d}_{stem}" for index, stem in enumerate(stems)]

    def __len__(self) -> int:
        return len(self.pictures)

    def _pictures_html(self) -> str:
        """Write the first pictures of the first epochs below those that were seen."""
        names = self.names[:IN_ROW]
        seen = thumbnails(names, self.stimuli or {}, IN_HTML)
        drawn = [thumbnail(each[0], IN_HTML) for each in self.pictures[:IN_ROW]]
        rows = {"seen": map(seen.get, names)} if seen else {}
        rows["generated"] = drawn
        lines = [
            f"<tr><th>{row}</th>"
            + "".join(
                f"<td>{as_html(picture, name)}</td>"
                for picture, name in zip(pictures, names, strict=True)
            )
            + "</tr>"
            for row, pictures in rows.items()
        ]
        return f"<table>{''.join(lines)}</table>"

    @property
    def _title(self) -> str:
        n_pictures = counted(self.embeddings.shape[1], "picture")
        return f"{counted(len(self), 'epoch')} x {n_pictures}"

    def _summary(self) -> pd.DataFrame:
        return pd.DataFrame(
            {"stimulus": self.names, "pictures": list(map(len, self.pictures))}
        )


@checked(
    model=[EmbedsResponses],
    epochs=check_epochs,
    prior=[Prior],
    n_images=[integer(1)],
    low_level=[PictureDecoder, None],
    strength=[part()],
    n_steps=[integer(1), None],
    guidance=[real(0), None],
    prior_options=[dict, None],
    control=[options("shuffled", "prior only"), None],
    batch_size=[integer(1)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def generate_pictures(
    model,
    epochs,
    prior: Prior,
    *,
    pipeline="sdxl-turbo",
    n_images: int = 1,
    low_level: PictureDecoder | None = None,
    strength: float = 0.75,
    n_steps: int | None = None,
    guidance: float | None = None,
    prior_options: dict | None = None,
    control: str | None = None,
    batch_size: int = 4,
    random_state=None,
    verbose=None,
) -> GeneratedPictures:
    """Generate new pictures of what was seen (equation 6 of the paper).

    Parameters
    ----------
    model : instance of BrainAE
        The fitted model that the prior was fitted with.
    epochs : instance of Epochs
        Responses. Average repetitions first for the quality that papers report.
    prior : instance of DiffusionPrior | RidgePrior
        What draws image embeddings, see :func:`fit_prior`.
    pipeline : ``"sdxl-turbo"`` | ``"sdxl"`` | path-like | DiffusionPipeline
        What paints them: a name or folder as in :func:`load_pipeline`, or any pipeline
        of diffusers with an IP-Adapter for these embeddings.
    n_images : int
        Pictures per epoch, each of another draw.
    low_level : instance of PictureDecoder | None
        A fitted decoder whose blurry pictures painting starts from.
    strength : float
        How far painting goes from such a start; 1 forgets it.
    n_steps, guidance : int | float | None
        Steps and classifier-free guidance of the painter. None is 30 and 5 for
        ``"sdxl"``, and 4 and 0 otherwise, as SDXL-turbo needs.
    prior_options : dict | None
        What ``prior.sample`` is given, such as ``{"guidance": 5}``.
    control : None | ``"shuffled"`` | ``"prior only"``
        A control instead: the brain of another epoch throughout, or pictures drawn
        without any brain.
    batch_size : int
        Pictures that are painted together.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    generated : instance of GeneratedPictures
        The pictures, with contact sheet and scores.

    See Also
    --------
    mne_brainae.generation.fit_prior
    mne_brainae.generation.load_pipeline
    mne_brainae.generation.score_pictures

    Examples
    --------
    >>> pictures = generation.generate_pictures(model, test, prior)  # doctest: +SKIP
    """
    _check_prior(prior, control, prior_options)
    if low_level is not None:
        check_is_fitted(
            low_level, "info_", msg="low_level is not fitted; fit it first."
        )
    published = PIPELINES.get(pipeline) if isinstance(pipeline, str) else None
    published = published or PIPELINES["sdxl-turbo"]
    n_steps = published.n_steps if n_steps is None else n_steps
    seed = seed_from(random_state)
    brain = model.embed_epochs(epochs)
    _check_control(control, _names(epochs))
    order = other_places(len(epochs), seed) if control else np.arange(len(epochs))
    embeddings = _draw(prior, brain.iloc[order], n_images, control, seed, prior_options)
    if isinstance(pipeline, str | Path):
        pipeline = load_pipeline(pipeline)
    check_pipeline(pipeline)
    _check_embeddings(embeddings, pipeline)
    painter = Painter(
        pipeline,
        n_steps,
        published.guidance if guidance is None else guidance,
        None if low_level is None else strength,
        batch_size,
    )
    starts = _starts(low_level, epochs, order, control)
    repeated = starts and [start for start in starts for _ in range(n_images)]
    seeds = np.random.default_rng(seed).integers(2**31, size=len(epochs) * n_images)
    flat = embeddings.reshape(len(seeds), -1)
    pictures = iter(painter.paint(flat, seeds, repeated))
    logger.info(
        f"Painted {len(seeds)} pictures in {painter.n_steps} steps with guidance "
        f"{painter.guidance:g}."
    )
    return GeneratedPictures(
        [[next(pictures) for _ in range(n_images)] for _ in range(len(epochs))],
        _names(epochs),
        embeddings,
        starts,
        {
            "prior": type(prior).__name__,
            "pipeline": type(pipeline).__name__,
            "steps": painter.n_steps,
            "guidance": painter.guidance,
            "starts from": "noise" if low_level is None else f"blur, {strength:g}",
            "control": control or "none",
            "seed": seed,
        },
        _stimuli_of(epochs),
    )


def _stimuli_of(epochs) -> dict | None:
    """Return the files of the pictures that epochs show, where they are known."""
    names = names_in(epochs.metadata)
    if names is None or not has_files(epochs.metadata):
        return None
    return image_paths(epochs, names)


def _check_control(control: str | None, names: list[str]) -> None:
    """Refuse to shuffle where there is no other brain response to take."""
    if control == "shuffled" and len(set(names)) < 2:
        raise ValueError(
            "control='shuffled' takes the response to another image, but the epochs "
            f"show only {five(set(names))}. Give epochs of two images or more."
        )


def _check_prior(prior: Prior, control: str | None, prior_options) -> None:
    """Refuse a control that the prior cannot give, and options that it has not."""
    if control == "prior only" and not isinstance(prior, DiffusionPrior):
        raise ValueError(
            "control='prior only' needs a DiffusionPrior: ridge regression knows no "
            "pictures without a brain."
        )
    unknown = set(prior_options or {}) - set(signature(prior.sample).parameters)
    if unknown:
        raise ValueError(
            f"prior_options contain parameters that {type(prior).__name__}.sample does "
            f"not take: {five(sorted(unknown))}."
        )


def _draw(prior, brain, n_images: int, control, seed: int, options) -> np.ndarray:
    """Draw image embeddings, shape (n_epochs, n_images, n_features)."""
    options = {"random_state": seed} | (options or {})
    if control != "prior only":
        return prior.sample(brain, n_images, **options)
    alone = prior.sample(len(brain) * n_images, **options)
    return alone.reshape(len(brain), n_images, -1)


def _starts(low_level, epochs, order, control) -> list[Image.Image] | None:
    """Return the blurry picture of every epoch, or of what the control puts there."""
    if low_level is None:
        return None
    if control == "prior only":
        return [low_level.mean_picture_] * len(epochs)
    decoded = low_level.predict(epochs)
    return [decoded[place] for place in order]


def _check_embeddings(embeddings: np.ndarray, pipeline) -> None:
    expected = n_adapter_features(pipeline)
    if embeddings.shape[-1] != expected:
        raise ValueError(
            f"The prior draws embeddings of {embeddings.shape[-1]} features, but the "
            f"IP-Adapter of the pipeline takes {expected}. Fit the prior with the "
            f"image encoder of the adapter; that of the published one is {TARGET!r}."
        )


def _names(epochs) -> list[str]:
    names = names_in(epochs.metadata)
    return list(map(str, range(len(epochs)))) if names is None else list(names)
