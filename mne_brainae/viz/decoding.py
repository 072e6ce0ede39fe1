"""Plots of decoding: confusions, occlusion, representations.

As in ``viz``, drawing knows nothing of models: it takes tables with their numbers.
"""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .figure import finish, get_axes

#: More names than this cannot be read beside a matrix.
MOST_NAMES = 40


@fill_doc
def plot_confusion(table, *, axes=None, show: bool = True):
    """Draw which group was taken for which.

    Parameters
    ----------
    table : DataFrame, shape (n_groups_shown, n_groups)
        What ``Identification.confusion`` returned.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.
    """
    axes = get_axes(axes)
    image = axes.imshow(table.to_numpy(), cmap="Reds", vmin=0, aspect="auto")
    _name_ticks(axes, table)
    axes.set(xlabel="predicted", ylabel="shown")
    axes.figure.colorbar(image, ax=axes, label="share of the epochs shown")
    return finish(axes.figure, show)


def _name_ticks(axes, table) -> None:
    """Write the names beside a matrix that is small enough."""
    if max(table.shape) > MOST_NAMES:
        axes.set(xticks=[], yticks=[])
        return
    axes.set_xticks(
        np.arange(table.shape[1]), table.columns, rotation=45, ha="right", fontsize=8
    )
    axes.set_yticks(np.arange(table.shape[0]), table.index, fontsize=8)


#: What is drawn against the time of the window.
OCCLUDED = {
    "pointwise": "middle of the hidden window (s)",
    "sliding": "middle of the only visible window (s)",
    "increasing": "end of the visible part (s)",
    "decreasing": "beginning of the visible part (s)",
}


@fill_doc
def plot_occlusion(table, *, kind, whole, chance, axes=None, show: bool = True):
    """Plot accuracy with parts of the response hidden.

    Parameters
    ----------
    table : DataFrame, shape (n_parts, n_columns)
        The table of an ``Occlusion``.
    kind : str
        Its kind.
    whole, chance : float
        Accuracy of whole responses and of guessing.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure. Filled points differ from the whole response, p < 0.05.
    """
    axes = get_axes(axes)
    x = _positions(table, kind, axes)
    accuracy = 100 * table["accuracy"]
    if kind in OCCLUDED:
        axes.fill_between(x, 100 * table["low"], 100 * table["high"], alpha=0.2)
        axes.plot(x, accuracy)
        axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    else:
        ends = np.array([accuracy - 100 * table["low"], 100 * table["high"] - accuracy])
        axes.errorbar(x, accuracy, np.maximum(ends, 0), fmt="none", color="C0")
    differs = (table["p_change"] < 0.05).to_numpy()
    for some, fill in ((differs, "C0"), (~differs, "white")):
        axes.plot(x[some], accuracy[some], "o", color=fill, markeredgecolor="C0")
    axes.axhline(100 * whole, color="C1", label="whole response")
    axes.axhline(100 * chance, color="0.5", linestyle="--", label="chance")
    axes.set(ylabel="accuracy (%)", ylim=(0, None))
    axes.legend(frameon=False)
    return finish(axes.figure, show)


def _positions(table, kind: str, axes) -> np.ndarray:
    """Return where the parts stand, and label the axis."""
    if kind not in OCCLUDED:
        x = np.arange(len(table))
        if len(x) <= MOST_NAMES:
            axes.set_xticks(x, table["part"], rotation=45, ha="right", fontsize=8)
        axes.set_xlabel(f"hidden {kind}")
        return x
    axes.set_xlabel(OCCLUDED[kind])
    ends = table[["tmin", "tmax"]].to_numpy()
    weight = {"increasing": 1.0, "decreasing": 0.0}.get(kind, 0.5)
    return ends[:, 0] * (1 - weight) + ends[:, 1] * weight


@fill_doc
def plot_consistency(table, r: float, p: float, *, axes=None, show: bool = True):
    """Plot what decoding loses against what encoding predicts.

    Parameters
    ----------
    table : DataFrame, shape (n_parts, 2)
        Columns ``encoding`` and ``decoding``.
    r, p : float
        Their correlation and its p-value.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.
    """
    axes = get_axes(axes)
    axes.plot(table["encoding"], 100 * table["decoding"], "o")
    axes.set(
        xlabel="encoding: r over images",
        ylabel="decoding: accuracy lost when hidden (%)",
        title=f"{len(table)} {table.index.name}s, r = {r:.2f}, p = {p:.2g}",
    )
    return finish(axes.figure, show)


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
        _name_ticks(axes, rdm)
    else:
        _mark_categories(axes, [categories[name] for name in rdm.index])
    axes.figure.colorbar(image, ax=axes, label="dissimilarity")
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
    """
    axes = get_axes(axes)
    axes.plot(table.index, table["r"], color="C0")
    significant = table["r"].where(table["p"] < 0.05)
    axes.plot(
        table.index, significant, color="C0", linewidth=4, label="p < 0.05, corrected"
    )
    axes.axhline(0, color="0.5", linestyle="--")
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlabel="time (s)", ylabel="correlation of RDMs")
    axes.legend(frameon=False)
    return finish(axes.figure, show)


def plot_reconstruction(table, score: str, *, show: bool = True):
    """Plot a score of reconstruction against the missing share.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, n_columns)
        The table of ``ReconstructionScores``.
    score : str
        The column to plot.
    show : bool
        Whether to show the figure.

    Returns
    -------
    fig : instance of Figure
        The figure: one panel per kind of mask.
    """
    import matplotlib.pyplot as plt

    kinds = table["kind"].unique()
    figure, panels = plt.subplots(
        1,
        len(kinds),
        figsize=(2 + 2.5 * len(kinds), 3.2),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, kind in zip(panels[0], kinds, strict=True):
        for system, rows in table[table["kind"] == kind].groupby("system", sort=False):
            axes.plot(100 * rows["ratio"], rows[score], "o-", label=system)
        axes.set(title=kind, xlabel="missing (%)")
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    panels[0, 0].set_ylabel(score)
    panels[0, 0].legend(frameon=False, fontsize=8)
    return finish(figure, show)


@fill_doc
def plot_identification(identification, *, axes=None, show: bool = True):
    """Plot identification accuracy against the number of guesses, beside chance.

    Parameters
    ----------
    identification : instance of Identification
        What ``BrainAE.retrieve`` or ``BrainAE.classify`` returned.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure.
    """
    axes = get_axes(axes)
    n_candidates = len(identification.candidates)
    k = np.arange(1, n_candidates + 1)
    accuracy = np.array([identification.top_k(guesses) for guesses in k])
    axes.plot(k, 100 * accuracy, drawstyle="steps-post", label="brain")
    axes.plot(k, 100 * k / n_candidates, color="0.5", linestyle="--", label="chance")
    axes.set(
        xlabel=f"guesses among {n_candidates} candidates",
        ylabel="truth among the guesses (%)",
        title=identification.protocol.get("task", "identification"),
        xlim=(1, n_candidates),
        ylim=(0, 101),
    )
    if n_candidates >= 20:
        axes.set_xscale("log")
    axes.legend(frameon=False)
    return finish(axes.figure, show)
