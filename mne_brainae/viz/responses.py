"""Responses in the units of their channels: all of them, or measured beside predicted.

Time courses are drawn by ``Evoked.plot`` and fields by ``mne.viz.plot_topomap``.
"""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np

from ..utils.docs import fill_doc
from ..utils.units import unit_of
from .fields import draw_field, has_field
from .figure import channels_of, finish, get_axes, legend_above, mark_onset


@fill_doc
def plot_mean_response(evoked, *, axes=None, show: bool = True):
    """Plot a response of all channels, or their values where there is one time.

    Parameters
    ----------
    evoked : instance of Evoked
        The response.
    axes : instance of Axes | array of Axes | None
        Where to draw, one for every channel type; None makes a new figure.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        What :meth:`mne.Evoked.plot` draws, with the onset of the image: every channel,
        and the spread over channels (GFP) below.

    Raises
    ------
    ValueError
        If there are not as many axes as channel types.

    See Also
    --------
    mne_brainae.viz.plot_comparison

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_mean_response(model.evoked_, show=False)
    """
    import matplotlib.pyplot as plt

    kinds = evoked.get_channel_types(unique=True)
    is_new = axes is None
    if is_new:
        size = (6.4, 1 + 3 * len(kinds))
        _, axes = plt.subplots(len(kinds), figsize=size)
    panels = np.ravel(axes)
    if len(panels) < len(kinds):
        raise ValueError(
            f"{len(kinds)} channel types need as many axes, got {len(panels)}."
        )
    for panel, kind in zip(panels, kinds, strict=False):
        if len(evoked.times) > 1:
            draw_butterfly(panel, evoked, kind)
        else:
            _draw_values(panel, {"": evoked}, kind)
        panel.set_title(f"{evoked.comment or 'response'}, {kind}", fontsize="medium")
    if is_new:  # at last, see draw_butterfly
        panels[0].figure.set_layout_engine("constrained")
    return finish(panels[0].figure, show)


def draw_butterfly(axes, evoked, kind: str) -> None:
    """Draw all channels of a type by ``Evoked.plot``, and the onset of the image.

    Parameters
    ----------
    axes : instance of Axes
        Where to draw.
    evoked : instance of Evoked
        The response.
    kind : str
        The channel type.
    """
    factor, unit = unit_of(evoked.info, kind)
    # ``Evoked.plot`` draws all of the figure that is visible, several times.
    others = [ax for ax in axes.figure.axes if ax is not axes and ax.get_visible()]
    for ax in others:
        ax.set_visible(False)
    evoked.plot(
        picks=channels_of(evoked.info, kind),
        exclude=(),
        units={kind: unit},
        scalings={kind: factor},
        titles={kind: ""},
        gfp=True,
        spatial_colors=has_field(evoked.info, kind),
        time_unit="s",
        selectable=False,
        axes=[axes],
        show=False,
        verbose="ERROR",
    )
    for ax in others:
        ax.set_visible(True)
    for text in axes.texts:  # "N_ave=1" of a response that is no average
        if text.get_text().startswith("N$"):
            text.set_visible(False)
    axes.set_xlabel("time (s)")
    mark_onset(axes, evoked.times)


def _draw_values(axes, responses: dict, kind: str) -> None:
    """Draw the mean over time of every channel of a type."""
    for (name, evoked), marker in zip(responses.items(), ("o", "x"), strict=False):
        factor, unit = unit_of(evoked.info, kind)
        values = factor * evoked.data[channels_of(evoked.info, kind)].mean(axis=1)
        axes.plot(np.arange(1, len(values) + 1), values, marker, label=name)
    axes.set(xlabel=f"{kind} channel", ylabel=f"response ({unit})")
    axes.xaxis.get_major_locator().set_params(integer=True)


@fill_doc
def plot_comparison(measured, predicted, *, times=None, image=None, show: bool = True):
    """Plot a measured and a predicted response on one scale.

    Parameters
    ----------
    measured, predicted : instance of Evoked
        Responses of the same channels and times.
    times : array-like | None
        Times of the topographies in seconds; None takes the four highest peaks of the
        measured global field power.
    image : PIL.Image.Image | None
        The image that evoked the response, to be drawn beside it.
    %(show)s

    Returns
    -------
    fig : instance of Figure
        For every channel type, topographies above and time courses below. Types that
        are not on the scalp, or have no positions, have time courses alone, and with
        one time and no topography values are drawn channel by channel.

    See Also
    --------
    mne_brainae.viz.plot_time_courses
    mne_brainae.viz.plot_similarity

    Examples
    --------
    >>> fig = mne_brainae.viz.plot_comparison(
    ...     averaged.average(), model.evoked_, show=False
    ... )
    """
    import matplotlib.pyplot as plt

    both = {"measured": measured, "predicted": predicted}
    parts = []
    for kind in measured.get_channel_types(unique=True):
        is_field = has_field(measured.info, kind)
        parts += [(_draw_topographies, kind, 4.2)] * is_field
        if len(measured.times) > 1:
            parts.append((_draw_courses, kind, 2.8))
        elif not is_field:
            parts.append((_draw_channels, kind, 2.8))
    heights = [height for *_, height in parts]
    widths = [10 if len(measured.times) > 1 else 5]
    if image is not None:
        widths.insert(0, 2)
    figure = plt.figure(figsize=(sum(widths), sum(heights)))
    grid = figure.add_gridspec(
        len(parts), len(widths), height_ratios=heights, width_ratios=widths
    )
    if image is not None:
        axes = figure.add_subplot(grid[0, 0])
        axes.imshow(np.asarray(image))
        axes.set_axis_off()
        axes.set_title("seen", fontsize="medium")
    for number, (draw, kind, _) in enumerate(parts):
        draw(grid[number, -1], both, kind, times)
    figure.set_layout_engine("constrained")  # at last, see draw_butterfly
    return finish(figure, show)


def _draw_topographies(place, both: dict, kind: str, times) -> None:
    """Draw fields of both responses at some times, on one scale."""
    measured = both["measured"]
    factor, unit = unit_of(measured.info, kind)
    picks = channels_of(measured.info, kind)
    times = _peaks(measured.data[picks], measured.times) if times is None else times
    rows = measured.time_as_index(times, use_rounding=True)
    fields = [evoked.data[np.ix_(picks, rows)] for evoked in both.values()]
    most = factor * np.abs(fields).max() or 1.0
    is_rms = kind == "grad"  # of the two gradiometers of a pair
    look = {"vlim": (0 if is_rms else -most, most), "is_rms": is_rms, "contours": 6}
    look["cmap"] = "Reds" if is_rms else "RdBu_r"
    info = mne.pick_info(measured.info, picks)
    axes = place.subgridspec(2, len(rows)).subplots(squeeze=False)
    for line, field, name in zip(axes, fields, both, strict=True):
        for ax, values in zip(line, factor * field.T, strict=True):
            image = draw_field(ax, values, info, **look)
        line[0].set_ylabel(f"{name}, {kind}", fontsize="medium")
    for ax, time in zip(axes[0], measured.times[rows], strict=True):
        ax.set_title(f"{time:.3f} s", fontsize="medium")
    figure = axes[0, 0].figure
    figure.colorbar(image, ax=list(axes.ravel()), shrink=0.7, label=unit)


def _draw_courses(place, both: dict, kind: str, times=None) -> None:
    """Draw the time courses of all channels of both responses, on one scale."""
    panels = place.subgridspec(1, 2).subplots(sharey=True)
    for ax, (name, evoked) in zip(panels, both.items(), strict=True):
        draw_butterfly(ax, evoked, kind)
        ax.set_title(f"{name}, {kind}", fontsize="medium")
    ends = [
        unit_of(evoked.info, kind)[0] * evoked.data[channels_of(evoked.info, kind)]
        for evoked in both.values()
    ]
    most = 1.1 * np.abs(ends).max() or 1.0
    panels[0].set_ylim(-most, most)
    panels[1].set_ylabel("")


def _draw_channels(place, both: dict, kind: str, times=None) -> None:
    """Draw both responses of one sample, channel by channel."""
    axes = place.subgridspec(1, 1).subplots()
    _draw_values(axes, both, kind)
    legend_above(axes)


def _peaks(data, times, n_peaks: int = 4) -> np.ndarray:
    """Return the times of the highest peaks of the global field power."""
    from scipy.signal import find_peaks

    power = data.std(axis=0)
    least = power.max() / 4  # lower peaks are those of noise
    peaks, _ = find_peaks(power, height=least, distance=max(len(power) // 12, 1))
    if len(peaks) == 0:
        peaks = np.array([power.argmax()])
    highest = peaks[np.argsort(power[peaks])[::-1][:n_peaks]]
    return times[np.sort(highest)]


@fill_doc
def plot_band(
    prediction, lower, upper, content: str, channel: str, *, axes=None, show=True
):
    """Plot the predicted response of a channel and its band.

    Parameters
    ----------
    prediction, lower, upper : instance of Evoked
        The response, and the ends of the band.
    content : str
        What the band holds, such as ``"90 %% of responses"``.
    channel : str
        The channel.
    %(axes_show)s

    Returns
    -------
    fig : instance of Figure
        The figure; with one time, a point with an error bar.

    See Also
    --------
    mne_brainae.Band.plot

    Examples
    --------
    >>> band = model.predict_evoked(unseen, interval=0.9)
    >>> name = band.prediction.ch_names[0]
    >>> fig = mne_brainae.viz.plot_band(*band, name, show=False)
    """
    axes = get_axes(axes)
    row = prediction.ch_names.index(channel)
    factor, unit = unit_of(prediction.info, prediction.get_channel_types()[row])
    middle, low, high = (
        factor * evoked.data[row] for evoked in (prediction, lower, upper)
    )
    times = prediction.times
    if len(times) == 1:
        ends = [middle - low, high - middle]
        axes.errorbar([channel], middle, ends, fmt="o", capsize=4, label=content)
        axes.set_ylabel(unit)
    else:
        axes.fill_between(
            times, low, high, alpha=0.3, linewidth=0, label=f"band: {content}"
        )
        axes.plot(times, middle, label="predicted response")
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        mark_onset(axes, times)
        axes.set(xlabel="time (s)", ylabel=unit, xlim=times[[0, -1]])
    axes.set_title(f"{channel}, {prediction.comment}", fontsize="medium")
    legend_above(axes)
    return finish(axes.figure, show)
