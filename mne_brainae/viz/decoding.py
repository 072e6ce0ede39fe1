"""Plots of decoding: accuracies, confusions, occlusion and reconstruction.

Drawing takes tables of numbers, and needs neither models nor results.
"""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .fields import draw_field, has_field
from .figure import (
    MOST_NAMES,
    draw_level,
    finish,
    get_axes,
    legend_above,
    mark_onset,
    name_ticks,
)


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

    See Also
    --------
    mne_brainae.Identification.plot_confusion

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_confusion(found.confusion(), show=False)
    """
    axes = get_axes(axes)
    image = axes.imshow(table.to_numpy(), cmap="Reds", vmin=0, aspect="auto")
    name_ticks(axes, table)
    axes.set(xlabel="predicted", ylabel="shown")
    axes.figure.colorbar(image, ax=axes, label="share of the epochs shown")
    return finish(axes.figure, show)


#: What is drawn against the time of the window.
OCCLUDED = {
    "pointwise": "middle of the hidden window (s)",
    "sliding": "middle of the only visible window (s)",
    "increasing": "end of the visible part (s)",
    "decreasing": "beginning of the visible part (s)",
}


@fill_doc
def plot_occlusion(
    table, *, kind, whole, chance, change_map=None, axes=None, show: bool = True
):
    """Plot accuracy with parts of the response hidden.

    Parameters
    ----------
    table : DataFrame, shape (n_parts, n_columns)
        The table of an ``Occlusion``.
    kind : str
        Its kind.
    whole, chance : float
        Accuracy of whole responses and of guessing.
    change_map : instance of Evoked | None
        The change of accuracy at every channel, by which hidden channels of one type
        are drawn over the head; None draws them one after another.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure. Filled points, or larger ones over the head, differ from the whole
        response, p < 0.05.

    See Also
    --------
    mne_brainae.Occlusion.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_occlusion(
    ...     occlusion.table, kind="pointwise", whole=0.8, chance=0.01
    ... )  # doctest: +SKIP
    """
    axes = get_axes(axes)
    if kind == "channel" and _is_one_field(change_map):
        _draw_change(axes, table, change_map, whole, chance)
        return finish(axes.figure, show)
    x = _positions(table, kind, axes)
    accuracy = 100 * table["accuracy"]
    if kind in OCCLUDED:
        bounds = 100 * table["low"], 100 * table["high"]
        axes.fill_between(x, *bounds, alpha=0.2, linewidth=0, label="95 % interval")
        axes.plot(x, accuracy, label="part hidden")
        mark_onset(axes, x)
    else:
        ends = np.array([accuracy - 100 * table["low"], 100 * table["high"] - accuracy])
        axes.errorbar(
            x,
            accuracy,
            np.maximum(ends, 0),
            fmt="none",
            color="C0",
            label="95 % interval",
        )
    differs = (table["p_change"] < 0.05).to_numpy()
    for some, fill in ((differs, "C0"), (~differs, "white")):
        axes.plot(
            x[some],
            accuracy[some],
            "o",
            color=fill,
            markeredgecolor="C0",
            clip_on=False,
            zorder=3,
            label="differs, p < 0.05" if fill == "C0" and some.any() else None,
        )
    axes.axhline(100 * whole, color="C1", label="whole response")
    draw_level(axes, 100 * chance, "chance")
    axes.set(ylabel="accuracy (%)", ylim=(0, None))
    legend_above(axes)
    return finish(axes.figure, show)


def _is_one_field(change_map) -> bool:
    """Tell whether changes can be drawn over one head."""
    if change_map is None:
        return False
    kinds = change_map.get_channel_types(unique=True)
    return len(kinds) == 1 and has_field(change_map.info, kinds[0])


def _draw_change(axes, table, change_map, whole: float, chance: float) -> None:
    """Draw what hiding each channel changes, over the head, in percentage points."""
    change = 100 * change_map.data[:, 0]
    most = np.abs(change).max() or 1.0
    differs = table.set_index("part")["p_change"].reindex(change_map.ch_names) < 0.05
    image = draw_field(
        axes,
        change,
        change_map.info,
        vlim=(-most, most),
        cmap="RdBu_r",
        mask=differs.to_numpy(),
    )
    label = "change of accuracy (percentage points)"
    axes.figure.colorbar(image, ax=axes, shrink=0.7, label=label)
    axes.set_title(
        f"channel hidden; whole response {100 * whole:.3g} %, "
        f"chance {100 * chance:.3g} %",
        fontsize="medium",
    )


def _positions(table, kind: str, axes) -> np.ndarray:
    """Return where the parts stand, and label the axis."""
    if kind not in OCCLUDED:
        x = np.arange(len(table))
        axes.set(xlabel=f"hidden {kind}", xticks=[])
        if len(x) <= MOST_NAMES:
            axes.set_xticks(x, table["part"], rotation=45, ha="right", fontsize=8)
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

    See Also
    --------
    mne_brainae.Consistency.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_consistency(
    ...     consistency.table, consistency.r, consistency.p
    ... )  # doctest: +SKIP
    """
    axes = get_axes(axes)
    axes.plot(table["encoding"], 100 * table["decoding"], "o")
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(
        xlabel="encoding: r over images",
        ylabel="decoding: accuracy lost when hidden (%)",
        title=f"{len(table)} {table.index.name}s, r = {r:.2f}, p = {p:.2g}",
    )
    return finish(axes.figure, show)


#: What the scores of reconstruction say.
RECONSTRUCTED = {
    "r_all": "r over all entries",
    "r_missing": "r over missing entries",
    "r_visible": "r over visible entries",
    "skill": "skill: 1 - MSE / MSE of mean",
    "top_1": "top-1 accuracy",
}


@fill_doc
def plot_reconstruction(table, score: str, *, axes=None, show: bool = True):
    """Plot a score of reconstruction against the missing share.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, n_columns)
        The table of ``ReconstructionScores``.
    score : str
        The column to plot.
    axes : array of Axes | None
        Where to draw, one for every kind of mask; None makes a new figure.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: one panel per kind of mask.

    Raises
    ------
    ValueError
        If there are not as many axes as kinds of masks.

    See Also
    --------
    mne_brainae.ReconstructionScores.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_reconstruction(scores.table, "r")  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    kinds = table["kind"].unique()
    if axes is None:
        size = (2 + 2.5 * len(kinds), 3.2)
        _, axes = plt.subplots(
            1, len(kinds), figsize=size, sharey=True, layout="constrained"
        )
    panels = np.ravel(axes)
    if len(panels) < len(kinds):
        raise ValueError(
            f"{len(kinds)} kinds of masks need as many axes, got {len(panels)}."
        )
    for panel, kind in zip(panels, kinds, strict=False):
        for system, rows in table[table["kind"] == kind].groupby("system", sort=False):
            style = "--" if system == "mean response" else "-"
            color = "0.5" if system == "mean response" else None
            values = rows[score]
            panel.plot(
                100 * rows["ratio"], values, f"o{style}", color=color, label=system
            )
        panel.set(title=kind, xlabel="missing (%)")
        if score == "top_1":
            draw_level(panel, table["chance"].max(), "chance")
        panel.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    panels[0].set_ylabel(RECONSTRUCTED.get(score, score))
    panels[-1].legend(
        frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5)
    )
    return finish(panels[0].figure, show)


@fill_doc
def plot_identification(table, *, title: str = "", axes=None, show: bool = True):
    """Plot identification accuracy against the number of guesses, beside chance.

    Parameters
    ----------
    table : DataFrame, shape (n_candidates, 2)
        Columns ``accuracy`` and ``chance``, indexed by the number of guesses.
    title : str
        The title of the axes.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    See Also
    --------
    mne_brainae.Identification.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_identification(found.scores(), show=False)
    """
    axes = get_axes(axes)
    n_candidates = len(table)
    axes.plot(100 * table["accuracy"], drawstyle="steps-post", label="brain")
    axes.plot(100 * table["chance"], color="0.5", linestyle="--", label="chance")
    axes.set(
        xlabel=f"guesses among {n_candidates} candidates",
        ylabel="truth among the guesses (%)",
        title=title,
        xlim=(1, n_candidates),
        ylim=(0, 101),
    )
    if n_candidates >= 20:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_averages(table, *, axes=None, show: bool = True):
    """Plot accuracy against the number of repetitions averaged, beside chance.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, n_columns)
        The table of ``AverageScores``.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a point for every draw of repetitions, and lines through the means.

    See Also
    --------
    mne_brainae.AverageScores.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_averages(averages.table, show=False)
    """
    axes = get_axes(axes)
    numbers = table["n_averaged"].unique()
    for column, color in (("top_1", "C0"), ("top_5", "C1")):
        if table[column].isna().all():
            continue
        accuracy = 100 * table[column]
        axes.plot(table["n_averaged"], accuracy, ".", color=color, alpha=0.5)
        means = accuracy.groupby(table["n_averaged"]).mean()
        label = f"{column.replace('_', '-')}, mean of draws"
        axes.plot(means, color=color, label=label)
    draw_level(axes, 100 * table["chance"].mean(), "chance of top-1")
    axes.set_xscale("log")
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.set(xlabel="repetitions averaged", ylabel="accuracy (%)", ylim=(0, None))
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_calibration(table, *, axes=None, show: bool = True):
    """Plot the accuracy of the most probable candidate against its probability.

    Parameters
    ----------
    table : DataFrame, shape (n_bins, 4)
        Columns ``n``, ``confidence``, ``accuracy`` and ``error``.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure; error bars are one standard error of each bin's accuracy.

    See Also
    --------
    mne_brainae.Calibration.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_calibration(calibration.table, show=False)
    """
    axes = get_axes(axes)
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", label="probabilities hold")
    axes.errorbar(
        table["confidence"],
        table["accuracy"],
        yerr=table["error"],
        fmt="o-",
        label="bins of equal number, ± standard error",
    )
    axes.set(
        xlabel="probability of the most probable candidate",
        ylabel="how often it is the true one",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_plan(table, *, axes=None, show: bool = True):
    """Plot expected accuracy against repetitions, a line for every gallery.

    Parameters
    ----------
    table : DataFrame, shape (n_sizes, n_columns)
        The table of ``Plan``.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure; bands hold 95 % of experiments with as many test images as
        candidates.

    See Also
    --------
    mne_brainae.Plan.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_plan(plan.table)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    for number, (size, rows) in enumerate(table.groupby("n_candidates")):
        color = f"C{number}"
        axes.plot(
            rows["n_averaged"],
            100 * rows["top_1"],
            "o-",
            color=color,
            label=f"{size} candidates (chance {100 / size:.2g} %)",
        )
        bounds = 100 * rows["low"], 100 * rows["high"]
        band = {"color": color, "alpha": 0.15, "linewidth": 0}
        if number == 0:
            band["label"] = "95 % of experiments"
        axes.fill_between(rows["n_averaged"], *bounds, **band)
    numbers = table["n_averaged"].unique()
    axes.set_xscale("log")
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.set(
        xlabel="repetitions of a test image", ylabel="expected top-1 (%)", ylim=(0, 101)
    )
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_folds(folds, table, *, axes=None, show: bool = True):
    """Plot the scores of every fold and their mean, beside chance and baseline.

    Parameters
    ----------
    folds : DataFrame, shape (n_scores * n_folds, n_columns)
        The table ``folds`` of a ``CrossValidation``.
    table : DataFrame, shape (n_scores, 4)
        Its table.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: one row of dots for every score but the squared error.

    See Also
    --------
    mne_brainae.CrossValidation.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_folds(scores.folds, scores.table)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    table = table.drop(index="mse", errors="ignore")
    for place, score in enumerate(table.index):
        values = folds.loc[folds["score"] == score, "value"]
        name = None if place else "one fold"
        axes.plot(values, np.full(len(values), place), ".", color="0.6", label=name)
    places = np.arange(len(table))
    axes.plot(table["value"], places, "o", color="C0", label="mean over folds")
    axes.plot(
        table["baseline"], places, "|", color="k", ms=14, label="chance or baseline"
    )
    axes.set_yticks(places, table.index)
    axes.invert_yaxis()
    axes.set_xlabel("score")
    legend_above(axes)
    return finish(axes.figure, show)
