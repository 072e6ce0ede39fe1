"""The objective of MB2C: contrast, mixed batches, and a cycle that critics watch.

Two generators lead from one embedding, a unit vector, to the other, with noise e,

    G1: (z_brain, e) -> z_image,    G2: (z_image, e) -> z_brain,

and the cycle term asks that there and back is where one was,

    L_cycle = 1/2 ( |z_brain - G2(G1(z_brain))| + |z_image - G1(G2(z_image))| ),

the means over values. What generators make is judged by a critic of each side, with a
penalty on the norm of its gradient at points x between real and made embeddings,

    L_critic = mean D(made) - mean D(real) + 10 mean (|grad D(x)| - 1)^2,

and by an auxiliary head that names the concept. Critics and generators have updates of
their own; the encoders learn by contrast and cycle.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .losses import BrainAELoss

#: Size of the noise that generators see, and of all hidden layers.
N_NOISE, N_HIDDEN = 100, 900
#: Updates of the critics before one of the generators.
N_CRITIC_STEPS = 5
#: Weights of the gradient penalty, and of the squared weights of generators.
GRADIENT_WEIGHT, SQUARES_WEIGHT = 10.0, 1e-3
#: RMSprop with a decay of .9, as Adam has it.
CRITIC_SETTINGS = {"lr": 5e-5, "betas": (0.0, 0.9), "weight_decay": 0.0}


class Mixed(NamedTuple):
    """A batch with mixed rows at its end.

    Parameters
    ----------
    brain, image : Tensor
        Responses and image features, (n_rows, ...).
    labels : Tensor, shape (n_rows, n_concepts) | None
        How much of which concept is in a row.
    """

    brain: Tensor
    image: Tensor
    labels: Tensor | None


def mix(first: Tensor, rows: Tensor, partners: Tensor, share: float) -> Tensor:
    """Append to a batch what is mixed of some rows and their partners.

    Parameters
    ----------
    first : Tensor, shape (n, ...)
        The batch.
    rows, partners : Tensor of int, shape (n_mixed,)
        Which rows are mixed with which.
    share : float
        How much of the row is in the mixture; 1 repeats it.

    Returns
    -------
    mixed : Tensor, shape (n + n_mixed, ...)
        The batch and the mixtures.
    """
    mixtures = share * first[rows] + (1 - share) * first[partners]
    return torch.cat([first, mixtures])


def draw_partners(rows: Tensor, concepts: Tensor) -> Tensor:
    """Draw a row of another concept for each of some rows of a batch.

    Parameters
    ----------
    rows : Tensor of int, shape (n_mixed,)
        The rows.
    concepts : Tensor of int, shape (n,)
        The concept of every row of the batch.

    Returns
    -------
    partners : Tensor of int, shape (n_mixed,)
        Their partners; a row that all others share the concept of is its own.
    """
    others = concepts[rows, None] != concepts[None]  # (n_mixed, n)
    alone = torch.nonzero(~others.any(1))[:, 0]
    others[alone, rows[alone]] = True
    return torch.multinomial(others.float(), 1)[:, 0]


def gradient_penalty(critic: Callable[[Tensor], Tensor], real, made) -> Tensor:
    """Return how far the norm of a critic's gradient is from 1, squared.

    Parameters
    ----------
    critic : callable
        Maps (n, n_embedding) to (n,).
    real, made : Tensor, shape (n, n_embedding)
        The gradient is taken at one point between each pair.

    Returns
    -------
    penalty : Tensor, shape ()
        The mean over points.
    """
    share = torch.rand(len(real), 1, device=real.device)
    between = (share * real + (1 - share) * made).detach().requires_grad_()
    found = critic(between).sum()
    (gradient,) = torch.autograd.grad(found, between, create_graph=True)
    return (gradient.norm(dim=1) - 1).square().mean()


class Generator(nn.Sequential):
    """From an embedding and noise to the embedding of the other side.

    Parameters
    ----------
    n_embedding : int
        Dimension F of both.
    last : Module
        What follows the last linear layer.
    """

    def __init__(self, n_embedding: int, last: nn.Module):
        super().__init__(
            nn.Linear(n_embedding + N_NOISE, N_HIDDEN),
            nn.LeakyReLU(),
            nn.Linear(N_HIDDEN, n_embedding),
            last,
        )
        self.apply(_draw_weights)


class Critic(nn.Module):
    """Scores an embedding, and names its concept.

    Parameters
    ----------
    n_embedding : int
        Dimension F of the embedding.
    n_concepts : int | None
        How many concepts there are; None names none.
    """

    def __init__(self, n_embedding: int, n_concepts: int | None):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(n_embedding, N_HIDDEN), nn.ReLU())
        self.last = nn.Linear(N_HIDDEN, 1)
        self.names = None if n_concepts is None else nn.Linear(N_HIDDEN, n_concepts)
        self.apply(_draw_weights)

    def score(self, z: Tensor) -> Tensor:
        """Return how real embeddings of shape (n, n_embedding) look, (n,)."""
        return self.last(self.hidden(z))[:, 0]

    def naming_loss(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of naming concepts that may be mixed."""
        return F.cross_entropy(self.names(self.hidden(z)), labels)


def _draw_weights(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)


class CycleObjective(BrainAELoss):
    """Contrast on mixed batches, and the cycle through both embeddings.

    Parameters
    ----------
    weights : dict
        As of :class:`~mne_brainae.nn.losses.BrainAELoss`; the contrast alone counts.
    n_embedding : int
        Dimension F of the shared space.
    n_concepts : int | None
        How many concepts the training images have; None where they are not known, and
        no auxiliary head names them.
    cycle : float
        Weight of the cycle term; 0 has no generators and no critics.
    adversarial, auxiliary : float
        Weights of the critics' scores, and of the names of concepts, for critics and
        generators. With both 0 there are no critics.
    mixup : float
        Share of a batch that is mixed with other rows, and appended.
    **contrast
        Options of :class:`~mne_brainae.nn.losses.BrainAELoss`.

    Notes
    -----
    Validation has no mixed rows, and the same noise each time.
    """

    def __init__(
        self,
        weights: dict[str, float],
        *,
        n_embedding: int,
        n_concepts: int | None,
        cycle: float,
        adversarial: float,
        auxiliary: float,
        mixup: float,
        **contrast,
    ):
        super().__init__(weights, **contrast)
        self.cycle, self.mixup = cycle, mixup
        self.adversarial = adversarial
        self.auxiliary = 0.0 if n_concepts is None else auxiliary
        self.n_concepts = n_concepts if self.auxiliary else None
        self.has_critics = bool(cycle and (adversarial or self.auxiliary))
        self.generators, self.critics = nn.ModuleDict(), nn.ModuleDict()
        if cycle:
            self.generators["image"] = Generator(n_embedding, nn.Tanh())
            self.generators["brain"] = Generator(n_embedding, nn.Identity())
        if self.has_critics:
            for side in ("image", "brain"):
                self.critics[side] = Critic(n_embedding, self.n_concepts)
        self._embedded: tuple | None = None

    @property
    def rivals(self) -> tuple[nn.Module, ...]:
        """The critics."""
        return (self.critics,) if self.has_critics else ()

    def groups(self) -> list[dict]:
        """Return the parameters; critics have settings of their own."""
        critics = list(self.critics.parameters())
        known = {id(each) for each in critics}
        others = [each for each in self.parameters() if id(each) not in known]
        groups = [{"params": others, "weight_decay": 0.0}]
        return groups + [{"params": critics, **CRITIC_SETTINGS}] * bool(critics)

    def preliminary(self, network, brain, image, *, concept=None) -> Iterator:
        """Yield what critics minimize, several times, and then what generators do."""
        mixed = self._mix(brain, image, concept)
        z = self._embed(network, mixed)
        self._embedded = brain, z  # what follows needs them with their gradients
        if not self.has_critics:
            return
        z_brain, z_image = (F.normalize(each.detach(), dim=1) for each in z)
        critics = list(self.critics.parameters())
        for _ in range(N_CRITIC_STEPS):
            with torch.no_grad():
                made = self._made(z_brain)
            yield self._critics_loss(z_brain, z_image, made, mixed.labels), critics
        loss = self._generators_loss(self._made(z_brain), mixed.labels)
        yield loss, list(self.generators.parameters())

    def forward(self, network, brain, image, seen=None, *, concept=None):
        """Return the total loss and its unweighted terms.

        Parameters
        ----------
        network : instance of BrainAENetwork
            Brain encoder and image projection.
        brain : Tensor, shape (n_batch, n_channels, n_times)
            Standardized responses.
        image : Tensor, shape (n_batch, n_image_features)
            Standardized image features.
        seen : None
            Responses are seen whole.
        concept : Tensor of int, shape (n_batch,) | None
            The number of every image's concept; None where it is not known.

        Returns
        -------
        total : Tensor, shape ()
            The weighted sum.
        terms : dict of Tensor
            ``contrastive``, and ``cycle`` where it has a weight.
        """
        z_brain, z_image = self._take_embedded(network, brain, image, concept)
        embedded = {"contrastive": z_brain}
        contrast = self._term("contrastive", network, embedded, z_image, brain)
        terms, total = {"contrastive": contrast}, self.weights["contrastive"] * contrast
        if self.cycle:
            units = F.normalize(z_brain, dim=1), F.normalize(z_image, dim=1)
            terms["cycle"] = self._cycle(*units)
            total = total + self.cycle * terms["cycle"]
        return total, terms

    # -- the batch --------------------------------------------------------------------

    def _mix(self, brain: Tensor, image: Tensor, concept: Tensor | None) -> Mixed:
        """Append mixed rows in training."""
        labels = None
        if self.n_concepts is not None and self.training:
            labels = F.one_hot(concept, self.n_concepts).float()
        if not (self.mixup and self.training):
            return Mixed(brain, image, labels)
        n_rows = len(brain)
        rows = torch.randperm(n_rows)[: round(self.mixup * n_rows)].to(brain.device)
        concepts = torch.arange(n_rows) if concept is None else concept
        partners = draw_partners(rows, concepts.to(brain.device))
        share = float(torch.rand(()))  # Beta(1, 1)
        how = rows, partners, share
        return Mixed(
            mix(brain, *how),
            mix(image, *how),
            None if labels is None else mix(labels, *how),
        )

    def _embed(self, network, mixed: Mixed) -> tuple[Tensor, Tensor]:
        return network.embed_brain(mixed.brain), network.embed_image(mixed.image)

    def _take_embedded(self, network, brain, image, concept) -> tuple[Tensor, Tensor]:
        """Return the embeddings that critics have seen, where there are any."""
        if self._embedded is not None and self._embedded[0] is brain:
            z = self._embedded[1]
        else:
            z = self._embed(network, self._mix(brain, image, concept))
        self._embedded = None
        return z

    # -- generators and critics -------------------------------------------------------

    def _make(self, side: str, z: Tensor) -> Tensor:
        """Generate the embedding of a side from that of the other."""
        generator = None if self.training else torch.Generator().manual_seed(0)
        noise = torch.randn(len(z), N_NOISE, generator=generator).to(z.device)
        return self.generators[side](torch.cat([z, noise], 1))

    def _cycle(self, z_brain: Tensor, z_image: Tensor) -> Tensor:
        brain = self._make("brain", self._make("image", z_brain))
        image = self._make("image", self._make("brain", z_image))
        return (F.l1_loss(brain, z_brain) + F.l1_loss(image, z_image)) / 2

    def _made(self, z_brain: Tensor) -> dict[str, Tensor]:
        """Return what critics judge: G1 of the response, and G2 of that."""
        image = self._make("image", z_brain)
        return {"image": image, "brain": self._make("brain", image)}

    def _critics_loss(self, z_brain, z_image, made, labels) -> Tensor:
        total = 0.0
        for side, real in (("image", z_image), ("brain", z_brain)):
            critic, fake = self.critics[side], made[side]
            loss = critic.score(fake).mean() - critic.score(real).mean()
            penalty = gradient_penalty(critic.score, real, fake)
            total = total + self.adversarial * (loss + GRADIENT_WEIGHT * penalty)
            if self.auxiliary:
                named = [critic.naming_loss(each, labels) for each in (real, fake)]
                total = total + self.auxiliary * sum(named)
        return total

    def _generators_loss(self, made, labels) -> Tensor:
        squares = sum(each.square().sum() for each in self.generators.parameters())
        total = SQUARES_WEIGHT * squares
        for side, fake in made.items():
            critic = self.critics[side]
            total = total - self.adversarial * critic.score(fake).mean()
            if self.auxiliary:
                total = total + self.auxiliary * critic.naming_loss(fake, labels)
        return total
