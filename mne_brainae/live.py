"""Decoding from a stream: an answer for every epoch as soon as it is complete."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from .models.decoding import IdentifiesImages
from .preprocessing.epochs import make_epochs
from .scoring.identification import SIMILARITIES
from .scoring.templates import compute_template_features
from .utils.checks import _check_option, check_epochs, warn
from .utils.constraints import checked, integer, positive

#: What is used of an EpochsStream of MNE-LSL.
INTERFACE = ("acquire", "events", "get_data", "info", "n_new_epochs", "times")
#: Seconds between two looks at a stream that has nothing new.
PAUSE = 0.001


@dataclass
class Guess:
    """What a model says of one epoch of a stream.

    Parameters
    ----------
    candidates : Series, shape (n_candidates,)
        The probability of every candidate, where ``is_probability``, or else its
        similarity; the best one first.
    is_probability : bool
        Whether these are probabilities, which ``similarity="likelihood"`` has.
    event : int
        The code of the event that began the epoch.
    epochs : instance of EpochsArray
        The epoch.
    seconds : float
        How long the answer took, from when the stream had the whole epoch.

    See Also
    --------
    mne_brainae.LiveDecoder : What makes it.

    Examples
    --------
    >>> for guess in decoder.listen(stream):  # doctest: +SKIP
    ...     print(guess.best, guess.candidates.iloc[0])
    """

    candidates: pd.Series
    is_probability: bool
    event: int
    epochs: mne.EpochsArray = field(repr=False)
    seconds: float

    @property
    def best(self) -> str:
        """The name of the best candidate."""
        return self.candidates.index[0]


def _check_model(model, name: str) -> None:
    if not isinstance(model, IdentifiesImages):
        raise TypeError(
            f"{name} must be a fitted model that identifies images, such as BrainAE; "
            "from a GroupModel, take model.for_subject(...). Got "
            f"{type(model).__name__}."
        )
    model._fitted()


def _check_stream(stream, name: str) -> None:
    lacking = [each for each in INTERFACE if not hasattr(stream, each)]
    if lacking:
        raise TypeError(
            f"{name} must be a connected EpochsStream of mne_lsl, got "
            f"{type(stream).__name__}, which has no {', '.join(lacking)}."
        )


class LiveDecoder:
    """Find the image or the concept behind every epoch of a stream.

    What can be computed before the stream begins is computed once: features and
    embeddings of all candidates.

    Parameters
    ----------
    model : instance of BrainAE | LinearBrainAE | ContrastiveDecoder
        The fitted model.
    images : path-like | list | dict | DataFrame | array | None
        The images to choose from, as in :meth:`mne_brainae.BrainAE.retrieve`.
    templates : path-like | dict | DataFrame | None
        The concepts to choose from instead, as in
        :meth:`mne_brainae.BrainAE.classify`.
    n_per_template : int
        Of how many images each template is the mean.
    similarity : str | None
        ``"likelihood"``, ``"cosine"`` or ``"encoding"``, as far as the model has
        learned it; None takes the likelihood, and else the first that it has.

    Raises
    ------
    ValueError
        If both or none of ``images`` and ``templates`` are given.

    See Also
    --------
    mne_brainae.Guess : What comes out.

    Notes
    -----
    The stream has single trials, and the filters, the reference and the baseline that
    the model was fitted with must be set in the stream. What differs is a warning.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> decoder = mne_brainae.LiveDecoder(model, data.images)  # doctest: +SKIP
    >>> decoder.window  # doctest: +SKIP
    (-0.1, 0.71)
    """

    @checked(model=_check_model, n_per_template=[integer(1)])
    def __init__(
        self,
        model,
        images=None,
        *,
        templates=None,
        n_per_template=1,
        similarity=None,
    ):
        if (images is None) == (templates is None):
            raise ValueError(
                "Give either images, to choose among them, or templates, to choose "
                "among concepts."
            )
        latent = model._fitted()
        known = latent.similarities
        if similarity is None:
            similarity = "likelihood" if "likelihood" in known else known[0]
        _check_option("similarity", similarity, known)
        self.model, self.similarity = model, similarity
        self._embed(images, templates, n_per_template)
        if caution := model._caution(similarity, per_concept=templates is not None):
            warn(caution)

    def _embed(self, images, templates, n_per_template: int) -> None:
        """Embed the candidates, and count the templates of each."""
        self._n_templates = None
        if templates is None:
            self._z = self.model.embed_images(images)
            return
        features = compute_template_features(templates, self.model.compute_features)
        concepts = self.model._embed_features(features).groupby(level="concept")
        self._z = concepts.mean()
        self._n_templates = n_per_template * concepts.size().to_numpy()

    @property
    def window(self) -> tuple[float, float]:
        """The window in seconds, as EpochsStream takes it: without its last sample."""
        times, sfreq = self.model.times_, self.model.info_["sfreq"]
        return float(times[0]), float(times[0] + len(times) / sfreq)

    def __repr__(self) -> str:
        what = "images" if self._n_templates is None else "concepts"
        return (
            f"<LiveDecoder | {type(self.model).__name__}, {len(self._z)} {what}, "
            f"{SIMILARITIES[self.similarity]}>"
        )

    @checked(epochs=check_epochs)
    def decode(self, epochs) -> pd.DataFrame:
        """Compare epochs with all candidates.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit; metadata are not needed.

        Returns
        -------
        candidates : DataFrame, shape (n_epochs, n_candidates)
            Probabilities, or similarities where ``similarity`` is no likelihood.

        See Also
        --------
        mne_brainae.LiveDecoder.listen

        Examples
        --------
        >>> decoder.decode(epochs).idxmax(axis=1)  # doctest: +SKIP
        """
        compared = self.model._fitted().compare(
            self.model._read_whole(epochs),
            self._z.to_numpy(),
            self.similarity,
            n_templates=self._n_templates,
            subject=self.model._subjects_of(epochs),
        )
        values = np.asarray(compared[:, :], float)
        if self.similarity == "likelihood":
            values = np.exp(values - values.max(1, keepdims=True))
            values /= values.sum(1, keepdims=True)
        return pd.DataFrame(values, columns=self._z.index)

    @checked(
        stream=_check_stream,
        n_epochs=[integer(1), None],
        timeout=[positive()],
    )
    def listen(self, stream, *, n_epochs=None, timeout=10.0) -> Iterator[Guess]:
        """Answer for every epoch of a stream, as soon as it is complete.

        Parameters
        ----------
        stream : instance of EpochsStream
            A stream of epochs of MNE-LSL that was connected with
            ``acquisition_delay=None``, so that nothing changes while it is read; or an
            object with the same attributes.
        n_epochs : int | None
            After how many epochs to end; None goes on.
        timeout : float
            After how many seconds without a new epoch to end.

        Yields
        ------
        guess : instance of Guess
            The answer for one epoch, in the order in which they came.

        Raises
        ------
        RuntimeError
            If a thread of MNE-LSL fills the stream, or it is not connected.

        See Also
        --------
        mne_brainae.LiveDecoder.decode

        Examples
        --------
        >>> for guess in decoder.listen(stream, timeout=5.0):  # doctest: +SKIP
        ...     print(guess.event, guess.best)
        """
        n_done, last = 0, time.monotonic()
        while n_epochs is None or n_done < n_epochs:
            for guess in self._answers(stream):
                yield guess
                n_done, last = n_done + 1, time.monotonic()
                if n_done == n_epochs:
                    return
            if time.monotonic() - last > timeout:
                return
            time.sleep(PAUSE)

    def _answers(self, stream) -> Iterator[Guess]:
        """Yield answers for the epochs that are new in a stream."""
        try:
            stream.acquire()
        except RuntimeError as error:
            raise RuntimeError(
                "The stream must be connected by connect(acquisition_delay=None), so "
                f"that epochs come when they are asked for ({error})"
            ) from error
        n_new = stream.n_new_epochs
        if not n_new:
            return
        start = time.perf_counter()
        data, events = stream.get_data(), np.asarray(stream.events)
        if n_new > len(data):
            warn(
                f"{n_new - len(data)} epochs were lost, since the stream keeps "
                f"{len(data)}. Give EpochsStream a larger bufsize."
            )
            n_new = len(data)
        for row in range(len(data) - n_new, len(data)):
            epochs = make_epochs(data[row : row + 1], stream.info, stream.times, None)
            values = self.decode(epochs).iloc[0].sort_values(ascending=False)
            seconds = time.perf_counter() - start
            is_probability = self.similarity == "likelihood"
            yield Guess(values, is_probability, int(events[row]), epochs, seconds)
