"""What changes when the data, the images, the settings or the scorer of a fit do."""

# License: BSD-3-Clause

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..images.files import locate_images
from ..images.ready import is_array, to_array
from ..preprocessing.epochs import read_blocks
from ..utils.checks import check_epochs, check_old_file, names_in
from ..utils.fingerprint import file_state, fingerprint
from ..utils.names import texts

#: Parameters of estimators that change no result, or its rounding only, and that no
#: fingerprint of a fit holds.
WITHOUT_EFFECT = frozenset({"checkpoint", "device", "memory_map", "n_jobs", "verbose"})
#: Of a training that goes on from a checkpoint, more epochs may be asked.
EXTENDABLE = frozenset({"max_epochs"})
#: What the results of a fit depend on, of the description of a recording.
INFO = ("chs", "bads", "projs", "highpass", "lowpass", "custom_ref_applied")


def fingerprint_fit(
    estimator, *data, seed: int | None, without: Collection[str] = ()
) -> str:
    """Return what changes when the result of a fit does.

    Parameters
    ----------
    estimator : instance of BaseEstimator
        What is fitted.
    *data : object
        What it is fitted to, or fingerprints thereof.
    seed : int | None
        The seed that stands for ``random_state``.
    without : collection of str
        Names of parameters that do not count, beside :data:`WITHOUT_EFFECT`.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        If a parameter cannot be told from another one.
    """
    without = WITHOUT_EFFECT | set(without)
    left_out = without | {"random_state"}
    params = estimator.get_params(deep=False)
    params = {name: each for name, each in params.items() if name not in left_out}
    return fingerprint(type(estimator), params, seed, data, without=without)


def fingerprint_training(estimator, *pairs, seed: int) -> str:
    """Return what changes when a training could not go on from a checkpoint.

    Parameters
    ----------
    estimator : instance of BaseEstimator
        What is trained.
    *pairs : instance of Pairs
        The images to learn from, and those held out, which choose the epoch.
    seed : int
        The seed.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits, the same whether arrays are in memory or on disk.
    """
    data = [(each.brain, each.image, each.known) for each in pairs]
    return fingerprint_fit(estimator, *data, seed=seed, without=EXTENDABLE)


def fingerprint_epochs(epochs: mne.BaseEpochs | str | Path) -> str:
    """Return what changes when epochs do.

    Parameters
    ----------
    epochs : Epochs | path-like
        The epochs of a subject. Of epochs in memory the content counts: data as
        float32, times, conditions, metadata, channels, projectors and bad channels. Of
        a file, names, sizes and times of change of all its parts do.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits.
    """
    if isinstance(epochs, str | os.PathLike):
        path = check_old_file(epochs, "epochs that epochs.save wrote")
        return fingerprint(*map(file_state, _parts_of(path)))
    check_epochs(epochs)
    picks = np.arange(len(epochs.ch_names))
    about = {name: epochs.info[name] for name in INFO}
    blocks = [fingerprint(block) for _, block in read_blocks(epochs, picks)]
    conditions = epochs.events[:, 2], epochs.event_id
    return fingerprint(
        about, epochs.times, epochs.baseline, conditions, epochs.metadata, blocks
    )


def _parts_of(path: Path) -> list[Path]:
    """Return a file of epochs and those that MNE-Python has split it into."""
    part = re.compile(rf"{re.escape(path.stem)}-\d+{re.escape(path.suffix)}")
    others = (each for each in path.parent.iterdir() if part.fullmatch(each.name))
    return [path, *sorted(others)]


def fingerprint_images(epochs: mne.BaseEpochs | str | Path, images) -> str:
    """Return what changes when the images that epochs show do.

    Parameters
    ----------
    epochs : Epochs | path-like
        The epochs of a subject.
    images : path-like | list | dict | array-like | DataFrame | None
        Images or features. Of a DataFrame the rows of the images shown count, of
        images in files their names, sizes and times of change. None takes the files
        that ``epochs.metadata["image_path"]`` names.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits.
    """
    if is_array(images):
        return fingerprint(to_array(images))
    if not isinstance(epochs, mne.BaseEpochs):
        epochs = mne.read_epochs(epochs, preload=False, verbose="ERROR")
    check_epochs(epochs)
    table = pd.DataFrame() if epochs.metadata is None else epochs.metadata
    names = names_in(table)
    names = None if names is None else names.unique()
    if isinstance(images, pd.DataFrame):
        return fingerprint(_rows_shown(images, names))
    if images is None:
        paths = table["image_path"].unique() if "image_path" in table else []
        return fingerprint([_state(Path(path).expanduser()) for path in paths])
    return fingerprint(_images_shown(images, names))


def _rows_shown(features: pd.DataFrame, names) -> pd.DataFrame:
    """Return the rows of the images shown; all where a name is not in the index."""
    labels = pd.Index(texts(features.index))
    if names is None or not pd.Index(names).isin(labels).all():
        return features
    return features[labels.isin(names)]


def _images_shown(images, names) -> dict | list:
    """Return the states of the images shown, or of all where one is not found."""
    try:
        pictures = locate_images(images, names)
    except (ValueError, TypeError, OSError):  # the fit will say what is missing
        return [Path(images) if isinstance(images, str) else images]
    return {name: _state(picture) for name, picture in pictures.items()}


def _state(picture):
    is_file = isinstance(picture, Path) and picture.is_file()
    return file_state(picture) if is_file else picture


def fingerprint_score(score, subject: str) -> str:
    """Return what changes when a scorer does.

    Parameters
    ----------
    score : callable | None
        What :func:`mne_brainae.utils.fingerprint.fingerprint` can tell from others, or
        an object with a method ``fingerprint``, which takes the subject.
    subject : str
        Whose fit is scored.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        If the scorer cannot be told from another one.
    """
    try:
        return fingerprint(_score_for(score, subject))
    except ValueError as error:
        raise ValueError(
            f"score cannot be told from another one. {error} Or make score an object "
            "with a method fingerprint(subject)."
        ) from error


def _score_for(score, subject: str):
    """Ask a scorer, or the one in a partial, what it is for a subject."""
    if isinstance(score, partial):
        return partial, _score_for(score.func, subject), score.args, score.keywords
    if hasattr(score, "fingerprint"):
        return type(score), score.fingerprint(subject)
    return score
