"""Plots of generation: scores beside controls, and the pictures themselves."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .figure import finish, get_axes, legend_above


@fill_doc
def plot_picture_scores(table, *, axes=None, show: bool = True):
    """Plot scores of generated pictures, beside controls and the best possible.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, n_columns)
        The table of ``PictureScores``.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: one row of dots for every score.

    See Also
    --------
    mne_brainae.generation.PictureScores.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_picture_scores(scores.table)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    if axes is None:
        size = (6.4, 1.5 + 0.35 * len(table))
        _, axes = plt.subplots(figsize=size, layout="constrained")
    places = np.arange(len(table))
    colors = {"generated": "C0", "shuffled": "0.5", "stimuli": "k"}
    for column in table.columns.drop("better"):
        axes.plot(table[column], places, "o", color=colors.get(column), label=column)
    names = zip(table.index, table["better"], strict=True)
    axes.set_yticks(places, [f"{name} ({better} is better)" for name, better in names])
    axes.invert_yaxis()
    axes.set_xlabel("score")
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_sheet(sheet, *, axes=None, show: bool = True):
    """Draw a contact sheet.

    Parameters
    ----------
    sheet : PIL.Image.Image
        The sheet.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    See Also
    --------
    mne_brainae.generation.GeneratedPictures.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_sheet(sheet, show=False)
    """
    axes = get_axes(axes)
    axes.imshow(np.asarray(sheet))
    axes.set_axis_off()
    return finish(axes.figure, show)
