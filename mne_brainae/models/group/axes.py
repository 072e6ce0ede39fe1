"""Axes that subjects share: steps 2 to 4 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .member import Member

#: Shared axes, at most.
MOST_AXES = 40
#: Axes with a smaller share of the largest eigenvalue are rounding errors.
SMALLEST_SHARE = 1e-9


@dataclass
class SharedAxes:
    """Directions of image features along which subjects respond.

    Subjects are compared through what their own models predict for the same reference
    images, so that they need neither images nor channels in common.

    Parameters
    ----------
    weights : array, shape (n_features, n_axes)
        The weights of standardized features.
    mean : array, shape (n_features,)
        The mean features of the reference.
    turns : dict of array, shape (n_member_axes, n_axes)
        By subject, what turns its latents into the shared ones.
    strengths : array, shape (n_axes,)
        The amplitude D of every axis: large where subjects agree.
    """

    weights: np.ndarray
    mean: np.ndarray
    turns: dict[str, np.ndarray]
    strengths: np.ndarray

    @classmethod
    def of(
        cls, members: Sequence[Member], reference: np.ndarray, n_axes: int = MOST_AXES
    ) -> SharedAxes:
        """Stack the latents of all members and take principal axes.

        Each latent is divided by (its variance)^(1/4), each subject's latents by their
        root mean square, and multiplied by the slope: A = [Z_1 ... Z_S] = U D V'. The
        shared latents are [scaled z_s(x)] V / |D|, not whitened.

        Parameters
        ----------
        members : sequence of Member
            The subjects, one at least.
        reference : array, shape (n_images, n_features)
            Standardized features of the reference images.
        n_axes : int
            Number of axes, at most.

        Returns
        -------
        axes : instance of SharedAxes
            The axes, strongest first.
        """
        mean = reference.mean(axis=0, dtype=np.float64)
        centered = reference - mean.astype(np.float32)
        latents = [centered @ member.weights.astype(np.float32) for member in members]
        scales = [
            member.slope * soft_scales(z.astype(np.float64))
            for member, z in zip(members, latents, strict=True)
        ]
        stacked = np.hstack([z * s for z, s in zip(latents, scales, strict=True)])
        inner = stacked.T.astype(float) @ stacked
        first = max(len(inner) - n_axes, 0)
        values, vectors = eigh(inner, subset_by_index=[first, len(inner) - 1])
        kept = values > SMALLEST_SHARE * values[-1]
        values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
        vectors = vectors / np.sqrt(values.sum())
        turns, start = {}, 0
        for member, scale in zip(members, scales, strict=True):
            rows = slice(start, start + len(scale))
            turns[member.name] = scale[:, None] * vectors[rows]
            start += len(scale)
        weights = sum(member.weights @ turns[member.name] for member in members)
        return cls(weights, mean, turns, np.sqrt(values))

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return z(x) of standardized features, shape (n_images, n_axes)."""
        return ((features - self.mean) @ self.weights).astype(np.float32)

    def embed_left_out(
        self, features: np.ndarray, images: Sequence[str], members: Sequence[Member]
    ) -> np.ndarray:
        """Return z_loo(x): as no member's response to the image itself tells it.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Standardized features.
        images : sequence of str
            The names of the images.
        members : sequence of Member
            The subjects that the axes were made of.

        Returns
        -------
        latents : array, shape (n_images, n_axes)
            Where a member was trained on an image, its leave-one-out latent takes the
            place of z_s(x).
        """
        latents = self.embed(features)
        for member in members:
            change = member.embed_left_out(features, images) - member.embed(features)
            latents += (change @ self.turns[member.name]).astype(np.float32)
        return latents


def soft_scales(latents: np.ndarray) -> np.ndarray:
    """Return by what columns are multiplied: var^(-1/4), at unit energy per row.

    Parameters
    ----------
    latents : array, shape (n_images, n_axes)
        Centered latents.

    Returns
    -------
    scales : array, shape (n_axes,)
        The factors.
    """
    variances = np.square(latents).mean(axis=0)
    soft = np.divide(
        1.0, variances**0.25, out=np.zeros(len(variances)), where=variances > 0
    )
    energy = (variances * soft**2).sum()
    return soft / np.sqrt(energy) if energy > 0 else soft


def agreement(members: Sequence[Member], reference: np.ndarray) -> np.ndarray:
    """Return the share of subjects who agree along every whitened shared axis.

    Parameters
    ----------
    members : sequence of Member
        The subjects.
    reference : array, shape (n_images, n_features)
        Standardized features of the reference images.

    Returns
    -------
    shares : array, shape (n_axes,)
        D^2 / S of the whitened latents of S subjects: 1 where all agree, 1 / S for
        what one subject has alone.
    """
    bases = []
    for member in members:
        latents = member.embed(reference)
        latents = latents - latents.mean(axis=0)
        left, values, _ = np.linalg.svd(latents, full_matrices=False)
        bases.append(left[:, values > 1e-5 * max(values[0], 1e-30)])
    values = np.linalg.svd(np.hstack(bases), compute_uv=False)
    return values**2 / len(members)
