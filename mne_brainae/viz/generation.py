"""Plots of generation: scores beside controls, and the pictures themselves."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .figure import finish, legend_above

#: Of a contact sheet, in inches; its height follows.
SHEET_WIDTH = 9.6


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
        size = (6.4, 1.5 + 0.45 * len(table))
        _, axes = plt.subplots(figsize=size, layout="constrained")
    places = np.arange(len(table))
    for column, style in _styles(table.columns.drop("better")).items():
        axes.plot(table[column], places, label=column, **style)
    names = zip(table.index, table["better"], strict=True)
    axes.set_yticks(places, [f"{name}\n({better} is better)" for name, better in names])
    axes.set(xlabel="score", ylim=(len(table) - 0.5, -0.5))
    axes.grid(axis="y", alpha=0.3)
    legend_above(axes)
    return finish(axes.figure, show)


def _styles(columns) -> dict:
    """Return a marker for every column; controls have one color each."""
    ours = {"generated": "C0", "shuffled": "0.5", "stimuli": "k"}
    controls = (column for column in columns if column not in ours)
    colors = ours | {name: f"C{n}" for n, name in enumerate(controls, 1)}
    markers = {"generated": "o", "stimuli": "s"}
    return {
        column: {
            "color": colors[column],
            "marker": markers.get(column, "D"),
            "linestyle": "none",
        }
        for column in columns
    }


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
    import matplotlib.pyplot as plt

    if axes is None:
        wide, high = sheet.size
        size = (SHEET_WIDTH, SHEET_WIDTH * high / wide)
        axes = plt.figure(figsize=size).add_axes((0, 0, 1, 1))
    axes.imshow(np.asarray(sheet))
    axes.set_axis_off()
    return finish(axes.figure, show)
