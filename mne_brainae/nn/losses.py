"""The four terms of the objective (equations 1 to 5), and what any objective is."""

# License: BSD-3-Clause

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: The terms in the order of the paper: L_con (equation 1), L_fea (equation 2),
#: L_reconB (equation 3) and L_reconI (equation 4).
LOSS_TERMS = ("contrastive", "feature", "recon_brain", "recon_image")


#: The parts of the network that every term needs.
NEEDS = {
    "contrastive": {"brain_encoder", "image_projection"},
    "feature": {"brain_encoder", "image_projection"},
    "recon_brain": {"brain_encoder", "brain_decoder"},
    "recon_image": {"image_projection", "brain_decoder"},
}
#: By what similarities of standard deviation 1 are multiplied, to look for the best.
SHARPNESS = tuple(0.1 * 1.15**step for step in range(42))  # up to 31
NO_IMAGE = {"image_projection"}  # what a batch without images cannot use


def info_nce(
    similarity: Tensor, temperature: Tensor | float, *, symmetric: bool
) -> Tensor:
    """Contrast every pair of a batch with all other pairings (equation 1).

    Parameters
    ----------
    similarity : Tensor, shape (n_batch, n_batch)
        Similarity of every brain response, in rows, with every image, in columns, such
        as the cosine of their embeddings; row i and column i belong to one pair.
    temperature : Tensor | float
        The temperature tau.
    symmetric : bool
        Whether images are also matched to brain responses (the mean of both
        directions), or only brain responses to images, as equation 1 is printed.

    Returns
    -------
    loss : Tensor, shape ()
        The cross-entropy of finding the partner by similarity.
    """
    logits = similarity / temperature
    partner = torch.arange(len(logits), device=logits.device)
    loss = F.cross_entropy(logits, partner)
    if symmetric:
        loss = (loss + F.cross_entropy(logits.T, partner)) / 2
    return loss


#: Widths of the kernels of SAMGA, in units of the typical distance of a batch.
WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0)


def squared_mmd(
    left: Tensor, right: Tensor, widths: Sequence[float] = WIDTHS
) -> Tensor:
    """Return how far two distributions lie apart (maximum mean discrepancy).

    Parameters
    ----------
    left, right : Tensor, shape (n_left, n_dimensions) | (n_right, n_dimensions)
        Samples of both, at least two of each.
    widths : sequence of float
        Standard deviations of the Gaussian kernels, whose mean is taken, in units of
        the root mean squared distance between all samples.

    Returns
    -------
    squared : Tensor, shape ()
        The unbiased estimate, which has mean 0 for samples of one distribution and may
        be negative.
    """
    both = torch.cat([left, right])
    distances = torch.cdist(both, both).square()  # (n, n)
    unit = distances.detach().mean()
    kernel = sum(torch.exp(-distances / (2 * w**2 * unit)) for w in widths)
    kernel = kernel / len(widths)
    n, m = len(left), len(right)
    within = (kernel[:n, :n].sum() - n) / (n * (n - 1))  # the diagonal is 1
    within = within + (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return within - 2 * kernel[:n, n:].mean()


def identification_loss(similarity: Tensor) -> float:
    """Return how badly responses find their images, at the best temperature.

    With a temperature that is fixed, or a norm that is free, the loss of held-out
    images rises when a network becomes too sure, although it still finds more of them.

    Parameters
    ----------
    similarity : Tensor, shape (n_images, n_images)
        Similarities of responses (rows) and images in the same order.

    Returns
    -------
    loss : float
        The least cross-entropy of the right image over all temperatures; log(n_images)
        where nothing is found.
    """
    n_images = len(similarity)
    scaled = similarity / similarity.std(correction=0).clamp_min(1e-12)
    right = torch.arange(n_images, device=similarity.device)
    losses = [F.cross_entropy(scaled * each, right) for each in SHARPNESS]
    return min(math.log(n_images), *(float(each) for each in losses))


class Objective(nn.Module):
    """What a training minimizes, and what it trains beside the network.

    A child is called with the network and a batch, and returns the total loss and its
    terms by name, as :class:`BrainAELoss` does. Its own parameters are trained, too.
    """

    #: The temperature of a contrastive term; None where there is none.
    temperature: float | None = None
    #: Whether the epoch is chosen by how well held-out images are identified, and not
    #: by their loss.
    identifies: bool = False

    @property
    def rivals(self) -> tuple[nn.Module, ...]:
        """Modules that the loss does not train: they have updates of their own."""
        return ()

    def groups(self) -> list[dict]:
        """Return the groups of its parameters, as an optimizer takes them."""
        return [{"params": list(self.parameters()), "weight_decay": 0.0}]

    def begin(self, epoch: int) -> None:
        """Prepare for an epoch of training."""

    def preliminary(
        self, network: nn.Module, brain: Tensor, image: Tensor | None, **known
    ) -> Iterator[tuple[Tensor, list[nn.Parameter]]]:
        """Yield what a batch updates before the loss does.

        Parameters
        ----------
        network : instance of BrainAENetwork
            The network.
        brain, image : Tensor | None
            The batch.
        **known : Tensor
            What else is known of every image of it.

        Yields
        ------
        loss : Tensor, shape ()
            What is minimized by the next update, which is made before more is asked.
        parameters : list of Parameter
            What this update changes.
        """
        yield from ()


class BrainAELoss(Objective):
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
    normalize_brain : bool
        Whether InfoNCE compares by cosine. False leaves the norm of the embedded
        response, which then is an inverse temperature of its own: the similarity is
        the inner product with the image's direction.
    mmd : tuple of float | None
        The weight of :func:`squared_mmd` in the first and the last of so many epochs,
        ``(first, last, n_epochs)``: the loss is ``weight * mmd + (1 - weight) * rest``.
        After them, and in validation, the rest counts alone. None has no such term.

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
        normalize_brain: bool = True,
        mmd: tuple[float, float, int] | None = None,
    ):
        super().__init__()
        self.weights = dict(weights)
        self.mmd, self.mmd_weight = mmd, 0.0
        self.symmetric = symmetric
        self.normalize_brain = normalize_brain
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

    def begin(self, epoch: int) -> None:
        """Set the weight of the discrepancy in an epoch of training."""
        if self.mmd is not None:
            first, last, n_epochs = self.mmd
            passed = epoch / max(n_epochs - 1, 1)
            weight = first + (last - first) * passed
            self.mmd_weight = weight if epoch < n_epochs else 0.0

    def forward(
        self,
        network: nn.Module,
        brain: Tensor,
        image: Tensor | None,
        seen: Tensor | None = None,
        **known: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its unweighted terms.

        Parameters
        ----------
        network : instance of BrainAENetwork | FastComputation
            The network, or a fast computation of it. Terms that need a part which it
            lacks are not computed.
        brain : Tensor, shape (n_batch, n_channels, n_times) | Responses
            Standardized brain responses, as the network arranges them.
        image : Tensor, shape (n_batch, n_image_features) | None
            Standardized image features; without them only L_reconB is left.
        seen : Tensor, shape (n_batch, n_channels, n_times) | None
            What the encoder sees of the responses, such as parts of them. None is all.
        **known : Tensor
            What else the brain encoder takes by name, such as ``subject``.

        Returns
        -------
        total : Tensor, shape ()
            The weighted sum.
        terms : dict of Tensor
            The terms of weight other than 0, by name.

        Raises
        ------
        ValueError
            If no term is left to learn by.
        """
        parts = set(network.parts) - (set() if image is not None else NO_IMAGE)
        names = [x for x in LOSS_TERMS if self.weights[x] and NEEDS[x] <= parts]
        if not names:
            raise ValueError(
                "No term of the loss is left: the network has "
                f"{', '.join(sorted(parts))}, the weights are {self.weights}. Give "
                "images, or a weight to a term that these parts can learn by."
            )
        z_brain = z_image = None
        if "brain_encoder" in parts:
            seen = brain if seen is None else seen
            z_brain = self._embed_brain(network, seen, **known)
        if "image_projection" in parts:
            z_image = network.embed_image(image)
        terms = {
            name: self._term(name, network, z_brain, z_image, brain) for name in names
        }
        total = sum(self.weights[name] * term for name, term in terms.items())
        if self.mmd is not None and self.training:
            terms["mmd"] = squared_mmd(z_brain["contrastive"], z_image)
            total = (1 - self.mmd_weight) * total + self.mmd_weight * terms["mmd"]
        return total, terms

    def _embed_brain(self, network, brain, **known) -> dict[str, Tensor]:
        """Return the embedding of the responses that every term takes."""
        z_brain = network.embed_brain(brain, **known)
        return dict.fromkeys(("contrastive", "feature", "recon_brain"), z_brain)

    def _term(self, name: str, network, z_brain, z_image, brain) -> Tensor:
        if name == "recon_image":
            return network.squared_error(z_image, brain)
        z_brain = z_brain[name]
        if name == "contrastive":
            z_brain = F.normalize(z_brain, dim=1) if self.normalize_brain else z_brain
            z_image = F.normalize(z_image, dim=1)
            similarity = network.inner_products(z_brain, z_image)  # (n_batch, n_batch)
            tau = self.log_temperature.exp()
            return info_nce(similarity, tau, symmetric=self.symmetric)
        if name == "feature":
            return F.mse_loss(z_brain, z_image)
        return network.squared_error(z_brain, brain)

    def compare(self, network, brain, image, **known) -> tuple[Tensor, Tensor]:
        """Return the directions of embedded responses and images, (n_batch, n)."""
        z_brain = self._embed_brain(network, brain, **known)["contrastive"]
        z_image = network.embed_image(image)
        return F.normalize(z_brain, dim=1), F.normalize(z_image, dim=1)


class TwoHeadLoss(BrainAELoss):
    """The same for a brain encoder with a head for each term (Benchetrit et al. 2024).

    The encoder has a method ``heads`` that returns two embeddings: one for equation 1,
    and one for equation 2.
    """

    def _embed_brain(self, network, brain, **known) -> dict[str, Tensor]:
        contrasted, regressed = network.brain_encoder.heads(brain, **known)
        return {"contrastive": contrasted, "feature": regressed}
