"""Whether responses were recorded as those of a fit, and what is missing of them."""

# License: BSD-3-Clause

from __future__ import annotations

from statistics import median

import mne
import numpy as np

from ..utils.checks import check_epochs, check_same_space, five, logger, warn
from .epochs import read_array

#: Responses this many times larger or smaller than at fit are in another unit.
OTHER_UNIT = 10.0
#: As many epochs, and samples of each, show in which unit all of them are.
ENOUGH, ENOUGH_SAMPLES = 256, 64
#: Channel types that are measured against a reference.
REFERENCED = ("eeg", "ecog", "seeg", "dbs")


def missing_channels(epochs: mne.BaseEpochs, info: mne.Info) -> dict[str, str]:
    """Say which channels of a fit are missing in epochs, and why.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    info : instance of Info
        The channels of the fit. One that was bad at fit and picked nevertheless is not
        missing when it is bad again.

    Returns
    -------
    missing : dict of str
        ``"absent"`` or ``"bad"`` by channel.
    """
    bads = set(epochs.info["bads"]) - set(info["bads"])
    if not bads and epochs.ch_names == info["ch_names"]:
        return {}
    known = set(epochs.ch_names)
    return {
        name: "absent" if name not in known else "bad"
        for name in info["ch_names"]
        if name not in known or name in bads
    }


def read_recorded(
    epochs: mne.BaseEpochs, info: mne.Info, times: np.ndarray
) -> np.ndarray:
    """Read the channels of a fit from epochs that may lack some of them.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    info : instance of Info
        The channels of the fit.
    times : array, shape (n_times,)
        The times of the fit in seconds.

    Returns
    -------
    data : array, shape (n_epochs, n_channels, n_times)
        The responses in the units of ``epochs``, float32; NaN where a channel is absent
        or bad.

    Raises
    ------
    ValueError
        If the times differ, or none of the channels is there.
    """
    seen, picks = locate_channels(epochs, info, times)
    observed = read_array(epochs, picks)
    n_channels = len(info["ch_names"])
    if len(seen) == n_channels:
        return observed
    data = np.full((len(observed), n_channels, len(times)), np.nan, np.float32)
    data[:, seen] = observed
    logger.info(
        f"{n_channels - len(seen)} of {n_channels} channels are missing and are "
        f"imputed: {describe_missing(missing_channels(epochs, info))}."
    )
    return data


def locate_channels(
    epochs: mne.BaseEpochs, info: mne.Info, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the channels of a fit that epochs have.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    info : instance of Info
        The channels of the fit.
    times : array, shape (n_times,)
        The times of the fit in seconds.

    Returns
    -------
    seen : array of int, shape (n_seen,)
        Which channels of the fit they are.
    picks : array of int, shape (n_seen,)
        Where they are in ``epochs``.

    Raises
    ------
    ValueError
        If there is none.
    """
    check_epochs(epochs)
    names, missing = info["ch_names"], missing_channels(epochs, info)
    seen = [row for row, name in enumerate(names) if name not in missing]
    if not seen:
        raise ValueError(
            "epochs have none of the channels that are needed: "
            f"{five(names)} are absent or bad (epochs.info['bads'])."
        )
    picks = check_same_space(epochs, [names[row] for row in seen], times)
    return np.array(seen), picks


def describe_missing(missing: dict[str, str]) -> str:
    """Write which channels are missing, for logs and protocols."""
    if not missing:
        return "none"
    reasons = dict.fromkeys(missing.values())
    names = {why: [n for n in missing if missing[n] == why] for why in reasons}
    return "; ".join(f"{five(those)} {why}" for why, those in names.items())


def warn_if_recorded_otherwise(
    epochs: mne.BaseEpochs, info: mne.Info, baseline: tuple | None
) -> None:
    """Warn where reference, projectors or baseline differ from those at fit.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    info : instance of Info
        The channels of the fit, with reference and projectors.
    baseline : tuple | None
        The baseline of the fit.
    """
    otherwise = {}
    references = [each["custom_ref_applied"] for each in (epochs.info, info)]
    if references[0] != references[1] and _has_reference(info):
        otherwise["reference"] = [
            "chosen by the user" if chosen else "as recorded" for chosen in references
        ]
    if epochs.info["projs"] or info["projs"]:
        otherwise["projectors"] = [
            five(_projectors(each, info["ch_names"])) or "none"
            for each in (epochs.info, info)
        ]
    if epochs.baseline != baseline:
        otherwise["baseline"] = [
            _describe_baseline(each, info["sfreq"])
            for each in (epochs.baseline, baseline)
        ]
    differs = [
        f"{what} ({here}; at fit: {at_fit})"
        for what, (here, at_fit) in otherwise.items()
        if here != at_fit
    ]
    if differs:
        warn(
            f"epochs differ in {' and '.join(differs)} from those that the model was "
            "fitted on. Preprocess both in the same way; otherwise predictions and "
            "similarities are wrong."
        )


def _has_reference(info: mne.Info) -> bool:
    return bool(set(info.get_channel_types(unique=True)) & set(REFERENCED))


def _projectors(info: mne.Info, names: list[str]) -> list[str]:
    """Return the applied projectors of some channels, by name and content."""
    return sorted(
        f"{each['desc']} [{_sum_of(each, names)}]"
        for each in info["projs"]
        if each["active"] and set(each["data"]["col_names"]) & set(names)
    )


def _sum_of(projector, names: list[str]) -> str:
    """Return a number that tells projectors of one name apart, whatever their sign."""
    data = projector["data"]
    used = [col in names for col in data["col_names"]]
    return f"{np.abs(data['data'])[:, used].sum():.3g}"


def _describe_baseline(baseline: tuple | None, sfreq: float) -> str:
    if baseline is None:
        return "none"
    # The ends may be written as None, or lie anywhere within a sample.
    first, last = (round(float(end) * sfreq) / sfreq for end in baseline)
    return f"{first:g} to {last:g} s"


def warn_if_in_other_units(
    data: np.ndarray,
    kinds: np.ndarray,
    scaler,
    n_averaged: float,
    n_averaged_at_fit: float,
) -> None:
    """Warn where responses are far larger or smaller than at fit.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, n_times)
        Responses; what is missing is NaN.
    kinds : array of str, shape (n_channels,)
        The types of the channels.
    scaler : instance of Scaler
        Mean and spread at fit.
    n_averaged, n_averaged_at_fit : float
        Of how many trials a response is the mean, here and at fit, which makes it
        smaller by up to the square root.
    """
    times = slice(None, None, max(data.shape[2] // ENOUGH_SAMPLES, 1))
    some = data[:: max(len(data) // ENOUGH, 1), :, times]
    # What was hidden by the mean response says nothing of the unit, as NaN does.
    mean = np.broadcast_to(scaler.mean, data.shape[1:])[:, times]
    seen = np.abs(some - mean) > 1e-6 * np.abs(mean)
    # In units of the scale, since squares of tesla are too small for float32.
    with np.errstate(over="ignore"):  # such a unit is another one in any case
        some = np.where(seen, some, 0) / scaler.scale
        power = np.einsum("nct,nct->c", some, some)
    expected = 1 + np.square(mean / scaler.scale)
    if seen.all():
        expected = len(some) * expected.sum(axis=1)
    else:
        expected = np.einsum("nct,ct->c", seen, expected)
    # A constant channel has no scale.
    is_told = (expected > 0) & (scaler.scale[:, 0] != 1)
    ratios = np.sqrt(power / np.where(is_told, expected, 1))
    most = OTHER_UNIT * np.sqrt(max(n_averaged_at_fit, 1))
    least = 1 / (OTHER_UNIT * np.sqrt(max(n_averaged, 1)))
    for kind in dict.fromkeys(kinds[is_told]):
        ratio = median(ratios[is_told & (kinds == kind)].tolist())
        if not least < ratio < most:
            warn(
                f"The {kind} responses are {ratio:.3g} times as large as those that "
                "the model was fitted on. Are they in another unit or scale, such as "
                "microvolts for volts, or was only one of the two whitened?"
            )
