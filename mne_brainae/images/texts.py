"""Names of concepts as vectors, by the text tower of an open_clip network."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ..utils.checks import logger, resolve_device
from ..utils.torch_state import exact, own_state
from .encoders import GABOR, ImageEncoder, resolve

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
    return None if encoder.name == GABOR else resolve(encoder)


def compute_text_features(
    concepts: Iterable[str], encoder: str | ImageEncoder, *, device: str = "auto"
) -> pd.DataFrame:
    """Return what a network makes of "a photo of a CONCEPT".

    Parameters
    ----------
    concepts : iterable of str
        The names of concepts; an underscore is read as a space.
    encoder : str | ImageEncoder
        A network of open_clip, by name or with the weights to take.
    device : str
        ``"auto"`` or a PyTorch device.

    Returns
    -------
    features : DataFrame, shape (n_concepts, n_features)
        One row per concept, indexed by its name.
    """
    concepts = list(dict.fromkeys(concepts))
    logger.info(f"Computing text vectors of {len(concepts)} concepts by {encoder}.")
    texts = [PROMPT.format(name.replace("_", " ")) for name in concepts]
    with own_state(), exact():
        rows = _source(encoder).encode_texts(texts, resolve_device(device))
    return pd.DataFrame(rows, index=pd.Index(concepts, name="concept"))
