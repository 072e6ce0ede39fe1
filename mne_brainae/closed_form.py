"""The linear-Gaussian BrainAE: a shared space that is solved, not trained."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.utils.extmath import randomized_svd

#: Share of the variance of predicted responses that a basis of long responses keeps.
PREDICTED = 0.9999
#: Images per axis for what is not predicted. Axes that were fitted to fewer images hold
#: more noise in these images than in new ones.
IMAGES_PER_AXIS = 8

#: Ridge penalties to choose from, in units of the mean squared norm of an image's
#: features, a quarter of a decade apart.
PENALTIES = tuple(10.0 ** (step / 4) for step in range(-12, 13))


@dataclass
class ClosedForm:
    """Three affine maps that make one latent of pictures and brain responses.

    Parameters
    ----------
    image : tuple of array, shapes (n_embedding, n_features), (n_embedding,)
        Weight and bias of the image projection.
    encoder : tuple of array, shapes (n_embedding, n_values), (n_embedding,)
        Weight and bias of the brain encoder; a response has n_values = n_channels *
        n_times.
    decoder : tuple of array, shapes (n_values, n_embedding), (n_values,)
        Weight and bias of the brain decoder.
    penalty : float
        The chosen ridge penalty.
    explained : float
        Share of the variance of left-out responses that is predicted.

    Notes
    -----
    With f(x) the ridge prediction of the response y to an image x, and S the covariance
    of y - f(x), the maps are z_I = S^-1/2 f(x), z_B = S^-1/2 y and D_B(z) = S^1/2 z. So
    D_B(z_I) is the ridge prediction, D_B(z_B) the response itself, and
    -||z_B - z_I||^2 / 2 the Gaussian log-likelihood of the response: encoding, decoding
    and autoencoding in one space. Long responses are first projected onto an
    orthonormal basis, part for what images predict and part for the rest.
    """

    image: tuple[np.ndarray, np.ndarray]
    encoder: tuple[np.ndarray, np.ndarray]
    decoder: tuple[np.ndarray, np.ndarray]
    penalty: float
    explained: float


def solve(
    brain: np.ndarray, features: np.ndarray, n_embedding: int, penalties=PENALTIES
) -> ClosedForm:
    """Solve for the three maps.

    Parameters
    ----------
    brain : array, shape (n_images, n_channels, n_times)
        Standardised brain responses.
    features : array, shape (n_images, n_features)
        Standardised image features.
    n_embedding : int
        Most dimensions of the shared space. There are fewer where a response has fewer
        values, and where it has more but there are few images.
    penalties : sequence of float
        Ridge penalties to choose from by leave-one-out, one for all values.

    Returns
    -------
    closed_form : instance of ClosedForm
        The maps, in float32.
    """
    responses = brain.reshape(len(brain), -1)
    mean = responses.mean(axis=0, dtype=np.float64).astype(np.float32)
    ridge = RidgePath.fit(features, responses - mean)
    penalty, explained = ridge.choose(penalties)
    basis = ridge.basis(penalty, n_embedding)
    spread, unspread = noise_roots(ridge.left_out_residuals(penalty, basis))
    encoder = basis @ spread
    decoder = basis @ unspread
    image, offset = ridge.weights(penalty, encoder)
    return ClosedForm(
        image=(_float32(image.T), _float32(-offset)),
        encoder=(_float32(encoder.T), _float32(-(mean @ encoder))),
        decoder=(_float32(decoder), mean),
        penalty=penalty,
        explained=explained,
    )


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)


def predicted_share(
    gram: np.ndarray, responses: np.ndarray, penalties=PENALTIES
) -> float:
    """Return how much of left-out responses ridge regression predicts.

    Parameters
    ----------
    gram : array, shape (n_images, n_images)
        Inner products of centred image features.
    responses : array, shape (n_images, n_values)
        Brain responses.
    penalties : sequence of float
        Ridge penalties to choose from.

    Returns
    -------
    share : float
        One minus the squared leave-one-out error, as a share of that of the mean.
    """
    energy, scores = _positive_eigh(gram)
    responses = responses - responses.mean(axis=0)
    return _Components(responses, scores, energy).choose(penalties)[1]


@dataclass
class _Components:
    """Ridge regression for every penalty at once, from one eigendecomposition.

    Centred features are U diag(l)^1/2 V', centred responses Y. With penalty a in units
    of the mean squared norm of an image's features, ridge shrinks each component by
    d = l / (l + a), and the hat matrix, which contains the intercept, is
    H = U diag(d) U' + 1/n.
    """

    responses: np.ndarray  # centred
    scores: np.ndarray  # U, shape (n_images, n_components)
    energy: np.ndarray  # l, shape (n_components,)

    def __post_init__(self):
        self.projected = self.scores.T.astype(np.float32) @ self.responses

    def shrinkage(self, penalty: float) -> np.ndarray:
        return self.energy / (self.energy + penalty * self.energy.sum() / self.n_images)

    @property
    def n_images(self) -> int:
        return len(self.scores)

    def choose(self, penalties) -> tuple[float, float]:
        """Choose the penalty of least squared leave-one-out error over all values.

        The error of image i is ((I - H) Y)_i / (1 - H_ii). Of long responses only its
        norm is needed, which follows from Y Y' within the few components, so that no
        prediction of all values is ever formed.
        """
        norms = self._norms_by_component
        if self.responses.shape[1] < len(self.energy):
            norms = self._norms_by_value
        power = np.einsum("ij,ij->i", self.responses, self.responses, dtype=np.float64)
        errors = [
            np.sum(square / (1 - self._hat_diagonal(penalty)) ** 2)
            for penalty, square in zip(penalties, norms(power, penalties), strict=True)
        ]
        best = int(np.argmin(errors))
        left_out_power = power.sum() * (self.n_images / (self.n_images - 1)) ** 2
        return penalties[best], float(1 - errors[best] / left_out_power)

    def _norms_by_component(self, power: np.ndarray, penalties):
        """Yield the squared norm of every row of (I - H) Y."""
        projected = self.projected.astype(np.float64)
        inner = projected @ projected.T
        crossed = (self.responses @ self.projected.T).astype(np.float64)
        for penalty in penalties:
            hat = self.scores * self.shrinkage(penalty)
            cross = np.einsum("ik,ik->i", hat, crossed)
            square = np.einsum("ik,ik->i", hat @ inner, hat)
            yield power - 2 * cross + square

    def _norms_by_value(self, _, penalties):
        """Yield the same, cheaper where responses are short."""
        for penalty in penalties:
            fitted = self.scores @ (self.shrinkage(penalty)[:, None] * self.projected)
            yield np.square(self.responses - fitted).sum(axis=1)

    def _hat_diagonal(self, penalty: float) -> np.ndarray:
        return self.scores**2 @ self.shrinkage(penalty) + 1 / self.n_images

    def basis(self, penalty: float, n_embedding: int) -> np.ndarray:
        """Return orthonormal axes of the responses, shape (n_values, n_axes).

        First come principal axes of the predicted responses, at most half, then those
        of what remains of the measured ones.
        """
        n_values = self.responses.shape[1]
        if n_values <= n_embedding:
            return np.eye(n_values, dtype=np.float32)
        fitted = self.projected * self.shrinkage(penalty).astype(np.float32)[:, None]
        power, rotation = _positive_eigh(fitted @ fitted.T)
        power, rotation = power[::-1], rotation[:, ::-1]
        enough = 1 + int((np.cumsum(power) < PREDICTED * power.sum()).sum())
        n_predicted = min(enough, len(power), max(n_embedding // 2, 1))
        strongest = rotation[:, :n_predicted].astype(np.float32)
        predicted = np.linalg.qr(fitted.T @ strongest)[0]
        rest = self.responses - (self.responses @ predicted) @ predicted.T
        n_rest = min(n_embedding - n_predicted, self.n_images // IMAGES_PER_AXIS)
        if n_rest < 1:
            return predicted
        others = randomized_svd(rest, n_rest, random_state=0)[2]
        return np.linalg.qr(np.hstack([predicted, others.T]))[0]

    def left_out_residuals(self, penalty: float, basis: np.ndarray) -> np.ndarray:
        """Return the leave-one-out errors along a basis, shape (n_images, n_axes).

        Residuals of images that were fitted are too small, by a factor that differs
        between directions.
        """
        target = (self.responses @ basis).astype(np.float64)
        hat = self.scores * self.shrinkage(penalty)
        residual = target - hat @ (self.projected @ basis)
        return residual / (1 - self._hat_diagonal(penalty))[:, None]


@dataclass
class RidgePath(_Components):
    """The regression with the features that it weighs."""

    features: np.ndarray  # centred
    feature_mean: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, responses: np.ndarray) -> RidgePath:
        """Decompose the smaller of the two matrices of inner products."""
        feature_mean = features.mean(axis=0, dtype=np.float64)
        features = features - feature_mean.astype(features.dtype)
        n_images, n_features = features.shape
        if n_features < n_images:
            energy, axes = _positive_eigh(features.T @ features)
            scores = features @ axes / np.sqrt(energy)
        else:
            energy, scores = _positive_eigh(features @ features.T)
        return cls(responses, scores, energy, features, feature_mean)

    def weights(self, penalty: float, axes: np.ndarray) -> tuple:
        """Return weight and offset that predict the responses along some axes."""
        filtered = self.shrinkage(penalty) / self.energy
        along = filtered[:, None] * (self.projected @ axes)
        weight = self.features.T @ (self.scores @ along)
        return weight, self.feature_mean @ weight


def _positive_eigh(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positive eigenvalues, ascending, and their eigenvectors."""
    values, vectors = eigh(gram.astype(np.float64))
    is_positive = values > 1e-6 * values[-1]  # what float32 products leave of zero
    return values[is_positive], vectors[:, is_positive]


def noise_roots(residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return S^-1/2 and S^1/2 of the residual covariance S, shrunk to its diagonal.

    Parameters
    ----------
    residual : array, shape (n_images, n_axes)
        Errors on images that were not fitted.

    Returns
    -------
    whitener, colourer : array, shape (n_axes, n_axes)
        The symmetric roots. The shrinkage is that of Ledoit and Wolf (2004) for
        residuals of unit variance.
    """
    scale = residual.std(axis=0)
    scale[scale <= 1e-6 * scale.max()] = 1e-6 * scale.max() or 1.0
    units = (residual - residual.mean(axis=0)) / scale
    shrinkage = ledoit_wolf_shrinkage(units, assume_centered=True)
    correlation = (1 - shrinkage) * (units.T @ units) / len(units)
    correlation += shrinkage * np.diag(units.var(axis=0))
    values, vectors = eigh(correlation * np.outer(scale, scale))
    values = np.maximum(values, 1e-12 * values[-1])
    return (vectors * values**-0.5) @ vectors.T, (vectors * values**0.5) @ vectors.T


def white_axes(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return axes along which errors have variance 1 and are uncorrelated.

    Parameters
    ----------
    measured, predicted : array, shape (n_images, n_values)
        Responses to images that were not fitted.

    Returns
    -------
    axes : array, shape (n_values, n_axes)
        All directions or, of long responses, the principal axes of the predictions:
        along the others pictures do not differ.
    """
    n_images, n_values = measured.shape
    residual = measured - predicted
    if n_values <= n_images // 2:
        return noise_roots(residual)[0].astype(np.float32)
    centred = predicted - predicted.mean(axis=0)
    n_axes = max(n_images // 2, 1)
    basis = randomized_svd(centred, n_axes, random_state=0)[2].T
    return (basis @ noise_roots(residual @ basis)[0]).astype(np.float32)
