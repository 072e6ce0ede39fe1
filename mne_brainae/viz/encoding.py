"""The plots that MNE-Python does not already have.

Drawing knows nothing of models: it takes results that carry their numbers with them.
"""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from .figure import finish, get_axes


@fill_doc
def plot_encoding_scores(scores, *, axes=None, show: bool = True):
    """Plot the correlation over images against time, beside the noise ceiling.

    Parameters
    ----------
    scores : instance of EncodingScores
        What :func:`mne_brainae.score_encoding` returned.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The mean over channels, and the range that holds half of them. With one time
        only, every channel in the order of its score.
    """
    axes = get_axes(axes)
    lines = {"prediction": scores.r_map, "noise ceiling": scores.ceiling_map}
    for (name, evoked), color in zip(lines.items(), ("C0", "0.4"), strict=True):
        if evoked is None:
            continue
        if len(evoked.times) == 1:
            order = np.argsort(scores.r_map.data[:, 0])[::-1]
            axes.plot(evoked.data[order, 0], ".", color=color, label=name)
            axes.set(xlabel="channels by score")
            continue
        low, high = np.percentile(evoked.data, (25, 75), axis=0)
        axes.fill_between(evoked.times, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(evoked.times, evoked.data.mean(axis=0), color=color, label=name)
        axes.set(xlabel="time (s)")
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set(ylabel="r over images", title="encoding")
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
    """
    history = model.history_
    if history.empty:
        raise ValueError(
            "There is no training history to plot: the model is a closed form that was "
            "not trained (max_epochs=0)."
        )
    axes = get_axes(axes)
    axes.plot(history["train_total"], label="training")
    axes.plot(history["validation_total"], label="validation")
    axes.axvline(model.best_epoch_, color="0.5", linestyle="--", label="kept")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return finish(axes.figure, show)


@fill_doc
def plot_time_courses(measured, predicted, regions, *, axes=None, show: bool = True):
    """Plot measured and predicted responses of regions against time (Figure 2a).

    Parameters
    ----------
    measured, predicted : instance of Epochs
        Responses to the same images.
    regions : dict
        Channel names by region; the mean over the channels is drawn.
    %(axes_of_regions)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The mean over images with its 95 % confidence interval. With one time only,
        the measured against the predicted response to every image.
    """
    import matplotlib.pyplot as plt
    import mne

    if axes is None:
        size = (5 * min(len(regions), 3), 3.5 * -(-len(regions) // 3))
        _, axes = plt.subplots(
            -(-len(regions) // 3),
            min(len(regions), 3),
            figsize=size,
            squeeze=False,
            layout="constrained",
        )
    axes = np.ravel(axes)
    if len(axes) < len(regions):
        raise ValueError(f"{len(regions)} regions need as many axes, got {len(axes)}.")
    both = {"measured": measured, "predicted": predicted}
    evoked = {name: list(epochs.iter_evoked()) for name, epochs in both.items()}
    for ax, (region, channels) in zip(axes, regions.items(), strict=False):
        if len(measured.times) == 1:
            points = (e.get_data(picks=channels).mean(axis=1) for e in both.values())
            ax.plot(*points, ".")
            ax.set(xlabel="measured", ylabel="predicted", title=region)
            continue
        with mne.utils.use_log_level("WARNING"):  # it tells how it combines
            mne.viz.plot_compare_evokeds(
                evoked,
                picks=list(channels),
                combine="mean",
                colors={"measured": "C0", "predicted": "C3"},
                linestyles={"measured": "-", "predicted": "--"},
                show_sensors=False,
                truncate_yaxis=False,
                truncate_xaxis=False,
                legend="lower right",
                axes=ax,
                show=False,
            )
        ax.set_title(region)
        if set(measured.get_channel_types(picks=list(channels))) == {"seeg"}:
            # Spikes are kept as this type, and MNE-Python would call them millivolts.
            ax.yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:g}")
            ax.set_ylabel("SI or arbitrary units")
    for ax in axes[len(regions) :]:
        ax.set_axis_off()
    return finish(axes[0].figure, show)


@fill_doc
def plot_band_power(measured, predicted, info, *, axes=None, show: bool = True):
    """Plot measured and predicted power in bands over the channels (Figure 2b).

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_bands)
        The power, as :func:`mne_brainae.band_power` returns it.
    info : instance of Info
        The channels. Without positions, power is drawn channel by channel.
    %(axes_of_bands)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure in decibel; every map has its own range, which is written below it.
    """
    import matplotlib.pyplot as plt
    import mne

    bands = list(measured)
    info = mne.pick_info(
        info, [info["ch_names"].index(name) for name in measured.index]
    )
    has_map = has_positions(info) and len(set(info.get_channel_types())) == 1
    if axes is None:
        _, axes = plt.subplots(
            2, len(bands), figsize=(2.7 * len(bands), 5.6), layout="constrained"
        )
    axes = np.reshape(axes, (2, len(bands)))
    for row, (name, power) in enumerate(
        (("measured", measured), ("predicted", predicted))
    ):
        for ax, band in zip(axes[row], bands, strict=True):
            values = 10 * np.log10(np.maximum(power[band], np.finfo(float).tiny))
            if has_map:
                mne.viz.plot_topomap(
                    values.to_numpy(),
                    info,
                    axes=ax,
                    cmap="viridis",
                    vlim=(values.min(), values.max()),
                    contours=0,
                    show=False,
                )
                ax.set_xlabel(f"{values.min():.0f} to {values.max():.0f} dB")
            else:
                ax.plot(values.to_numpy(), ".")
                ax.set(xlabel="channel", ylabel="dB")
            label = band.replace(" (", "\n(") if row == 0 else ""
            ax.set_title(f"{label}\n{name}" if row == 0 else name, fontsize="medium")
    return finish(axes[0, 0].figure, show)


@fill_doc
def plot_matrices(
    measured, predicted, *, title: str = "", vlim=None, axes=None, show: bool = True
):
    """Plot a measured and a predicted matrix of channels side by side.

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_channels)
        Channel correlations or phase lags.
    title : str
        The title of the figure.
    vlim : tuple of float | None
        The range of the colours; None takes that of both matrices.
    %(axes_of_two)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The two matrices, with one colour bar.
    """
    import matplotlib.pyplot as plt
    from nilearn.plotting import plot_matrix

    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
    both = {"measured": measured, "predicted": predicted}
    if vlim is None:
        values = np.stack(list(both.values()))
        vlim = (values.min(), values.max())
    has_labels = len(measured) <= 40
    for ax, (name, matrix) in zip(axes, both.items(), strict=True):
        plot_matrix(
            matrix.to_numpy(),
            axes=ax,
            labels=list(matrix.columns) if has_labels else None,
            cmap="RdBu_r" if vlim[0] < 0 else "viridis",
            vmin=vlim[0],
            vmax=vlim[1],
            colorbar=False,
            auto_fit=False,
        )
        ax.tick_params(labelsize=8)
        if not has_labels:
            ax.set(xticks=[], yticks=[], xlabel=f"{len(matrix)} channels")
        ax.set_title(name)
    figure = axes[0].figure
    figure.colorbar(axes[0].images[0], ax=list(axes), shrink=0.8)
    figure.suptitle(title)
    return finish(figure, show)


@fill_doc
def plot_connectivity_circles(
    measured, predicted, *, title: str = "", n_lines: int = 40, show: bool = True
):
    """Plot the largest entries of two matrices of channels on circles.

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_channels)
        Phase lags.
    title : str
        The title of the figure.
    %(n_lines)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The two circles, each with its own range.
    """
    import matplotlib.pyplot as plt
    from mne_connectivity.viz import plot_connectivity_circle

    figure, axes = plt.subplots(
        1, 2, figsize=(12, 6), subplot_kw={"projection": "polar"}
    )
    both = {"measured": measured, "predicted": predicted}
    for ax, (name, matrix) in zip(axes, both.items(), strict=True):
        lower = matrix.to_numpy()[np.tril_indices(len(matrix), -1)]
        largest = np.sort(lower)[-n_lines:]
        is_flat = largest[0] == largest[-1]
        plot_connectivity_circle(
            np.tril(matrix.to_numpy(), -1),
            list(matrix.columns),
            n_lines=len(largest),
            vmin=0.0 if is_flat else largest[0],
            vmax=1.0 if is_flat else largest[-1],
            facecolor="white",
            textcolor="black",
            node_edgecolor="white",
            colormap="viridis_r",
            colorbar_size=0.4,
            fontsize_names=min(8, 450 / len(matrix)),
            padding=3.0,
            title=name,
            ax=ax,
            interactive=False,
            show=False,
        )
    figure.subplots_adjust(left=0.02, right=0.94, bottom=0.02, top=0.84)
    figure.suptitle(title)
    return finish(figure, show)


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
        The range of the colours; None takes that of the values.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        One panel for every area, with the mean over its electrodes.
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
        Every channel in grey and the spread over channels.
    """
    axes = get_axes(axes)
    if len(evoked.times) == 1:
        axes.plot(evoked.data[:, 0], ".")
        axes.set(xlabel="channel", ylabel="response (SI or arbitrary units)")
    else:
        _plot_butterfly(axes, evoked)
        axes.set(ylabel="SI units")
        axes.legend(frameon=False)
    axes.set_title(evoked.comment or "response")
    return finish(axes.figure, show)


def _plot_butterfly(axes, evoked) -> None:
    axes.plot(evoked.times, evoked.data.T, color="0.6", linewidth=0.5)
    axes.plot(evoked.times, evoked.data.std(axis=0), color="C3", label="GFP")
    axes.set(xlabel="time (s)")


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
        measured global field power. Without positions, or with one time only, values
        are drawn channel by channel.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: topographies above, time courses below.
    """
    import matplotlib.pyplot as plt

    if len(measured.times) == 1 or not has_positions(measured.info):
        return _plot_channels(measured, predicted, show)
    times = _peaks(measured) if times is None else times
    limit = np.abs(measured.data).max()
    figure = plt.figure(figsize=(2 + 2 * len(times), 7), layout="constrained")
    rows = figure.subfigures(3, 1)
    for row, evoked, name in zip(
        rows, (measured, predicted), ("measured", "predicted"), strict=False
    ):
        axes = row.subplots(1, len(times))
        kind = evoked.get_channel_types()[0]
        evoked.plot_topomap(
            times,
            ch_type=kind,
            axes=axes,
            colorbar=False,
            vlim=(-limit, limit),
            scalings=1,
            show=False,
        )
        row.suptitle(name)
    axes = rows[2].subplots(1, 2, sharey=True)
    for ax, evoked, name in zip(
        axes, (measured, predicted), ("measured", "predicted"), strict=True
    ):
        _plot_butterfly(ax, evoked)
        ax.set_title(name)
    axes[0].set_ylabel("SI units")
    axes[0].legend(frameon=False)
    return finish(figure, show)


def _peaks(evoked, n_peaks: int = 4) -> np.ndarray:
    """Return the times of the highest peaks of the global field power."""
    from scipy.signal import find_peaks

    power = evoked.data.std(axis=0)
    peaks, _ = find_peaks(power, distance=max(len(power) // 12, 1))
    if len(peaks) == 0:
        peaks = np.array([power.argmax()])
    highest = peaks[np.argsort(power[peaks])[::-1][:n_peaks]]
    return evoked.times[np.sort(highest)]


def _plot_channels(measured, predicted, show: bool):
    axes = get_axes(None)
    for evoked, name, marker in (
        (measured, "measured", "o"),
        (predicted, "predicted", "x"),
    ):
        axes.plot(evoked.data.mean(axis=1), marker, label=name)
    axes.set(xlabel="channel", ylabel="response (SI or arbitrary units)")
    axes.legend(frameon=False)
    return finish(axes.figure, show)
