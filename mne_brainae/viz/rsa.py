"""Plots of representations: dissimilarities, and how alike two of them are."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .figure import draw_level, finish, get_axes, legend_above, mark_onset, name_ticks


@fill_doc
def plot_rdm(rdm, categories=None, *, axes=None, show: bool = True):
    """Draw a representational dissimilarity matrix.

    Parameters
    ----------
    rdm : DataFrame, shape (n_images, n_images)
        The dissimilarities.
    categories : dict | Series | None
        The category of every image by its name, to sort by.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    See Also
    --------
    mne_brainae.compute_rdm
    mne_brainae.CategoryContrast.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_rdm(rdm, show=False)
    """
    axes = get_axes(axes)
    if categories is not None:
        categories = dict(categories)
        names = sorted(
            (name for name in rdm.index if name in categories), key=categories.get
        )
        rdm = rdm.loc[names, names]
    pairs = rdm.to_numpy()[np.triu_indices(len(rdm), 1)]
    low, high = np.percentile(pairs, [2, 98])
    image = axes.imshow(rdm.to_numpy(), cmap="viridis", vmin=low, vmax=high)
    if categories is None:
        name_ticks(axes, rdm)
    else:
        _mark_categories(axes, [categories[name] for name in rdm.index])
    axes.figure.colorbar(image, ax=axes, label="dissimilarity", extend="both")
    return finish(axes.figure, show)


def _mark_categories(axes, labels: list) -> None:
    """Write the names of runs of equal labels, and draw a line after each."""
    starts = [i for i, label in enumerate(labels) if i == 0 or labels[i - 1] != label]
    ends = [*starts[1:], len(labels)]
    middles = [(a + b - 1) / 2 for a, b in zip(starts, ends, strict=True)]
    names = [labels[start] for start in starts]
    axes.set_xticks(middles, names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(middles, names, fontsize=8)
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color="white", linewidth=1)
        axes.axvline(end - 0.5, color="white", linewidth=1)


@fill_doc
def plot_rsa(table, *, axes=None, show: bool = True):
    """Plot the correlation of two representations against time.

    Parameters
    ----------
    table : DataFrame, shape (n_times, 2)
        Columns ``r`` and ``p``, indexed by time in seconds.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure. Thick where p < 0.05.

    See Also
    --------
    mne_brainae.RSACourse.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_rsa(course.table, show=False)
    """
    axes = get_axes(axes)
    axes.plot(table.index, table["r"], color="C0")
    significant = table["r"].where(table["p"] < 0.05)
    axes.plot(
        table.index, significant, color="C0", linewidth=4, label="p < 0.05, corrected"
    )
    draw_level(axes, 0, "chance")
    mark_onset(axes, table.index)
    axes.set(xlabel="time (s)", ylabel="correlation of RDMs")
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_rdm_comparison(r: float, null, *, axes=None, show: bool = True):
    """Plot the correlation of two RDMs, beside those of permuted images.

    Parameters
    ----------
    r : float
        The correlation.
    null : array, shape (n_permutations,)
        The correlations of permuted images.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a histogram, and a line at the correlation.

    See Also
    --------
    mne_brainae.RDMComparison.plot

    Examples
    --------
    >>> import numpy as np
    >>> fig = mne_brainae.viz.plot_rdm_comparison(
    ...     0.4, np.linspace(-0.5, 0.5, 50), show=False
    ... )
    """
    axes = get_axes(axes)
    axes.hist(null, bins="auto", color="0.7", label="chance: permuted images")
    axes.axvline(r, color="C0", linewidth=2, label=f"r = {r:.2f}")
    axes.set(xlabel="correlation of RDMs", ylabel="permutations")
    legend_above(axes)
    return finish(axes.figure, show)
