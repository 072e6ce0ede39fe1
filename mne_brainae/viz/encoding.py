"""Plots of encoding: scores, training, responses and maps."""

# License: BSD-3-Clause

from __future__ import annotations

from itertools import cycle

import numpy as np
from PIL import Image

from ..utils.docs import fill_doc
from ..utils.units import unit_of
from .figure import by_type, draw_level, finish, get_axes, mark_onset

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
        The mean over channels, and the range that holds half of them, above the mean
        response, which correlates with nothing over images. With one time only, every
        channel in the order of its score.

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
            axes.plot(evoked.data[order, 0], ".", color=color, label=name)
            axes.set(xlabel="channels by score")
            continue
        low, high = np.percentile(evoked.data, (25, 75), axis=0)
        axes.fill_between(evoked.times, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(evoked.times, evoked.data.mean(axis=0), color=color, label=name)
        axes.set(xlabel="time (s)")
    if len(r_map.times) > 1:
        mark_onset(axes, r_map.times)
    draw_level(axes, 0, "mean response")
    axes.set(ylabel="r over images", title="encoding")
    axes.legend(frameon=False)
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

    Examples
    --------
    >>> mne_brainae.viz.plot_coverage(courses)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    for number, (level, course) in enumerate(courses.items()):
        color, marker = f"C{number}", "o" if len(course) == 1 else None
        axes.axhline(level, color=color, linestyle="--", linewidth=1)
        axes.plot(course.index, course, color=color, marker=marker, label=f"{level:g}")
    if len(courses) > 1:
        mark_onset(axes, courses.index.to_numpy())
    axes.set(xlabel="time (s)", ylabel="responses in their band", ylim=(0, 1))
    axes.legend(title="level", frameon=False)
    return finish(axes.figure, show)


@fill_doc
def plot_time_scores(table, chance, what, mask=None, *, axes=None, show: bool = True):
    """Plot scores against time, or from the time of learning to that of the test.

    Parameters
    ----------
    table : DataFrame, shape (n_times, 1) | (n_times, n_times)
        The scores, indexed by time in seconds.
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

    Examples
    --------
    >>> mne_brainae.viz.plot_time_scores(
    ...     scores.table, 0.5, "accuracy"
    ... )  # doctest: +SKIP
    """
    axes = get_axes(axes)
    times, scores = table.index.to_numpy(), table.to_numpy()
    if scores.shape[1] == 1:
        axes.plot(times, scores[:, 0], marker="o" if len(times) == 1 else None)
        draw_level(axes, chance, "chance")
        if mask is not None and mask.any():
            low = min(scores.min(), chance)
            axes.plot(times[mask], np.full(mask.sum(), low), "k.", label="significant")
        mark_onset(axes, times)
        axes.set(xlabel="time (s)", ylabel=what)
        axes.legend(frameon=False)
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
def plot_variance_course(courses, *, axes=None, show: bool = True):
    """Plot the shares of variance that groups of features explain, against time.

    Parameters
    ----------
    courses : DataFrame, shape (n_times, n_groups + 1)
        The share of every group and of all together, indexed by time in seconds.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure.

    Examples
    --------
    >>> mne_brainae.viz.plot_variance_course(courses)  # doctest: +SKIP
    """
    axes = get_axes(axes)
    marker = "o" if len(courses) == 1 else None
    for name, course in courses.items():
        style = {"color": "k", "linewidth": 2} if name == courses.columns[-1] else {}
        axes.plot(course.index, course, marker=marker, label=str(name), **style)
    draw_level(axes, 0, "mean response")
    if len(courses) > 1:
        mark_onset(axes, courses.index.to_numpy())
    axes.set(xlabel="time (s)", ylabel="share of variance")
    axes.legend(frameon=False, fontsize="small")
    return finish(axes.figure, show)


@fill_doc
def plot_found_images(table, pictures=None, *, axes=None, show: bool = True):
    """Draw images with their scores, best first.

    Parameters
    ----------
    table : DataFrame, shape (n_images, 2)
        Columns ``image`` and ``score``.
    pictures : dict | None
        Files or PIL images by name; None draws the scores by themselves.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure: a contact sheet, row by row, or a point for every image.

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
        picture = pictures[image]
        if not isinstance(picture, Image.Image):
            picture = Image.open(picture)
        place = column, column + 0.92, row + 0.8, row
        axes.imshow(picture.convert("RGB").resize(SHEET_SIZE), extent=place)
        axes.text(column, row + 0.98, f"{score:.3g}", fontsize="x-small")
    n_rows = -(-len(table) // n_columns)
    axes.set(xlim=(0, n_columns), ylim=(n_rows, 0), title="best first")
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

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_subjects(table, "a", show=False)
    """
    axes = get_axes(axes)
    scores = scores[[reference, *scores.columns.drop(reference)]]
    places = np.arange(scores.shape[1])
    axes.plot(places, scores.T.to_numpy(), ".-", color="0.7", linewidth=0.8)
    axes.plot(places, scores.mean(), "o", color="C0", label="mean over subjects")
    draw_level(axes, scores[reference].mean(), f"mean of {reference}")
    axes.set_xticks(places, scores.columns, rotation=30, ha="right")
    axes.set(ylabel="score", xlim=(-0.5, len(places) - 0.5))
    axes.legend(frameon=False)
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
    axes.legend(frameon=False)
    return finish(axes.figure, show)


@fill_doc
def plot_area_maps(evoked, areas, *, time=None, vlim=None, show: bool = True):
    """Plot one value per electrode on the layout of the arrays, area by area.

    Parameters
    ----------
    evoked : instance of Evoked
        A response, or a statistic such as ``EncodingScores.r_map``. Its channels need
        positions.
    areas : dict
        Channel names by area, such as V1, V4 and IT.
    time : float | None
        The time in seconds; None takes the mean over all times.
    vlim : tuple of float | None
        The range of the colors; None takes that of the values.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        One panel for every area, with the mean over its electrodes.

    Examples
    --------
    >>> mne_brainae.viz.plot_area_maps(scores.r_map, areas)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    if not has_positions(evoked.info):
        raise ValueError(
            "evoked has no channel positions: set a montage with the layout of the "
            "arrays first."
        )
    values = evoked.data.mean(axis=1)
    when = "mean over time"
    if time is not None:
        sample = int(evoked.time_as_index(time, use_rounding=True)[0])
        values, when = evoked.data[:, sample], f"{evoked.times[sample]:g} s"
    if vlim is None:
        most = np.abs(values).max()
        vlim = (-most, most) if values.min() < 0 else (values.min(), most)
    cmap = "RdBu_r" if vlim[0] < 0 else "viridis"
    figure, axes = plt.subplots(
        1, len(areas), figsize=(4 * len(areas), 4), squeeze=False, layout="constrained"
    )
    for ax, (area, channels) in zip(axes[0], areas.items(), strict=True):
        rows = [evoked.ch_names.index(name) for name in channels]
        place = np.array([evoked.info["chs"][row]["loc"][:2] for row in rows])
        dots = ax.scatter(
            *place.T, c=values[rows], vmin=vlim[0], vmax=vlim[1], cmap=cmap, s=40
        )
        ax.set(title=f"{area}: mean {values[rows].mean():.3g}", xticks=[], yticks=[])
        ax.set_aspect("equal")
    figure.colorbar(dots, ax=list(axes[0]), shrink=0.8)
    figure.suptitle(f"{evoked.comment or 'response'}, {when}")
    return finish(figure, show)


def has_positions(info) -> bool:
    """Return whether every channel has a position.

    Parameters
    ----------
    info : instance of Info
        The channels.

    Returns
    -------
    answer : bool
        False if any position is unknown.

    Examples
    --------
    >>> mne_brainae.viz.has_positions(test.info)
    True
    """
    positions = np.array([ch["loc"][:3] for ch in info["chs"]])
    return bool(np.isfinite(positions).all())


@fill_doc
def plot_mean_response(evoked, *, axes=None, show: bool = True):
    """Plot a response of all channels, or their values where there is one time.

    Parameters
    ----------
    evoked : instance of Evoked
        The response.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        Every channel in gray and the spread over channels.

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_mean_response(model.evoked_, show=False)
    """
    axes = get_axes(axes)
    if len(evoked.times) == 1:
        _plot_values(axes, evoked)
    else:
        _plot_butterfly(axes, evoked)
        axes.legend(frameon=False)
    axes.set_title(evoked.comment or "response")
    return finish(axes.figure, show)


def _plot_values(axes, evoked, marker: str = ".", label: str = "") -> None:
    """Draw the mean over time of every channel, every type in its own unit."""
    first, parts = 0, list(by_type(evoked))
    for kind, data, unit in parts:
        places = np.arange(first, first + len(data))
        name = f"{label}, {kind}" if label and len(parts) > 1 else label
        axes.plot(places, data.mean(axis=1), marker, label=name or f"{kind} ({unit})")
        first += len(data)
    axes.set(xlabel="channel", ylabel=f"response ({_written(parts)})")


def _written(parts: list) -> str:
    """Write the units of some channel types."""
    if len({unit for _, _, unit in parts}) == 1:
        return parts[0][2]
    return ", ".join(f"{unit} ({kind})" for kind, _, unit in parts)


def _plot_butterfly(axes, evoked) -> None:
    """Draw all channels and their spread, every type in its own unit."""
    parts = list(by_type(evoked))
    for (kind, data, unit), color in zip(parts, cycle(("C3", "C0", "C2"))):
        axes.plot(evoked.times, data.T, color="0.6", linewidth=0.5)
        label = "GFP" if len(parts) == 1 else f"GFP, {kind} ({unit})"
        axes.plot(evoked.times, data.std(axis=0), color=color, label=label, zorder=3)
    mark_onset(axes, evoked.times)
    axes.set(xlabel="time (s)", ylabel=_written(parts))


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
def plot_comparison(measured, predicted, *, times=None, show: bool = True):
    """Plot a measured and a predicted response side by side.

    Parameters
    ----------
    measured, predicted : instance of Evoked
        Responses of the same channels and times.
    times : array-like | None
        Times of the topographies in seconds; None takes the four highest peaks of the
        measured global field power. Topographies are of the first channel type.
        Without positions, or with one time only, values are drawn channel by channel.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: topographies above, time courses below.

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_comparison(
    ...     averaged.average(), model.evoked_, show=False
    ... )
    """
    import matplotlib.pyplot as plt

    if len(measured.times) == 1 or not has_positions(measured.info):
        return _plot_channels(measured, predicted, show)
    kind, data, unit = next(by_type(measured))
    times = _peaks(data, measured.times) if times is None else times
    limit = np.abs(data).max()
    figure = plt.figure(figsize=(2 + 2 * len(times), 7), layout="constrained")
    rows = figure.subfigures(3, 1)
    for row, evoked, name in zip(
        rows, (measured, predicted), ("measured", "predicted"), strict=False
    ):
        axes = row.subplots(1, len(times))
        evoked.plot_topomap(
            times,
            ch_type=kind,
            axes=axes,
            colorbar=False,
            vlim=(-limit, limit),
            scalings=unit_of(evoked.info, kind)[0],
            show=False,
        )
        row.suptitle(f"{name}, -{limit:.3g} to {limit:.3g} {unit}")
    axes = rows[2].subplots(1, 2, sharey=True)
    for ax, evoked, name in zip(
        axes, (measured, predicted), ("measured", "predicted"), strict=True
    ):
        _plot_butterfly(ax, evoked)
        ax.set_title(name)
    axes[1].set_ylabel("")
    axes[0].legend(frameon=False)
    return finish(figure, show)


def _peaks(data, times, n_peaks: int = 4) -> np.ndarray:
    """Return the times of the highest peaks of the global field power."""
    from scipy.signal import find_peaks

    power = data.std(axis=0)
    peaks, _ = find_peaks(power, distance=max(len(power) // 12, 1))
    if len(peaks) == 0:
        peaks = np.array([power.argmax()])
    highest = peaks[np.argsort(power[peaks])[::-1][:n_peaks]]
    return times[np.sort(highest)]


def _plot_channels(measured, predicted, show: bool):
    axes = get_axes(None)
    for evoked, name, marker in (
        (measured, "measured", "o"),
        (predicted, "predicted", "x"),
    ):
        _plot_values(axes, evoked, marker, name)
    axes.legend(frameon=False)
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
    axes.set(xlabel="images of the newcomer", ylabel=score.replace("_", "-"))
    axes.legend(frameon=False)
    return finish(axes.figure, show)
