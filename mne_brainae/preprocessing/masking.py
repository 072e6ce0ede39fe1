"""Partial recordings: missing entries are NaN."""

# License: BSD-3-Clause

from __future__ import annotations

from numbers import Integral

import mne
import numpy as np

from ..utils.checks import (
    check_epochs,
    pick_channels,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, options, positive, share
from ..utils.docs import fill_doc
from .epochs import make_epochs_like, read_array

MASKS = ("random", "spatial", "temporal", "forecast")


def _check_shape(shape, name: str) -> None:
    """Refuse what is no shape of responses."""
    is_shape = isinstance(shape, tuple | list) and len(shape) == 3
    if not is_shape or not all(isinstance(n, Integral) and n > 0 for n in shape):
        raise ValueError(
            f"{name} must be (n_epochs, n_channels, n_times), three integers of at "
            f"least 1, got {shape!r}."
        )


@checked(
    kind=[options(*MASKS)],
    shape=_check_shape,
    ratio=[share()],
    block=[integer(1)],
    random_state=["random_state"],
)
@fill_doc
def make_mask(
    kind: str,
    shape: tuple[int, int, int],
    ratio: float = 0.5,
    *,
    block: int = 1,
    random_state=None,
) -> np.ndarray:
    """Draw which entries of a recording are missing (Figure 4a of the paper).

    Parameters
    ----------
    kind : ``"random"`` | ``"spatial"`` | ``"temporal"`` | ``"forecast"``
        Stretches of single channels, whole channels, stretches of all channels, or the
        end of the window. All but the last are drawn for every epoch anew.
    shape : tuple of int
        ``(n_epochs, n_channels, n_times)``.
    ratio : float
        The share that is missing, between 0 and 1; at least one part goes, and at least
        one stays.
    block : int
        Length of a stretch in samples (random and temporal masks).
    %(random_state)s

    Returns
    -------
    mask : array of bool, shape (n_epochs, n_channels, n_times)
        True where an entry is missing.

    Raises
    ------
    ValueError
        If the mask has only one part, which cannot both go and stay.

    See Also
    --------
    mne_brainae.mask_epochs
    mne_brainae.score_reconstruction

    Examples
    --------
    >>> mask = mne_brainae.make_mask("spatial", (1, 4, 3), 0.5, random_state=0)
    >>> int(mask.sum())
    6
    """
    n_epochs, n_channels, n_times = shape
    rng = np.random.default_rng(seed_from(random_state))
    n_blocks = -(-n_times // block)
    units = {
        "random": (n_channels, n_blocks),
        "spatial": (n_channels, 1),
        "temporal": (1, n_blocks),
        "forecast": (1, n_times),
    }[kind]
    n_units = int(np.prod(units))
    if n_units < 2:
        raise ValueError(
            f"A {kind} mask of shape {shape} has only one part, which cannot be both "
            "masked and kept. Take shorter stretches or another kind of mask."
        )
    n_missing = int(np.clip(round(ratio * n_units), 1, n_units - 1))
    rank = np.tile(np.arange(n_units)[::-1], (n_epochs, 1))
    if kind != "forecast":
        rank = rng.permuted(rank, axis=1)
    mask = (rank < n_missing).reshape(n_epochs, *units)
    if kind in ("random", "temporal"):
        mask = mask.repeat(block, axis=2)[..., :n_times]
    return np.broadcast_to(mask, shape).copy()


def draw_mask(
    shape: tuple[int, int, int], share: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a mask of any kind, ratio and length for some responses, to train with.

    Parameters
    ----------
    shape : tuple of int
        ``(n_epochs, n_channels, n_times)``.
    share : float
        The share of epochs of which anything is missing.
    rng : instance of Generator
        Where the choices come from. Kind, ratio (0.1 to 0.9) and length of stretches
        (up to a quarter of the window) are the same for all epochs; what is missing is
        not.

    Returns
    -------
    mask : array of bool, shape (n_epochs, n_channels, n_times)
        True where an entry is missing; nothing is of responses of one value.
    """
    n_epochs, n_channels, n_times = shape
    if n_channels * n_times < 2:
        return np.zeros(shape, bool)
    kinds = ["spatial"] if n_channels > 1 else []
    kinds += ["random", "temporal", "forecast"] if n_times > 1 else []
    mask = make_mask(
        kinds[rng.integers(len(kinds))],
        shape,
        rng.uniform(0.1, 0.9),
        block=int(rng.integers(1, max(n_times // 4, 1) + 1)),
        random_state=int(rng.integers(2**31)),
    )
    mask[rng.random(n_epochs) >= share] = False
    return mask


@checked(
    epochs=check_epochs,
    kind=[options(*MASKS), "array-like"],
    ratio=[share()],
    block_length=[positive()],
    random_state=["random_state"],
)
@verbose
@fill_doc
def mask_epochs(
    epochs: mne.BaseEpochs,
    kind="random",
    ratio: float = 0.5,
    *,
    block_length: float = 0.1,
    picks=None,
    random_state=None,
    verbose=None,
) -> mne.EpochsArray:
    """Remove part of a recording, for ``BrainAE.reconstruct`` to restore.

    Parameters
    ----------
    epochs : instance of Epochs
        The whole recording.
    kind : str | array of bool
        ``"random"`` (stretches of single channels), ``"spatial"`` (whole channels),
        ``"temporal"`` (stretches of all channels) or ``"forecast"`` (the end of the
        window); or the mask itself, broadcastable to
        ``(n_epochs, n_channels, n_times)``, True where an entry is to be missing.
    ratio : float
        The share that is missing, between 0 and 1.
    block_length : float
        Length of a stretch in seconds.
    %(picks)s
    %(random_state)s
    %(verbose)s

    Returns
    -------
    epochs_masked : instance of EpochsArray
        A copy of the picked channels whose missing entries are NaN.

    See Also
    --------
    mne_brainae.make_mask
    mne_brainae.BrainAE.reconstruct

    Examples
    --------
    >>> masked = mne_brainae.mask_epochs(averaged, "spatial", 0.5, random_state=0)
    >>> whole = model.reconstruct(masked)
    """
    picks = pick_channels(epochs.info, picks)
    data = read_array(epochs, picks)
    if isinstance(kind, str):
        block = max(round(block_length * epochs.info["sfreq"]), 1)
        mask = make_mask(
            kind, data.shape, ratio, block=block, random_state=random_state
        )
    else:
        mask = _check_mask(np.asarray(kind), data.shape)
    data[mask] = np.nan
    info = mne.pick_info(epochs.info, picks)
    return make_epochs_like(epochs, data, info)


def _check_mask(mask: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    if mask.dtype != bool:
        raise TypeError(
            "kind must be the name of a mask, or a mask: an array of bool that is True "
            f"where an entry is to be missing, got {mask.dtype}."
        )
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(
            f"kind is a mask of shape {mask.shape}, which does not fit the "
            f"(n_epochs, n_channels, n_times) = {shape} of the epochs."
        ) from None
