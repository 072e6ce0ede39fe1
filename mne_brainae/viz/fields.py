"""Values of channels where the channels are: over the head, or on arrays."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
from mne.io.constants import FIFF

from ..utils.docs import fill_doc
from ..utils.units import unit_of
from .figure import channels_of, finish

#: Channel types whose values are drawn over the head.
SCALP = ("eeg", "mag", "grad", "csd", "hbo", "hbr", "fnirs_cw_amplitude", "fnirs_od")


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

    See Also
    --------
    mne_brainae.viz.plot_area_maps

    Examples
    --------
    >>> import mne, mne_brainae
    >>> info = mne.create_info(["O1", "Oz", "O2"], 100.0, "eeg")
    >>> mne_brainae.viz.has_positions(info)
    False
    >>> mne_brainae.viz.has_positions(info.set_montage("biosemi64"))
    True
    """
    positions = np.array([ch["loc"][:3] for ch in info["chs"]])
    return bool(np.isfinite(positions).all())


def has_field(info, kind: str) -> bool:
    """Tell whether channels of a type can be drawn over the head.

    Parameters
    ----------
    info : instance of Info
        The channels.
    kind : str
        The channel type.

    Returns
    -------
    answer : bool
        Whether the type is one of the scalp and the channels lie at three places or
        more.
    """
    own = mne.pick_info(info, channels_of(info, kind))
    if kind not in SCALP or not has_positions(own):
        return False
    return len(np.unique([ch["loc"][:3].round(6) for ch in own["chs"]], axis=0)) >= 3


def draw_field(axes, values, info, *, is_rms: bool = False, **options):
    """Draw one number per channel over the head.

    Channels at one place, as the two planar gradiometers of a pair, are averaged. A
    score has a sign, which their root mean square would lose.

    Parameters
    ----------
    axes : instance of Axes
        Where to draw.
    values : array, shape (n_channels,)
        The values.
    info : instance of Info
        The channels, of one type.
    is_rms : bool
        Whether channels at one place are drawn by their root mean square.
    **options
        What :func:`mne.viz.plot_topomap` takes; ``mask`` is averaged as well.

    Returns
    -------
    image : instance of AxesImage
        What a color bar needs.
    """
    places = np.array([ch["loc"][:3].round(6) for ch in info["chs"]])
    _, first, code = np.unique(places, axis=0, return_index=True, return_inverse=True)
    counts = np.bincount(code.ravel())
    merged = mne.pick_info(info, first)
    for channel in merged["chs"]:  # or MNE-Python merges pairs of gradiometers
        if channel["unit"] == FIFF.FIFF_UNIT_T_M:
            channel["unit"] = FIFF.FIFF_UNIT_T
    mask = options.pop("mask", None)
    if mask is not None:
        options["mask"] = np.bincount(code.ravel(), mask) > 0
        options["mask_params"] = {"markersize": 7}
    means = np.bincount(code.ravel(), values**2 if is_rms else values) / counts
    means = np.sqrt(means) if is_rms else means
    # Cubic interpolation shows scores beyond those of all channels.
    options = {"contours": 0, "image_interp": "linear", "show": False} | options
    return mne.viz.plot_topomap(means, merged, axes=axes, **options)[0]


@fill_doc
def plot_channel_scores(r_map, ceiling_map=None, *, show: bool = True):
    """Plot the score of every channel over the head, beside the noise ceiling.

    Parameters
    ----------
    r_map : instance of Evoked
        Pearson correlation over images for every channel and time, such as
        ``EncodingScores.r_map``.
    ceiling_map : instance of Evoked | None
        Its noise ceiling; None draws none.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        Means over time, a row for every channel type, all on one scale. Types that are
        not on the scalp, or have no positions, are drawn channel by channel, the best
        first.

    See Also
    --------
    mne_brainae.EncodingScores.plot_channels

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_channel_scores(scores.r_map, show=False)
    """
    import matplotlib.pyplot as plt

    kinds = r_map.get_channel_types(unique=True)
    maps = {"prediction": r_map, "noise ceiling": ceiling_map}
    maps = {name: evoked for name, evoked in maps.items() if evoked is not None}
    means = {name: evoked.data.mean(axis=1) for name, evoked in maps.items()}
    most = max(np.abs(values).max() for values in means.values()) or 1.0
    figure = plt.figure(
        figsize=(1.5 + 3 * len(maps), 3 * len(kinds)), layout="constrained"
    )
    rows = np.atleast_1d(figure.subfigures(len(kinds), 1))
    for row, kind in zip(rows, kinds, strict=True):
        picks = channels_of(r_map.info, kind)
        own = {name: values[picks] for name, values in means.items()}
        if has_field(r_map.info, kind):
            _draw_fields(row, own, mne.pick_info(r_map.info, picks), most)
        else:
            _draw_ordered(row, own)
        row.suptitle(f"{kind}, mean over time" if len(r_map.times) > 1 else kind)
    return finish(figure, show)


def _draw_fields(figure, values: dict, info, most: float) -> None:
    axes = figure.subplots(1, len(values), squeeze=False)[0]
    for ax, (name, each) in zip(axes, values.items(), strict=True):
        image = draw_field(ax, each, info, vlim=(-most, most), cmap="RdBu_r")
        ax.set_title(name, fontsize="medium")
    figure.colorbar(image, ax=list(axes), shrink=0.7, label="r over images")


def _draw_ordered(figure, values: dict) -> None:
    """Draw every channel in the order of its score."""
    axes = figure.subplots()
    order = np.argsort(values["prediction"])[::-1]
    for (name, each), color in zip(values.items(), ("C0", "0.4"), strict=False):
        axes.plot(np.arange(1, len(order) + 1), each[order], ".", color=color)
        axes.lines[-1].set_label(name)
    axes.axhline(0, color="0.5", linestyle="--", label="mean response")
    axes.set(xlabel="channels, the best first", ylabel="r over images")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


@fill_doc
def plot_area_maps(
    evoked,
    areas,
    *,
    time=None,
    scalings=None,
    units=None,
    vlim=None,
    show: bool = True,
):
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
    scalings : float | None
        What to multiply the values by; None takes that of the unit of the channels.
    units : str | None
        What the color bar shows, such as ``"r"``; None takes the unit of the channels.
    vlim : tuple of float | None
        The range of the colors; None takes that of the values.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        One panel for every area, with the mean over its electrodes.

    Raises
    ------
    ValueError
        If the channels have no positions.

    See Also
    --------
    mne_brainae.viz.has_positions

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
    factor, unit = unit_of(evoked.info, evoked.get_channel_types()[0])
    factor = factor if scalings is None else scalings
    values, when = factor * evoked.data.mean(axis=1), "mean over time"
    if time is not None:
        sample = int(evoked.time_as_index(time, use_rounding=True)[0])
        values, when = factor * evoked.data[:, sample], f"{evoked.times[sample]:g} s"
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
    bar = figure.colorbar(dots, ax=list(axes[0]), shrink=0.8)
    bar.set_label(unit if units is None else units)
    figure.suptitle(f"{evoked.comment or 'response'}, {when}")
    return finish(figure, show)
