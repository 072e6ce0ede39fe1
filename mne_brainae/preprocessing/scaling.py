"""Standardization, and its inverse."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Mean squared norm of an image's features inside. One unit per feature would make the
#: image projection learn, and overfit, the faster the more features there are.
FEATURE_ENERGY = 100.0


#: Most standard deviations of a feature from its mean. One that is almost silent in
#: training would shout at another image.
MOST_DEVIATIONS = 20.0


@dataclass
class Scaler:
    """Standardization, and its inverse.

    Parameters
    ----------
    mean : array, shape (n_channels, n_times) | (n_channels, 1) | (n_features,)
        What is subtracted.
    scale : array, shape (n_channels, 1) | (n_features,)
        What is divided by.
    limit : array, shape (n_features,) | None
        The largest absolute value that comes out; None is no limit.
    """

    mean: np.ndarray
    scale: np.ndarray
    limit: np.ndarray | None = None

    @classmethod
    def for_brain(cls, data: np.ndarray, how: str) -> Scaler:
        """Learn the scale of every channel over epochs and times.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Training data.
        how : ``"channel"`` | ``"evoked"`` | ``"raw"``
            Subtract every channel's mean over epochs and times, or the mean response;
            ``"raw"`` changes nothing.

        Returns
        -------
        scaler : instance of Scaler
            The scaler. A channel that is constant keeps scale 1.
        """
        if how == "raw":
            return cls.none((data.shape[1], 1))
        axes = (0, 2) if how == "channel" else (0,)
        mean = data.mean(axis=axes, dtype=np.float64).reshape(data.shape[1], -1)
        power = np.zeros(data.shape[1])
        for row in data:
            deviation = row - mean
            power += np.einsum("ct,ct->c", deviation, deviation)
        scale = np.sqrt(power / (len(data) * data.shape[2]))[:, None]
        return cls._safe(mean, scale)

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Scaler:
        """Return a scaler that leaves values of a shape as they are."""
        return cls(np.zeros(shape, np.float32), np.ones(shape, np.float32))

    @classmethod
    def for_features(
        cls, features: np.ndarray, weights=None, energy: float | None = FEATURE_ENERGY
    ) -> Scaler:
        """Learn mean and standard deviation of every image feature.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Training features.
        weights : array, shape (n_features,) | None
            How much every feature counts, squares summing to 1; None is all alike.
        energy : float | None
            The mean squared norm of the standardized features; None is their number, so
            that each has a variance of 1.

        Returns
        -------
        scaler : instance of Scaler
            The scaler.
        """
        energy = features.shape[1] if energy is None else energy
        mean = features.mean(axis=0, dtype=np.float64)
        scaler = cls._safe(mean, features.std(axis=0, dtype=np.float64))
        if weights is None:
            weights = np.full(features.shape[1], features.shape[1] ** -0.5)
        gain = (weights * np.sqrt(energy)).astype(np.float32)
        scaler.scale /= gain
        scaler.limit = MOST_DEVIATIONS * gain
        return scaler

    @classmethod
    def _safe(cls, mean: np.ndarray, scale: np.ndarray) -> Scaler:
        # Rounding leaves about 1e-7 of the mean in a constant float32 column.
        size = np.abs(mean)
        if mean.ndim > 1:
            size = size.max(axis=-1, keepdims=True)
        constant = scale <= np.maximum(1e-6 * size, np.finfo(np.float32).tiny)
        scale = np.where(constant, 1.0, scale)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def transform(self, data: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Standardize, in place where ``out`` is ``data``."""
        out = np.subtract(data, self.mean, out=out)
        out /= self.scale
        if self.limit is not None:
            np.clip(out, -self.limit, self.limit, out=out)
        return out

    def inverse_transform(self, data: np.ndarray) -> np.ndarray:
        """Return to SI units."""
        return data * self.scale + self.mean
