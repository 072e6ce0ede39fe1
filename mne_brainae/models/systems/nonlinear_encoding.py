"""The brain decoder alone, without alignment."""

# License: BSD-3-Clause

from __future__ import annotations

from torch import Tensor, nn

from ...nn.losses import LOSS_TERMS
from ...utils.docs import fill_doc
from .encoding_only import EncodingOnly


class _NoBrainEncoder(nn.Module):
    """What stands where the network expects a brain encoder."""

    def __init__(self, n_embedding: int):
        super().__init__()
        self.n_embedding = n_embedding

    def forward(self, brain: Tensor) -> Tensor:
        return brain.new_zeros(len(brain), self.n_embedding)


@fill_doc
class NonlinearEncoder(EncodingOnly):
    """Train the brain decoder on image features (Nonlinear Dec of Table 1).

    It is the BrainAE whose objective is equation 4 alone: no brain encoder, and so no
    alignment. What the other terms add is the difference between the two.

    Parameters
    ----------
    brain_decoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 7, one linear layer, or a module that maps (n, n_embedding) to
        (n, n_channels, n_times).
    image_encoder, image_projection, n_embedding : str | callable | Module | int
        As in :class:`mne_brainae.BrainAE`.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 7.
    learning_rate, betas, batch_size : float | tuple of float | int
        As in :class:`mne_brainae.BrainAE`.
    max_epochs, min_updates, validation, validation_size : int | str | float
        As in :class:`mne_brainae.BrainAE`.
    standardize : ``"channel"`` | ``"evoked"``
        As in :class:`mne_brainae.BrainAE`.
    %(picks)s
    device : str
        As in :class:`mne_brainae.BrainAE`.
    checkpoint : path-like | None
        As in :class:`mne_brainae.BrainAE`.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    network_ : Module
        The fitted network, in evaluation mode on the CPU.
    history_ : DataFrame, shape (n_epochs, n_terms)
        The loss for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept.
    info_, times_, evoked_, train_images_ : object
        As in :class:`mne_brainae.BrainAE`.
    """

    def __init__(
        self,
        *,
        brain_decoder="tsconv",
        image_encoder="gabor",
        image_projection="linear",
        n_embedding=1024,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        learning_rate=1e-3,
        betas=(0.5, 0.999),
        batch_size=800,
        max_epochs=50,
        min_updates=950,
        validation="concept",
        validation_size=0.1,
        standardize="channel",
        picks=None,
        device="auto",
        checkpoint=None,
        random_state=None,
        verbose=None,
    ):
        given = locals()
        super().__init__(
            brain_encoder="linear",  # any name: what is built has none
            loss_weights=dict.fromkeys(LOSS_TERMS, 0.0) | {"recon_image": 1.0},
            **{name: given[name] for name in self._get_param_names()},
        )

    def _build_network(self):
        self.brain_encoder = _NoBrainEncoder(self.n_embedding_)
        return super()._build_network()
