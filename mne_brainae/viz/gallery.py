"""Images that were seen, beside the guesses that a model made of the response."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..utils.docs import fill_doc
from .figure import finish

#: The frame of a guess that is right, and the longest name below an image.
HIT, LONGEST = "#2ca02c", 18


class Tile(NamedTuple):
    """One image of a gallery.

    Parameters
    ----------
    name : str
        What is written where there is no picture.
    text : str
        What is written below, such as a probability.
    picture : PIL.Image.Image | None
        The image.
    is_hit : bool
        Whether it is framed.

    See Also
    --------
    mne_brainae.viz.plot_gallery

    Examples
    --------
    >>> tile = mne_brainae.viz.Tile("apple.png", "p = 0.9", is_hit=True)
    """

    name: str
    text: str
    picture: object = None
    is_hit: bool = False


@fill_doc
def plot_gallery(rows, *, titles=None, show: bool = True):
    """Draw rows of images: the one seen, and the guesses beside it.

    Parameters
    ----------
    rows : list of list of Tile
        The tiles, a row for every response: the image seen and its guesses, each with
        ``name``, ``text``, ``picture`` and ``is_hit``.
    titles : sequence of str | None
        What is written above the columns; None writes "seen" and numbers.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure, with a green frame around every guess that is right.

    See Also
    --------
    mne_brainae.Identification.plot_gallery

    Examples
    --------
    >>> seen = mne_brainae.viz.Tile("apple.png", "rank 1")
    >>> guess = mne_brainae.viz.Tile("apple.png", "p = 0.9", is_hit=True)
    >>> fig = mne_brainae.viz.plot_gallery([[seen, guess]], show=False)
    """
    import matplotlib.pyplot as plt

    n_columns = max(len(row) for row in rows)
    if titles is None:
        titles = ["seen", *(f"guess {number}" for number in range(1, n_columns))]
    size = (1.5 * n_columns, 0.3 + 1.75 * len(rows))
    figure, axes = plt.subplots(
        len(rows), n_columns, figsize=size, squeeze=False, layout="constrained"
    )
    for line, row in zip(axes, rows, strict=True):
        for ax, tile in zip(line, row, strict=False):
            _draw_tile(ax, tile)
        for ax in line[len(row) :]:
            ax.set_axis_off()
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(title, fontsize="medium")
    return finish(figure, show)


def _draw_tile(axes, tile: Tile) -> None:
    axes.set(xticks=[], yticks=[])
    name = shortened(tile.name)
    if tile.picture is None:
        axes.text(0.5, 0.5, name, ha="center", va="center", fontsize="x-small")
        axes.set_aspect("equal")
    else:
        axes.imshow(np.asarray(tile.picture))
    axes.set_xlabel(f"{name}\n{tile.text}", fontsize="x-small")
    for spine in axes.spines.values():
        spine.set(visible=tile.is_hit, color=HIT, linewidth=3)


def shortened(name: str) -> str:
    """Return the end of a name, without its folders, that fits below an image."""
    file = name.rsplit("/", 1)[-1]
    return file if len(file) <= LONGEST else f"…{file[1 - LONGEST :]}"
