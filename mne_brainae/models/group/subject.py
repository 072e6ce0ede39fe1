"""One subject of a group: from epochs to arrays, and from maps to a model."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...preprocessing.scaling import Scaler
from ..latent import Latent
from ..linear import network_of
from ..linear_gaussian import LinearGaussian, Steps, make_folds
from ..linear_gaussian.axes import Solution
from ..linear_gaussian.folds import HeldOut, slope
from ..linear_gaussian.solve import Prepared, prepare, solve_all
from ..training_set import TrainingSet
from .axes import SharedAxes
from .mean_map import MeanMap
from .member import Member, left_out_latents
from .newcomer import (
    Newcomer,
    combine,
    predict_alone,
    predict_by_group,
)
from .recordings import read_standardized


@dataclass
class Subject:
    """A subject's arrays, and the closed form of the subject alone.

    Parameters
    ----------
    name : str
        The subject.
    data : instance of TrainingSet
        The epochs as arrays.
    prepared : instance of Prepared
        The arrays of the closed form.
    solution : instance of Solution
        The axes of the subject alone.
    held_out : list of HeldOut
        The images of every fold.
    slope : float
        The held-out slope.
    """

    name: str
    data: TrainingSet
    prepared: Prepared
    solution: Solution
    held_out: list[HeldOut]
    slope: float

    @classmethod
    def read(
        cls,
        name: str,
        epochs,
        features: pd.DataFrame,
        scaler: Scaler,
        *,
        picks,
        steps: Steps,
        validation: str,
        seed: int,
    ) -> Subject:
        """Read a subject's epochs, and solve for the subject alone (step 1).

        Parameters
        ----------
        name : str
            The subject.
        epochs : instance of Epochs
            The subject's epochs.
        features : DataFrame, shape (n_images, n_features)
            The features of the images.
        scaler : instance of Scaler
            Standardizes features alike for all subjects.
        picks : str | array-like | slice | None
            The channels.
        steps : instance of Steps
            The steps of the closed form.
        validation : ``"concept"`` | ``"image"``
            What folds hold out as a whole.
        seed : int
            The seed of the folds.

        Returns
        -------
        subject : instance of Subject
            The subject.
        """
        data, given = read_standardized(epochs, features, scaler, picks, seed)
        trials, of = data.trials()
        labels = np.unique(data.groups(validation), return_inverse=True)[1]
        prepared = prepare(
            given,
            data.training.brain.numpy(),
            duration=data.shape[1] / data.sfreq,
            trials=trials,
            trial_images=of,
            concepts=data.groups("concept") if "concept" in data.table else None,
            folds=make_folds(labels, steps.n_folds, seed),
            steps=steps,
        )
        if not prepared.sample.responses.any():
            raise ValueError(
                f"The responses of subject {name!r} are the same to all images. Give "
                "epochs that vary over images."
            )
        solution, held_out = solve_all(prepared.plan(steps))
        held = slope(held_out, prepared.sample.weights)
        return cls(name, data, prepared, solution, held_out, held)

    @property
    def target(self) -> str:
        """What the noise was shrunk to."""
        return self.solution.noise.target

    @property
    def images(self) -> list[str]:
        """The training images."""
        return list(self.data.learned["image"])

    @property
    def features(self) -> np.ndarray:
        """The standardized features of the training images."""
        return self.prepared.sample.features + self.prepared.feature_mean

    def to_member(self) -> Member:
        """Return what the group keeps of the subject."""
        prepared, axes = self.prepared, self.solution.axes
        coordinates, data = prepared.coordinates, self.data
        n_channels, n_times = data.shape
        patterns = coordinates.whole(axes.patterns, 1)
        patterns = patterns.reshape(n_channels, -1, patterns.shape[1])
        patterns = coordinates.basis @ patterns  # (n_channels, n_times, n_axes)
        patterns = patterns * data.latent["brain_scaler"].scale[:, :, None]
        return Member(
            self.name,
            self.solution.weights,
            prepared.feature_mean + self.solution.regression.feature_mean,
            patterns.reshape(n_channels * n_times, -1).astype(np.float32),
            self.slope,
            left_out_latents(prepared, self.solution).astype(np.float32),
            self.images,
            data.latent["info"],
            data.latent["times"],
        )

    def noise(self) -> np.ndarray:
        """Return the noise covariance of a mean response in SI units."""
        coordinates = self.prepared.coordinates
        noise = coordinates.whole(self.solution.noise.covariance, 1)
        noise = coordinates.whole(noise.T, 1)
        scale = self.data.latent["brain_scaler"].scale.astype(float)
        each = np.repeat(scale[:, 0], len(noise) // len(scale))
        return noise * each[:, None] * each

    def solve_with(
        self, members: list[Member], reference: np.ndarray, n_shared, n_embedding, steps
    ) -> tuple[Newcomer, MeanMap | None]:
        """Solve for the subject with the help of others (steps 5 to 8).

        Parameters
        ----------
        members : list of Member
            The others.
        reference : array, shape (n_images, n_features)
            Standardized features of the reference images.
        n_shared : int
            Number of shared axes, at most.
        n_embedding : int
            Dimensions of the shared space, at most.
        steps : instance of Steps
            The steps of the closed form.

        Returns
        -------
        newcomer : instance of Newcomer
            The maps and the weights of the predictions.
        mean : instance of MeanMap | None
            The mean map of the others, where their channels are known here.
        """
        target = self.solution.noise.target
        alone = predict_alone(self.prepared, self.solution, self.held_out)
        predictions, mean = [alone], None
        if members:
            axes = SharedAxes.of(members, reference, n_shared)
            predictions = predict_by_group(
                self.prepared, alone, axes, members, self.images, target, steps
            )
            latent = self.data.latent
            mean = MeanMap.on(members, latent["info"], latent["times"], reference)
        if mean is not None:
            scale = latent["brain_scaler"].scale
            predictions.append(mean.predict(self.prepared, scale, self.images))
        concepts = "concept" in self.data.table
        found = combine(
            self.prepared,
            self.data.training.brain.numpy(),
            predictions,
            self.solution,
            n_embedding=n_embedding,
            concepts=concepts,
            steps=steps,
        )
        return found, mean

    def to_latent(self, maps: LinearGaussian, encoder) -> Latent:
        """Return the maps of the subject as a latent space.

        Parameters
        ----------
        maps : instance of LinearGaussian
            The maps of standardized responses and features.
        encoder : str | ImageEncoder | callable | None
            What turns new images into features.

        Returns
        -------
        latent : instance of Latent
            The latent space.
        """
        data = self.data
        data.latent["image_encoder"] = encoder
        maps.errors.repetitions *= data.averaged_before()
        return data.to_latent(
            network=network_of(data, maps),
            errors=maps.errors,
            concepts=maps.concepts,
            imputer=data.learn_imputer(),
        )
