"""A subject of whom nothing is known: step 9 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mne
import numpy as np

from ...preprocessing.scaling import Scaler
from ...utils.checks import counted
from ..latent import Latent
from ..linear import network_of
from ..linear_gaussian.solve import harmonic_mean
from ..linear_gaussian.time_basis import time_basis
from .mean_map import MeanMap, map_of_anyone, values_on
from .member import Member
from .subject import Subject

#: Share of the mean variance of a channel that interpolated noise has in addition.
RIDGE = 1e-2


@dataclass
class TypicalNoise:
    """The mean noise of subjects, as a product of channels and functions of time.

    Parameters
    ----------
    info : instance of Info
        The channels.
    channels : array, shape (n_channels, n_channels)
        Their covariance in SI units.
    functions : array, shape (n_functions, n_functions)
        The covariance of the coefficients of the time basis, of mean variance 1.
    repetitions : float
        Of how many trials a response with this noise is the mean.
    """

    info: mne.Info
    channels: np.ndarray
    functions: np.ndarray
    repetitions: float

    @classmethod
    def of(
        cls, info: mne.Info, noises: Sequence[np.ndarray], repetitions: Sequence[float]
    ) -> TypicalNoise:
        """Average noise covariances of channels and functions.

        Parameters
        ----------
        info : instance of Info
            The channels.
        noises : sequence of array, shape (n_channels * n_functions,) * 2
            The noise covariances in SI units.
        repetitions : sequence of float
            Of how many trials each subject's mean responses are.

        Returns
        -------
        noise : instance of TypicalNoise
            The nearest product that keeps the variance of every channel.
        """
        n_channels = len(info["ch_names"])
        mean = sum(noises) / len(noises)
        n_functions = len(mean) // n_channels
        mean = mean.reshape(n_channels, n_functions, n_channels, n_functions)
        channels = np.einsum("ifjf->ij", mean) / n_functions
        functions = np.einsum("ifig->fg", mean) / np.trace(channels)
        return cls(info, channels, functions, float(np.mean(repetitions)))

    def on(self, info: mne.Info) -> np.ndarray | None:
        """Return the covariance on some channels, by name or else by position.

        Parameters
        ----------
        info : instance of Info
            The channels.

        Returns
        -------
        covariance : array, shape (n_channels * n_functions,) * 2 | None
            The covariance; None where names differ and positions are not known.
        """
        values, vectors = np.linalg.eigh(self.channels)
        root = vectors * np.sqrt(np.maximum(values, 0))  # (n_channels, n_channels)
        there, interpolated = values_on(self.info, root, info)
        if there is None:
            return None
        channels = there @ there.T
        if interpolated:
            ridge = RIDGE * np.trace(channels) / len(channels)
            channels = channels + ridge * np.eye(len(channels))
        return np.kron(channels, self.functions)


@dataclass
class Hint:
    """What one subject of a group tells of an unknown one.

    Parameters
    ----------
    fields : dict
        Channels, times, scale of the features and baseline.
    noise : tuple of array
        What :meth:`Subject.noise` returns.
    repetitions : float
        Of how many trials a response is the mean.
    """

    fields: dict
    noise: tuple
    repetitions: float

    @classmethod
    def of(cls, subject: Subject) -> Hint:
        """Take it from a subject."""
        latent = subject.data.latent
        kept = ("info", "times", "image_scaler", "feature_names", "baseline")
        counts = harmonic_mean(subject.prepared.counts)
        return cls(
            {name: latent[name] for name in kept},
            subject.noise(),
            counts * subject.data.averaged_before(),
        )

    def is_of(self, ch_names: list[str], times: np.ndarray) -> bool:
        """Tell whether these are the channels and times."""
        same_names = self.fields["info"]["ch_names"] == ch_names
        return same_names and np.array_equal(self.fields["times"], times)


class Anyone:
    """What is told of an unknown subject: gathered over the subjects of a group."""

    def __init__(self):
        self.fields, self.noises, self.repetitions = {}, [], []

    def add(self, hint: Hint) -> None:
        """Add what a subject tells, unless it is of other channels than the first's.

        Parameters
        ----------
        hint : instance of Hint
            What it tells.
        """
        self.fields = self.fields or hint.fields
        if hint.is_of(self.fields["info"]["ch_names"], self.fields["times"]):
            self.repetitions.append(hint.repetitions)
            self.noises.append(hint.noise)

    def noise(self) -> TypicalNoise:
        """Return the mean noise of the subjects that were added."""
        return TypicalNoise.of(self.fields["info"], self.noises, self.repetitions)


def latent_of_anyone(
    members: Sequence[Member],
    reference: np.ndarray,
    noise: TypicalNoise,
    info: mne.Info,
    times: np.ndarray,
    slope: float = 1.0,
    **fields,
) -> tuple[Latent, str] | None:
    """Return the latent space of the mean map on some channels.

    Parameters
    ----------
    members : sequence of Member
        The subjects of the group.
    reference : array, shape (n_images, n_features)
        Standardized features of the reference images.
    noise : instance of TypicalNoise
        The noise.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    slope : float
        What the map is multiplied by to predict a subject.
    **fields : dict
        Other fields of the latent space.

    Returns
    -------
    latent : instance of Latent
        The latent space; in place of both, None where no subject's responses are known
        on these channels.
    about : str
        What it is, in words.
    """
    mean = MeanMap.on(members, info, times, reference)
    covariance = noise.on(info)
    if mean is None or covariance is None:
        return None
    shape = len(info["ch_names"]), len(times)
    unit = float(np.sqrt(np.diag(covariance).mean()))
    maps = map_of_anyone(
        mean.in_unit(unit),
        reference,
        covariance / unit**2,
        time_basis(len(times), len(times) / info["sfreq"]),
        noise.repetitions,
        slope,
    )
    scale = np.full((shape[0], 1), unit, np.float32)
    latent = Latent(
        network=network_of(_Sizes(shape, reference.shape[1]), maps),
        info=info,
        times=times,
        mean_response=np.zeros(shape),
        slope=slope,
        brain_scaler=Scaler(np.zeros(shape, np.float32), scale),
        errors=maps.errors,
        n_averaged=noise.repetitions,
        **fields,
    )
    about = (
        f"the mean map of {counted(len(mean.members), 'subject')} without any "
        "image of this one (zero-shot)"
    )
    if mean.interpolated:
        about += ", interpolated to the positions of its channels"
    return latent, about


@dataclass
class _Sizes:
    """The sizes of a network."""

    shape: tuple[int, int]
    n_features: int
