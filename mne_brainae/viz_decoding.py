"""Plots of decoding: confusions, occlusion, representations.

As in ``viz``, drawing knows nothing of models: it takes tables with their numbers.
"""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from .viz import _axes, _finish

#: More names than this cannot be read beside a matrix.
MOST_NAMES = 40


def plot_confusion(table, *, axes=None, show: bool = True):
    """Draw which group was taken for which.

    Parameters
    ----------
    table : DataFrame, shape (n_groups_shown, n_groups)
        What ``Identification.confusion`` returned.
    axes : instance of Axes | None
        Where to draw; None makes a new figure.
    show : bool
        Whether to show the figure.

    Returns
    -------
    fig : instance of Figure
        The figure.
    """
    axes = _axes(axes)
    image = axes.imshow(table.to_numpy(), cmap="Reds", vmin=0, aspect="auto")
    _name_ticks(axes, table)
    axes.set(xlabel="predicted", ylabel="shown")
    axes.figure.colorbar(image, ax=axes, label="share of the epochs shown")
    return _finish(axes.figure, show)


def _name_ticks(axes, table) -> None:
    """Write the names beside a matrix that is small enough."""
    if max(table.shape) > MOST_NAMES:
        axes.set(xticks=[], yticks=[])
        return
    axes.set_xticks(
        np.arange(table.shape[1]), table.columns, rotation=45, ha="right", fontsize=8
    )
    axes.set_yticks(np.arange(table.shape[0]), table.index, fontsize=8)
