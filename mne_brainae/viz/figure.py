"""What every plot function begins and ends with."""

# License: BSD-3-Clause

from __future__ import annotations


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
