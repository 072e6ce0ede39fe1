"""The plots that MNE-Python does not already have.

Drawing knows nothing of models: it takes results that carry their numbers with them.
"""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np


def _axes(axes):
    import matplotlib.pyplot as plt

    if axes is None:
        _, axes = plt.subplots(layout="constrained")
    return axes


def _finish(figure, show: bool):
    import matplotlib.pyplot as plt

    if show:
        plt.show()
    return figure


def plot_identification(identification, *, axes=None, show: bool = True):
    """Plot identification accuracy against the number of guesses, beside chance.

    Parameters
    ----------
    identification : instance of Identification
        What ``BrainAE.retrieve`` or ``BrainAE.classify`` returned.
    axes : instance of Axes | None
        Where to draw; None makes a new figure.
    show : bool
        Whether to show the figure.

    Returns
    -------
    fig : instance of Figure
        The figure.
    """
    axes = _axes(axes)
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
    return _finish(axes.figure, show)


def plot_encoding_scores(scores, *, axes=None, show: bool = True):
    """Plot the correlation over images against time, beside the noise ceiling.

    Parameters
    ----------
    scores : instance of EncodingScores
        What :func:`mne_brainae.score_encoding` returned.
    axes : instance of Axes | None
        Where to draw; None makes a new figure.
    show : bool
        Whether to show the figure.

    Returns
    -------
    fig : instance of Figure
        The mean over channels, and the range that holds half of them. With one time
        only, every channel in the order of its score.
    """
    axes = _axes(axes)
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
    return _finish(axes.figure, show)


def plot_history(model, *, axes=None, show: bool = True):
    """Plot the losses of training and validation against the epoch.

    Parameters
    ----------
    model : instance of BrainAE
        A fitted model.
    axes : instance of Axes | None
        Where to draw; None makes a new figure.
    show : bool
        Whether to show the figure.

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
    axes = _axes(axes)
    axes.plot(history["train_total"], label="training")
    axes.plot(history["validation_total"], label="validation")
    axes.axvline(model.best_epoch_, color="0.5", linestyle="--", label="kept")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return _finish(axes.figure, show)


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
    show : bool
        Whether to show the figure.

    Returns
    -------
    fig : instance of Figure
        The figure: topographies above, time courses below.
    """
    import matplotlib.pyplot as plt

    positions = np.array([ch["loc"][:3] for ch in measured.info["chs"]])
    if len(measured.times) == 1 or not np.isfinite(positions).all():
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
        ax.plot(evoked.times, evoked.data.T, color="0.6", linewidth=0.5)
        ax.plot(evoked.times, evoked.data.std(axis=0), color="C3", label="GFP")
        ax.set(xlabel="time (s)", title=name)
    axes[0].set_ylabel("SI units")
    axes[0].legend(frameon=False)
    return _finish(figure, show)


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
    axes = _axes(None)
    for evoked, name, marker in (
        (measured, "measured", "o"),
        (predicted, "predicted", "x"),
    ):
        axes.plot(evoked.data.mean(axis=1), marker, label=name)
    axes.set(xlabel="channel", ylabel="response (SI or arbitrary units)")
    axes.legend(frameon=False)
    return _finish(axes.figure, show)
