"""What several plot functions share."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..utils.units import unit_of

#: More names than this cannot be read beside a matrix.
MOST_NAMES = 40


def get_axes(axes):
    """Return the axes that were given, or those of a new figure."""
    import matplotlib.pyplot as plt

    if axes is None:
        _, axes = plt.subplots(layout="constrained")
    return axes


def finish(figure, show: bool):
    """Show a figure if asked for, and return it."""
    import matplotlib.pyplot as plt

    if show:
        plt.show()
    return figure


def mark_onset(axes, times) -> None:
    """Draw a thin line at the onset of the image, if it lies within the times."""
    if np.min(times) <= 0 <= np.max(times):
        axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)


def draw_level(axes, value: float, label: str) -> None:
    """Draw chance or a baseline as a dashed line."""
    axes.axhline(value, color="0.5", linestyle="--", label=label)


def by_type(evoked):
    """Yield every channel type, its data in the unit that is drawn, and the unit.

    Parameters
    ----------
    evoked : instance of Evoked
        A response.

    Yields
    ------
    kind : str
        The channel type.
    data : array, shape (n_channels, n_times)
        The response of the channels of this type.
    unit : str
        Its unit.
    """
    kinds = np.array(evoked.get_channel_types())
    for kind in dict.fromkeys(kinds):
        scale, unit = unit_of(evoked.info, kind)
        yield str(kind), scale * evoked.data[kinds == kind], unit


def name_ticks(axes, table) -> None:
    """Write the names beside a matrix that is small enough."""
    if max(table.shape) > MOST_NAMES:
        axes.set(xticks=[], yticks=[])
        return
    axes.set_xticks(
        np.arange(table.shape[1]), table.columns, rotation=45, ha="right", fontsize=8
    )
    axes.set_yticks(np.arange(table.shape[0]), table.index, fontsize=8)
