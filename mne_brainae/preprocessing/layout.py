"""Sensors on a plane: their positions, seen from above and flattened."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np

from ..utils.checks import five

FLAT = 0.02  # sensors whose depth is a smaller share of their width lie in a plane


def sensor_layout(info: mne.Info) -> np.ndarray:
    """Return the positions of sensors in the unit square.

    Parameters
    ----------
    info : instance of Info
        The channels, with positions.

    Returns
    -------
    positions : array, shape (n_channels, 2)
        Left to right and back to front. Sensors around a head are laid out by their
        angle from the top of a sphere that is fitted to them, and sensors in a plane
        as they lie in it. The larger side is 1 long.

    Raises
    ------
    ValueError
        If a channel has no position, or all have the same.

    Examples
    --------
    >>> import mne
    >>> from mne_brainae.preprocessing.layout import sensor_layout
    >>> montage = mne.channels.make_standard_montage("biosemi16")
    >>> info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    >>> sensor_layout(info).shape
    (16, 2)
    """
    places = np.array([channel["loc"][:3] for channel in info["chs"]], float)
    lost = ~np.isfinite(places).all(1) | (places == 0).all(1)
    if lost.any():
        raise ValueError(
            "The brain encoder looks at the positions of sensors, which are missing of "
            f"{five(np.array(info['ch_names'])[lost])}. Set them by "
            "epochs.set_montage(...), or leave these channels out by picks."
        )
    flat = _flatten(places)
    flat -= flat.min(0)
    side = flat.max()
    if len(flat) > 1 and side == 0:
        raise ValueError(
            "All sensors have the same position, which tells none from another. Set "
            "their positions by epochs.set_montage(...)."
        )
    return flat / (side or 1.0)


def _flatten(places: np.ndarray) -> np.ndarray:
    centered = places - places.mean(0)
    _, extent, axes = np.linalg.svd(centered, full_matrices=False)
    if len(places) < 4 or extent[-1] < FLAT * extent[0]:
        return centered @ axes[:2].T if len(axes) > 1 else centered[:, :2]
    # |p|^2 = 2 p'c + constant for all points p of a sphere around c.
    columns = np.column_stack([2 * centered, np.ones(len(places))])
    solution = np.linalg.lstsq(columns, (centered**2).sum(1), rcond=None)[0]
    rays = centered - solution[:3]
    angle = np.arccos(np.clip(rays[:, 2] / np.linalg.norm(rays, axis=1), -1, 1))
    azimuth = np.arctan2(rays[:, 1], rays[:, 0])
    return angle[:, None] * np.column_stack([np.cos(azimuth), np.sin(azimuth)])
