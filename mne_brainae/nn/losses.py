"""The four terms of the objective (equations 1 to 5)."""

# License: BSD-3-Clause

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .fast.workers import inner_products

#: The terms in the order of the paper: L_con (equation 1), L_fea (equation 2),
#: L_reconB (equation 3) and L_reconI (equation 4).
LOSS_TERMS = ("contrastive", "feature", "recon_brain", "recon_image")


def info_nce(
    z_brain: Tensor, z_image: Tensor, temperature: Tensor | float, *, symmetric: bool
) -> Tensor:
    """Contrast every pair of a batch with all other pairings (equation 1).

    Parameters
    ----------
    z_brain, z_image : Tensor, shape (n_batch, n_embedding)
        Embeddings; row i of both belongs to one pair.
    temperature : Tensor | float
        The temperature tau.
    symmetric : bool
        Whether images are also matched to brain responses (the mean of both
        directions), or only brain responses to images, as equation 1 is printed.

    Returns
    -------
    loss : Tensor, shape ()
        The cross-entropy of finding the partner by cosine similarity.
    """
    directions = F.normalize(z_brain, dim=1), F.normalize(z_image, dim=1)
    logits = inner_products(*directions) / temperature
    partner = torch.arange(len(logits), device=logits.device)
    loss = F.cross_entropy(logits, partner)
    if symmetric:
        loss = (loss + F.cross_entropy(logits.T, partner)) / 2
    return loss


class BrainAELoss(nn.Module):
    """The weighted sum of the four terms.

    Parameters
    ----------
    weights : dict
        Weight of every term of :data:`LOSS_TERMS`. A term of weight 0 is not computed.
    temperature : float
        The temperature tau of equation 1, or its start when it is learned.
    learn_temperature : bool
        Whether tau is learned with the network.
    symmetric : bool
        Whether InfoNCE runs in both directions.

    Notes
    -----
    The squared errors of equations 2 to 4 are averaged over features, and over
    channels and times, as well as over the batch, so that the weights mean the same
    for recordings of every size.
    """

    def __init__(
        self,
        weights: dict[str, float],
        *,
        temperature: float,
        learn_temperature: bool,
        symmetric: bool,
    ):
        super().__init__()
        self.weights = dict(weights)
        self.symmetric = symmetric
        # exp(log tau) keeps a learned temperature positive.
        log_temperature = torch.tensor(math.log(temperature))
        if learn_temperature:
            self.log_temperature = nn.Parameter(log_temperature)
        else:
            self.register_buffer("log_temperature", log_temperature)

    @property
    def temperature(self) -> float:
        """The temperature tau."""
        return float(self.log_temperature.detach().exp())

    def forward(
        self,
        network: nn.Module,
        brain: Tensor,
        image: Tensor | None,
        seen: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its unweighted terms.

        Parameters
        ----------
        network : instance of BrainAENetwork | GramComputation
            The network, or a fast computation of it.
        brain : Tensor, shape (n_batch, n_channels, n_times) | Responses
            Standardised brain responses, as the network arranges them.
        image : Tensor, shape (n_batch, n_image_features) | None
            Standardised image features; without them only L_reconB is left.
        seen : Tensor, shape (n_batch, n_channels, n_times) | None
            What the encoder sees of the responses, such as parts of them. None is all.

        Returns
        -------
        total : Tensor, shape ()
            The weighted sum.
        terms : dict of Tensor
            The terms of weight other than 0, by name.
        """
        terms = {}
        z_brain = None
        if any(self.weights[name] for name in LOSS_TERMS[:3]):
            z_brain = network.embed_brain(brain if seen is None else seen)
        if image is not None:
            z_image = network.embed_image(image)
            if self.weights["contrastive"]:
                tau = self.log_temperature.exp()
                terms["contrastive"] = info_nce(
                    z_brain, z_image, tau, symmetric=self.symmetric
                )
            if self.weights["feature"]:
                terms["feature"] = F.mse_loss(z_brain, z_image)
        if self.weights["recon_brain"]:
            terms["recon_brain"] = network.squared_error(z_brain, brain)
        if image is not None and self.weights["recon_image"]:
            terms["recon_image"] = network.squared_error(z_image, brain)
        total = sum(self.weights[name] * term for name, term in terms.items())
        return total, terms
