"""Brain encoders of other papers, as braindecode has them (Table 5)."""

# License: BSD-3-Clause

from __future__ import annotations

import warnings

from torch import nn

#: Names in this package, and the classes of braindecode.
BACKBONES = {
    "shallow": "ShallowFBCSPNet",
    "deep4": "Deep4Net",
    "eegnet": "EEGNet",
    "conformer": "EEGConformer",
}


def build_backbone(
    name: str, n_channels: int, n_times: int, n_embedding: int
) -> nn.Module:
    """Build a network of braindecode whose classes are the axes of the shared space.

    Parameters
    ----------
    name : ``"shallow"`` | ``"deep4"`` | ``"eegnet"`` | ``"conformer"``
        The network, with the settings of its authors. Deep4 shortens its kernels where
        a window has fewer than 441 samples.
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.

    Returns
    -------
    backbone : Module
        A module that maps (n, n_channels, n_times) to (n, n_embedding).

    Raises
    ------
    ImportError
        If braindecode is not installed.
    ValueError
        If the window is too short for the kernels of the network.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about montages, and about shorter kernels
        models = import_braindecode(name)
        try:
            return getattr(models, BACKBONES[name])(
                n_chans=n_channels, n_times=n_times, n_outputs=n_embedding
            )
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"brain_encoder={name!r} does not fit windows of {n_times} samples "
                f"and {n_channels} channels. Give a longer window or a higher sampling "
                "rate (shallow and conformer need at least 99 samples), or take "
                "'tsconv'."
            ) from error


def import_braindecode(name: str):
    """Return the module ``braindecode.models``.

    Parameters
    ----------
    name : str
        The brain encoder that needs it.

    Returns
    -------
    models : module
        The module.

    Raises
    ------
    ImportError
        If braindecode is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about montages
        try:
            from braindecode import models
        except ImportError as error:
            raise ImportError(
                f"brain_encoder={name!r} needs braindecode. Install it by "
                "`pip install mne_brainae[backbones]`."
            ) from error
    return models
