"""Plots of measured beside predicted responses, in time, space and frequency."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.docs import fill_doc
from ..utils.units import unit_of, units_of
from .encoding import has_positions
from .figure import finish


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
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
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

    Examples
    --------
    >>> mne_brainae.viz.plot_time_courses(
    ...     measured, predicted, regions
    ... )  # doctest: +SKIP
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
            ax.set(
                xlabel=f"measured ({units_of(measured.info)})",
                ylabel="predicted",
                title=region,
            )
            continue
        with mne.utils.use_log_level("WARNING"):  # it tells how it combines
            mne.viz.plot_compare_evokeds(
                evoked,
                picks=list(channels),
                combine="mean" if len(channels) > 1 else None,
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
        kind = measured.get_channel_types(picks=list(channels))[0]
        _name_unit(ax, measured.info, kind)
    for ax in axes[len(regions) :]:
        ax.set_axis_off()
    return finish(axes[0].figure, show)


def _name_unit(axes, info, kind: str) -> None:
    """Write values in the unit of the channels, which MNE-Python takes for granted."""
    from mne.defaults import DEFAULTS

    factor, unit = unit_of(info, kind)
    factor /= DEFAULTS["scalings"][kind]  # by which MNE-Python has multiplied
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * factor:g}")
    axes.set_ylabel(unit)


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

    Examples
    --------
    >>> mne_brainae.viz.plot_connectivity_circles(measured, predicted)  # doctest: +SKIP
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
