"""Multivariate noise normalization."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils.checks import (
    _check_option,
    check_epochs,
    check_finite,
    check_image_names,
    check_same_space,
    five,
    logger,
    pick_channels,
    verbose,
)
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.names import column_of_text
from ..utils.units import as_whitened
from .averaging import trials_averaged
from .epochs import BLOCK, make_epochs_like, read_blocks
from .recorded import describe_missing, locate_channels, missing_channels

DIMS = ("epochs", "time")
#: Bytes of samples that are worked on at a time.
CACHE = 2**21
#: The session of epochs that name none.
ONLY = "all"


class _Shrinkage:
    """Ledoit-Wolf shrinkage of many covariance matrices at once, in closed form.

    Samples are standardized feature by feature, their covariance is shrunk to a
    multiple of the identity (Ledoit & Wolf 2004, J. Multivariate Anal. 88:365), and the
    scale is put back, as ``shrinkage="auto"`` does in scikit-learn.

    Parameters
    ----------
    %(samples)s
    """

    def __init__(self, samples: np.ndarray):
        n_samples, n_features = samples.shape[1:]
        rows = samples - samples.mean(axis=1, keepdims=True)
        scale = np.sqrt(np.einsum("bij,bij->bj", rows, rows) / n_samples)
        tiny = 10 * np.finfo(rows.dtype).eps * np.abs(samples).max(axis=1)
        scale[scale <= tiny] = 1.0  # a constant feature stays as it is
        rows /= scale[:, np.newaxis]
        energy = np.einsum("bij,bij->bi", rows, rows)
        # The sum of squares of the Gram matrix is the same for samples and for
        # features: take the smaller one.
        columns = rows.swapaxes(1, 2)
        self.is_wide = n_samples < n_features
        gram = rows @ columns if self.is_wide else columns @ rows
        mu = energy.sum(axis=1) / (n_samples * n_features)
        delta = np.einsum("bij,bij->b", gram, gram) / n_samples**2
        beta = np.einsum("bi,bi->b", energy, energy) / n_samples - delta
        beta /= n_samples * n_features
        delta = delta / n_features - mu**2
        beta = np.minimum(beta, delta)
        amount = np.divide(beta, delta, out=np.zeros_like(beta), where=beta != 0)
        amount = np.clip(amount, 0, 1)  # one feature: rounding in both
        self.rows, self.gram, self.scale = rows, gram, scale
        self.keep, self.add = (1 - amount) / n_samples, amount * mu

    def covariances(self) -> np.ndarray:
        """Return every matrix, shape (n_matrices, n_features, n_features)."""
        gram = self.rows.swapaxes(1, 2) @ self.rows if self.is_wide else self.gram
        shrunk = gram * self.keep[:, np.newaxis, np.newaxis]
        diagonal = np.arange(shrunk.shape[1])
        shrunk[:, diagonal, diagonal] += self.add[:, np.newaxis]
        return shrunk * self.scale[:, :, np.newaxis] * self.scale[:, np.newaxis]

    def total(self) -> np.ndarray:
        """Return the sum of all matrices, shape (n_features, n_features)."""
        if not self.is_wide:
            return self.covariances().sum(axis=0)
        # One product of all samples serves for all matrices.
        weights = np.sqrt(self.keep)[:, np.newaxis] * self.scale
        rows = (self.rows * weights[:, np.newaxis]).reshape(-1, weights.shape[1])
        total = rows.T @ rows
        total[np.diag_indices(len(total))] += self.add @ self.scale**2
        return total


def _in_cache(samples: np.ndarray):
    """Yield the shrinkage of as many matrices at a time as a processor holds near."""
    size = max(CACHE // (samples[0].nbytes or 1), 1)
    for start in range(0, len(samples), size):
        yield _Shrinkage(samples[start : start + size])


@fill_doc
def ledoit_wolf(samples: np.ndarray) -> np.ndarray:
    """Estimate many covariance matrices by Ledoit-Wolf shrinkage.

    Parameters
    ----------
    %(samples)s

    Returns
    -------
    covariances : array, shape (n_matrices, n_features, n_features)
        Each as scikit-learn estimates it with ``shrinkage="auto"``.
    """
    return np.concatenate([part.covariances() for part in _in_cache(samples)])


@fill_doc
def mean_ledoit_wolf(samples: np.ndarray) -> np.ndarray:
    """Return the mean of what :func:`ledoit_wolf` returns, without building it.

    Parameters
    ----------
    %(samples)s

    Returns
    -------
    covariance : array, shape (n_features, n_features)
        The mean of the matrices, float64.
    """
    totals = [part.total() for part in _in_cache(samples)]
    return np.sum(totals, axis=0, dtype=np.float64) / len(samples)


class MVNN(TransformerMixin, BaseEstimator):
    """Multivariate noise normalization: whitening by the noise of single trials.

    Fit on the *training* epochs only; the noise covariance of each session is estimated
    from its single trials, and every trial of the session, also of the test epochs, is
    multiplied by its inverse square root.

    Parameters
    ----------
    dim : ``"epochs"`` | ``"time"``
        ``"epochs"`` estimates one covariance per trial from its times, and averages
        over the repetitions of an image. ``"time"`` estimates one covariance per time
        from the repetitions, and averages over times; every image then needs at least
        two repetitions within a session. Either is averaged over images at the end.

    Attributes
    ----------
    covariances_ : dict of array
        The noise covariance of every session in SI units, shape
        (n_channels, n_channels).
    whiteners_ : dict of array
        Its inverse square root; of channels of several types, after every type was
        divided by its standard deviation, since their units differ by powers of ten.
    info_ : instance of Info
        The channels.
    times_ : array, shape (n_times,)
        The times in seconds.

    See Also
    --------
    mne_brainae.average_repetitions

    Notes
    -----
    The method is that of Guggenmos, Sterzer & Cichy (2018), NeuroImage 173:434, with
    the shrinkage of Ledoit and Wolf. THINGS-EEG2 was released with ``"time"``; the
    array that most decoders use, and the paper, with ``"epochs"``.

    Whitening is linear. So the mean of the whitened repetitions of one session is the
    whitened mean, and :meth:`transform` takes averages as well as single trials, as
    long as they were averaged within a session. Sessions come from
    ``epochs.metadata["session"]``; without that column, all epochs are one session.

    Examples
    --------
    >>> mvnn = mne_brainae.MVNN().fit(train)
    >>> mvnn.transform(test).get_data().shape == test.get_data().shape
    True
    """

    def __init__(self, dim: str = "epochs"):
        self.dim = dim

    @checked(epochs=check_epochs)
    @verbose
    @fill_doc
    def fit(self, epochs: mne.BaseEpochs, y=None, *, picks=None, verbose=None) -> MVNN:
        """Learn the noise covariance of every session.

        Parameters
        ----------
        %(epochs_images)s
        y : None
            Ignored, there for scikit-learn.
        %(picks)s
        %(verbose)s

        Returns
        -------
        self : instance of MVNN
            The fitted normalization.

        Raises
        ------
        ValueError
            If the epochs are averages, if an image has too few repetitions for
            ``dim="time"``, or if values are NaN.

        See Also
        --------
        mne_brainae.MVNN.partial_fit
        mne_brainae.MVNN.transform

        Examples
        --------
        >>> mvnn = mne_brainae.MVNN().fit(train)
        >>> sorted(mvnn.covariances_)
        ['0', '1']
        """
        _check_option("dim", self.dim, DIMS)
        images = check_image_names(epochs).to_numpy()
        if (trials_averaged(epochs.metadata) > 1).any():
            raise ValueError(
                "MVNN is fitted on single trials, but these epochs are averages "
                "(metadata column 'n_averaged'). Fit before you average."
            )
        picks = pick_channels(epochs.info, picks)
        self.reset(mne.pick_info(epochs.info, picks), epochs.times)
        sessions = _sessions(epochs)
        for session in pd.unique(sessions):
            rows = np.flatnonzero(sessions == session)
            rows = rows[np.argsort(pd.factorize(images[rows])[0], kind="stable")]
            for block in whole_groups(pd.factorize(images[rows])[0]):
                item = rows[block]
                data = epochs.get_data(picks=picks, item=item, verbose=False)
                self.partial_fit(data, images[item], session)
        return self

    def reset(self, info: mne.Info, times: np.ndarray) -> MVNN:
        """Forget what was learned, before :meth:`partial_fit`.

        Parameters
        ----------
        info : instance of Info
            The channels.
        times : array, shape (n_times,)
            The times in seconds.

        Returns
        -------
        self : instance of MVNN
            The unfitted normalization.

        See Also
        --------
        mne_brainae.MVNN.partial_fit

        Examples
        --------
        >>> mvnn = mne_brainae.MVNN().reset(train.info, train.times)
        >>> mvnn.covariances_
        {}
        """
        _check_option("dim", self.dim, DIMS)
        self.info_, self.times_ = info, np.array(times)
        self._sums: dict = {}
        self.covariances_: dict[str, np.ndarray] = {}
        self.whiteners_: dict[str, np.ndarray] = {}
        return self

    def partial_fit(self, data: np.ndarray, images: np.ndarray, session: str) -> MVNN:
        """Add single trials, all repetitions of an image in one call.

        Parameters
        ----------
        data : array, shape (n_trials, n_channels, n_times)
            The trials in SI units.
        images : array, shape (n_trials,)
            The image of every trial, equal ones side by side.
        session : str
            The session.

        Returns
        -------
        self : instance of MVNN
            The normalization, which has now seen these trials.

        See Also
        --------
        mne_brainae.MVNN.reset
        mne_brainae.MVNN.fit

        Examples
        --------
        >>> mvnn = mne_brainae.MVNN().reset(train.info, train.times)
        >>> trials = train.get_data()[:2]
        >>> mvnn.partial_fit(trials, ["a.png", "a.png"], "1").whitener("1").shape
        (6, 6)
        """
        check_finite(data, "epochs")
        codes = pd.factorize(np.asarray(images))[0]
        total, n_images = self._sums.get(session, (0.0, 0))
        # Squares of volts leave float32, and units of several types differ by more.
        unit = _scale_of_types(_power(data), self.info_)
        data = data * (1 / unit).astype(data.dtype)[:, np.newaxis]
        for n_trials, rows in _by_count(codes):
            group = data[rows].reshape(-1, n_trials, *data.shape[1:])
            covariance = self._mean_covariance(group) * np.outer(unit, unit)
            total = total + len(group) * covariance
            n_images += len(group)
        self._sums[session] = total, n_images
        self.covariances_[session] = total / n_images
        self.whiteners_.pop(session, None)
        return self

    def _mean_covariance(self, group: np.ndarray) -> np.ndarray:
        """Average over images and trials, or times, of data of equal repetitions."""
        _, n_trials, n_channels, n_times = group.shape
        if self.dim == "epochs":
            trials = group.reshape(-1, n_channels, n_times).swapaxes(1, 2)
            return mean_ledoit_wolf(trials)
        if n_trials < 2:
            raise ValueError(
                "MVNN with dim='time' needs two or more repetitions of every image in "
                "each session, but some have one. Use dim='epochs'."
            )
        trials = group.transpose(0, 3, 1, 2).reshape(-1, n_trials, n_channels)
        return mean_ledoit_wolf(trials)

    def whitener(self, session: str) -> np.ndarray:
        """Return the whitening matrix of a session.

        Parameters
        ----------
        session : str
            The session.

        Returns
        -------
        whitener : array, shape (n_channels, n_channels)
            The inverse square root of the noise covariance, symmetric where all
            channels are of one type.

        Raises
        ------
        ValueError
            If the session was not fitted.

        Examples
        --------
        >>> mvnn = mne_brainae.MVNN().fit(train)
        >>> mvnn.whitener("0").shape
        (6, 6)
        """
        check_is_fitted(self, "covariances_")
        if session not in self.covariances_:
            raise ValueError(
                f"MVNN was not fitted on the session {session!r}, only on "
                f"{five(self.covariances_)}. Fit on the training epochs of every "
                "session."
            )
        if session not in self.whiteners_:
            covariance = self.covariances_[session]
            scale = _scale_of_types(covariance, self.info_)
            root = _inverse_root(covariance / np.outer(scale, scale))
            self.whiteners_[session] = root / scale
        return self.whiteners_[session]

    @verbose
    @fill_doc
    def transform(self, epochs: mne.BaseEpochs, *, verbose=None) -> mne.EpochsArray:
        """Whiten epochs by the noise of their session.

        Parameters
        ----------
        epochs : instance of Epochs
            Single trials, or averages within a session.
        %(verbose)s

        Returns
        -------
        epochs_white : instance of EpochsArray
            The whitened epochs, in units of the noise, which ``info["description"]``
            says. Channels that are absent or bad are imputed from the others by the
            covariance of the noise.

        Raises
        ------
        ValueError
            If the times differ from those of the fit, or a session was not fitted.

        See Also
        --------
        mne_brainae.MVNN.inverse_transform

        Examples
        --------
        >>> white = mne_brainae.MVNN().fit(train).transform(test)
        >>> white.info["ch_names"] == test.info["ch_names"]
        True
        """
        check_is_fitted(self, "covariances_")
        sessions = _sessions(epochs)
        seen, picks = locate_channels(epochs, self.info_, self.times_)
        matrices = {
            name: self.whitener(name) @ self._imputation(name, seen)
            for name in pd.unique(sessions)
        }
        if missing := missing_channels(epochs, self.info_):
            logger.info(f"Imputed from the others: {describe_missing(missing)}.")
        info = as_whitened(self.info_)
        return self._multiply(epochs, picks, sessions, matrices, info)

    def _imputation(self, session: str, seen: np.ndarray) -> np.ndarray:
        """Return what makes all channels of those seen, as the noise covaries."""
        covariance = self.covariances_[session]
        among = covariance[np.ix_(seen, seen)]
        weights = np.linalg.solve(among, covariance[seen]).T
        weights[seen] = np.eye(len(seen))
        return weights

    @verbose
    @fill_doc
    def inverse_transform(
        self, epochs: mne.BaseEpochs, *, verbose=None
    ) -> mne.EpochsArray:
        """Bring whitened epochs back to SI units.

        Parameters
        ----------
        epochs : instance of Epochs
            Whitened epochs, measured or predicted.
        %(verbose)s

        Returns
        -------
        epochs_si : instance of EpochsArray
            The epochs in volts or tesla. Epochs of a named session are multiplied by
            the square root of its covariance. Epochs without the metadata column
            ``session``, such as predictions, count as means over all sessions, and are
            multiplied by the inverse of the mean whitener: exact where the response
            was the same in every session and each had its share.

        See Also
        --------
        mne_brainae.MVNN.transform

        Examples
        --------
        >>> import numpy as np
        >>> mvnn = mne_brainae.MVNN().fit(train)
        >>> restored = mvnn.inverse_transform(mvnn.transform(test))
        >>> np.allclose(restored.get_data(), test.get_data())
        True
        """
        check_is_fitted(self, "covariances_")
        sessions = _sessions(epochs)
        mean = np.mean([self.whitener(name) for name in self.covariances_], axis=0)
        matrices = {
            name: np.linalg.inv(
                mean
                if name == ONLY and name not in self.covariances_
                else self.whitener(name)
            )
            for name in pd.unique(sessions)
        }
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        return self._multiply(epochs, picks, sessions, matrices, self.info_)

    def _multiply(self, epochs, picks, sessions, matrices, info) -> mne.EpochsArray:
        """Multiply the channels of every epoch by the matrix of its session."""
        data = np.empty((len(epochs), len(info["ch_names"]), len(self.times_)))
        for rows, block in read_blocks(epochs, picks):
            for session in pd.unique(sessions[rows]):
                mine = sessions[rows] == session
                data[rows][mine] = matrices[session] @ block[mine]
        return make_epochs_like(epochs, data, info)


def whole_groups(codes: np.ndarray, size: int = BLOCK):
    """Cut sorted rows into blocks that hold groups of equal codes entirely.

    Parameters
    ----------
    codes : array of int, shape (n_rows,)
        The group of every row, equal ones side by side.
    size : int
        The size to reach; the last group of a block may go beyond it.

    Yields
    ------
    rows : slice
        The rows of one block.
    """
    ends = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
    start = 0
    for end in ends:
        if end - start >= size or end == len(codes):
            yield slice(start, end)
            start = end


def _by_count(codes: np.ndarray):
    """Yield the rows of all groups of one size, for every size there is."""
    counts = np.bincount(codes)
    for count in np.unique(counts):
        yield count, np.flatnonzero(counts[codes] == count)


def _sessions(epochs: mne.BaseEpochs) -> np.ndarray:
    """Return the session of every epoch as text."""
    check_epochs(epochs)
    if epochs.metadata is None or "session" not in epochs.metadata:
        return np.full(len(epochs), ONLY, object)
    sessions = epochs.metadata["session"]
    if sessions.isna().any():
        raise ValueError(
            "epochs.metadata['session'] is missing for epochs "
            f"{five(np.flatnonzero(sessions.isna()))}. Fill it in, or drop the epochs."
        )
    return column_of_text(sessions).to_numpy(object)


def _power(data: np.ndarray) -> np.ndarray:
    """Return a diagonal matrix of the mean square of every channel."""
    channels = data.swapaxes(0, 1)
    return np.diag([np.square(each, dtype=np.float64).mean() for each in channels])


def _scale_of_types(covariance: np.ndarray, info: mne.Info) -> np.ndarray:
    """Return the root of the mean variance of every channel's type."""
    kinds = np.array(info.get_channel_types())
    scale, variances = np.ones(len(kinds)), np.diag(covariance)
    for kind in set(kinds):
        mine = kinds == kind
        scale[mine] = np.sqrt(variances[mine].mean()) or 1.0
    return scale


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric inverse square root; a channel without noise is left 1."""
    values, vectors = np.linalg.eigh(covariance)
    least = values.max() * len(values) * np.finfo(np.float64).eps
    if not values.max() > 0 or values.min() <= least:
        raise ValueError(
            "The noise covariance is singular: every channel is constant, or some are "
            "copies of others. Mark those as bad (epochs.info['bads']) before fitting."
        )
    return (vectors / np.sqrt(values)) @ vectors.T
