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
    axes = _axes(axes)
    history = model.history_
    axes.plot(history["train_total"], label="training")
    axes.plot(history["validation_total"], label="validation")
    axes.axvline(model.best_epoch_, color="0.5", linestyle="--", label="kept")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return _finish(axes.figure, show)
