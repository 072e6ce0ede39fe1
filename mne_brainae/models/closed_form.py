"""The linear-Gaussian BrainAE: a shared space that is solved, not trained."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.model_selection import GroupKFold
from sklearn.utils.extmath import randomized_svd

from ..utils.files import take_rows, zeros

#: Share of the variance of predicted responses that a basis of long responses keeps.
PREDICTED = 0.9999
#: Images per axis for what is not predicted. Axes that were fitted to fewer images hold
#: more noise in these images than in new ones.
IMAGES_PER_AXIS = 8
#: Folds by which the number of signal axes is chosen, and the fewest images for it.
N_FOLDS, FEWEST_IMAGES = 5, 40

#: Responses, and values of a response, of which temporary copies are made at a time.
SOME_IMAGES, SOME_VALUES = 256, 4096

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
        Share of the variance of left-out responses that ridge regression predicts.
    n_signal : int | None
        Number of signal axes; None where every direction is predicted with the same
        penalty.

    Notes
    -----
    With f(x) the ridge prediction of the response y to an image x, and S the covariance
    of y - f(x), the maps are z_I = S^-1/2 f(x), z_B = S^-1/2 y and D_B(z) = S^1/2 z. So
    D_B(z_I) is the ridge prediction, D_B(z_B) the response itself, and
    -||z_B - z_I||^2 / 2 the Gaussian log-likelihood of the response: encoding, decoding
    and autoencoding in one space. Long responses are first projected onto an
    orthonormal basis, part for what images predict and part for the rest.

    With signal axes f(x) is of low rank: only along the few directions of S^-1/2 y in
    which left-out predictions and measured responses agree most, and along each of
    them with a penalty of its own. Where noise is strong one penalty for all has to be
    so large that it wipes out the details of the strongest directions.
    """

    image: tuple[np.ndarray, np.ndarray]
    encoder: tuple[np.ndarray, np.ndarray]
    decoder: tuple[np.ndarray, np.ndarray]
    penalty: float
    explained: float
    n_signal: int | None = None

    def __str__(self) -> str:
        words = f"ridge penalty {self.penalty:.3g} by leave-one-out"
        if self.n_signal is not None:
            words += f", {self.n_signal} signal axes with penalties of their own"
        return words


def solve(
    brain: np.ndarray,
    features: np.ndarray,
    n_embedding: int,
    penalties=PENALTIES,
    *,
    n_signal: int | str | None = None,
    groups=None,
    folder: Path | None = None,
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
    n_signal : int | ``"auto"`` | None
        Number of signal axes, at most. ``"auto"`` is what predicts held-out groups
        best, which may be None: ridge regression with one penalty.
    groups : array-like, shape (n_images,) | None
        What is held out as a whole for that; None is every image by itself.
    folder : path-like | None
        Where temporary files keep what is as large as the responses; None is memory.

    Returns
    -------
    closed_form : instance of ClosedForm
        The maps, in float32. Features that are the same for all images are a
        ValueError.
    """
    if not np.ptp(features, axis=0).any():
        raise ValueError(
            f"All {len(features)} images have the same features, so that nothing can "
            "be predicted from them. Give other images, or another image_encoder."
        )
    responses = brain.reshape(len(brain), -1)
    mean = responses.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = zeros(responses.shape, responses.dtype, folder)
    responses = np.subtract(responses, mean, out=centred)
    ridge = RidgePath.fit(features, responses, folder)
    penalty, explained = ridge.choose(penalties)
    if n_signal == "auto":
        groups = np.arange(len(brain)) if groups is None else groups
        n_signal = _choose_n_signal(
            responses, features, n_embedding, penalty, penalties, groups, folder
        )
    basis = ridge.basis(penalty, n_embedding)
    residual = ridge.left_out_residuals(penalty, basis)
    spread, unspread = noise_roots(residual)
    read, each, predicted = basis @ spread, penalty, np.eye(len(spread))
    if n_signal is not None:
        signal = SignalAxes.find(ridge.along(read), penalty, penalties, n_signal)
        each, read = signal.penalties, read @ signal.axes
        predicted = signal.axes.T @ unspread
        left_out = ridge.along(read).left_out(each) @ predicted
        spread, unspread = noise_roots(responses @ basis - left_out)
        predicted = predicted @ spread
    weight, offset = ridge.weights(each, read)
    encoder = basis @ spread
    return ClosedForm(
        image=(_float32((weight @ predicted).T), _float32(-(offset @ predicted))),
        encoder=(_float32(encoder.T), _float32(-(mean @ encoder))),
        decoder=(_float32(basis @ unspread), mean),
        penalty=penalty,
        explained=explained,
        n_signal=None if n_signal is None else len(each),
    )


@dataclass
class SignalAxes:
    """Directions of white responses that images drive, strongest first.

    Parameters
    ----------
    axes : array, shape (n_axes, n_signal)
        Orthonormal directions.
    penalties : array, shape (n_signal,)
        The ridge penalty of each, by leave-one-out.
    """

    axes: np.ndarray
    penalties: np.ndarray

    @classmethod
    def find(
        cls, white: _Components, penalty: float, penalties, n_signal: int | None = None
    ) -> SignalAxes:
        """Find where left-out predictions and measured responses agree.

        A left-out prediction does not know the noise of its own response, so that
        noise adds nothing to their covariance but chance, as it does to the covariance
        of fitted ones.
        """
        shared = white.left_out(penalty).T @ white.responses
        axes = eigh(shared + shared.T)[1][:, ::-1][:, :n_signal]
        signal = white.along(axes)
        errors = [
            np.square(signal.left_out_errors(each)).sum(axis=0) for each in penalties
        ]
        return cls(axes, np.array(penalties)[np.argmin(errors, axis=0)])


def _choose_n_signal(
    responses, features, n_embedding, penalty, penalties, groups, folder
) -> int | None:
    """Choose the number of axes of least error for held-out groups, in units of noise.

    The axes of a fold are orthonormal, so the error of any number of them is a sum.
    """
    n_groups = len(np.unique(groups))
    if len(responses) < FEWEST_IMAGES or n_groups < 2:
        return None
    gains, plain = [], 0.0
    folds = GroupKFold(min(N_FOLDS, n_groups)).split(features, groups=groups)
    for train, test in folds:
        if not np.ptp(features[train], axis=0).any():
            return None  # such as two categories, of which one is held out
        known = take_rows(responses, train, folder)
        mean = known.mean(axis=0)
        known -= mean
        ridge = RidgePath.fit(features[train], known, folder)
        basis = ridge.basis(penalty, n_embedding)
        read = basis @ noise_roots(ridge.left_out_residuals(penalty, basis))[0]
        signal = SignalAxes.find(ridge.along(read), penalty, penalties)
        measured = _along(responses, read, test) - mean @ read
        predicted = ridge.predict(features[test], penalty, read)
        plain += _gain(measured, predicted).sum()
        predicted = ridge.predict(features[test], signal.penalties, read @ signal.axes)
        gains.append(np.cumsum(_gain(measured @ signal.axes, predicted)))
    n_most = min(map(len, gains))
    gain = np.sum([fold[:n_most] for fold in gains], axis=0)
    return None if plain >= gain.max() else int(np.argmax(gain)) + 1


def _gain(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how much less squared error the prediction has than the mean response."""
    return np.sum(measured**2 - (measured - predicted) ** 2, axis=0)


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
    folder: Path | None = field(default=None, kw_only=True)  # of temporary files

    def __post_init__(self):
        shape = len(self.energy), self.responses.shape[1]
        self.projected = np.matmul(
            self.scores.T.astype(np.float32),
            self.responses,
            out=zeros(shape, np.result_type(self.responses, np.float32), self.folder),
        )

    def along(self, axes: np.ndarray) -> _Components:
        """Return the regression of the responses along some axes."""
        return _Components(_along(self.responses, axes), self.scores, self.energy)

    def shrinkage(self, penalty: float | np.ndarray) -> np.ndarray:
        """Return d, one column for every penalty."""
        penalty = np.atleast_1d(penalty) * (self.energy.sum() / self.n_images)
        return self.energy[:, None] / (self.energy[:, None] + penalty)

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
            np.sum(square / (1 - self._hat_diagonal(penalty)[:, 0]) ** 2)
            for penalty, square in zip(penalties, norms(power, penalties), strict=True)
        ]
        best = int(np.argmin(errors))
        left_out_power = power.sum() * (self.n_images / (self.n_images - 1)) ** 2
        return penalties[best], float(1 - errors[best] / left_out_power)

    def _norms_by_component(self, power: np.ndarray, penalties):
        """Yield the squared norm of every row of (I - H) Y."""
        projected, inner = self.projected, 0.0
        for start in range(0, projected.shape[1], SOME_VALUES):
            part = projected[:, start : start + SOME_VALUES].astype(np.float64)
            inner = inner + part @ part.T
        crossed = (self.responses @ projected.T).astype(np.float64)
        for penalty in penalties:
            hat = self.scores * self.shrinkage(penalty)[:, 0]
            cross = np.einsum("ik,ik->i", hat, crossed)
            square = np.einsum("ik,ik->i", hat @ inner, hat)
            yield power - 2 * cross + square

    def _norms_by_value(self, _, penalties):
        """Yield the same, cheaper where responses are short."""
        for penalty in penalties:
            fitted = self.scores @ (self.shrinkage(penalty) * self.projected)
            yield np.square(self.responses - fitted).sum(axis=1)

    def _hat_diagonal(self, penalty: float | np.ndarray) -> np.ndarray:
        return self.scores**2 @ self.shrinkage(penalty) + 1 / self.n_images

    def basis(self, penalty: float, n_embedding: int) -> np.ndarray:
        """Return orthonormal axes of the responses, shape (n_values, n_axes).

        First come principal axes of the predicted responses, at most half, then those
        of what remains of the measured ones.
        """
        n_values = self.responses.shape[1]
        if n_values <= n_embedding:
            return np.eye(n_values, dtype=np.float32)
        fitted = zeros(self.projected.shape, self.projected.dtype, self.folder)
        shrinkage = self.shrinkage(penalty).astype(np.float32)
        np.multiply(self.projected, shrinkage, out=fitted)
        power, rotation = _positive_eigh(fitted @ fitted.T)
        power, rotation = power[::-1], rotation[:, ::-1]
        enough = 1 + int((np.cumsum(power) < PREDICTED * power.sum()).sum())
        n_predicted = min(enough, len(power), max(n_embedding // 2, 1))
        strongest = rotation[:, :n_predicted].astype(np.float32)
        predicted = np.linalg.qr(fitted.T @ strongest)[0]
        n_rest = min(n_embedding - n_predicted, self.n_images // IMAGES_PER_AXIS)
        if n_rest < 1:
            return predicted
        rest = self._beside(predicted)
        others = randomized_svd(rest, n_rest, random_state=0)[2]
        return np.linalg.qr(np.hstack([predicted, others.T]))[0]

    def _beside(self, axes: np.ndarray) -> np.ndarray:
        """Return the responses without what they have along some axes."""
        rest = zeros(self.responses.shape, self.responses.dtype, self.folder)
        for start in range(0, self.n_images, SOME_IMAGES):
            part = self.responses[start : start + SOME_IMAGES]
            rest[start : start + SOME_IMAGES] = part - (part @ axes) @ axes.T
        return rest

    def left_out_residuals(self, penalty: float, basis: np.ndarray) -> np.ndarray:
        """Return the leave-one-out errors along a basis, shape (n_images, n_axes).

        Residuals of images that were fitted are too small, by a factor that differs
        between directions.
        """
        return self.along(basis).left_out_errors(penalty)

    def left_out_errors(self, penalty: float | np.ndarray) -> np.ndarray:
        """Return the leave-one-out errors with one penalty, or one for every value."""
        fitted = self.scores @ (self.shrinkage(penalty) * self.projected)
        return (self.responses - fitted) / (1 - self._hat_diagonal(penalty))

    def left_out(self, penalty: float | np.ndarray) -> np.ndarray:
        """Return the leave-one-out predictions, shape (n_images, n_values)."""
        return self.responses - self.left_out_errors(penalty)


@dataclass
class RidgePath(_Components):
    """The regression with the features that it weighs."""

    features: np.ndarray  # centred
    feature_mean: np.ndarray

    @classmethod
    def fit(cls, features, responses, folder: Path | None = None) -> RidgePath:
        """Decompose the smaller of the two matrices of inner products."""
        feature_mean = features.mean(axis=0, dtype=np.float64)
        features = features - feature_mean.astype(features.dtype)
        n_images, n_features = features.shape
        if n_features < n_images:
            energy, axes = _positive_eigh(features.T @ features)
            scores = features @ axes / np.sqrt(energy)
        else:
            energy, scores = _positive_eigh(features @ features.T)
        return cls(responses, scores, energy, features, feature_mean, folder=folder)

    def weights(self, penalty: float | np.ndarray, axes: np.ndarray) -> tuple:
        """Return weight and offset that predict the responses along some axes."""
        filtered = self.shrinkage(penalty) / self.energy[:, None]
        along = filtered * _along(self.projected, axes)
        weight = self.features.T @ (self.scores @ along)
        return weight, self.feature_mean @ weight

    def predict(self, features, penalty, axes) -> np.ndarray:
        """Predict the responses to new images along some axes."""
        weight, offset = self.weights(penalty, axes)
        return features @ weight - offset


def _along(responses: np.ndarray, axes: np.ndarray, rows=None) -> np.ndarray:
    """Return responses along axes; a float64 copy is made of some at a time only."""
    n_rows = len(responses if rows is None else rows)
    parts = [
        slice(start, start + SOME_IMAGES) for start in range(0, n_rows, SOME_IMAGES)
    ]
    parts = parts if rows is None else [rows[part] for part in parts]
    return np.concatenate([responses[part] @ axes for part in parts])


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


def white_axes(
    measured: np.ndarray, predicted: np.ndarray, folder: Path | None = None
) -> np.ndarray:
    """Return axes along which errors have variance 1 and are uncorrelated.

    Parameters
    ----------
    measured, predicted : array, shape (n_images, n_values)
        Responses to images that were not fitted.
    folder : path-like | None
        Where temporary files keep what is as large as these; None is memory.

    Returns
    -------
    axes : array, shape (n_values, n_axes)
        All directions or, of long responses, the principal axes of the predictions:
        along the others pictures do not differ.
    """
    n_images, n_values = measured.shape
    if n_values <= n_images // 2:
        return noise_roots(measured - predicted)[0].astype(np.float32)
    difference = zeros(predicted.shape, predicted.dtype, folder)
    centred = np.subtract(predicted, predicted.mean(axis=0), out=difference)
    n_axes = max(n_images // 2, 1)
    basis = randomized_svd(centred, n_axes, random_state=0)[2].T
    residual = np.subtract(measured, predicted, out=difference)
    return (basis @ noise_roots(residual @ basis)[0]).astype(np.float32)
