"""The mean map of a group: steps 6 and 9 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import mne
import numpy as np
from mne.utils import use_log_level

from ..linear_gaussian import ErrorLaw, LinearGaussian
from ..linear_gaussian.likelihood import shrink_by_concept
from ..linear_gaussian.noise import Noise
from ..linear_gaussian.roots import solve
from ..linear_gaussian.solve import Prepared
from ..linear_gaussian.time_basis import project
from .member import Member
from .newcomer import LinearPrediction

#: Axes of the mean map, at most, and the least share of its variance along one.
MOST_AXES, SMALLEST_SHARE = 30, 1e-4
#: Types of channels of which one name is one place in all subjects. Electrodes in the
#: brain, and units, lie elsewhere in everyone.
SAME_IN_ALL = {"eeg", "mag", "grad", "ref_meg", "csd", "hbo", "hbr"}


@dataclass
class MeanMap:
    """What subjects respond on average, each at unit energy, weighed by slope.

    Parameters
    ----------
    members : list of Member
        The subjects whose responses are known on these channels.
    factors : list of float
        What each one's response is multiplied by: its slope as a share of all slopes,
        times the mean root mean square of all over its own.
    patterns : list of array, shape (n_channels, n_times, n_axes)
        Their patterns on these channels, in SI units.
    interpolated : list of str
        The subjects whose patterns were interpolated to the positions.
    """

    members: list[Member]
    factors: list[float]
    patterns: list[np.ndarray]
    interpolated: list[str]

    @classmethod
    def on(
        cls, members: Sequence[Member], info: mne.Info, times, reference: np.ndarray
    ) -> MeanMap | None:
        """Average the maps of subjects on some channels.

        Parameters
        ----------
        members : sequence of Member
            The subjects.
        info : instance of Info
            The channels.
        times : array, shape (n_times,)
            The times in seconds; subjects of other times are left out.
        reference : array, shape (n_images, n_features)
            Standardized features of the reference images.

        Returns
        -------
        mean : instance of MeanMap | None
            The map; None where no subject has the channels and times.
        """
        found, interpolated = [], []
        for member in members:
            same_times = len(member.times) == len(times)
            if not same_times or not np.allclose(member.times, times):
                continue
            patterns, was_interpolated = patterns_on(member, info)
            energy = member.energy(reference)
            if patterns is None or not energy > 0:
                continue
            found.append((member, np.sqrt(energy), patterns))
            interpolated += [member.name] * was_interpolated
        if not found:
            return None
        total = sum(member.slope for member, _, _ in found)
        usual = float(np.mean([root for _, root, _ in found]))
        return cls(
            [member for member, _, _ in found],
            [usual * member.slope / total / root for member, root, _ in found],
            [patterns for _, _, patterns in found],
            interpolated,
        )

    def in_unit(self, unit: float) -> MeanMap:
        """Return the map of responses in another unit than SI."""
        patterns = [each / unit for each in self.patterns]
        return replace(self, patterns=patterns)

    def weights(self) -> np.ndarray:
        """Return the weights of features for all axes, shape (n_features, n_axes)."""
        weights = zip(self.members, self.factors, strict=True)
        return np.hstack([factor * member.weights for member, factor in weights])

    @property
    def shares(self) -> np.ndarray:
        """How much every subject counts, shape (n_members,)."""
        slopes = np.array([member.slope for member in self.members])
        return slopes / slopes.sum()

    def disagreement(
        self, features: np.ndarray, along: Sequence[np.ndarray], slope: float = 1.0
    ) -> np.ndarray | None:
        """Return how far subjects lie from the mean map of the others.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Standardized features less their mean.
        along : sequence of array, shape (n_member_axes, n_axes)
            Every subject's patterns along some axes.
        slope : float
            What the map is multiplied by to predict a subject.

        Returns
        -------
        covariance : array, shape (n_axes, n_axes) | None
            The covariance of the differences along the axes, over images and subjects,
            shrunk to its diagonal; None with a single subject. The images of a subject
            do not differ from the map independently, so that the unit of the shrinkage
            is the subject.
        """
        shares = self.shares
        if len(shares) < 2:
            return None
        parts = [
            factor * (features @ member.weights) @ there
            for member, factor, there in zip(
                self.members, self.factors, along, strict=True
            )
        ]
        total = np.sum(parts, axis=0)
        differs = np.concatenate(
            [
                part / share - slope * (total - part) / (1 - share)
                for part, share in zip(parts, shares, strict=True)
            ]
        )
        subjects, weights = (
            np.repeat(each, len(features)) for each in (np.arange(len(shares)), shares)
        )
        unit = np.sqrt(np.average(np.square(differs), 0, weights))
        unit[unit == 0] = 1.0
        return (
            unit[:, None] * shrink_by_concept(differs / unit, subjects, weights) * unit
        )

    def predict_deviation(self, features: np.ndarray) -> np.ndarray:
        """Return responses less their mean, which is not known.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Standardized features.

        Returns
        -------
        responses : array, shape (n_images, n_channels, n_times)
            Responses in SI units less their mean over these images.
        """
        latents = features @ self.weights()
        patterns = np.concatenate(self.patterns, axis=2)
        return np.tensordot(latents - latents.mean(axis=0), patterns, (1, 2))

    def predict(self, prepared: Prepared, scale, images) -> LinearPrediction:
        """Return the map as a prediction of a subject's standardized responses.

        Parameters
        ----------
        prepared : instance of Prepared
            The arrays of the subject's fit.
        scale : array, shape (n_channels, 1)
            The unit of the subject's channels.
        images : sequence of str
            The training images.

        Returns
        -------
        prediction : instance of LinearPrediction
            It was not fitted to this subject. Where others were trained on the images,
            their leave-one-out predictions are taken.
        """
        given = prepared.sample.features + prepared.feature_mean
        columns, left_out = [], 0.0
        for member, factor, patterns in zip(
            self.members, self.factors, self.patterns, strict=True
        ):
            there = coordinates_of(patterns / scale[:, :, None], prepared)
            latents = member.embed_left_out(given, images)
            left_out = left_out + factor * (latents @ there.T)
            columns.append(there)
        left_out = left_out - np.average(left_out, 0, prepared.sample.weights)
        return LinearPrediction(
            self.weights(), np.hstack(columns), left_out.astype(np.float32)
        )


def patterns_on(member: Member, info: mne.Info) -> tuple[np.ndarray | None, bool]:
    """Return a subject's patterns on some channels, by name or else by position.

    Parameters
    ----------
    member : instance of Member
        The subject.
    info : instance of Info
        The channels.

    Returns
    -------
    patterns : array, shape (n_channels, n_times, n_axes) | None
        The patterns; None where names differ and positions are not known.
    interpolated : bool
        Whether they were interpolated to the positions, by MNE-Python's spherical
        splines, since names differ.
    """
    shape = len(member.info["ch_names"]), -1
    flat, interpolated = values_on(member.info, member.patterns.reshape(shape), info)
    if flat is None:
        return None, False
    return flat.reshape(len(flat), len(member.times), -1), interpolated


def values_on(
    known: mne.Info, values: np.ndarray, info: mne.Info
) -> tuple[np.ndarray | None, bool]:
    """Return values of channels on other channels, by name or else by position.

    Parameters
    ----------
    known : instance of Info
        The channels whose values are known.
    values : array, shape (n_known, n_values)
        The values.
    info : instance of Info
        The channels.

    Returns
    -------
    values : array, shape (n_channels, n_values) | None
        The values there; None where names differ and positions are not known, or
        where names tell nothing since electrodes lie elsewhere in every brain.
    interpolated : bool
        Whether MNE-Python's spherical splines interpolated them.
    """
    names = known["ch_names"]
    kinds = set(info.get_channel_types(unique=True))
    if not kinds <= SAME_IN_ALL or kinds != set(known.get_channel_types(unique=True)):
        return None, False
    if set(info["ch_names"]) <= set(names):
        return values[[names.index(name) for name in info["ch_names"]]], False
    if not (has_positions(known) and has_positions(info)):
        return None, False
    with use_log_level("ERROR"):
        bare = mne.create_info(names, known["sfreq"], "eeg")
        evoked = mne.EvokedArray(values, bare.set_montage(known.get_montage()))
        evoked.set_eeg_reference([], projection=False)
        there = evoked.interpolate_to(info.get_montage(), method="spline")
    return there.data[[there.ch_names.index(name) for name in info["ch_names"]]], True


def has_positions(info: mne.Info) -> bool:
    """Tell whether all channels are EEG at known positions."""
    if set(info.get_channel_types(unique=True)) != {"eeg"}:
        return False
    places = np.array([channel["loc"][:3] for channel in info["chs"]])
    return bool(np.isfinite(places).all() and places.any(axis=1).all())


def coordinates_of(patterns: np.ndarray, prepared: Prepared) -> np.ndarray:
    """Return patterns over samples in the coordinates of a fit.

    Parameters
    ----------
    patterns : array, shape (n_channels, n_times, n_axes)
        Standardized patterns.
    prepared : instance of Prepared
        The arrays of the fit.

    Returns
    -------
    patterns : array, shape (n_coordinates, n_axes)
        The same in the time basis, in units of the coordinates.
    """
    coordinates = prepared.coordinates
    rows = np.ascontiguousarray(patterns.transpose(2, 0, 1))
    return coordinates.in_units(project(rows, coordinates.basis).copy()).T


def map_of_anyone(
    mean: MeanMap,
    reference: np.ndarray,
    noise: np.ndarray,
    basis: np.ndarray,
    repetitions: float,
    slope: float = 1.0,
) -> LinearGaussian:
    """Return the maps of a subject of whom nothing is known.

    Parameters
    ----------
    mean : instance of MeanMap
        The mean map of the group.
    reference : array, shape (n_images, n_features)
        Standardized features of the reference images.
    noise : array, shape (n_channels * n_functions,) * 2
        The mean noise covariance of the subjects.
    basis : array, shape (n_times, n_functions)
        The time basis.
    repetitions : float
        Of how many trials a response with this noise is the mean.
    slope : float
        What the map is multiplied by to predict a subject.

    Returns
    -------
    maps : instance of LinearGaussian
        The maps; the mean response is not known and is 0. The errors of the prediction
        are those of the mean of all other subjects for each of them, where there are
        two or more; of one, as much variance is taken to be unknown along every axis
        as is predicted in all.
    """
    patterns = [
        project(np.ascontiguousarray(each.transpose(2, 0, 1)), basis).T
        for each in mean.patterns
    ]
    root = Noise(noise, 0.0, "diagonal").root
    center = reference.mean(axis=0, dtype=np.float64)
    weights = mean.weights()
    white = solve(root, np.hstack(patterns))
    triangle = np.linalg.qr((reference - center) @ weights, mode="r")
    left, values, _ = np.linalg.svd(white @ triangle.T, full_matrices=False)
    kept = values > np.sqrt(SMALLEST_SHARE) * max(values[0], 1e-30)
    axes, values = left[:, kept][:, :MOST_AXES], values[kept][:MOST_AXES]
    shape = mean.patterns[0].shape[:2]
    variances = values**2 / len(reference)
    ends = np.cumsum([each.shape[1] for each in patterns])[:-1]
    along = np.split(white.T @ axes, ends)
    unknown = mean.disagreement(reference - center, along, slope)
    if unknown is None:
        unknown = variances.sum() * np.eye(len(variances))
    return LinearGaussian(
        basis=basis,
        mean=np.zeros(shape),
        filters=solve(root, axes, transposed=True),
        patterns=root @ axes,
        feature_mean=center,
        weights=weights @ (white.T @ axes),
        slope=slope,
        errors=ErrorLaw(1.0, unknown, repetitions, slope),
        penalties=np.full(len(variances), np.nan),
        gain=variances,
        target="diagonal",
        n_passes=0,
        extra_filters=np.zeros((shape[0] * shape[1], 0)),
        extra_patterns=np.zeros((shape[0] * shape[1], 0)),
        extra_weights=np.zeros((len(center), 0)),
    )
