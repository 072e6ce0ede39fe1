"""One subject of a group whose responses have one sample: windows and shared latents.

The prediction of each unit is a stack of ridge regressions through windows of the image
(step 10 of the closed form), some of which see what others predict beside it.
"""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...preprocessing.scaling import Scaler
from ..feature_weights import feature_maps
from ..latent import Latent
from ..linear import errors_of_stack, linear_network, maps_of_stack, white_maps
from ..linear_gaussian import (
    FeatureMaps,
    Stack,
    Steps,
    make_folds,
    solve_stack,
)
from ..training_set import TrainingSet
from .axes import SharedAxes
from .member import Member
from .recordings import read_standardized


@dataclass
class StackedSubject:
    """A subject's arrays, and the stack of the subject alone.

    Parameters
    ----------
    name : str
        The subject.
    data : instance of TrainingSet
        The epochs as arrays.
    features : array, shape (n_images, n_features)
        The standardized features of the training images.
    responses : array, shape (n_images, n_channels)
        The standardized responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.
    folds : array of int, shape (n_images,)
        The fold of every image.
    stack : instance of Stack
        The prediction of the subject alone.
    """

    name: str
    data: TrainingSet
    features: np.ndarray
    responses: np.ndarray
    maps: FeatureMaps
    folds: np.ndarray
    stack: Stack

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
    ) -> StackedSubject:
        """Read a subject's epochs, and solve for the subject alone.

        Parameters
        ----------
        name : str
            The subject.
        epochs : instance of Epochs
            The subject's epochs, of one sample.
        features : DataFrame, shape (n_images, n_features)
            The features of the images.
        scaler : instance of Scaler
            Standardizes features alike for all subjects.
        picks : str | array-like | slice | None
            The channels.
        steps : instance of Steps
            The steps of the closed form, of which the number of folds counts here.
        validation : ``"concept"`` | ``"image"``
            What folds hold out as a whole.
        seed : int
            The seed of the folds.

        Returns
        -------
        subject : instance of StackedSubject
            The subject.
        """
        data, given = read_standardized(epochs, features, scaler, picks, seed)
        responses = data.training.brain.numpy()[..., 0]
        maps = feature_maps(features.columns)
        labels = np.unique(data.groups(validation), return_inverse=True)[1]
        folds = make_folds(labels, steps.n_folds, seed)
        stack = solve_stack(given, responses, maps, folds=folds)
        return cls(name, data, given, responses, maps, folds, stack)

    @property
    def images(self) -> list[str]:
        """The training images."""
        return list(self.data.learned["image"])

    @property
    def slope(self) -> float:
        """The part of left-out predictions that holds."""
        return self.stack.slope

    @property
    def target(self) -> str:
        """What the covariance of errors was shrunk to."""
        return "diagonal"

    def to_member(self) -> Member:
        """Return what the group keeps of the subject."""
        whiten, color = white_maps(self.stack.errors)
        latent = self.data.latent
        return Member(
            self.name,
            self.stack.weights @ whiten,
            self.stack.feature_mean,
            (color * latent["brain_scaler"].scale).astype(np.float32),
            self.slope,
            (self.stack.left_out @ whiten).astype(np.float32),
            self.images,
            latent["info"],
            latent["times"],
        )

    def solve_with(
        self, members: list[Member], reference: np.ndarray, n_shared: int
    ) -> tuple[Stack, dict[str, float]]:
        """Solve for the subject with the help of others.

        Parameters
        ----------
        members : list of Member
            The others.
        reference : array, shape (n_images, n_features)
            Standardized features of the reference images.
        n_shared : int
            Number of shared axes, at most.

        Returns
        -------
        stack : instance of Stack
            The prediction, of features alone.
        weights : dict of float
            How much the own features, and shared latents, count.
        """
        if not members:
            return self.stack, {"own": 1.0}
        axes = SharedAxes.of(members, reference, n_shared)
        seen = axes.embed_left_out(self.features, self.images, members)
        args = self.features, self.responses, self.maps
        found = solve_stack(*args, shared=seen, folds=self.folds)
        if found.shared_weights is not None:
            found.weights = found.weights + axes.weights @ found.shared_weights
        return found, {"own": 1 - found.shared, "mixed": found.shared}

    def to_latent(self, stack: Stack, encoder) -> Latent:
        """Return a prediction as a latent space.

        Parameters
        ----------
        stack : instance of Stack
            The prediction of standardized responses from standardized features.
        encoder : str | ImageEncoder | callable | None
            What turns new images into features.

        Returns
        -------
        latent : instance of Latent
            The latent space.
        """
        data = self.data
        data.latent["image_encoder"] = encoder
        counts = data.learned["n_averaged"].to_numpy(float)
        repetitions = float(1 / np.mean(1 / counts))
        stack.bands.repetitions = repetitions
        return data.to_latent(
            network=linear_network(data, *maps_of_stack(stack)),
            slope=stack.factor,
            errors=errors_of_stack(stack, repetitions),
            bands=stack.bands,
            imputer=data.learn_imputer(),
        )
