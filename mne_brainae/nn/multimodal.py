"""The objective of BraVL: brain, image and text in one mixture of products.

Every modality m has an encoder to a Gaussian posterior q_m(z|x_m) and a decoder to the
mean of p(x_m|z). The posterior of a set S of modalities is the product of its experts,

    q_S(z|x)  proportional to  prod_{m in S} q_m(z|x_m)

(times the prior where S is all modalities of the model), and the joint posterior is the
mixture of these products over all sets that are not empty, each with the same weight.
The evidence lower bound is

    ELBO = E_q [ sum_m log p(x_m|z) ] - beta mean_S KL( q_S(z|x) || N(0, 1) ).

Two terms of mutual information are added. The one within a modality asks that z can be
told from what was decoded; with readers r_m, which have an update of their own, it is

    L_intra = - sum_m log N( z; r_m(decoded x_m), SIGMA^2 ).

The one between modalities contrasts matched with mismatched tuples, whose evidence has
an upper bound from K samples of the posterior (the chi-square bound),

    CUBO = 1/2 log mean_k exp( 2 (log p(z_k) + sum_m log p(x_m|z_k) - log q(z_k|x)) ),
    L_inter = mean over kinds of mismatch [ mean CUBO ] - ELBO.
"""

# License: BSD-3-Clause

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, pairwise

import torch
from torch import Tensor, nn

from .gaussian import (
    Gaussian,
    GaussianDecoder,
    GaussianEncoder,
    divergence,
    draw,
    log_likelihood,
    product,
    standard_like,
)
from .losses import Objective

#: The modalities in their order.
MODALITIES = ("brain", "image", "text")
#: Size of the hidden layer of a reader.
N_READER = 512
#: Growth of beta in an epoch.
WARM_UP = 0.01


def beta_of(epoch: int) -> float:
    """Return the weight of the divergence in an epoch: min(1, 0.01 epoch)."""
    return min(1.0, WARM_UP * epoch)


def subsets(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return all sets of names that are not empty, the small ones first."""
    names = tuple(names)
    sizes = range(1, len(names) + 1)
    return list(chain.from_iterable(combinations(names, size) for size in sizes))


def mismatches(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return which modalities may be permuted: all proper sets; none of one alone."""
    names = tuple(names)
    return [each for each in subsets(names) if len(each) < len(names)]


def chunks(n_rows: int, n_parts: int) -> list[slice]:
    """Cut rows into consecutive parts that cover them, equal up to one row."""
    edges = [part * n_rows // n_parts for part in range(n_parts + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def lower_bound(log_weights: Tensor) -> Tensor:
    """Return the evidence lower bound of log weights of samples along axis 0."""
    return log_weights.mean(0)


def upper_bound(log_weights: Tensor) -> Tensor:
    """Return the chi-square upper bound of log weights of samples along axis 0."""
    n_samples = len(log_weights)
    return 0.5 * (torch.logsumexp(2 * log_weights, 0) - math.log(n_samples))


def moved(mean: Tensor, order: Tensor) -> Tensor:
    """Return which rows a permutation gives another mean: (n,), of bool.

    A row that stays where it is, or meets its equal, is not a mismatch.
    """
    return (mean[order] != mean).flatten(1).any(1)


class MixtureObjective(Objective):
    """The evidence lower bound of a mixture of products, and mutual information.

    The network has brain encoder, brain decoder and image encoder, which a fitted model
    needs; this has the other parts.

    Parameters
    ----------
    n_image_features : int
        Size of one image's features.
    n_text_features : int | None
        Size of one concept's text vector; None is a model of two modalities.
    n_brain : int
        Values of one response.
    n_embedding : int
        Dimension F of the shared space.
    n_hidden : int
        Size of the hidden layers.
    intra, inter : float
        Weights of the two terms of mutual information; 0 leaves one out.
    n_samples : int
        The number K of samples of the upper bound.

    Notes
    -----
    All sums are over the values of a row, and means over rows. Where the batch is
    learned from, its rows are shared by the sets of modalities in consecutive chunks,
    one sample of z for each row. Where it is validated, every row has every set, the
    noise is the same each time, and beta is 1, so that epochs can be compared.
    """

    def __init__(
        self,
        *,
        n_image_features: int,
        n_text_features: int | None,
        n_brain: int,
        n_embedding: int = 32,
        n_hidden: int = 256,
        intra: float = 1e-3,
        inter: float = 1e-3,
        n_samples: int = 30,
    ):
        super().__init__()
        self.intra, self.inter, self.n_samples = intra, inter, n_samples
        self.beta = 1.0
        options = {"n_hidden": n_hidden}
        sizes = {"brain": n_brain, "image": n_image_features, "text": n_text_features}
        self.n_modalities = sum(size is not None for size in sizes.values())
        self.encoders, self.decoders = nn.ModuleDict(), nn.ModuleDict()
        self.decoders["image"] = GaussianDecoder(
            n_embedding, (n_image_features,), **options
        )
        if n_text_features is not None:
            size = (n_text_features,)
            self.encoders["text"] = GaussianEncoder(*size, n_embedding, **options)
            self.decoders["text"] = GaussianDecoder(n_embedding, size, **options)
        readers = {
            name: _reader(size, n_embedding)
            for name, size in sizes.items()
            if intra and size is not None
        }
        self.readers = nn.ModuleDict(readers)

    @property
    def rivals(self) -> tuple[nn.Module, ...]:
        """The readers, which learn to tell z from what was decoded."""
        return (self.readers,) if self.intra else ()

    def begin(self, epoch: int) -> None:
        """Set the weight of the divergence."""
        self.beta = beta_of(epoch)

    def preliminary(self, network, brain, image, *, text=None) -> Iterator:
        """Yield what the readers minimize: L_intra, of a model that stays."""
        if not self.intra:
            return
        with torch.no_grad():
            given = _given(brain, image, text)
            z = self._sample(self._products(self._posteriors(network, given)))
            decoded = self._decode(network, given, z)
        yield self._unread(z, decoded), list(self.readers.parameters())

    def forward(self, network, brain, image, seen=None, *, text=None):
        """Return the total loss and its unweighted terms.

        Parameters
        ----------
        network : instance of BrainAENetwork
            Brain encoder and decoder, and image encoder.
        brain : Tensor, shape (n_batch, n_channels, n_times) | None
            Standardized responses; None for images without.
        image : Tensor, shape (n_batch, n_image_features)
            Standardized image features.
        seen : None
            Responses are seen whole.
        text : Tensor, shape (n_batch, n_text_features) | None
            Standardized text vectors of the concepts; None without.

        Returns
        -------
        total : Tensor, shape ()
            The weighted sum.
        terms : dict of Tensor
            The terms by name: what reconstruction costs in every modality (the negative
            log-likelihood), the divergence, and in training ``intra`` and ``inter``.
        """
        given = _given(brain, image, text)
        posteriors = self._posteriors(network, given)
        products = self._products(posteriors)
        z = self._sample(products)  # (n_copies, n_batch, n_embedding)
        decoders = self._decoders(network)
        measured = {name: decoders[name].measure(rows) for name, rows in given.items()}
        terms = {
            f"recon_{name}": -decoders[name].log_likelihood(z, rows).mean()
            for name, rows in measured.items()
        }
        cost = sum(terms.values())
        divergences = [divergence(each).mean() for each in products]
        terms["divergence"] = torch.stack(divergences).mean()
        beta = self.beta if self.training else 1.0
        total = negative_elbo = cost + beta * terms["divergence"]
        if self.training and self.intra:
            terms["intra"] = self._unread(z, self._decode(network, given, z))
            total = total + self.intra * terms["intra"]
        if self.training and self.inter and len(given) > 1:
            evidence = self._mismatched(decoders, measured, posteriors)
            terms["inter"] = evidence + negative_elbo
            total = total + self.inter * terms["inter"]
        return total, terms

    # -- posteriors -------------------------------------------------------------------

    def _posteriors(self, network, given: dict[str, Tensor]) -> dict[str, Gaussian]:
        encoders = {
            "brain": network.brain_encoder,
            "image": network.image_projection,
            **self.encoders,
        }
        return {name: encoders[name].posterior(rows) for name, rows in given.items()}

    def _products(self, posteriors: dict[str, Gaussian]) -> list[Gaussian]:
        """Return the posterior of every set of modalities."""
        return [
            product(
                [posteriors[name] for name in names],
                with_prior=len(names) == self.n_modalities,
            )
            for names in subsets(posteriors)
        ]

    def _sample(self, products: list[Gaussian]) -> Tensor:
        """Return samples of the joint posterior, (n_copies, n_batch, n_embedding).

        In training there is one of every row; in validation one of every row and set.
        """
        if self.training:
            joint, generator = share_rows(products), None
        else:
            joint = Gaussian(*map(torch.stack, zip(*products, strict=True)))
            generator = torch.Generator().manual_seed(0)
        mean = joint.mean
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        z = joint.at(noise)
        return z[None] if self.training else z

    def _decoders(self, network) -> dict[str, nn.Module]:
        return {"brain": network.brain_decoder, **self.decoders}

    def _decode(self, network, given, z: Tensor) -> dict[str, Tensor]:
        decoders = self._decoders(network)
        return {name: decoders[name](z[0]).flatten(1) for name in given}

    # -- mutual information -----------------------------------------------------------

    def _unread(self, z: Tensor, decoded: dict[str, Tensor]) -> Tensor:
        """Return L_intra."""
        found = [self.readers[name](rows) for name, rows in decoded.items()]
        return -sum(log_likelihood(z[0], mean).mean() for mean in found)

    def _mismatched(self, decoders, measured, posteriors) -> Tensor:
        """Return the bound on the evidence of mismatched rows, mean over kinds."""
        mean = posteriors["image"].mean
        bounds = []
        for kind in mismatches(posteriors):
            orders = {n: torch.randperm(len(mean)).to(mean.device) for n in kind}
            bounds += self._upper_bound(decoders, measured, posteriors, orders)
        return torch.stack(bounds or [mean.new_zeros(())]).mean()

    def _upper_bound(self, decoders, measured, posteriors, orders) -> list[Tensor]:
        """Return the mean bound over the rows that orders mismatch, if any."""
        wrong = torch.stack(
            [moved(posteriors[name].mean, order) for name, order in orders.items()]
        ).all(0)
        if not wrong.any():
            return []
        shown, rows = dict(posteriors), dict(measured)
        for name, order in orders.items():
            shown[name], rows[name] = shown[name].take(order), rows[name].take(order)
        joint = share_rows(self._products(shown)).take(wrong)
        z = draw(joint, self.n_samples)  # (n_samples, n_wrong, n_embedding)
        log_weights = standard_like(joint).log_density(z) - joint.log_density(z)
        for name, part in rows.items():
            found = decoders[name].log_likelihood(z, part.take(wrong))
            log_weights = log_weights + found
        return [upper_bound(log_weights).mean()]


def share_rows(products: Sequence[Gaussian]) -> Gaussian:
    """Return a mixture of equal weights that is sampled without chance.

    Parameters
    ----------
    products : sequence of Gaussian, of shape (n, n_dimensions)
        The components.

    Returns
    -------
    joint : instance of Gaussian, of shape (n, n_dimensions)
        Consecutive chunks of rows, each from the next component.
    """
    rows = chunks(len(products[0].mean), len(products))
    parts = [each.take(part) for each, part in zip(products, rows, strict=True)]
    return Gaussian(*map(torch.cat, zip(*parts, strict=True)))


def _reader(n_values: int, n_embedding: int) -> nn.Sequential:
    first, last = nn.Linear(n_values, N_READER), nn.Linear(N_READER, n_embedding)
    return nn.Sequential(first, nn.ReLU(), last)


def _given(brain, image, text) -> dict[str, Tensor]:
    """Return the modalities that there are, by name."""
    parts = zip(MODALITIES, (brain, image, text), strict=True)
    return {name: rows for name, rows in parts if rows is not None}
