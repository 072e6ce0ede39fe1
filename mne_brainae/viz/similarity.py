"""Plots of measured beside predicted responses, in time, space and frequency."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from ..utils.units import unit_of
from .fields import draw_field, has_field
from .figure import channels_of, finish, legend_above, mark_onset


@fill_doc
def plot_similarity(table, *, axes=None, show: bool = True):
    """Plot how alike measured and predicted responses are, beside the mean response.

    Parameters
    ----------
    table : DataFrame, shape (n_aspects, 2)
        Columns ``prediction`` and ``mean response``, indexed by aspect and by what of
        it was compared.
    %(axes)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure: one row of dots for every aspect.

    See Also
    --------
    mne_brainae.ResponseSimilarity.plot

    Examples
    --------
    >>> mne_brainae.viz.plot_similarity(similarity.table)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    if axes is None:
        size = (6.4, 1.5 + 0.25 * len(table))
        _, axes = plt.subplots(figsize=size, layout="constrained")
    places = np.arange(len(table))
    axes.hlines(
        places, table["mean response"], table["prediction"], color="0.8", zorder=0
    )
    axes.plot(table["mean response"], places, "o", color="0.5", label="mean response")
    axes.plot(table["prediction"], places, "o", color="C0", label="prediction")
    axes.set_yticks(places, [f"{aspect}: {of}" for aspect, of in table.index])
    axes.invert_yaxis()
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlabel="r with the measured responses", xlim=(None, 1.02))
    legend_above(axes)
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

    Raises
    ------
    ValueError
        If there are not as many axes as regions.

    See Also
    --------
    mne_brainae.ResponseSimilarity.plot_time_courses

    Examples
    --------
    >>> mne_brainae.viz.plot_time_courses(
    ...     measured, predicted, regions
    ... )  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

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
    kinds = [
        measured.get_channel_types(picks=list(channels))[0]
        for channels in regions.values()
    ]
    for ax, kind, (region, channels) in zip(axes, kinds, regions.items(), strict=False):
        if len(measured.times) == 1:
            _draw_values(ax, both, list(channels), kind)
        else:
            _draw_course(ax, evoked, list(channels))
            _name_unit(ax, measured.info, kind)
        ax.set_title(region, fontsize="medium")
    if len(measured.times) > 1:
        _share_range(axes, kinds)
        legend_above(axes[0], handles=_course_handles())
    for ax in axes[len(regions) :]:
        ax.set_axis_off()
    return finish(axes[0].figure, show)


#: Colors of measured and predicted responses.
COLORS = {"measured": "C0", "predicted": "C3"}
STYLES = {"measured": "-", "predicted": "--"}


def _draw_course(axes, evoked: dict, channels: list) -> None:
    """Draw the mean over channels and images, and its confidence interval."""
    import mne

    with mne.utils.use_log_level("WARNING"):  # it tells how it combines
        mne.viz.plot_compare_evokeds(
            evoked,
            picks=channels,
            combine="mean" if len(channels) > 1 else None,
            colors=COLORS,
            linestyles=STYLES,
            show_sensors=False,
            truncate_yaxis=False,
            truncate_xaxis=False,
            legend=False,
            vlines=[],
            axes=axes,
            show=False,
        )
    axes.set_xlabel("time (s)")
    mark_onset(axes, next(iter(evoked.values()))[0].times)


def _course_handles() -> list:
    """Return what the legend of time courses shows."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [
        Line2D([], [], color=color, linestyle=STYLES[name], label=name)
        for name, color in COLORS.items()
    ]
    return [*lines, Patch(color="0.5", alpha=0.3, label="95 % interval of the mean")]


def _draw_values(axes, both: dict, channels: list, kind: str) -> None:
    """Draw measured against predicted responses of one sample, image by image."""
    factor, unit = unit_of(both["measured"].info, kind)
    points = [
        factor * epochs.get_data(picks=channels).mean(axis=(1, 2))
        for epochs in both.values()
    ]
    axes.plot(*points, ".")
    axes.axline((points[0].mean(), points[0].mean()), slope=1, color="0.7", zorder=0)
    axes.set(xlabel=f"measured ({unit})", ylabel=f"predicted ({unit})")


def _share_range(axes, kinds: list) -> None:
    """Give regions of one channel type one range."""
    from matplotlib.ticker import MaxNLocator

    for kind in dict.fromkeys(kinds):
        own = [ax for ax, each in zip(axes, kinds, strict=False) if each == kind]
        ends = np.array([ax.get_ylim() for ax in own])
        for ax in own:
            ax.set_ylim(ends[:, 0].min(), ends[:, 1].max())
            ax.yaxis.set_major_locator(MaxNLocator(6))


def _name_unit(axes, info, kind: str) -> None:
    """Write values in the unit of the channels, which MNE-Python takes for granted."""
    from mne.defaults import DEFAULTS

    factor, unit = unit_of(info, kind)
    factor /= DEFAULTS["scalings"][kind]  # by which MNE-Python has multiplied
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * factor:g}")
    axes.set_ylabel(unit)


#: Power this far below the loudest channel has the color of silence, in decibel.
SILENT = 40


@fill_doc
def plot_band_power(measured, predicted, info, *, axes=None, show: bool = True):
    """Plot measured and predicted power in bands over the channels (Figure 2b).

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_bands)
        The power, as :func:`mne_brainae.band_power` returns it.
    info : instance of Info
        The channels. Types without positions are drawn channel by channel.
    %(axes_of_bands)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The figure in decibel; the two maps of a band share their color bar.

    See Also
    --------
    mne_brainae.ResponseSimilarity.plot_power

    Examples
    --------
    >>> mne_brainae.viz.plot_band_power(measured, predicted, info)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt
    import mne

    bands = list(measured)
    info = mne.pick_info(
        info, [info["ch_names"].index(name) for name in measured.index]
    )
    kinds = info.get_channel_types(unique=True)
    n_rows = 2 * len(kinds)
    if axes is None:
        size = (2.7 * len(bands), 0.6 + 2.7 * n_rows)
        _, axes = plt.subplots(n_rows, len(bands), figsize=size, layout="constrained")
    axes = np.reshape(axes, (len(kinds), 2, len(bands)))
    both = {"measured": measured, "predicted": predicted}
    for panels, kind in zip(axes, kinds, strict=True):
        picks = channels_of(info, kind)
        own = mne.pick_info(info, picks)
        factor, unit = unit_of(info, kind)
        for column, band in zip(panels.T, bands, strict=True):
            rows = [
                _decibel(factor**2 * table[band].to_numpy()[picks])
                for table in both.values()
            ]
            _draw_band(column, rows, own, kind, f"dB re 1 ({unit})²/Hz")
            column[0].set_title(band.replace(" (", "\n("), fontsize="medium")
        for ax, name in zip(panels[:, 0], both, strict=True):
            name = f"{kind}, {name}" if len(kinds) > 1 else name
            ax.set_ylabel(name if has_field(own, kind) else f"{name}\n(dB)")
    return finish(axes[0, 0, 0].figure, show)


def _decibel(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, np.finfo(float).tiny))


def _draw_band(axes, rows: list, info, kind: str, label: str) -> None:
    """Draw measured above predicted power of one band, on one scale."""
    most = max(values.max() for values in rows)
    least = max(min(values.min() for values in rows), most - SILENT)
    if not has_field(info, kind):
        for ax, values in zip(axes, rows, strict=True):
            ax.plot(np.arange(1, len(values) + 1), np.maximum(values, least), ".")
            margin = 0.05 * (most - least) or 1.0
            ax.set(xlabel="channel", ylim=(least - margin, most + margin))
        return
    for ax, values in zip(axes, rows, strict=True):
        image = draw_field(ax, values, info, cmap="viridis", vlim=(least, most))
    axes[0].figure.colorbar(
        image, ax=list(axes), location="bottom", label=label, shrink=0.8
    )


@fill_doc
def plot_matrices(
    measured,
    predicted,
    *,
    title: str = "",
    label: str = "",
    vlim=None,
    axes=None,
    show: bool = True,
):
    """Plot a measured and a predicted matrix of channels side by side.

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_channels)
        Channel correlations or phase lags.
    title : str
        The title of the figure.
    label : str
        What the color bar shows.
    vlim : tuple of float | None
        The range of the colors; None takes that of both matrices.
    %(axes_of_two)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The two matrices, with one color bar.

    See Also
    --------
    mne_brainae.ResponseSimilarity.plot_correlation
    mne_brainae.ResponseSimilarity.plot_phase_lag

    Examples
    --------
    >>> mne_brainae.viz.plot_matrices(measured, predicted)  # doctest: +SKIP
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
    figure.colorbar(axes[0].images[0], ax=list(axes), shrink=0.8, label=label)
    figure.suptitle(title)
    return finish(figure, show)


@fill_doc
def plot_connectivity_circles(
    measured,
    predicted,
    *,
    title: str = "",
    label: str = "",
    n_lines: int = 40,
    show: bool = True,
):
    """Plot the largest entries of two matrices of channels on circles.

    Parameters
    ----------
    measured, predicted : DataFrame, shape (n_channels, n_channels)
        Phase lags.
    title : str
        The title of the figure.
    label : str
        What the color bar shows.
    %(n_lines)s
    %(show)s

    Returns
    -------
    fig : instance of Figure
        The two circles, with one color bar.

    See Also
    --------
    mne_brainae.ResponseSimilarity.plot_circle

    Examples
    --------
    >>> mne_brainae.viz.plot_connectivity_circles(measured, predicted)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from mne_connectivity.viz import plot_connectivity_circle

    figure, axes = plt.subplots(
        1,
        2,
        figsize=(12, 6),
        subplot_kw={"projection": "polar"},
        layout="constrained",
    )
    both = {"measured": measured, "predicted": predicted}
    largest = [
        np.sort(table.to_numpy()[np.tril_indices(len(table), -1)])[-n_lines:]
        for table in both.values()
    ]
    least, most = np.min(largest), np.max(largest)
    least, most = (0.0, 1.0) if least == most else (least, most)
    for ax, (name, matrix) in zip(axes, both.items(), strict=True):
        plot_connectivity_circle(
            np.tril(matrix.to_numpy(), -1),
            list(matrix.columns),
            n_lines=len(largest[0]),
            vmin=least,
            vmax=most,
            facecolor="white",
            textcolor="black",
            node_edgecolor="white",
            colormap="viridis_r",
            colorbar=False,
            fontsize_names=min(8, 450 / len(matrix)),
            padding=3.0,
            title=name,
            ax=ax,
            interactive=False,
            show=False,
        )
    colors = ScalarMappable(Normalize(least, most), "viridis_r")
    figure.colorbar(colors, ax=list(axes), shrink=0.5, label=label)
    figure.suptitle(title)
    return finish(figure, show)
