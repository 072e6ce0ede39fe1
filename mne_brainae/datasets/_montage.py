"""The standard electrode positions, whatever this release of MNE-Python calls them."""

# License: BSD-3-Clause

from __future__ import annotations

import mne


def standard_montage() -> mne.channels.DigMontage:
    """Return the extended 10-20 positions on the template head.

    Returns
    -------
    montage : instance of DigMontage
        The 10-05 system, positions in metres in the frame of the template.

    Notes
    -----
    MNE-Python 1.13 renamed ``"standard_1005"`` to ``"colin27_1005"`` and warns about
    the old name; earlier releases know only the old one.
    """
    new, old = "colin27_1005", "standard_1005"
    name = new if new in mne.channels.get_builtin_montages() else old
    return mne.channels.make_standard_montage(name)
