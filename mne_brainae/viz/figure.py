"""What several plot functions share."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

#: Characters that fit above a figure, and those that the symbol of a legend takes.
WIDTH, SYMBOL = 76, 8
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


def legend_above(axes, handles=None) -> None:
    """Write the legend above the axes, where no data are, and below their title."""
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    if not handles:
        return
    longest = max(len(handle.get_label()) for handle in handles) + SYMBOL
    n_columns = min(max(WIDTH // longest, 1), len(handles), 3)
    legend = axes.legend(
        handles=handles,
        frameon=False,
        ncols=n_columns,
        fontsize="small",
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
    )
    if title := axes.get_title():
        n_rows = -(-len(handles) // n_columns)
        size = axes.title.get_fontsize()
        axes.set_title(title, fontsize=size, pad=10 + 14 * n_rows)
    legend.set_zorder(4)


def channels_of(info, kind: str) -> np.ndarray:
    """Return where the channels of a type are, bad ones included."""
    return np.flatnonzero(np.array(info.get_channel_types()) == kind)


def name_ticks(axes, table) -> None:
    """Write the names beside a matrix that is small enough."""
    if max(table.shape) > MOST_NAMES:
        axes.set(xticks=[], yticks=[])
        return
    axes.set_xticks(
        np.arange(table.shape[1]), table.columns, rotation=45, ha="right", fontsize=8
    )
    axes.set_yticks(np.arange(table.shape[0]), table.index, fontsize=8)
