"""What changes when the data, the pictures or the scorer of a fit do."""

# License: BSD-3-Clause

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from pathlib import Path
from pickle import PicklingError
from types import CodeType

import joblib
import mne
import numpy as np
import pandas as pd

from ..preprocessing.epochs import read_blocks
from ..utils.checks import _validate_type


def fingerprint_epochs(epochs: mne.BaseEpochs | str | Path) -> str:
    """Return what changes when epochs do: their content, or the state of their file.

    Parameters
    ----------
    epochs : Epochs | path-like
        The epochs of a subject.

    Returns
    -------
    fingerprint : str
        A short text.
    """
    _validate_type(epochs, (mne.BaseEpochs, "path-like"), "epochs")
    if not isinstance(epochs, mne.BaseEpochs):
        status = Path(epochs).stat()
        return f"{Path(epochs).name} {status.st_size} {status.st_mtime_ns}"
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((epochs.ch_names, epochs.times.tolist())).encode())
    if epochs.metadata is not None:
        digest.update(epochs.metadata.to_csv().encode())
    for _, block in read_blocks(epochs, np.arange(len(epochs.ch_names))):
        digest.update(np.ascontiguousarray(block))
    return digest.hexdigest()


def fingerprint_images(epochs: mne.BaseEpochs | str | Path, images) -> str:
    """Return what changes when images do, of features those that epochs show.

    Parameters
    ----------
    epochs : Epochs | path-like
        The epochs of a subject.
    images : path-like | array-like | DataFrame | None
        Pictures or features.

    Returns
    -------
    fingerprint : str
        A short text.
    """
    return joblib.hash(_shown_to(epochs, images))


def _shown_to(epochs, images):
    if not isinstance(images, pd.DataFrame):
        return images
    if not isinstance(epochs, mne.BaseEpochs):
        epochs = mne.read_epochs(epochs, preload=False, verbose="ERROR")
    if epochs.metadata is None or "image" not in epochs.metadata:
        return images  # the fit will say what is missing
    return images[images.index.isin(epochs.metadata["image"].astype(str))]


def fingerprint_score(score, subject: str) -> str:
    """Return what changes when a scorer does.

    Parameters
    ----------
    score : callable | None
        A function, a ``functools.partial``, a method, an object with a method
        ``fingerprint``, which takes the subject, or one that can be pickled.
    subject : str
        Whose fit is scored.

    Returns
    -------
    fingerprint : str
        A short text. A scorer of none of these kinds is a ValueError.
    """
    if score is None:
        return "none"
    if hasattr(score, "fingerprint"):
        return score.fingerprint(subject)
    if isinstance(score, partial):
        parts = [score.args, sorted(score.keywords.items())]
        return joblib.hash([fingerprint_score(score.func, subject), *_told(parts)])
    if inspect.ismethod(score):
        return joblib.hash(_told([score.__func__, score.__self__]))
    if inspect.isfunction(score):
        return _fingerprint_function(score)
    call = type(score).__call__
    return joblib.hash(_told([score, call] if inspect.isfunction(call) else [score]))


def _fingerprint_function(function) -> str:
    """Tell a function by its name, source, defaults and what it closes over."""
    try:
        source = inspect.getsource(function)
    except OSError:  # such as one that was typed in
        source = ""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    held = [function.__defaults__, function.__kwdefaults__]
    held += [each for each in cells if each is not function]  # one that calls itself
    parts = [function.__module__, function.__qualname__, source, *_told(held)]
    if not source or function.__name__ == "<lambda>":  # lambdas may share a line
        parts.append(_compiled(function.__code__))
    return joblib.hash(parts)


def _compiled(code: CodeType) -> list:
    """Return what a function does, without the places of its parts in a file."""
    constants = [
        _compiled(part) if isinstance(part, CodeType) else joblib.hash(part)
        for part in code.co_consts
    ]
    return [code.co_code, code.co_names, constants]


def _told(values) -> list[str]:
    """Return what tells values from others."""
    told = []
    for value in values:
        try:
            is_function = inspect.isfunction(value)
            told.append(
                _fingerprint_function(value) if is_function else joblib.hash(value)
            )
        except (PicklingError, TypeError, AttributeError) as error:
            raise ValueError(
                f"score holds {value!r}, which cannot be told from another one: "
                f"{error}. Make score an object with a method fingerprint(subject), "
                "which returns a text that changes with what it computes."
            ) from error
    return told
