"""Concepts and captions as vectors: the text tower of an open_clip network."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..utils.checks import logger, resolve_device, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from .built_in import BUILT_IN
from .encoders import ImageEncoder, resolve

#: What is said of a concept.
PROMPT = "a photo of a {}"


def check_text_encoder(encoder: str | ImageEncoder) -> None:
    """Refuse what is not a network of open_clip, which alone has text towers.

    Parameters
    ----------
    encoder : str | ImageEncoder
        The network.
    """
    try:
        source = _source(encoder)
    except ValueError as error:
        raise ValueError(f"text: {error}") from None
    if not hasattr(source, "encode_texts"):
        raise ValueError(
            "text must be a network of open_clip, such as 'clip-vit-h-14' or "
            "'open_clip:ViT-B-32/laion2b_s34b_b79k', which has a text tower, got "
            f"{str(encoder)!r}."
        )


def _source(encoder: str | ImageEncoder):
    encoder = ImageEncoder(encoder) if isinstance(encoder, str) else encoder
    return None if encoder.name in BUILT_IN else resolve(encoder)


def _check_texts(texts, name: str) -> None:
    is_many = isinstance(texts, Iterable) and not isinstance(texts, str)
    texts = list(texts) if is_many else [None]
    if not (texts and all(isinstance(text, str) and text.strip() for text in texts)):
        raise TypeError(
            f"{name} must be a sequence of texts, such as ['cat', 'sea lion'], none of "
            "them empty."
        )


def _check_encoder(encoder, name: str) -> None:
    if not isinstance(encoder, str | ImageEncoder):
        raise TypeError(
            f"{name} must be a name or an ImageEncoder, got {type(encoder).__name__}."
        )
    try:
        check_text_encoder(encoder)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_prompt(prompt, name: str) -> None:
    if prompt is not None and (not isinstance(prompt, str) or prompt.count("{}") != 1):
        raise ValueError(
            f"{name} must have one {{}} where the text goes, such as {PROMPT!r}, or be "
            f"None, got {prompt!r}."
        )


@checked(
    texts=_check_texts,
    encoder=_check_encoder,
    prompt=_check_prompt,
    like=[pd.DataFrame, None],
    device=[str],
)
@verbose
@fill_doc
def compute_text_features(
    texts: Iterable[str],
    encoder: str | ImageEncoder,
    *,
    prompt: str | None = PROMPT,
    like: pd.DataFrame | None = None,
    device: str = "auto",
    verbose=None,
) -> pd.DataFrame:
    """Compute one row of features per concept or caption, by a text tower.

    Networks such as CLIP map images and texts into one space. A model that was fitted
    on their image features (without ``layer``) can so predict the response to a text,
    or choose among texts.

    Parameters
    ----------
    texts : iterable of str
        Concepts or captions; repeated ones are taken once.
    encoder : str | ImageEncoder
        A network of open_clip, by name or with the weights to take.
    prompt : str | None
        The sentence around every text, whose underscores become spaces; None takes
        texts as they are.
    like : DataFrame, shape (n_images, n_features) | None
        Features of images by the same network. Every column of the texts then gets
        their mean and standard deviation, since texts and images lie in two places of
        the space. This takes many texts: give all concepts of the recording beside
        the new ones.
    device : str
        ``"auto"`` or a PyTorch device.
    %(verbose)s

    Returns
    -------
    features : DataFrame, shape (n_texts, n_features)
        One row per text, indexed by it.

    Raises
    ------
    ValueError
        If the network has no text tower, or ``like`` is of another width.
    RuntimeError
        If its weights are neither here nor to be had.

    See Also
    --------
    mne_brainae.compute_image_features : The same of images.

    Examples
    --------
    >>> import mne_brainae
    >>> texts = mne_brainae.compute_text_features(
    ...     ["cat", "sea lion"], "clip-vit-l-14", like=features
    ... )  # doctest: +SKIP
    >>> model.predict_evoked(texts.loc[["cat"]]).plot_topomap()  # doctest: +SKIP
    """
    texts = list(dict.fromkeys(texts))
    logger.info(f"Computing vectors of {len(texts)} texts by {encoder}.")
    said = texts
    if prompt is not None:
        said = [prompt.format(text.replace("_", " ")) for text in texts]
    from ..utils.torch_state import exact, own_state  # which imports PyTorch

    with own_state(), exact():
        rows = _source(encoder).encode_texts(said, resolve_device(device))
    features = pd.DataFrame(rows, index=pd.Index(texts, name="concept"))
    return features if like is None else _moved(features, like)


def _moved(features: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Give columns the mean and the standard deviation of others."""
    if features.shape[1] != like.shape[1] or len(features) < 2:
        raise ValueError(
            f"like has {like.shape[1]} features; {len(features)} texts have "
            f"{features.shape[1]}. Give features of the same network without layer, "
            "and two texts at least."
        )
    rows, wanted = features.to_numpy(), like.to_numpy()
    spread = rows.std(0)
    rows = (rows - rows.mean(0)) / np.where(spread > 0, spread, 1)
    rows = rows * wanted.std(0) + wanted.mean(0)
    return pd.DataFrame(rows.astype(np.float32), features.index, like.columns)
