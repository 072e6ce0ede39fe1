"""Which part of the brain a sensor is over, read from its name."""

# License: BSD-3-Clause

from __future__ import annotations

import re

import mne

from ..utils.checks import five
from ..utils.constraints import checked

LOBES = {
    "F": "frontal",
    "C": "central",
    "T": "temporal",
    "P": "parietal",
    "O": "occipital",
}
VISUAL = ("temporal", "parietal", "occipital")

#: CTF sensors, real or simulated: M, then left, right or midline, then the lobe, then a
#: number.
CTF = re.compile(r"M[LRZ]([FCTPO])\d{2,3}(-\d+)?$")
#: Electrodes of the 10-20, 10-10 and 10-05 systems; the letter nearest to the back
#: comes last. Fp1 is frontal: its p is a small one.
EEG = re.compile(r"(?:Fp|[AFCTPO])+(?:\d+|z)h?$")
#: Contacts of TVSD as :mod:`mne_brainae.datasets.tvsd` names them.
AREA = re.compile(r"(V1|V4|IT)_\d+$")


def _region(name: str) -> str | None:
    """Return the region of one sensor, or None when its name does not say."""
    if found := CTF.match(name):
        return LOBES[found[1]]
    if found := AREA.match(name):
        return found[1]
    if EEG.match(name):
        return LOBES.get(re.sub("[^FCTPO]", "", name)[-1:])
    return None


@checked(info=[mne.Info])
def channel_regions(info: mne.Info) -> dict[str, list[str]]:
    """Sort the sensors of a recording by the region that their names say.

    Parameters
    ----------
    info : instance of Info
        The channels: EEG named by the 10-20 system or its extensions, CTF MEG, or the
        contacts of TVSD.

    Returns
    -------
    regions : dict of list of str
        The names of the channels of every region that has any, in the order of
        ``info``, to be used as ``picks``. EEG and MEG have ``"frontal"``,
        ``"central"``, ``"temporal"``, ``"parietal"`` and ``"occipital"``, which share
        no channel; a name between two lobes, such as PO7 or CP1, counts to the one
        nearer to the back. ``"visual"`` joins the last three. TVSD has the areas
        ``"V1"``, ``"V4"`` and ``"IT"``. Channels with other names are left out.

    Raises
    ------
    ValueError
        If no channel name says a region.

    See Also
    --------
    mne_brainae.score_similarity
    mne_brainae.occlude_channels

    Notes
    -----
    The visual channels are those of Table 1 of the paper: 34 of the 63 electrodes of
    THINGS-EEG2, and 152 of the 271 sensors of THINGS-MEG. The paper gives their number;
    that they are the temporal, parietal and occipital ones is inferred from it. For
    TVSD the table has the channels in IT, 256 and 320 of the two animals.

    Examples
    --------
    >>> mne_brainae.channel_regions(test.info)["occipital"]
    ['Oz', 'O1', 'O2']
    """
    regions: dict[str, list[str]] = {}
    for name in info["ch_names"]:
        if region := _region(name):
            regions.setdefault(region, []).append(name)
    if not regions:
        raise ValueError(
            "No channel name says a region; expected names like 'PO7' (EEG), "
            f"'MLO11-1609' (CTF) or 'V1_001' (TVSD), got {five(info['ch_names'])}."
        )
    visual = [name for name in info["ch_names"] if _region(name) in VISUAL]
    return regions | ({"visual": visual} if visual else {})
