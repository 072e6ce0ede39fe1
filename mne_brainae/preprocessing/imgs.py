"""Images of the brain, such as fMRI volumes, as Epochs of one sample, and back."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
from mne.io.constants import FIFF
from sklearn.utils.validation import check_is_fitted

from ..utils.checks import counted, five
from ..utils.constraints import checked
from ..utils.units import set_unit
from .epochs import make_epochs

#: What the columns of a masker are called, by a part of the name of its class.
KINDS = {"Surface": "vertex", "Labels": "region", "Maps": "region", "Spheres": "region"}


def check_masker(masker, name: str) -> None:
    """Refuse what is no fitted masker of nilearn.

    Parameters
    ----------
    masker : object
        The masker.
    name : str
        The parameter that holds it.

    Raises
    ------
    TypeError
        If it cannot go from images to arrays and back.
    ValueError
        If it is not fitted.
    """
    if not (hasattr(masker, "transform") and hasattr(masker, "inverse_transform")):
        raise TypeError(
            f"{name} must be a fitted masker of nilearn, such as NiftiMasker, got "
            f"{type(masker).__name__}."
        )
    try:
        check_is_fitted(masker)
    except ValueError as error:
        raise ValueError(f"{name} is not fitted: call its method fit first.") from error


def _check_metadata(metadata, name: str) -> None:
    if not isinstance(metadata, pd.DataFrame):
        raise TypeError(
            f"{name} must be a DataFrame with one row per image of the brain and a "
            f"column 'image', got {type(metadata).__name__}."
        )


@checked(masker=check_masker, metadata=_check_metadata)
def epochs_from_imgs(imgs, masker, metadata: pd.DataFrame) -> mne.EpochsArray:
    """Make Epochs of one sample from images of the brain, one per trial.

    Parameters
    ----------
    imgs : path-like | Niimg-like | list | array, shape (n_trials, n_voxels)
        A 4-D image, or one 3-D image per trial, such as the estimates (betas) of a
        single-trial model; images of a surface for a masker of surfaces; or what the
        masker has already made of them.
    masker : instance of NiftiMasker
        A fitted masker of nilearn of any kind: of voxels, regions or a surface.
    metadata : DataFrame, shape (n_trials, n_columns)
        One row per trial; the column ``"image"`` names what was seen.

    Returns
    -------
    epochs : instance of EpochsArray
        The responses, in the unit of the images. A channel is a voxel, a vertex or a
        region, and has its number behind the mask as its name. Its type is ``"seeg"``,
        since MNE-Python has none for it.

    Raises
    ------
    ValueError
        If the numbers of images and of rows differ, or a value is not finite.

    See Also
    --------
    mne_brainae.epochs_to_img : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from nibabel import Nifti1Image
    >>> from nilearn.maskers import NiftiMasker
    >>> import mne_brainae
    >>> mask = Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    >>> masker = NiftiMasker(mask, standardize=None).fit()
    >>> betas = np.random.default_rng(0).standard_normal((2, 8))
    >>> metadata = pd.DataFrame({"image": ["cat.png", "dog.png"]})
    >>> epochs = mne_brainae.epochs_from_imgs(betas, masker, metadata)
    >>> epochs.get_data().shape
    (2, 8, 1)
    """
    rows = imgs if isinstance(imgs, np.ndarray) else masker.transform(imgs)
    rows = np.atleast_2d(np.asarray(rows, np.float32))
    if rows.ndim != 2 or len(rows) != len(metadata):
        raise ValueError(
            f"imgs are an array of shape {rows.shape} inside the mask, but metadata "
            f"have {len(metadata)} rows. Give one image of the brain per row."
        )
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(0))
        raise ValueError(
            f"imgs have NaN or infinity at {counted(len(bad), 'place')} inside the "
            f"mask, such as {five(bad)}. Leave these out of the mask."
        )
    kinds = [kind for part, kind in KINDS.items() if part in type(masker).__name__]
    kind = kinds[0] if kinds else "voxel"
    names = [f"{kind}-{number}" for number in range(rows.shape[1])]
    info = mne.create_info(names, 1.0, "seeg", verbose=False)
    set_unit(info, FIFF.FIFF_UNIT_NONE)
    metadata = metadata.reset_index(drop=True)
    return make_epochs(rows[:, :, None], info, np.zeros(1), metadata)


@checked(masker=check_masker)
def epochs_to_img(epochs, masker):
    """Make an image of the brain from responses of one sample.

    Parameters
    ----------
    epochs : instance of Epochs | Evoked
        Responses of the channels that :func:`mne_brainae.epochs_from_imgs` names, such
        as predicted ones, or some of these channels.
    masker : instance of NiftiMasker
        The masker that the responses came from.

    Returns
    -------
    img : Niimg-like
        A 4-D image with one volume per epoch, a 3-D image of an Evoked, or an image of
        the surface. It is 0 where there is no channel.

    Raises
    ------
    ValueError
        If there is more than one sample, or channels are not of the masker.
    TypeError
        If ``epochs`` are neither Epochs nor Evoked.

    See Also
    --------
    mne_brainae.epochs_from_imgs : Where such epochs come from.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from nibabel import Nifti1Image
    >>> from nilearn.maskers import NiftiMasker
    >>> import mne_brainae
    >>> mask = Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    >>> masker = NiftiMasker(mask, standardize=None).fit()
    >>> metadata = pd.DataFrame({"image": ["cat.png", "dog.png"]})
    >>> epochs = mne_brainae.epochs_from_imgs(np.ones((2, 8)), masker, metadata)
    >>> mne_brainae.epochs_to_img(epochs, masker).shape
    (2, 2, 2, 2)
    """
    if not isinstance(epochs, mne.BaseEpochs | mne.Evoked):
        raise TypeError(
            f"epochs must be Epochs or Evoked, got {type(epochs).__name__}."
        )
    is_evoked = isinstance(epochs, mne.Evoked)
    data = epochs.data[None] if is_evoked else epochs.get_data(copy=False)
    rows = rows_of_masker(data, epochs.info, masker)
    return masker.inverse_transform(rows[0] if is_evoked else rows)


def rows_of_masker(data: np.ndarray, info: mne.Info, masker) -> np.ndarray:
    """Put responses where they were behind a mask.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, 1)
        The responses.
    info : instance of Info
        The channels.
    masker : instance of NiftiMasker
        The masker.

    Returns
    -------
    rows : array, shape (n_epochs, n_voxels)
        The responses, 0 where there is no channel.
    """
    if data.shape[2] != 1:
        raise ValueError(
            f"epochs have {data.shape[2]} samples; an image of the brain has one. "
            "Crop or average them."
        )
    numbers = [name.rpartition("-")[2] for name in info["ch_names"]]
    n_voxels = int(masker.n_elements_)
    is_known = [each.isdecimal() and int(each) < n_voxels for each in numbers]
    if not all(is_known):
        strange = np.array(info["ch_names"])[~np.array(is_known)]
        raise ValueError(
            f"epochs have channels such as {five(strange)}, which are not among the "
            f"{n_voxels} inside the mask. Give epochs of epochs_from_imgs, or what a "
            "model fitted on them predicts."
        )
    rows = np.zeros((len(data), n_voxels), np.float32)
    rows[:, [int(each) for each in numbers]] = data[:, :, 0]
    return rows
