"""A subject of whom nothing is known: step 9 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...preprocessing.scaling import Scaler
from ...utils.checks import counted
from ..latent import Latent
from ..linear import network_of
from ..linear_gaussian.solve import harmonic_mean
from ..linear_gaussian.time_basis import time_basis
from .mean_map import MeanMap, map_of_anyone
from .member import Member
from .subject import Subject


@dataclass
class Anyone:
    """The mean noise of subjects with the channels and times of the first.

    Parameters
    ----------
    fields : dict
        The fields of the latent space that the first subject decides over.
    noise : array, shape (n_channels * n_functions,) * 2 | float
        The sum of noise covariances in SI units.
    repetitions : list of float
        Of how many trials each subject's mean responses are.
    """

    fields: dict = field(default_factory=dict)
    noise: np.ndarray | float = 0.0
    repetitions: list[float] = field(default_factory=list)

    def add(self, subject: Subject) -> None:
        """Add a subject, unless it has other channels or times than the first.

        Parameters
        ----------
        subject : instance of Subject
            The subject.
        """
        latent = subject.data.latent
        if not self.fields:
            kept = ("info", "times", "image_scaler", "feature_names", "baseline")
            self.fields = {name: latent[name] for name in kept}
        first = self.fields
        same_names = latent["info"]["ch_names"] == first["info"]["ch_names"]
        if same_names and np.array_equal(latent["times"], first["times"]):
            counts = harmonic_mean(subject.prepared.counts)
            self.repetitions.append(counts * subject.data.averaged_before())
            self.noise = self.noise + subject.noise()

    def solve(
        self, members: Sequence[Member], reference: np.ndarray, images, sketches
    ) -> tuple[Latent, str]:
        """Return the latent space of the mean map.

        Parameters
        ----------
        members : sequence of Member
            The subjects of the group.
        reference : array, shape (n_images, n_features)
            Standardized features of the reference images.
        images : list of str
            All images that subjects were trained on.
        sketches : array, shape (n_images, 8)
            What tells their features from those of others.

        Returns
        -------
        latent : instance of Latent
            The latent space.
        about : str
            What it is, in words.
        """
        info, times = self.fields["info"], self.fields["times"]
        mean = MeanMap.on(members, info, times, reference)
        shape = len(info["ch_names"]), len(times)
        noise = self.noise / len(self.repetitions)
        unit = float(np.sqrt(np.diag(noise).mean()))
        maps = map_of_anyone(
            mean.in_unit(unit),
            reference,
            noise / unit**2,
            time_basis(len(times), len(times) / info["sfreq"]),
            float(np.mean(self.repetitions)),
        )
        latent = Latent(
            network=network_of(_Sizes(shape, reference.shape[1]), maps),
            mean_response=np.zeros(shape),
            brain_scaler=Scaler(
                np.zeros(shape, np.float32), np.full((shape[0], 1), unit, np.float32)
            ),
            train_images=images,
            train_sketches=sketches,
            errors=maps.errors,
            n_averaged=float(np.mean(self.repetitions)),
            **self.fields,
        )
        about = (
            f"the mean map of {counted(len(mean.members), 'subject')} without any "
            "image of this one (zero-shot)"
        )
        return latent, about


@dataclass
class _Sizes:
    """The sizes of a network."""

    shape: tuple[int, int]
    n_features: int
