"""The units that responses are drawn and written in, by channel type."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from mne import Info
from mne.io.constants import FIFF

#: What ``info["description"]`` says of whitened responses.
WHITENED = "whitened, in units of the noise"
NOISE = (1.0, "noise units")
#: Factor to the unit that is drawn, and its name, by the unit that ``info`` has.
UNITS = {
    FIFF.FIFF_UNIT_V: (1e6, "µV"),
    FIFF.FIFF_UNIT_V_M2: (1e3, "mV/m²"),
    FIFF.FIFF_UNIT_T: (1e15, "fT"),
    FIFF.FIFF_UNIT_T_M: (1e13, "fT/cm"),
    FIFF.FIFF_UNIT_MOL: (1e6, "µM"),
    FIFF.FIFF_UNIT_RAD: (1.0, "rad"),
    FIFF.FIFF_UNIT_HZ: (1.0, "spikes/s"),
}
OPTICAL_DENSITY = (1.0, "optical density")
ARBITRARY = (1.0, "arbitrary units")


def unit_of(info: Info, kind: str) -> tuple[float, str]:
    """Return how channels of a type are drawn.

    Parameters
    ----------
    info : instance of Info
        The channels. ``info["chs"][...]["unit"]`` has their unit, such as hertz for
        firing rates.
    kind : str
        The channel type.

    Returns
    -------
    factor : float
        What to multiply responses by.
    unit : str
        The name of the unit, such as ``"µV"``; whitened responses are in
        ``"noise units"``.
    """
    if is_whitened(info):
        return NOISE
    channel = info["chs"][info.get_channel_types().index(kind)]
    if kind == "fnirs_od":
        return OPTICAL_DENSITY
    factor, unit = UNITS.get(int(channel["unit"]), ARBITRARY)
    return factor * 10.0 ** int(channel["unit_mul"]), unit


def units_of(info: Info) -> str:
    """Write the units of all channel types, such as ``"fT/cm (grad), fT (mag)"``."""
    units = {
        kind: unit_of(info, kind)[1] for kind in info.get_channel_types(unique=True)
    }
    if len(set(units.values())) == 1:
        return next(iter(units.values()))
    return ", ".join(f"{unit} ({kind})" for kind, unit in units.items())


def is_whitened(info: Info) -> bool:
    """Tell whether responses are in units of the noise."""
    return WHITENED in (info["description"] or "")


def as_whitened(info: Info) -> Info:
    """Return a copy of ``info`` that says that responses are in units of the noise."""
    info = info.copy()
    if not is_whitened(info):
        before = [info["description"]] if info["description"] else []
        info["description"] = "; ".join([*before, WHITENED])
    return info


def set_unit(info: Info, unit: int, power: int = 0) -> None:
    """Say what the numbers of channels that hold no voltage are, in place.

    Parameters
    ----------
    info : instance of Info
        The channels, of type ``"seeg"``.
    unit : int
        The unit, one of FIF, such as ``FIFF.FIFF_UNIT_HZ`` for spikes per second.
    power : int
        The numbers are in that unit times ten to this power.
    """
    for channel in info["chs"]:
        channel["unit"], channel["unit_mul"] = unit, power


def scale_by_type(data: np.ndarray, info: Info) -> np.ndarray:
    """Return the spread of every channel's type, by which types become comparable.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, n_times)
        Responses.
    info : instance of Info
        The channels.

    Returns
    -------
    scale : array, shape (n_channels, 1)
        The standard deviation over all channels of the same type; 1 where there is one
        type, whose unit stays, and for a type that is constant.
    """
    kinds = np.array(info.get_channel_types())
    scale = np.ones((len(kinds), 1))
    if len(set(kinds)) == 1:
        return scale
    for kind in set(kinds):
        spread = data[:, kinds == kind].std(dtype=np.float64)
        scale[kinds == kind] = spread or 1.0
    return scale
