"""Plots of encoding: scores, training, responses and maps."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from PIL import ImageOps

from ..utils.docs import fill_doc
from .figure import draw_level, finish, get_axes, legend_above, mark_onset
from .gallery import shortened

#: Columns of a contact sheet, and the size of a picture on it in pixels.
SHEET_COLUMNS, SHEET_SIZE = 5, (96, 96)


@fill_doc
def plot_encoding_scores(r_map, ceiling_map=None, *, axes=None, show: bool = True):
    """Plot the correlation over images against time, beside the noise ceiling.

    Parameters
    ----------
    r_map : instance of Evoked
        Pearson correlation over images for every channel and time.
    ceiling_map : instance of Evoked | None
        Its noise ceiling; None draws none.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The mean and the quartiles over channels, beside the mean response, which
        correlates with nothing over images. With one time only, every channel in the
        order of its score.

    See Also
    --------
    mne_brainae.EncodingScores.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_encoding_scores(scores.r_map, show=False)
    """
    axes = get_axes(axes)
    lines = {"prediction": r_map, "noise ceiling": ceiling_map}
    for (name, evoked), color in zip(lines.items(), ("C0", "0.4"), strict=True):
        if evoked is None:
            continue
        if len(evoked.times) == 1:
            order = np.argsort(r_map.data[:, 0])[::-1]
            places = np.arange(1, len(order) + 1)
            axes.plot(places, evoked.data[order, 0], ".", color=color, label=name)
            axes.set(xlabel="channels, the best first")
            axes.xaxis.get_major_locator().set_params(integer=True)
            continue
        low, high = np.percentile(evoked.data, (25, 75), axis=0)
        band = {"color": color, "alpha": 0.2, "linewidth": 0}
        band["label"] = f"{name}, quartiles of channels"
        axes.fill_between(evoked.times, low, high, **band)
        label = f"{name}, mean of channels"
        axes.plot(evoked.times, evoked.data.mean(axis=0), color=color, label=label)
        axes.set(xlabel="time (s)")
    if len(r_map.times) > 1:
        mark_onset(axes, r_map.times)
    draw_level(axes, 0, "mean response")
    axes.set(ylabel="r over images")
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_coverage(courses, *, axes=None, show: bool = True):
    """Plot how many responses lie in their bands, against time.

    Parameters
    ----------
    courses : DataFrame, shape (n_times, n_levels)
        The coverage by level, indexed by time in seconds.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a line for every level, beside the level itself.

    See Also
    --------
    mne_brainae.Coverage.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_coverage(courses)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    for number, (level, course) in enumerate(courses.items()):
        style = {"color": f"C{number}", "marker": "o" if len(course) == 1 else None}
        expected = "expected" if number == len(courses.columns) - 1 else None
        axes.axhline(level, ls="--", lw=1, color=style["color"], label=expected)
        axes.plot(course.index, course, label=f"{100 * level:g} % band", **style)
    if len(courses) > 1:
        mark_onset(axes, courses.index.to_numpy())
    axes.set(xlabel="time (s)", ylabel="share of responses in their band", ylim=(0, 1))
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_time_scores(table, chance, what, mask=None, *, axes=None, show: bool = True):
    """Plot scores against time, or from the time of learning to that of the test.

    Parameters
    ----------
    table : DataFrame, shape (n_times, 1) | (n_times, 2) | (n_times, n_times)
        The scores, indexed by time in seconds; a column ``"noise ceiling"`` is drawn as
        a line beside them.
    chance : float
        What guessing reaches.
    what : str
        The score, in words.
    mask : array of bool | None
        Where the scores are significant, of their shape; None marks nothing.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    See Also
    --------
    mne_brainae.TimeScores.plot
    mne_brainae.TimeClusters.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_time_scores(
    ...     scores.table, 0.5, "accuracy"
    ... )  # doctest: +SKIP
    """
    axes = get_axes(axes)
    ceiling = table.get("noise ceiling")
    scores = table.drop(columns="noise ceiling", errors="ignore").to_numpy()
    times = table.index.to_numpy()
    if scores.shape[1] == 1:
        marker = "o" if len(times) == 1 else None
        axes.plot(times, scores[:, 0], marker=marker, label="score")
        if ceiling is not None:
            axes.plot(times, ceiling, "k:", marker=marker, label="noise ceiling")
        draw_level(axes, chance, "chance")
        if mask is not None and mask.any():
            low = min(scores.min(), chance)
            axes.plot(times[mask], np.full(mask.sum(), low), "k.", label="significant")
        mark_onset(axes, times)
        axes.set(xlabel="time (s)", ylabel=what)
        legend_above(axes)
        return finish(axes.figure, show)
    most = np.abs(scores - chance).max()
    image = axes.pcolormesh(
        times, times, scores, cmap="RdBu_r", vmin=chance - most, vmax=chance + most
    )
    if mask is not None and mask.any() and not mask.all():
        axes.contour(times, times, mask, levels=[0.5], colors="k", linewidths=1)
    axes.plot(times[[0, -1]], times[[0, -1]], color="0.5", linestyle="--")
    axes.set(xlabel="time of the test (s)", ylabel="time of learning (s)")
    axes.figure.colorbar(image, ax=axes, label=f"{what} (chance {chance:g})")
    return finish(axes.figure, show)


@fill_doc
def plot_variance_course(courses, ceiling=None, *, axes=None, show: bool = True):
    """Plot the shares of variance that groups of features explain, against time.

    Parameters
    ----------
    courses : DataFrame, shape (n_times, n_groups + 1)
        The share of every group and of all together, indexed by time in seconds.
    ceiling : array, shape (n_times,) | None
        The share that a perfect model would explain; None draws none.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    See Also
    --------
    mne_brainae.VarianceShares.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_variance_course(courses)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    marker = "o" if len(courses) == 1 else None
    for name, course in courses.items():
        style = {"color": "k", "linewidth": 2} if name == courses.columns[-1] else {}
        axes.plot(course.index, course, marker=marker, label=str(name), **style)
    if ceiling is not None:
        axes.plot(courses.index, ceiling, "k:", marker=marker, label="noise ceiling")
    draw_level(axes, 0, "mean response")
    if len(courses) > 1:
        mark_onset(axes, courses.index.to_numpy())
    axes.set(xlabel="time (s)", ylabel="share of variance")
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_found_images(table, pictures=None, *, axes=None, show: bool = True):
    """Draw images with their scores, best first.

    Parameters
    ----------
    table : DataFrame, shape (n_images, 2)
        Columns ``image`` and ``score``.
    pictures : dict | None
        PIL images by name; None draws the scores by themselves.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a contact sheet, row by row, or a point for every image.

    See Also
    --------
    mne_brainae.FoundImages.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_found_images(found_images.table)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    if pictures is None:
        axes.plot(table["score"], range(len(table)), "o")
        axes.set_yticks(range(len(table)), table["image"], fontsize="small")
        axes.invert_yaxis()
        axes.set(xlabel="score")
        return finish(axes.figure, show)
    n_columns = min(len(table), SHEET_COLUMNS)
    for number, (image, score) in enumerate(zip(*table.T.to_numpy(), strict=True)):
        row, column = divmod(number, n_columns)
        picture = ImageOps.pad(pictures[image], SHEET_SIZE, color="white")
        axes.imshow(picture, extent=(column, column + 0.9, row + 0.8, row))
        text = f"{shortened(image)}\n{score:.3g}"
        axes.text(column + 0.45, row + 0.81, text, ha="center", va="top", size=6)
    n_rows = -(-len(table) // n_columns)
    axes.set(
        xlim=(0, n_columns),
        ylim=(n_rows, 0),
        title="score, the best first",
        aspect=1.25,
    )
    axes.set_axis_off()
    return finish(axes.figure, show)


@fill_doc
def plot_subjects(scores, reference: str, *, axes=None, show: bool = True):
    """Plot the scores of systems, subject by subject.

    Parameters
    ----------
    scores : DataFrame, shape (n_subjects, n_systems)
        One score per subject and system.
    reference : str
        The column whose mean is drawn as the baseline; it comes first.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a thin line for every subject, and the mean of every system.

    See Also
    --------
    mne_brainae.SubjectComparison.plot

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_subjects(table, "a", show=False)
    """
    axes = get_axes(axes)
    scores = scores[[reference, *scores.columns.drop(reference)]]
    places = np.arange(scores.shape[1])
    lines = axes.plot(places, scores.T.to_numpy(), ".-", color="0.7", linewidth=0.8)
    lines[0].set_label("one subject")
    axes.plot(places, scores.mean(), "o", color="C0", label="mean over subjects")
    draw_level(axes, scores[reference].mean(), f"mean of {reference}")
    axes.set_xticks(places, scores.columns, rotation=30, ha="right")
    axes.set(ylabel="score", xlim=(-0.5, len(places) - 0.5))
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_history(model, *, axes=None, show: bool = True):
    """Plot the losses of training and validation against the epoch.

    Parameters
    ----------
    model : instance of BrainAE
        A fitted model.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    Raises
    ------
    ValueError
        If the model was not trained.

    See Also
    --------
    mne_brainae.BrainAE

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_history(trained, show=False)
    """
    history = getattr(model, "history_", None)
    if history is None or history.empty:
        raise ValueError(
            "There is no training history to plot: the model is a closed form that was "
            "not trained."
        )
    axes = get_axes(axes)
    axes.plot(history["train_total"], label="training")
    axes.plot(history["validation_total"], label="validation")
    axes.axvline(model.best_epoch_, color="0.5", linestyle="--", label="kept")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    legend_above(axes)
    return finish(axes.figure, show)


@fill_doc
def plot_repetitions(counts, *, axes=None, show: bool = True):
    """Plot how many repetitions were averaged.

    Parameters
    ----------
    counts : array-like of int, shape (n_images,)
        The number of trials of every image.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        A histogram.

    See Also
    --------
    mne_brainae.average_repetitions

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_repetitions(
    ...     test.metadata["image"].value_counts(), show=False
    ... )
    """
    axes = get_axes(axes)
    values, images = np.unique(counts, return_counts=True)
    axes.bar(values, images)
    axes.set(
        xlabel="repetitions averaged",
        ylabel="images",
        xlim=(values.min() - 2, values.max() + 2),
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    return finish(axes.figure, show)


@fill_doc
def plot_adaptation(
    table, score: str, baseline: float, *, axes=None, show: bool = True
):
    """Plot scores of newcomers against their number of images.

    Parameters
    ----------
    table : DataFrame
        With the columns ``"subject"``, ``"n_images"``, ``"system"`` and the score.
    score : str
        The column to plot.
    baseline : float
        What chance or the mean response scores.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: thin lines for subjects, and the mean of every system, where all
        subjects have so many images.
    """
    axes = get_axes(axes)
    for number, (system, rows) in enumerate(table.groupby("system", sort=False)):
        curves = rows.pivot_table(index="n_images", columns="subject", values=score)
        color = f"C{number}"
        axes.plot(curves, color=color, alpha=0.3, linewidth=0.8)
        whole = curves.dropna()
        axes.plot(whole.mean(axis=1), "o-", color=color, label=system)
    draw_level(axes, baseline, "chance" if baseline else "mean response")
    axes.set_xscale("symlog", linthresh=10)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="images of the newcomer", ylabel=score.replace("_", "-"))
    legend_above(axes)
    return finish(axes.figure, show)
